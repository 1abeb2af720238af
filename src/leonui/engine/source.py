"""Writes the source of a rule's CPU kernel from its graph, and keeps it where numba can keep the compiled form too.

One kernel walks over all tensors of all groups. Addresses, sizes and every number that is the same for a whole tensor
stand in tables, so neither a schedule nor a group leads to another compilation.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from leonui.engine.graph import Graph, trace
from leonui.engine.storage import BLOCK, slot_salt
from leonui.rules.expression import Node
from leonui.rules.rule import Rule

CHUNK = 16384  # elements a thread takes at a time: a few arrays of them fit into a core's own cache
GIVEN = ("scale", "couple", "keep", "lr")  # the engine's own numbers, first in each row of inputs and of the table
WORDS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "gt": "{} > {}", "abs": "abs({})"}
NUMBERS = {**WORDS, "pow": "{} ** {}", "where": "{1} if {0} else {2}", "sqrt": "np.sqrt({})"}
ELEMENTS = {**WORDS, "where": "{1} if {0} else {2}", "sqrt": "np.sqrt({})", "sign": "F({0} > F(0)) - F({0} < F(0))"}


@dataclass(frozen=True)
class Layout:
    """How each array of a kernel is stored: the parameter, and each tensor of the state by symbol, in order.

    float32, float64, bfloat16 ("nearest", "stochastic", "kahan" for a parameter), or 8-bit blocks, "signed" or not.
    """

    rule: Rule
    parameter: str
    state: tuple[tuple[str, str], ...]

    @property
    def wide(self) -> bool:
        """Whether the kernel computes in float64."""
        return self.parameter == "float64"

    @property
    def addresses(self) -> tuple[str, ...]:
        """What stands in each column of the table of addresses."""
        second = {"kahan": "rest", "signed": "scales", "unsigned": "scales"}
        columns = ["g", "p", *(["p.rest"] if self.parameter == "kahan" else [])]
        for symbol, kind in self.state:
            columns += [symbol, *([f"{symbol}.{second[kind]}"] if kind in second else [])]
        return (*columns, "t", *trace(self.rule).numbers)


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


def _folder() -> Path:
    root = os.environ.get("LEONUI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "leonui")
    return Path(root) / "kernels"


@cache
def load(layout: Layout) -> Any:
    """The compiled kernel, as a module; compiled once for a machine, then read from disk."""
    from leonui.engine import native

    text = write(layout)
    salt = Path(native.__file__).read_bytes()
    name = f"{layout.rule.name}_{hashlib.sha256(text.encode() + salt).hexdigest()[:16]}"
    path = _place(f"{name}.py", text)
    spec = importlib.util.spec_from_file_location(f"leonui_kernel_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # numba looks for the module of what it finds in its cache
    spec.loader.exec_module(module)
    return module


def _place(name: str, text: str) -> Path:
    """A file with that text in the cache, or in a temporary folder where the cache cannot be written."""
    for folder in (_folder, lambda: Path(tempfile.mkdtemp(prefix="leonui-"))):
        try:
            path = folder() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                part = path.with_suffix(f".{os.getpid()}")
                part.write_text(text)
                part.replace(path)
            return path
        except OSError:
            continue
    raise OSError("no folder for compiled kernels can be written; set LEONUI_CACHE to one that can")
