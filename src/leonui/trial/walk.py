"""To walk through a script without training it: how long its run is, and how its rates move."""

from __future__ import annotations

from leonui.trial.intervention import Intervention
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial

WALK = 60.0  # seconds that a walk may take: of a longer run only its beginning is known


def walk(runner: Runner, point: Point, seconds: float = WALK, known: bool = False) -> Trial:
    """Glide from a point to the script's end; where that breaks and the length is not ``known``, compute all of it.

    A script that never comes to train is given back as it runs alone: that says why, and not what a walk does to it.
    """
    trial = runner.branch(point, {"walk": Intervention(stop=0, glide=True)}, seconds=seconds)[0]
    if trial.record.last("exception") and not known:
        trial = runner.branch(point, {"walk-computed": Intervention(stop=0, coast=10**9)}, seconds=seconds)[0]
    if not trial.record.rows:
        alone = runner.straight("as-it-is", Intervention(stop=1), seconds=seconds)
        trial = trial if alone.record.rows else alone
    return trial
