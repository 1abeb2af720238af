"""Prints a rule's nodes as lines of source: each once, and what is uniform as a column of a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from leonui.rules.expression import Node

GIVEN = ("scale", "couple", "keep", "lr")  # the engine's own numbers, first in each row of inputs and of the table


@dataclass
class Printer:
    """Prints nodes as assignments, each once; ``leaf`` names what is given from outside."""

    words: dict[str, str]
    literal: str
    leaf: Any
    names: dict[Node, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def name(self, x: Any) -> str:
        """The name that holds a value, printed first if need be."""
        if not isinstance(x, Node):
            return self.literal.format(float(x))
        given = self.leaf(x)
        if given:
            return given
        if x not in self.names:
            args = [self.name(arg) for arg in x.args]
            self.names[x] = f"x{len(self.names)}"
            self.lines.append(f"{self.names[x]} = {self.words[x.op].format(*args)}")
        return self.names[x]


@dataclass
class Columns:
    """The table's columns: the engine's own, then each uniform node that an element-wise one asks for."""

    nodes: list[tuple[str, Node]] = field(default_factory=list)

    def of(self, node: Node, form: str = "{}") -> str:
        """The name of a node's column; a new one where there is none. ``form`` is "1.0 / {}" for its inverse."""
        if node.op == "var" and node.args[0] == "lr" and form == "{}":
            return "lr"
        if (form, node) not in self.nodes:
            self.nodes.append((form, node))
        return f"k{self.nodes.index((form, node))}"

    @property
    def names(self) -> list[str]:
        """All names, in the table's order."""
        return [*GIVEN, *(f"k{i}" for i in range(len(self.nodes)))]


def element_printer(columns: Columns, words: dict[str, str], literal: str) -> Printer:
    """A printer for what is done to each element: uniform nodes come from the table."""

    def leaf(x: Node) -> str | None:
        if x.uniform:
            return columns.of(x)
        if x.op == "var":
            return f"{x.args[0]}_"
        if x.op == "div" and isinstance(x.args[1], Node) and x.args[1].uniform and x not in printer.names:
            by = columns.of(x.args[1], "1.0 / {}")
            top = printer.name(x.args[0])
            printer.names[x] = f"x{len(printer.names)}"
            printer.lines.append(f"{printer.names[x]} = {top} * {by}")
        return printer.names.get(x)

    printer = Printer(words, literal, leaf)
    return printer
