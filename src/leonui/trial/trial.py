"""One execution of a Program under an Intervention, and what it left on disk."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from leonui.record import Record, read_all
from leonui.trial.intervention import Intervention

KEPT_OUTPUT = 1 << 20


@dataclass
class Trial:
    """Its name, its folder, what was changed, and how it was started: "straight", "fork" or "rerun", and why so."""

    name: str
    folder: Path
    intervention: Intervention
    start: str
    why: str = ""
    returncode: int | None = None
    stalled: bool = False
    pid: int | None = field(default=None, repr=False)

    @cached_property
    def record(self) -> Record:
        """The record of its chief process. Read it once the trial has ended: what is read is kept."""
        return Record.read(self.folder)

    @property
    def processes(self) -> int:
        """How many of its processes trained."""
        return sum(bool(record.rows) for record in read_all(self.folder).values())

    @property
    def weights(self) -> Path:
        """Where its final weights are, if it was told to keep them."""
        return self.folder / "weights.pt"

    def output(self, stream: str = "stdout") -> str:
        """What it printed; of very much only the beginning and the end."""
        path = self.folder / stream
        return path.read_text(errors="replace") if path.exists() else ""

    def metric(self, pattern: str) -> float | None:
        """The last number that it printed where the pattern's first group is."""
        found = re.findall(pattern, self.output())
        try:
            return float(found[-1] if isinstance(found[-1], str) else found[-1][0]) if found else None
        except ValueError:
            return None

    def trim(self) -> None:
        """Shorten what it printed to its beginning and its end; drop what it saved where nobody looks."""
        shutil.rmtree(self.folder / "aside", ignore_errors=True)
        for path in (self.folder / "stdout", self.folder / "stderr"):
            if path.exists() and path.stat().st_size > 2 * KEPT_OUTPUT:
                with path.open("rb+") as file:
                    file.seek(-KEPT_OUTPUT, 2)
                    tail = file.read()
                    file.seek(KEPT_OUTPUT)
                    file.write(b"\n[...]\n" + tail)
                    file.truncate()
