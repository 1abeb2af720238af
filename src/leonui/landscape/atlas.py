"""The surfaces that everybody climbs, each a formula and what is known of it.

Formulas as in the literature: Rosenbrock (1960), Himmelblau (1972), Beale (1958), Rastrigin (1974), Ackley (1987).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from leonui.landscape.surface import Surface
from leonui.words import mark


def _line(x: Tensor) -> Tensor:
    return x.square() / 2


def _hills(x: Tensor) -> Tensor:
    # its slope is (x + 2)(x + 1)(x - 1)^2(x - 2): a minimum, a summit, a step that is level, the lowest point
    return x**6 / 6 - x**5 / 5 - 5 * x**4 / 4 + 5 * x**3 / 3 + 2 * x**2 - 4 * x


def _bowl(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + y**2) / 2


def _ravine(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + 50 * y**2) / 2


def _rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _himmelblau(x: Tensor, y: Tensor) -> Tensor:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _beale(x: Tensor, y: Tensor) -> Tensor:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _rastrigin(x: Tensor, y: Tensor) -> Tensor:
    return 20 + x**2 + y**2 - 10 * (torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y))


def _ackley(x: Tensor, y: Tensor) -> Tensor:
    waves = torch.exp((torch.cos(2 * math.pi * x) + torch.cos(2 * math.pi * y)) / 2)
    return -20 * torch.exp(-0.2 * torch.sqrt((x**2 + y**2) / 2)) - waves + 20 + math.e


def _saddle(x: Tensor, y: Tensor) -> Tensor:
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def _monkey(x: Tensor, y: Tensor) -> Tensor:
    return x**3 - 3 * x * y**2


def _plateau(x: Tensor, y: Tensor) -> Tensor:
    return 1 - torch.exp(-(x**2 + y**2) / 2)


def _cliff(x: Tensor) -> Tensor:
    return x / 2 + 100 * torch.relu(x - 1) ** 2 + 2 * torch.relu(-x) ** 2


def _bounded(x: Tensor) -> Tensor:
    # PPO's objective of a good action (Schulman et al., 2017, eq. 7, advantage 1, epsilon 0.2), turned into a loss
    return torch.relu(x - 1.2) - x


def _square(half: float) -> tuple[tuple[float, float], ...]:
    return ((-half, half), (-half, half))


_HIMMELBLAU_MINIMA = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286170),
    (3.584428340330492, -1.848126526964404),
)
_HIMMELBLAU_SADDLES = (
    (3.385154183607319, 0.073851879837653),
    (0.086677504555232, 2.884254701174787),
    (-3.073025750747230, -0.081353044288000),
    (-0.127961346731234, -1.953714980445120),
)

SURFACES: dict[str, Surface] = {
    one.name: one
    for one in (
        Surface(
            "bowl",
            mark("Bowl"),
            mark("Convex and round: every way down leads to the one minimum."),
            _bowl, _square(4.0), (-3.0, 2.0), ((0.0, 0.0),), quadratic=True,
        ),
        Surface(
            "ravine",
            mark("Ravine"),
            mark("Convex, but 50 times steeper across than along: plain descent zigzags, momentum runs smoothly."),
            _ravine, ((-7.0, 7.0), (-2.0, 2.0)), (-6.0, 1.2), ((0.0, 0.0),), quadratic=True,
        ),
        Surface(
            "saddle",
            mark("Saddle"),
            mark("At the pass the gradient is zero, and yet it is no minimum: from the ridge only noise leads off it."),
            _saddle, ((-2.0, 2.0), (-1.8, 1.8)), (-1.6, 1e-3), ((0.0, 1.0), (0.0, -1.0)), ((0.0, 0.0),),
        ),
        Surface(
            "monkey",
            mark("Monkey saddle"),
            mark("Three ways down, the third for the tail; the pass is level every way, and there is no floor."),
            _monkey, _square(1.6), (1.2, 1e-3), (), ((0.0, 0.0),),
        ),
        Surface(
            "plateau",
            mark("Plateau"),
            mark("Flat far from the hole: the gradient vanishes, and only a step of its own length gets anywhere."),
            _plateau, _square(4.0), (-3.2, 1.6), ((0.0, 0.0),),
        ),
        Surface(
            "rosenbrock",
            mark("Rosenbrock's valley"),
            mark("A bent valley with a floor that is nearly level: into it is easy, along it is long."),
            _rosenbrock, ((-2.0, 2.0), (-1.0, 3.0)), (-1.5, 2.0), ((1.0, 1.0),),
        ),
        Surface(
            "himmelblau",
            mark("Himmelblau's four"),
            mark("Four minima of the same depth: where you start, and how you walk, decide which one you reach."),
            _himmelblau, _square(5.0), (0.0, 0.5), _HIMMELBLAU_MINIMA, _HIMMELBLAU_SADDLES,
        ),
        Surface(
            "beale",
            mark("Beale's cliffs"),
            mark("Steep walls around a flat floor: large gradients far away, tiny ones where you want to go."),
            _beale, ((-4.5, 4.5), (-3.0, 3.0)), (1.0, 1.5), ((3.0, 0.5),), ((0.0, 1.0),),
        ),
        Surface(
            "rastrigin",
            mark("Rastrigin's egg box"),
            mark("A local minimum at every step: whoever only goes down stays in the first one."),
            _rastrigin, _square(5.12), (-3.3, 2.2), ((0.0, 0.0),),
        ),
        Surface(
            "ackley",
            mark("Ackley's funnel"),
            mark("Small dents on the way into a deep funnel; at its very bottom there is no gradient."),
            _ackley, _square(5.0), (-3.4, 2.6), ((0.0, 0.0),),
        ),
        Surface(
            "line",
            mark("Convex curve"),
            mark("One weight, one minimum: with a convex loss there is nothing to get stuck in."),
            _line, ((-3.0, 3.0),), (-2.5,), ((0.0,),), quadratic=True,
        ),
        Surface(
            "hills",
            mark("Non-convex curve"),
            mark("A local minimum, a level step that is none, and the global one: the start and momentum decide."),
            _hills, ((-2.6, 2.6),), (-2.5,), ((2.0,),), ((1.0,),),
        ),
        Surface(
            "cliff",
            mark("Cliff"),
            mark("A gentle slope that ends at a steep wall: one gradient of the wall throws plain descent far away."),
            _cliff, ((-7.5, 1.5),), (1.25,), ((-0.125,),),
        ),
        Surface(
            "ppo",
            mark("PPO's bounded objective"),
            mark(
                "How much likelier a good action becomes, and what that earns: beyond "
                "1.2 nothing, so the slope ends."
            ),
            _bounded, ((0.0, 3.0),), (1.0,),
        ),
    )
}  # fmt: skip
