"""A fault that was found: its code, the class of the verdict, the words, the place, the evidence. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from leonui.words import translate

CLASSES = ("is", "caused by", "consistent with")


@dataclass(frozen=True)
class Proof:
    """Two trainings from the same weights on the same batches: ``control`` as it is, ``changed`` with the ``change``.

    ``gain``: by how much the change lowers the loss at the end, the mean over batches, and its 95% interval;
    ``tried``: for each change that was tried, in words, its loss at the end, None where it broke; ``suffices``: those
    that are as good.
    """

    change: str
    control: tuple[float, ...]
    changed: tuple[float, ...]
    gain: float
    interval: tuple[float, float]
    steps: int
    tried: dict[str, float | None] = field(default_factory=dict)
    suffices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One fault; ``message`` is a template in English, filled in from ``evidence`` and translated when it is said.

    ``fix`` says what to do; ``fixes`` are lines of code that do it, templates as well.

    >>> Finding("NO-STEP", "is", "{steps} steps were made", {"steps": 0}).say()
    '0 steps were made'
    """

    code: str
    verdict: str
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    fix: str = ""
    file: str | None = None
    line: int | None = None
    fixes: tuple[str, ...] = ()
    proof: Proof | None = None

    def __post_init__(self) -> None:
        if self.verdict not in CLASSES:
            raise ValueError(f"verdict={self.verdict!r} is not a class; choose one of {', '.join(CLASSES)}")

    def say(self, lang: str = "en") -> str:
        """The message in a language, its figures filled in."""
        return translate(self.message, lang).format(**self.evidence)

    def remedy(self, lang: str = "en") -> str:
        """What to do next, in a language."""
        return translate(self.fix, lang).format(**self.evidence) if self.fix else ""

    @property
    def place(self) -> str:
        """``file:line`` as a compiler would write it; empty where the place is not known."""
        return f"{self.file}:{self.line}" if self.file else ""

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values, ``class`` for the verdict's class and the English message filled in."""
        data = asdict(self)
        data["class"] = data.pop("verdict")
        return data | {
            "message": self.say(),
            "template": self.message,
            "fix": self.remedy(),
            "fix_template": self.fix,
            "fixes": [fix.format(**self.evidence) for fix in self.fixes],
        }


@dataclass(frozen=True)
class Check:
    """One item of the checklist: what is said of a healthy run, the figures, and the finding where it is not so."""

    code: str
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    finding: Finding | None = None

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return self.finding is None

    def say(self, lang: str = "en") -> str:
        """The checklist's line, or the finding's where it does not hold."""
        return self.finding.say(lang) if self.finding else translate(self.message, lang).format(**self.evidence)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        template = self.finding.message if self.finding else self.message
        return {
            "code": self.code,
            "ok": self.ok,
            "message": self.say(),
            "template": template,
            "evidence": self.evidence,
        }
