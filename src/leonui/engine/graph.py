"""A rule, traced once: what it computes per element, what is one number for a whole tensor, what it sums."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from leonui.rules.expression import Node, absolute, sign, sqrt, variable, where
from leonui.rules.rule import Rule


def divide(x: Any, y: Any) -> Any:
    """x / y as tensors divide: by 0 it is infinite or nan, and no error."""
    if isinstance(x, torch.Tensor) or isinstance(y, torch.Tensor) or y != 0:
        return x / y
    return math.copysign(math.inf, x) if x else math.nan


OPERATIONS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": divide,
    "pow": operator.pow,
    "gt": operator.gt,
    "where": where,
    "sqrt": sqrt,
    "abs": absolute,
    "sign": sign,
}


@dataclass(frozen=True)
class Graph:
    """The direction and the new state of a rule as nodes; ``reductions`` are the sums that must be known first."""

    rule: Rule
    direction: Node
    state: dict[str, Node]
    reductions: tuple[Node, ...]

    @property
    def tensors(self) -> tuple[str, ...]:
        """The symbols of the state that are tensors, in order."""
        return tuple(symbol for symbol, slot in self.rule.slots.items() if not slot.uniform)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The symbols of the state that are one number for a tensor, in order."""
        return tuple(symbol for symbol, slot in self.rule.slots.items() if slot.uniform)

    @property
    def changed(self) -> dict[str, Node]:
        """The new values of those tensors that the rule does not hand back as they were."""
        nodes = {symbol: self.state[symbol] for symbol in self.tensors}
        return {symbol: node for symbol, node in nodes.items() if node.args != (symbol,)}


@cache
def trace(rule: Rule) -> Graph:
    """Call an element-wise rule once with nodes, and keep what it asked for."""
    uniform = {symbol: slot.uniform for symbol, slot in rule.slots.items()} | {"g": False, "p": False}
    direction, *state = rule(*(variable(name, uniform.get(name, True)) for name in rule.asks))
    new = dict(zip(rule.slots, state, strict=True))
    reductions = tuple(node for node in walk([direction, *state]) if node.op in ("sum", "total"))
    return Graph(rule, direction, new, reductions)


def walk(nodes: Iterable[Node]) -> list[Node]:
    """Every node below some nodes, each once, arguments first."""
    order: dict[Node, None] = {}

    def visit(node: Any) -> None:
        if isinstance(node, Node) and node not in order:
            for arg in node.args:
                visit(arg)
            order[node] = None

    for node in nodes:
        visit(node)
    return list(order)


def evaluate(node: Any, known: dict[Any, Any]) -> Any:
    """The value of a node; ``known`` holds variables by name and sums by node, and gathers what is computed."""
    if not isinstance(node, Node):
        return node
    if node.op == "var":
        return known[node.args[0]]
    if node not in known:
        known[node] = OPERATIONS[node.op](*(evaluate(arg, known) for arg in node.args))
    return known[node]


def summed(node: Node, known: dict[Any, Any]) -> torch.Tensor:
    """The local sum that a reduction asks for, in float64."""
    return torch.sum(torch.as_tensor(evaluate(node.args[0], known)), dtype=torch.float64)
