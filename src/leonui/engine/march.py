"""Many steps of one optimizer in one compiled loop: the kernels of the CPU, without Python between two steps.

The rule is the one that ``step`` runs, down to the same compiled function; only who calls it differs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from leonui.engine import kernels
from leonui.engine.optimizer import Engine
from leonui.engine.seat import Pace

ARGUMENTS = "address, row, lane, ids, sums, {commit}, table, seeds"


def marches(optimizer: Engine) -> bool:
    """Whether its next steps can be one loop: one parameter, on the CPU's kernel, float64, not clipped."""
    (machine, *others) = optimizer._machines or [None]
    alone = not others and machine is not None and machine.name == "numba" and len(machine.seats) == 1
    return alone and optimizer.clip_norm is None


def march(
    optimizer: Engine,
    slope: Callable[..., float],
    data: np.ndarray,
    noise: np.ndarray,
    steps: int,
    every: int = 1,
    bound: float = np.inf,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Take ``steps`` steps; points, losses, and the step at which it ended.

    The one parameter of the optimizer has shape [n], float64, and a gradient. ``slope(point, gradient, step, data)``
    is compiled: it writes the gradient [n] of the loss at a point [n], and returns the loss; ``data`` [any, any] is
    what else it reads. ``noise`` [k, n] is added to gradients, row
    after row, from the beginning again after k steps. Of points [rows, n] and losses [rows] every ``every``-th is
    kept, from the start on. It ends early where the loss is not within ``bound`` of 0 or the gradient is not finite.
    """
    machine, before = optimizer._machines[0], optimizer.steps
    p, g = machine.parameters[0].detach().numpy(), machine.parameters[0].grad.numpy()
    machine.fits([machine.parameters[0].grad])
    rows = np.array([[float(x) for x in machine.groups[0].numbers(pace).values()] for pace in _paces(optimizer, steps)])
    kept = steps // every + 1
    path, losses = np.empty((kept, p.size)), np.empty(kept)
    walk = _loop(machine.kernel, bool(machine.graph.reductions))
    count, last = walk(
        slope, p, g, data, noise, steps, every, bound, machine.address, rows, machine.lane, machine.ids,
        machine.nothing.copy(), machine.part, machine.table, machine.seeds, machine.out, path, losses,
    )  # fmt: skip
    optimizer._count = before + last
    for group in optimizer.param_groups:
        group["steps"] = optimizer._count
    return path[:count], losses[:count], last


def _paces(optimizer: Engine, steps: int) -> list[Pace]:
    """How far each step goes; one pace where all go as far."""
    if optimizer.schedule is None:
        return [Pace()]
    return [Pace(multiplier=optimizer.schedule(step)) for step in range(optimizer.steps, optimizer.steps + steps)]


@cache
def _loop(kernel: Any, reduces: bool) -> Any:
    name = kernel.__name__
    return kernels.load(f"march_{name.removeprefix('leonui_kernel_')}", _source(name, reduces)).march


def _source(name: str, reduces: bool) -> str:
    first = f"""
        numbers({ARGUMENTS.format(commit="False")})
        reduce(0, 1, part, address, table, sums)"""
    return f"""# The kernel {name} called again and again, written by leonui; it may be deleted.
import numpy as np
from numba import float64, njit, types

from {name} import numbers, update{", reduce" if reduces else ""}

LINE, PLANE, COUNTS = types.float64[::1], types.float64[:, ::1], types.int64[::1]
SLOPE = types.FunctionType(float64(LINE, LINE, types.int64, PLANE))
TABLES = (types.int64[:, ::1], PLANE, COUNTS, types.uint32[::1], PLANE, types.int64[:, ::1], PLANE, types.uint32[::1])


@njit(
    types.UniTuple(types.int64, 2)(
        SLOPE, LINE, LINE, PLANE, PLANE, types.int64, types.int64, float64, *TABLES, PLANE, PLANE, LINE
    ),
    cache=True,
    error_model="numpy",
    nogil=True,
)
def march(
    slope, p, g, data, noise, steps, every, bound, address, rows, lane, ids, sums, part, table, seeds, out, path, losses
):
    kept, t, row = 0, 0, np.empty((1, rows.shape[1]))
    for t in range(steps + 1):
        loss = slope(p, g, t, data)
        if t % every == 0:
            path[kept], losses[kept] = p, loss
            kept += 1
        if t == steps or not abs(loss) <= bound or not np.all(np.isfinite(g)):
            break
        g += noise[t % noise.shape[0]]
        row[0] = rows[t % rows.shape[0]]{first if reduces else ""}
        numbers({ARGUMENTS.format(commit="True")})
        update(0, 1, part, address, table, seeds, out)
    return kept, t
"""


def begin(optimizer: Engine, point: torch.Tensor) -> None:
    """Create the state of an optimizer's parameter and choose its machine, without a step."""
    point.grad = torch.zeros_like(point)
    optimizer._roster([point], [point.grad])
