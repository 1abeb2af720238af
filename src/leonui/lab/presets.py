"""The pictures of the lesson, each a race that can be changed: what to look at stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leonui.lab.wish import REGRESSION, Wish
from leonui.words import mark

SHARES = (0.5, 1.0, 2.0)  # of every learning rate: what a page without a server can show


@dataclass(frozen=True)
class Preset:
    """A race, the section of the lesson that it is from, and in English its title and what it teaches."""

    name: str
    section: int
    title: str
    words: str
    race: dict[str, Any]

    def wish(self) -> Wish:
        """The race, checked."""
        return Wish.of(self.race)


def _race(surface: str, start: list[float], steps: int, *climbers: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"surface": surface, "start": start, "steps": steps, "noise": 0.0, "batch": 1, "seed": 0}
    return plain | more | {"climbers": list(climbers)}


def _climber(kind: str, lr: float, momentum: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "lr": lr, "momentum": momentum, "batch": 1, "schedule": "", "clip": 0.0} | more


SIX = ("", "cosine", "wsd", "one_cycle", "restarts", "inverse_sqrt")  # schedules

PRESETS = (
    Preset(
        "zigzag", 4, mark("Zigzag or smooth"),
        mark(
            "Plain descent bounces from wall to wall of a ravine; with momentum "
            "the bounces cancel and the way along it adds up."
        ),
        _race(
            "ravine", [-6.0, 1.2], 120,
            _climber("sgd", 0.038), _climber("momentum", 0.01, 0.7), _climber("nesterov", 0.01), _climber("adam", 0.3),
        ),
    ),
    Preset(
        "rates", 3, mark("Too small, good, too large"),
        mark("The same descent with four rates. Above 2/λmax, here 0.04, every step lands higher on the other wall."),
        _race("ravine", [-6.0, 0.6], 100, *(_climber("sgd", lr) for lr in (0.0005, 0.02, 0.039, 0.0425))),
    ),
    Preset(
        "parabola", 3, mark("The limit on a parabola"),
        mark(
            "With curvature 1 the limit is 2: a rate of 0.05 creeps, 0.5 arrives, "
            "1.9 bounces, and 2.1 leaves for good."
        ),
        _race("line", [-1.2], 12, *(_climber("sgd", lr) for lr in (0.05, 0.5, 1.9, 2.1))),
    ),
    Preset(
        "slope", 1, mark("One step"),
        mark(
            "A slope is true only where it was measured: one step of 1 lands at "
            "the bottom, one of 2 as high as before."
        ),
        _race("line", [-2.5], 1, *(_climber("sgd", lr) for lr in (0.3, 1.0, 1.7, 2.1))),
    ),
    Preset(
        "convex", 2, mark("Convex"),
        mark("One minimum: every descent whose rate is below the limit gets there, from every start."),
        _race(
            "line", [-2.5], 60,
            _climber("sgd", 0.05), _climber("sgd", 0.5), _climber("momentum", 0.1, 0.8), _climber("adam", 0.2),
        ),
    ),
    Preset(
        "nonconvex", 2, mark("Non-convex"),
        mark(
            "Who only goes down stays in the first hollow; momentum carries over "
            "the rise, and across the level step."
        ),
        _race("hills", [-2.5], 150, _climber("sgd", 0.02), _climber("momentum", 0.02), _climber("adam", 0.1)),
    ),
    Preset(
        "saddle", 2, mark("Leaving a saddle"),
        mark(
            "A millionth beside the ridge: SGD waits long, momentum less; what "
            "divides by the gradient's size hardly notices."
        ),
        _race(
            "saddle", [1.0, 1e-6], 300,
            _climber("sgd", 0.05), _climber("momentum", 0.05), _climber("rmsprop", 0.05), _climber("adam", 0.05),
        ),
    ),
    Preset(
        "ridge", 2, mark("Stuck at a saddle"),
        mark(
            "Exactly on the ridge every rule ends at the pass. Turn up the noise: "
            "it pushes off, and the slope does the rest."
        ),
        _race("saddle", [-1.6, 0.0], 150, _climber("sgd", 0.1), _climber("momentum", 0.05), _climber("adam", 0.05)),
    ),
    Preset(
        "batch", 3, mark("Batch: all, one, a few"),
        mark("20,000 samples for each: 2 steps on all of them, 20,000 on one at a time, 312 on batches of 64."),
        _race(
            REGRESSION, [0.0, 0.0], 1,
            _climber("sgd", 0.4, batch=10_000), _climber("sgd", 0.005, batch=1), _climber("sgd", 0.05, batch=64),
        ),
    ),
    Preset(
        "plateau", 5, mark("A plateau"),
        mark(
            "Where the gradient vanishes, steps in its proportion vanish too; Adam "
            "and Lion take steps of their own length."
        ),
        _race(
            "plateau", [-3.2, 1.6], 200,
            _climber("sgd", 0.1), _climber("momentum", 0.1), _climber("adam", 0.05), _climber("lion", 0.03),
        ),
    ),
    Preset(
        "valley", 5, mark("A bent valley"),
        mark("Rosenbrock's valley, each with its best rate of a grid: into it is easy, along its floor is long."),
        _race(
            "rosenbrock", [-1.5, 2.0], 300,
            _climber("sgd", 0.0018), _climber("momentum", 0.0018), _climber("adamw", 1.8), _climber("rmsprop", 0.18),
            _climber("lion", 0.018),
        ),
    ),
    Preset(
        "four", 5, mark("Four minima"),
        mark("Four hollows of one depth: drag the start a little, and the climbers part."),
        _race(
            "himmelblau", [0.0, 0.5], 150,
            _climber("sgd", 0.01), _climber("momentum", 0.004), _climber("adam", 0.3), _climber("lion", 0.1),
        ),
    ),
    Preset(
        "eggs", 5, mark("An egg box"),
        mark(
            "A local minimum at every step: large steps and momentum leap over "
            "some of them, none finds the lowest by itself."
        ),
        _race(
            "rastrigin", [-3.3, 2.2], 300,
            _climber("sgd", 0.002), _climber("momentum", 0.004, 0.95), _climber("adam", 0.4, 0.95),
            _climber("sgd", 0.01),
        ),
    ),
    Preset(
        "schedules", 6, mark("Letting the rate fall"),
        mark(
            "Noisy gradients: a constant rate never comes to rest; one that falls "
            "does, and each schedule in its own way."
        ),
        _race(
            "bowl", [-3.0, 2.0], 200,
            *(_climber("sgd", 0.2, schedule=name) for name in SIX),
            noise=1.0,
        ),
    ),
    Preset(
        "cliff", 7, mark("A cliff, and clipping"),
        mark(
            "The wall's gradient throws plain descent far off; bounded to a norm "
            "of 1 it takes a step like any other."
        ),
        _race("cliff", [1.25], 15, _climber("sgd", 0.15), _climber("sgd", 0.15, clip=1.0)),
    ),
    Preset(
        "clip", 8, mark("PPO's bound"),
        mark(
            "Beyond 1.2 a likelier action earns nothing, so the slope ends. SGD "
            "stops there; whoever has momentum coasts on."
        ),
        _race("ppo", [1.0], 40, _climber("sgd", 0.03), _climber("momentum", 0.03, 0.8), _climber("adam", 0.03)),
    ),
)  # fmt: skip
