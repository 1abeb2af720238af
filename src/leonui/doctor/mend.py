"""The fix of a finding as a change to the user's file: a unified diff, for people to apply."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from leonui.finding import Finding
from leonui.patch import patch

STEP = re.compile(r"^(\s*)(?:.*[;:]\s*)?([\w.\[\]]+)\.step\(")
BEFORE_STEP = {
    "EXPLODING": "torch.nn.utils.clip_grad_norm_("
    "[p for group in {name}.param_groups for p in group['params']], {clip:.3g})"
}
AFTER_STEP = {"STALE-GRADIENT": "{name}.zero_grad()"}


def mend(finding: Finding, steps_at: str) -> str:
    """The change, or nothing where it cannot be told in one place; ``steps_at``: file:line of the optimizer's step."""
    if finding.code in ("LR-HIGH", "LR-LOW") and finding.evidence.get("lr"):
        return patch(finding.file, finding.line, finding.evidence["better"] / finding.evidence["lr"])
    for lines, offset in ((BEFORE_STEP, 0), (AFTER_STEP, 1)):
        if finding.code in lines:
            return _inserted(steps_at, lines[finding.code], finding.evidence, offset)
    return ""


def _inserted(place: str, line: str, evidence: dict[str, object], offset: int) -> str:
    file, _, at = place.rpartition(":")
    if not at.isdigit() or not Path(file).is_file():
        return ""
    before = Path(file).read_text(encoding="utf-8-sig", errors="replace").split("\n")
    found = STEP.match(before[int(at) - 1]) if int(at) <= len(before) else None
    if not found:
        return ""
    new = found[1] + line.format(name=found[2], **evidence)
    after = [*before[: int(at) - 1 + offset], new, *before[int(at) - 1 + offset :]]
    return "\n".join([*difflib.unified_diff(before, after, file, file, n=1, lineterm=""), ""])
