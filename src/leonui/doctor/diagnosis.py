"""What the doctor says of a script."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from leonui.finding import Check, Finding, Proof

MOST = 300  # points of a curve in the result


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The ``verdict``, what was found, the checklist, the steps that it took beside those of the script itself.

    verdict: "healthy"; "faults", where something is certain or was proved; "unknown", where something is wrong and
    its cause was not found, or could not be proved.
    """

    findings: tuple[Finding, ...]
    checklist: tuple[Check, ...]
    steps: int
    run: int
    learned: bool = True
    notes: tuple[dict[str, Any], ...] = field(default_factory=tuple)

    @property
    def verdict(self) -> str:
        """One word for all of it."""
        if any(finding.verdict != "consistent with" for finding in self.findings):
            return "faults"
        return "unknown" if self.findings or not self.learned else "healthy"

    def __repr__(self) -> str:
        found = [f"{one.code} ({one.verdict}): {one.say()}; {one.place or 'no place'}" for one in self.findings]
        return "\n  ".join([f"{self.verdict}: {len(self.checklist)} checks, {self.steps} steps", *found])

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "verdict": self.verdict,
            "findings": [finding.to_json() | {"proof": _proof(finding.proof)} for finding in self.findings],
            "checklist": [check.to_json() for check in self.checklist],
            "steps": self.steps,
            "run": self.run,
            "notes": list(self.notes),
        }


def _proof(proof: Proof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    said = asdict(proof)
    for name in ("control", "changed"):
        said[name] = _thinned(said[name])
    said["gain"] = proof.gain if math.isfinite(proof.gain) else None
    said["interval"] = [end if math.isfinite(end) else None for end in proof.interval]
    return said


def _thinned(curve: tuple[float, ...]) -> list[float | None]:
    """A curve of at most so many points, each the mean over its stretch; None where that is no number."""
    width = max(1, math.ceil(len(curve) / MOST))
    means = [sum(curve[i : i + width]) / len(curve[i : i + width]) for i in range(0, len(curve), width)]
    return [mean if math.isfinite(mean) else None for mean in means]
