"""The mathematics a rule may use: written once, on numbers, on tensors, or on nodes that remember what was asked.

A rule that is called with nodes leaves a graph; the engine runs that graph as torch operations or as one kernel.
A node is *uniform* if it is one number for a whole tensor: the engine computes those once, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Value = Any  # a number, a tensor, or a Node


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of a traced rule: its name, its arguments (nodes or numbers), and whether it is uniform."""

    op: str
    args: tuple[Any, ...]
    uniform: bool

    def __add__(self, other: Value) -> Node:
        return _node("add", self, other)

    def __radd__(self, other: Value) -> Node:
        return _node("add", other, self)

    def __sub__(self, other: Value) -> Node:
        return _node("sub", self, other)

    def __rsub__(self, other: Value) -> Node:
        return _node("sub", other, self)

    def __mul__(self, other: Value) -> Node:
        return _node("mul", self, other)

    def __rmul__(self, other: Value) -> Node:
        return _node("mul", other, self)

    def __truediv__(self, other: Value) -> Node:
        return _node("div", self, other)

    def __rtruediv__(self, other: Value) -> Node:
        return _node("div", other, self)

    def __pow__(self, other: Value) -> Node:
        return _node("pow", self, other)

    def __rpow__(self, other: Value) -> Node:
        return _node("pow", other, self)

    def __neg__(self) -> Node:
        return _node("sub", 0.0, self)

    def __gt__(self, other: Value) -> Node:
        return _node("gt", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a rule is traced once and cannot branch on a value; write where(condition, a, b)")


def variable(name: str, uniform: bool) -> Node:
    """A named input of a rule."""
    return Node("var", (name,), uniform)


def sqrt(x: Value) -> Value:
    """The square root."""
    return _apply("sqrt", math.sqrt, torch.sqrt, x)


def absolute(x: Value) -> Value:
    """The magnitude."""
    return _apply("abs", abs, torch.abs, x)


def sign(x: Value) -> Value:
    """-1, 0 or 1."""
    return _apply("sign", lambda x: float((x > 0) - (x < 0)), torch.sign, x)


def maximum(x: Value, y: Value) -> Value:
    """The larger of two."""
    return where(x > y, x, y)


def minimum(x: Value, y: Value) -> Value:
    """The smaller of two."""
    return where(x > y, y, x)


def where(condition: Value, x: Value, y: Value) -> Value:
    """``x`` where the condition holds, else ``y``; both are computed."""
    if any(isinstance(one, Node) for one in (condition, x, y)):
        return _node("where", condition, x, y)
    if isinstance(condition, torch.Tensor):
        return torch.where(condition, x, y)
    return x if condition else y


def norm(x: Value) -> Value:
    """The Euclidean norm of a whole tensor, a uniform number."""
    return sqrt(_reduce("sum", x * x))


def total(x: Value) -> Value:
    """The sum over every tensor of the optimizer, a uniform number; outside an engine, over this tensor."""
    return _reduce("total", x)


def _node(op: str, *args: Value) -> Node:
    return Node(op, args, all(arg.uniform for arg in args if isinstance(arg, Node)))


def _apply(op: str, of_number: Callable[..., Any], of_tensor: Callable[..., Any], x: Value) -> Value:
    if isinstance(x, Node):
        return _node(op, x)
    return of_tensor(x) if isinstance(x, torch.Tensor) else of_number(x)


def _reduce(op: str, x: Value) -> Value:
    if isinstance(x, Node):
        return Node(op, (x,), True)
    return x.sum() if isinstance(x, torch.Tensor) else x
