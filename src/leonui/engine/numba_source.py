"""Writes the source of a rule's CPU kernel from its graph.

One kernel walks over all tensors of all groups. Addresses, sizes and every number that is the same for a whole tensor
stand in tables, so neither a schedule nor a group leads to another compilation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from leonui.engine import kernels
from leonui.engine.arrays import Layout
from leonui.engine.graph import Graph, trace
from leonui.engine.printer import GIVEN, Columns, Printer, element_printer
from leonui.engine.storage import BLOCK, slot_salt

CHUNK = 16384  # elements a thread takes at a time: a few arrays of them fit into a core's own cache
WORDS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "gt": "{} > {}", "abs": "abs({})"}
NUMBERS = {**WORDS, "pow": "{} ** {}", "where": "{1} if {0} else {2}", "sqrt": "np.sqrt({})"}
ELEMENTS = {**WORDS, "where": "{1} if {0} else {2}", "sqrt": "np.sqrt({})", "sign": "F({0} > F(0)) - F({0} < F(0))"}


def _indent(lines: list[str], depth: int) -> str:
    return "\n".join("    " * depth + line for line in lines)


def _tile(graph: Graph, columns: Columns) -> str:
    """The loop over the elements of one chunk: from gradient, parameter and state to the new ones."""
    printer = element_printer(columns, ELEMENTS, "F({})")
    direction = printer.name(graph.direction)
    new = {symbol: printer.name(node) for symbol, node in graph.changed.items()}
    loads = [f"{symbol}_ = {symbol}[at]" for symbol in graph.tensors]
    stores = [f"{symbol}[at] = {name}" for symbol, name in new.items()]
    return f"""
@njit(**FAST)
def tile(count, {", ".join(["g", "p", *graph.tensors])}, row):
    {", ".join(columns.names)}, = {", ".join(f"row[{i}]" for i in range(len(columns.names)))},
    moved, size, same = F(0), F(0), F(0)
    for at in range(count):
        p_ = p[at]
        g_ = scale * g[at] + couple * p_
{_indent([*loads, *printer.lines], 2)}
        after = keep * p_ - lr * {direction}
{_indent([*stores, "p[at] = after"], 2)}
        moved += (after - p_) * (after - p_)
        size += after * after
        same += F(1) if after == p_ else F(0)
    return moved, size, same
"""


def _reduce(graph: Graph, columns: Columns) -> str:
    """The loop that sums what the rule must know before it can walk."""
    if not graph.reductions:
        return ""
    printer = element_printer(columns, ELEMENTS, "F({})")
    sums = [printer.name(node.args[0]) for node in graph.reductions]
    loads = [f"{symbol}_ = {symbol}[at]" for symbol in graph.tensors]
    accumulators = [f"sum{i}" for i in range(len(sums))]
    return f"""
@njit(**FAST)
def sums_of(count, {", ".join(["g", "p", *graph.tensors])}, row, out):
    {", ".join(columns.names)}, = {", ".join(f"row[{i}]" for i in range(len(columns.names)))},
    {" = ".join(accumulators)} = 0.0
    for at in range(count):
        p_ = p[at]
        g_ = scale * g[at] + couple * p_
{_indent([*loads, *printer.lines], 2)}
{_indent([f"{a} += np.float64({x})" for a, x in zip(accumulators, sums, strict=True)], 2)}
{_indent([f"out[{i}] = {a}" for i, a in enumerate(accumulators)], 1)}
"""


def _numbers(layout: Layout, graph: Graph, columns: Columns) -> str:
    """What is one number for a whole tensor, in float64, for every tensor; ``commit`` keeps step and numbers."""
    rule, at = graph.rule, {name: i for i, name in enumerate(layout.addresses)}
    given = {"t": "t", "lr": "given[3]"}
    given |= {name: f"given[{i}]" for i, name in enumerate(rule.hypers, len(GIVEN))}
    given |= {symbol: f"{symbol}[0]" for symbol in graph.numbers}
    sums = {node: f"found[{i}]" for i, node in enumerate(graph.reductions)}
    printer = Printer(NUMBERS, "{}", lambda x: given[x.args[0]] if x.op == "var" else sums.get(x))
    fills = [form.format(printer.name(node)) for form, node in columns.nodes]
    new = [printer.name(graph.state[symbol]) for symbol in graph.numbers]
    views = [f"{symbol} = doubles(address[seat, {at[symbol]}], 1)" for symbol in graph.numbers]
    keeps = [f"{symbol}[0] = {name}" for symbol, name in zip(graph.numbers, new, strict=True)]
    return f"""
@njit(**PLAIN)
def numbers(address, rows, lane, ids, sums, commit, table, seeds):
    for seat in range(address.shape[0]):
        given, found = rows[lane[seat]], sums[seat]
        step = floats(address[seat, {at["t"]}], 1)
        t = np.float64(step[0]) + 1.0
        seeds[seat] = seed_of(np.uint32(t), ids[seat])
{_indent([*views, *printer.lines], 2)}
        for column in range({len(GIVEN)}):
            table[seat, column] = given[column]
{_indent([f"table[seat, {len(GIVEN) + i}] = {fill}" for i, fill in enumerate(fills)], 2)}
        if commit:
            step[0] = t
{_indent(keeps, 3)}
"""


@dataclass
class _Arrays:
    """Prints how the arrays of one chunk are opened and, where they are coded, put back."""

    layout: Layout
    opens: list[str] = field(default_factory=list)
    closes: list[str] = field(default_factory=list)
    scratch: int = 0

    def _at(self, column: str, width: str) -> str:
        return f"address[seat, {self.layout.addresses.index(column)}] + {width}"

    def plain(self, symbol: str) -> None:
        view, width = ("doubles", 8) if self.layout.wide else ("floats", 4)
        self.opens.append(f"{symbol} = {view}({self._at(symbol, f'{width} * start')}, count)")

    def _into_scratch(self, symbol: str, load: str) -> None:
        self.opens += [f"{symbol} = scratch[{self.scratch}, :count]", f"load_{load}, count, {symbol})"]
        self.scratch += 1

    def half(self, symbol: str, number: int, store: str) -> None:
        at = self._at(symbol, "2 * start")
        self._into_scratch(symbol, f"half({at}")
        noise = f", start, seeds[seat] ^ {slot_salt(number)})" if store == "_stochastic" else ")"
        if store != "none":
            self.closes.append(f"{'same = ' if symbol == 'p' else ''}store_half{store}({symbol}, {at}, count{noise}")

    def pair(self) -> None:
        at = f"{self._at('p', '2 * start')}, {self._at('p.rest', '2 * start')}"
        self._into_scratch("p", f"pair({at}")
        self.closes.append(f"same = store_pair(p, {at}, count)")

    def coded(self, symbol: str, number: int, kind: str) -> None:
        at = f"{self._at(symbol, 'start')}, {self._at(f'{symbol}.scales', f'4 * (start // {BLOCK})')}"
        self._into_scratch(symbol, f"{kind}({at}")
        self.closes.append(f"store_{kind}({symbol}, {at}, count, start, seeds[seat] ^ {slot_salt(number)})")

    def open(self, symbol: str, kind: str, number: int) -> None:
        if kind in ("float32", "float64"):
            self.plain(symbol)
        elif kind in ("nearest", "stochastic", "none"):
            self.half(symbol, number, {"nearest": "", "none": "none"}.get(kind, "_stochastic"))
        elif kind == "kahan":
            self.pair()
        else:
            self.coded(symbol, number, kind)


def _walks(layout: Layout, graph: Graph) -> str:
    """The loops over chunks: squares of the gradient, the sums, the walk itself."""
    arrays = _Arrays(layout)
    coded = layout.parameter in ("nearest", "stochastic", "kahan")
    arrays.open("g", "none" if coded else layout.parameter, -1)
    gradient = list(arrays.opens)
    arrays.open("p", layout.parameter, 0)
    changed = set(graph.changed)
    for number, (symbol, kind) in enumerate(layout.state, 1):
        before = len(arrays.closes)
        arrays.open(symbol, kind, number)
        if symbol not in changed:
            del arrays.closes[before:]
    names = ", ".join(["g", "p", *graph.tensors])
    start = """
        seat, start, count = part[turn, 0], part[turn, 1], part[turn, 2]
"""
    head = f"    scratch = np.empty(({max(1, arrays.scratch)}, {CHUNK}), F)\n    for turn in range(first, last):{start}"
    reduce = f"""
@njit(**PLAIN)
def reduce(first, last, part, address, table, out):
{head}{_indent(arrays.opens, 2)}
        sums_of(count, {names}, table[seat], out[turn])
"""
    return f"""
@njit(**PLAIN)
def measure(first, last, part, address, out):
{head}{_indent(gradient, 2)}
        out[turn] = squares(g, count)
{reduce if graph.reductions else ""}
@njit(**PLAIN)
def update(first, last, part, address, table, seeds, out):
{head}{_indent(arrays.opens, 2)}
        moved, size, same = tile(count, {names}, table[seat])
{_indent(arrays.closes, 2)}
        out[turn, 0], out[turn, 1], out[turn, 2] = moved, size, same
"""


def write(layout: Layout) -> str:
    """The source of the kernel for one rule and one way to store it."""
    graph, columns = trace(layout.rule), Columns()
    tile, reduce = _tile(graph, columns), _reduce(graph, columns)
    if reduce:  # columns that only one of the two loops asks for are in both tables
        tile, reduce = _tile(graph, columns), _reduce(graph, columns)
    numbers = _numbers(layout, graph, columns)
    kind = "float64" if layout.wide else "float32"
    head = f"""# The rule {layout.rule.name} as one pass over memory, written by leonui; it may be deleted.
import numpy as np
from numba import njit

from leonui.engine.native import *
from leonui.engine.native import FAST, PLAIN

F = np.{kind}
COLUMNS = {len(columns.names)}
"""
    return head + numbers + tile + reduce + _walks(layout, graph)


@cache
def load(layout: Layout) -> Any:
    """The compiled kernel, as a module; compiled once for a machine, then read from disk."""
    from leonui.engine import native

    return kernels.load(layout.rule.name, write(layout), Path(native.__file__).read_bytes())
