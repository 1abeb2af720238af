"""The schedules by name, in code and in text. Multipliers: 1 is the learning rate that the optimizer was given.

Joined, each piece goes from its own start to its own end: where one should go on from another's end, say ``start``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from leonui.schedule.phase import Phase, Schedule


def constant(value: float = 1.0, steps: int = 1) -> Schedule:
    """The same multiplier at every step; ``steps`` matters only where another piece follows."""
    return Schedule((Phase(steps, value, value),))


def warmup(steps: int, peak: float = 1.0, start: float = 0.0) -> Schedule:
    """Linearly up to ``peak``, which the last of the steps has.

    Torch's LinearLR and transformers' warm-ups are a step behind: there the first step has ``start``, even if it is 0.
    """
    return Schedule((Phase(steps, start, peak),))


def linear(steps: int, end: float = 0.0, start: float = 1.0) -> Schedule:
    """Linearly from ``start`` to ``end``; to zero it is what Defazio et al. (2023, arXiv 2310.07831) found best."""
    return Schedule((Phase(steps, start, end),))


def cosine(steps: int, end: float = 0.0, start: float = 1.0) -> Schedule:
    """Half a cosine from ``start`` to ``end``, where it stays: Loshchilov and Hutter (2016, arXiv 1608.03983)."""
    return Schedule((Phase(steps, start, end, "cosine"),))


def restarts(steps: int, cycles: int, growth: float = 1.0, end: float = 0.0, start: float = 1.0) -> Schedule:
    """So many cosines, the first over ``steps``, each ``growth`` times as long as the one before (arXiv 1608.03983)."""
    return Schedule(tuple(Phase(round(steps * growth**i), start, end, "cosine") for i in range(cycles)))


def polynomial(steps: int, power: float = 1.0, end: float = 0.0, start: float = 1.0) -> Schedule:
    """From ``start`` to ``end`` as the remaining share of the steps to the power of ``power``."""
    return Schedule((Phase(steps, start, end, "power", power),))


def exponential(gamma: float, steps: int | None = None, start: float = 1.0) -> Schedule:
    """Times ``gamma`` with every step, without end if no steps are given."""
    return Schedule((Phase(steps, start, 0.0, "decay", _share(gamma), length=1),))


def step(every: int, gamma: float = 0.1, steps: int | None = None, start: float = 1.0) -> Schedule:
    """Times ``gamma`` after ``every`` so many steps; uneven stairs are constants, one after the other."""
    return Schedule((Phase(steps, start, 0.0, "stairs", _share(gamma), length=every),))


def inverse_sqrt(timescale: float, steps: int | None = None, start: float = 1.0) -> Schedule:
    """Falls as sqrt(timescale / (timescale + step)): after a warm-up of ``timescale`` steps as one over the root.

    ``warmup(w) >> inverse_sqrt(w)`` is sqrt(w / step) from step w on: Zhai et al. (2021, arXiv 2106.04560).
    """
    return Schedule((Phase(steps, start, 0.0, "inverse_sqrt", length=timescale),))


def noam(d_model: int, warmup: int) -> Schedule:
    """A learning rate, not a multiplier: for an optimizer with lr=1.0; Vaswani et al. (2017, arXiv 1706.03762).

    d_model**-0.5 * min(t**-0.5, t * warmup**-1.5) with t = 1 in the first step, as the paper counts.
    """
    if min(d_model, warmup) < 1:
        raise ValueError(f"noam({d_model}, {warmup}) is not defined; d_model and warmup must be at least 1")
    peak = (d_model * warmup) ** -0.5
    return Schedule((Phase(warmup, 0.0, peak), Phase(None, peak, 0.0, "inverse_sqrt", offset=1, length=warmup)))


def one_cycle(
    steps: int, rise: float = 0.3, div: float = 25.0, final_div: float = 1e4, shape: str = "cosine"
) -> Schedule:
    """From 1/div up to 1, then down to 1/div/final_div, both reached exactly: Smith and Topin (2017, arXiv 1708.07120).

    1 is the peak: give the optimizer what would be torch's ``max_lr``. ``rise`` is the share of the steps that go up;
    ``shape`` cosine or linear. The momentum, which torch's OneCycleLR cycles as well, stays as it is.
    """
    if not 0 <= rise < 1:
        raise ValueError(f"rise={rise} is no share of the steps; give one from 0 to below 1")
    _among(shape, "cosine", "linear")
    last, top = steps - 1, rise * steps - 1  # the top may lie between two steps
    up = math.floor(top) + 1 if top > 0 else 0
    down = Phase(steps - up, 1.0, 1 / div / final_div, shape, offset=up - top, length=last - top)
    return Schedule((Phase(up, 1 / div, 1.0, shape, offset=0, length=top), down) if up else (down,))


def cooldown(steps: int, shape: str = "linear", power: float = 1.2, end: float = 0.0, start: float = 1.0) -> Schedule:
    """Down to ``end``: linear, sqrt (1-sqrt(x) is left: Hägele et al., 2024, arXiv 2405.18392), cosine, or power.

    ``power`` is the exponent of the remaining share, and says nothing of the other shapes.
    """
    _among(shape, "linear", "sqrt", "cosine", "power")
    return Schedule((Phase(steps, start, end, shape, power if shape == "power" else None),))


def wsd(warmup: int, stable: int, decay: int, shape: str = "linear", power: float = 1.2, end: float = 0.0) -> Schedule:
    """Warm-up, a stable plateau, and a cool-down of one of the shapes: Hu et al. (2024, arXiv 2404.06395)."""
    up = (Phase(warmup, 0.0, 1.0),) if warmup else ()
    flat = (Phase(stable, 1.0, 1.0),) if stable else ()
    return Schedule(up + flat + (cooldown(decay, shape, power, end).phases if decay else ()))


def ramp(low: float, high: float, steps: int) -> Schedule:
    """Exponentially from ``low`` to ``high``: the range test of Smith (2017, arXiv 1506.01186)."""
    return Schedule((Phase(steps, low, high, "exponential"),))


def warmup_linear(total: int, warmup: int, peak: float = 1.0) -> Schedule:
    """Linear warm-up, then linear decay to zero at ``total``: Defazio et al. (2023, arXiv 2310.07831)."""
    decay = Phase(max(1, total - warmup), peak, 0.0)
    return Schedule((Phase(warmup, 0.0, peak), decay) if warmup else (decay,))


def phase(
    steps: int | None,
    start: float,
    end: float,
    shape: str = "linear",
    bend: float | None = None,
    offset: float | None = None,
    length: float | None = None,
) -> Schedule:
    """A single Phase, with all that it can be told."""
    return Schedule((Phase(steps, start, end, shape, bend, offset, length),))


def _share(gamma: float) -> float:
    if not 0 < gamma < 1:
        raise ValueError(f"gamma={gamma} is no share to be left; give one between 0 and 1")
    return gamma


def _among(shape: str, *shapes: str) -> None:
    if shape not in shapes:
        raise ValueError(f"shape={shape!r} is not known here; choose one of {', '.join(shapes)}")


SHELF: dict[str, Callable[..., Schedule]] = {
    made.__name__: made
    for made in (
        constant,
        warmup,
        linear,
        cosine,
        restarts,
        polynomial,
        exponential,
        step,
        inverse_sqrt,
        noam,
        one_cycle,
        cooldown,
        wsd,
        ramp,
        warmup_linear,
        phase,
    )
}
