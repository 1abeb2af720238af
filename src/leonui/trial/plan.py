"""What one process is told before it runs: a small file that an environment variable names."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from leonui.trial.intervention import Intervention

VARIABLE = "LEONUI_PLAN"


@dataclass(frozen=True)
class Plan:
    """Where to write, what to change, and whom to ask.

    folder: the trial's own; route: the Interventions to go through, one after the other, of which only the last is
    recorded; camp: the socket where a paused process waits for orders; hold: pause at the first optimizer step, and
    again where the route ends; keep: leave the weights in the folder, 1 at the end, more also on the way, so many times
    at most; mute: let no output of the script through, and let it save nothing outside of the folder; seconds: end
    cleanly once so long has passed since the first step; tethered: die with the process that started it; closely: the
    steps at which more is measured, by what it is: "curvature", the sharpest one; "look", every operation of the
    forward pass and the gradients; "slope", with "look", weights along the gradient, left in the folder.
    """

    folder: str
    route: tuple[Intervention, ...] = (Intervention(),)
    camp: str | None = None
    hold: bool = False
    keep: int = 0
    mute: bool = False
    seconds: float | None = None
    tethered: bool = False
    closely: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def write(self) -> Path:
        """Put the plan into its folder; returns the file's path."""
        path = Path(self.folder) / "plan.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self) | {"route": [leg.to_json() for leg in self.route]}))
        return path

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Plan:
        """The inverse of ``write``."""
        said = json.loads(Path(path).read_text())
        return cls(
            **said
            | {
                "route": tuple(Intervention.from_json(leg) for leg in said["route"]),
                "closely": {what: tuple(steps) for what, steps in said["closely"].items()},
            }
        )
