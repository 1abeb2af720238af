"""The pictures of the lesson, each a race that can be changed: what to look at stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leonui.lab.wish import REGRESSION, Wish
from leonui.words import mark

SHARES = (0.5, 1.0, 2.0)  # of every learning rate: what a page without a server can show


@dataclass(frozen=True)
class Preset:
    """A race with a title and what it teaches, in English, to be translated."""

    name: str
    title: str
    words: str
    race: dict[str, Any]

    def wish(self, share: float = 1.0) -> Wish:
        """The race, every rate times ``share``."""
        climbers = [one | {"lr": one["lr"] * share} for one in self.race["climbers"]]
        return Wish.of(self.race | {"climbers": climbers})


def _race(surface: str, start: list[float], steps: int, *climbers: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    said = [
        {"kind": kind, "lr": lr, "momentum": rest[0] if rest else 0.9, "batch": rest[1] if len(rest) > 1 else 1}
        for kind, lr, *rest in climbers
    ]
    return {"surface": surface, "start": start, "steps": steps, "noise": 0.0, "batch": 1, "seed": 0, **more, "climbers": said}


PRESETS = (
    Preset(
        "zigzag", mark("Zigzag or smooth"),
        mark("Plain descent bounces from wall to wall of a ravine; with momentum the bounces cancel and the way along it adds up."),
        _race("ravine", [-6.0, 1.2], 120, ("sgd", 0.038), ("momentum", 0.006, 0.9), ("average", 0.08, 0.9), ("adam", 0.3, 0.9)),
    ),
    Preset(
        "rates", mark("Learning rate: too small to too large"),
        mark("The same descent with four rates. Above 2 / lambda_max, here 0.04, every step lands higher on the other wall."),
        _race("ravine", [-6.0, 0.6], 100, ("sgd", 0.0005), ("sgd", 0.02), ("sgd", 0.0397), ("sgd", 0.0412)),
    ),
    Preset(
        "convex", mark("Convex"),
        mark("One minimum: every descent whose rate is below the limit gets there, from every start."),
        _race("line", [-2.5], 60, ("sgd", 0.05), ("sgd", 0.5), ("momentum", 0.1, 0.8), ("adam", 0.2, 0.9)),
    ),
    Preset(
        "nonconvex", mark("Non-convex"),
        mark("Who only goes down stays in the first hollow; momentum carries over the rise, and across the level step."),
        _race("hills", [-2.5], 150, ("sgd", 0.02), ("momentum", 0.02, 0.9), ("adam", 0.1, 0.9)),
    ),
    Preset(
        "saddle", mark("Stuck at a saddle"),
        mark("Started exactly on the ridge, every rule ends at the pass: its gradient is zero, and yet it is no minimum."),
        _race("saddle", [-1.6, 0.0], 150, ("sgd", 0.1), ("momentum", 0.05, 0.9), ("adam", 0.05, 0.9)),
    ),
    Preset(
        "escape", mark("Noise leaves the saddle"),
        mark("The same start with noisy gradients, as of small batches: the noise pushes off the ridge, and the slope does the rest."),
        _race("saddle", [-1.6, 0.0], 150, ("sgd", 0.1), ("momentum", 0.05, 0.9), ("adam", 0.05, 0.9), noise=0.2, batch=4),
    ),
    Preset(
        "batch", mark("Batch: all, one, a few"),
        mark("50,000 samples for each: 5 steps on all of them, 50,000 on one at a time, 781 on batches of 64."),
        _race(REGRESSION, [0.0, 0.0], 1, ("sgd", 0.4, 0.9, 10_000), ("sgd", 0.005, 0.9, 1), ("sgd", 0.05, 0.9, 64)),
    ),
    Preset(
        "plateau", mark("A plateau"),
        mark("Where the gradient vanishes, steps in its proportion vanish too; Adam and Lion take steps of their own length."),
        _race("plateau", [-3.2, 1.6], 200, ("sgd", 0.1), ("momentum", 0.1, 0.9), ("adam", 0.05, 0.9), ("lion", 0.03, 0.9)),
    ),
    Preset(
        "valley", mark("A bent valley"),
        mark("Into Rosenbrock's valley is easy, along its floor is long: look at the losses, which fall slower and slower."),
        _race("rosenbrock", [-1.5, 2.0], 500, ("sgd", 0.0008), ("momentum", 0.0005, 0.9), ("adam", 0.1, 0.9), ("nesterov", 0.0005, 0.9)),
    ),
    Preset(
        "four", mark("Four minima"),
        mark("Four hollows of one depth: drag the start a little, and the climbers part."),
        _race("himmelblau", [0.0, 0.5], 150, ("sgd", 0.01), ("momentum", 0.004, 0.9), ("adam", 0.3, 0.9), ("lion", 0.1, 0.9)),
    ),
    Preset(
        "eggs", mark("An egg box"),
        mark("A local minimum at every step: large steps and momentum leap over some of them, none finds the lowest by itself."),
        _race("rastrigin", [-3.3, 2.2], 300, ("sgd", 0.002), ("momentum", 0.004, 0.95), ("adam", 0.4, 0.95), ("sgd", 0.01)),
    ),
)  # fmt: skip
