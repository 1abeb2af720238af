"""A surface compiled: its loss and its autograd gradient, traced as torch operations and printed for numba."""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from leonui.engine import kernels
from leonui.landscape.surface import Surface

# what each operation of torch is on one float; {alpha} is a keyword of some
WORDS = {
    "add": "{0} + {alpha} * {1}", "sub": "{0} - {alpha} * {1}", "rsub": "{1} - {alpha} * {0}", "mul": "{0} * {1}",
    "div": "{0} / {1}", "pow": "math.pow({0}, {1})", "neg": "-{0}", "reciprocal": "1.0 / {0}",
    "sqrt": "np.sqrt({0})", "rsqrt": "1.0 / np.sqrt({0})", "abs": "abs({0})", "exp": "math.exp({0})",
    "expm1": "math.expm1({0})", "log": "np.log({0})", "log1p": "np.log1p({0})", "sin": "math.sin({0})",
    "cos": "math.cos({0})", "tan": "math.tan({0})", "tanh": "math.tanh({0})", "sinh": "math.sinh({0})",
    "cosh": "math.cosh({0})", "atan": "math.atan({0})", "sigmoid": "1.0 / (1.0 + math.exp(-{0}))",
    "sgn": "np.sign({0})", "sign": "np.sign({0})", "detach": "{0}", "alias": "{0}", "clone": "{0}",
    "relu": "max({0}, 0.0)", "maximum": "max({0}, {1})", "minimum": "min({0}, {1})",
    "gt": "{0} > {1}", "ge": "{0} >= {1}", "lt": "{0} < {1}", "le": "{0} <= {1}", "eq": "{0} == {1}",
    "where": "{1} if {0} else {2}", "masked_fill": "{2} if {1} else {0}", "ones_like": "1.0", "zeros_like": "0.0",
    "scalar_tensor": "{0}", "full_like": "{1}", "tanh_backward": "{0} * (1.0 - {1} * {1})",
    "sigmoid_backward": "{0} * (1.0 - {1}) * {1}", "threshold_backward": "{0} if {1} > {2} else 0.0",
}  # fmt: skip


@lru_cache(maxsize=64)
def compiled(surface: Surface) -> Any | None:
    """What ``leonui.engine.march`` walks on: it writes the gradient [n] at a point [n], float64, and returns the loss.

    None where the formula asks for an operation that has no word here, or reads a value back: such a surface is
    climbed by autograd at every step.
    """
    try:
        text = _source(surface)
    except (LookupError, RuntimeError, TypeError, ValueError):
        return None
    return kernels.load(f"slope_{''.join(filter(str.isalnum, surface.name))}", text).slope


def _source(surface: Surface) -> str:
    graph = _traced(surface)
    lines, names = [], {}
    places = [node for node in graph.nodes if node.op == "placeholder"]
    names |= {node: f"p[{i}]" for i, node in enumerate(places)}
    for node in graph.nodes:
        if node.op == "call_function":
            names[node] = f"v{len(names)}"
            lines.append(f"    {names[node]} = {_line(node, names)}")
    (loss, *slopes) = (names[node] for node in cast("tuple[Any, ...]", graph.output_node().args[0]))
    stores = [f"    g[{i}] = {name}" for i, name in enumerate(slopes)]
    body = "\n".join([*lines, *stores])
    return f"""# The loss {surface.name} and its gradient on one point, written by leonui; it may be deleted.
import math

import numpy as np
from numba import float64, int64, njit

inf, nan = np.inf, np.nan


@njit(float64(float64[::1], float64[::1], int64, float64[:, ::1]), cache=True, error_model="numpy")
def slope(p, g, t, data):
{body}
    return {loss}
"""


def _traced(surface: Surface) -> torch.fx.Graph:
    """What torch computes for loss and gradient at one point."""

    def both(*weights: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            at = [w.detach().requires_grad_() for w in weights]
            loss = surface.formula(*at)
            return loss, *torch.autograd.grad(loss, at, materialize_grads=True)

    here = [torch.tensor(x, dtype=torch.float64) for x in surface.start]
    with torch.no_grad():
        return make_fx(both)(*here).graph


def _line(node: Any, names: dict[Any, str]) -> str:
    if node.target is operator.getitem:
        raise LookupError("an operation with several results")
    word = WORDS[node.target._schema.name.removeprefix("aten::")]
    given = [_number(arg, names) for arg in node.args]
    return word.format(*given, alpha=_number(node.kwargs.get("alpha", 1), names))


def _number(x: Any, names: dict[Any, str]) -> str:
    if x in names:
        return names[x]
    value = float(x)
    return repr(value) if math.isfinite(value) else str(value)
