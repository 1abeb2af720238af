"""Writes the source of a rule's GPU kernels from its graph: Triton, one launch for all tensors of all groups.

Addresses, sizes and every number that is the same for a whole tensor stand in tables in the device's memory, so neither
a schedule nor a group leads to another compilation, and nothing is read back. Loads and stores are those of
``storage``, bit for bit. No kernel is autotuned: it writes in place, and a trial run would be a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from leonui.engine import kernels
from leonui.engine.arrays import Layout
from leonui.engine.graph import Graph, trace
from leonui.engine.printer import GIVEN, Columns, Printer, element_printer
from leonui.engine.storage import BLOCK, slot_salt

# a condition that is one number for a tensor comes out of the table as a float, hence "!= 0"
WORDS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "gt": "{} > {}",
    "abs": "tl.abs({})",
    "where": "tl.where({} != 0, {}, {})",
    "sqrt": "tl.sqrt({})",
    "pow": "power({}, {})",
    "sign": "({0} > 0).to({0}.dtype) - ({0} < 0).to({0}.dtype)",
}
EXACT = {"div": "tl.div_rn({}, {})", "sqrt": "tl.sqrt_rn({})"}  # in float32 Triton's own are an approximation
POINTERS = {"nearest": "uint16", "stochastic": "uint16", "kahan": "uint16", "signed": "int8", "unsigned": "uint8"}
SECOND = {"kahan": ("rest", "uint16"), "signed": ("scales", "float32"), "unsigned": ("scales", "float32")}
LOADS = {"nearest": "half", "stochastic": "half", "kahan": "kahan", "signed": "signed", "unsigned": "unsigned"}
PLAIN = ("float32", "float64", "float16")

GRADIENT = "g_ = scale * g_ + couple * p_"

HEAD = f"""import triton
import triton.language as tl

EACH = tl.constexpr({BLOCK})

@triton.jit
def power(x, y):
    return tl.where(y == 0, y * 0 + 1, tl.exp2(y * tl.log2(x)))

@triton.jit
def hashed(place, seed):
    x = place * 0x9E3779B1 + seed
    x = (x ^ (x >> 16)) * 0x85EBCA6B
    x = (x ^ (x >> 13)) * 0xC2B2AE35
    return x ^ (x >> 16)

@triton.jit
def widened(h):
    return (h.to(tl.uint32) << 16).to(tl.float32, bitcast=True)

@triton.jit
def nearest(x):
    b = x.to(tl.uint32, bitcast=True)
    return tl.where(x != x, 0x7FC0, (b + 0x7FFF + ((b >> 16) & 1)) >> 16).to(tl.uint16)

@triton.jit
def load_half(x, i, inside):
    return widened(tl.load(x + i, mask=inside, other=0))

@triton.jit
def load_kahan(x, rest, i, inside):
    return load_half(x, i, inside) + load_half(rest, i, inside)

@triton.jit
def load_signed(x, scales, i, inside):
    c = tl.div_rn(tl.load(x + i, mask=inside, other=0).to(tl.float32), 127.0)
    return c * tl.abs(c) * tl.load(scales + i // EACH, mask=inside, other=0.0)

@triton.jit
def load_unsigned(x, scales, i, inside):
    c = tl.div_rn(tl.load(x + i, mask=inside, other=0).to(tl.float32), 255.0)
    return c * c * c * c * tl.load(scales + i // EACH, mask=inside, other=0.0)

@triton.jit
def store_half(h, x, i, inside, live):
    same = h == tl.load(x + i, mask=inside, other=0)
    tl.store(x + i, h, mask=live)
    return same

@triton.jit
def store_nearest(new, x, i, inside, live, place, seed):
    return store_half(nearest(new), x, i, inside, live)

@triton.jit
def store_stochastic(new, x, i, inside, live, place, seed):
    b = new.to(tl.uint32, bitcast=True)
    cut = tl.where((b & 0x7F800000) == 0x7F800000, 0, hashed(place, seed) & 0xFFFF)
    return store_half(((b + cut) >> 16).to(tl.uint16), x, i, inside, live)

@triton.jit
def store_kahan(new, x, rest, i, inside, live, place, seed):
    h = nearest(new)
    same = store_half(h, x, i, inside, live)
    return same & store_half(nearest(new - widened(h)), rest, i, inside, live)

@triton.jit
def share_of(new, scales, i, inside, live):
    size = tl.reshape(tl.where(inside, tl.abs(new), 0.0), (new.shape[0] // EACH, EACH))
    top = tl.max(size, axis=1)
    first = tl.min(tl.reshape(i, size.shape), axis=1)
    tl.store(scales + first // EACH, top, mask=tl.max(tl.reshape(live.to(tl.int32), size.shape), axis=1) > 0)
    return tl.reshape(size * tl.div_rn(1.0, tl.maximum(top, 1.1754943508222875e-38))[:, None], new.shape)

@triton.jit
def chance(place, seed):
    return (hashed(place, seed) >> 8).to(tl.float32) * 5.9604644775390625e-08

@triton.jit
def store_signed(new, x, scales, i, inside, live, place, seed):
    share = share_of(new, scales, i, inside, live)
    low = tl.minimum(tl.floor(tl.sqrt_rn(share) * 127.0), 127.0)
    a, z = tl.div_rn(low, 127.0), tl.div_rn(low + 1.0, 127.0)
    up = chance(place, seed) < tl.div_rn(share - a * a, z * z - a * a)
    code = tl.minimum(low + up.to(tl.float32), 127.0).to(tl.int32)
    tl.store(x + i, tl.where(new < 0, -code, code).to(tl.int8), mask=live)

@triton.jit
def store_unsigned(new, x, scales, i, inside, live, place, seed):
    share = share_of(new, scales, i, inside, live)
    low = tl.minimum(tl.floor(tl.sqrt_rn(tl.sqrt_rn(share)) * 255.0), 255.0)
    a, z = tl.div_rn(low, 255.0), tl.div_rn(low + 1.0, 255.0)
    a, z = a * a * a * a, z * z * z * z
    up = chance(place, seed) < tl.div_rn(share - a, z - a)
    tl.store(x + i, tl.minimum(low + up.to(tl.float32), 255.0).to(tl.int32).to(tl.uint8), mask=live)

@triton.jit
def gather(out, starts, sums, COUNT: tl.constexpr, BLOCK: tl.constexpr):
    seat = tl.program_id(0)
    first, last = tl.load(starts + seat), tl.load(starts + seat + 1)
    for column in tl.static_range(COUNT):
        held = tl.zeros([BLOCK], tl.float64)
        for at in range(first, last, BLOCK):
            i = at + tl.arange(0, BLOCK)
            held += tl.load(out + i * COUNT + column, mask=i < last, other=0.0)
        tl.store(sums + seat * COUNT + column, tl.sum(held))
"""


@dataclass(frozen=True)
class _Array:
    """Prints how one array is opened, loaded and stored."""

    layout: Layout
    symbol: str
    kind: str

    @property
    def names(self) -> list[str]:
        """The names of its pointers."""
        return [f"at_{self.symbol}", *([f"at_{self.symbol}_2"] if self.kind in SECOND else [])]

    @property
    def opens(self) -> list[str]:
        """The lines that read its pointers from the table, moved to the chunk's first element."""
        lines = [self._open(0, self.symbol, POINTERS.get(self.kind, self.kind), "start")]
        if self.kind in SECOND:
            name, kind = SECOND[self.kind]
            lines.append(self._open(1, f"{self.symbol}.{name}", kind, "start" if name == "rest" else "start // EACH"))
        return lines

    def _open(self, which: int, column: str, kind: str, offset: str) -> str:
        at = self.layout.addresses.index(column)
        pointer = f"tl.load(address + {at}).to(tl.pointer_type(tl.{kind}))"
        return f"{self.names[which]} = tl.multiple_of({pointer}, ALIGN) + {offset}"

    @property
    def load(self) -> str:
        """The line that loads it."""
        wide = ".to(tl.float32)" if self.kind == "float16" else ""
        plain = f"tl.load({self.names[0]} + i, mask=inside, other=0.0){wide}"
        coded = f"load_{LOADS.get(self.kind, self.kind)}({', '.join(self.names)}, i, inside)"
        return f"{self.symbol}_ = {plain if self.kind in PLAIN else coded}"

    def store(self, value: str, number: int) -> list[str]:
        """The lines that store a value: those of the parameter (number 0) say which places stay as they were."""
        if self.kind in PLAIN:
            stays = f"{value}.to(tl.float16).to(tl.float32)" if self.kind == "float16" else value
            says = [f"same = {stays} == {self.symbol}_"] if number == 0 else []
            return [f"tl.store({self.names[0]} + i, {value}, mask=live)", *says]
        given = f"{value}, {', '.join(self.names)}, i, inside, live, place, seed ^ {slot_salt(number)}"
        return [f"{'same = ' if number == 0 else ''}store_{self.kind}({given})"]


@dataclass(frozen=True)
class _Rule:
    """Prints the kernels of one rule, stored in one way."""

    layout: Layout
    graph: Graph
    columns: Columns
    real: str  # what the kernels compute in

    @property
    def arrays(self) -> list[_Array]:
        """Gradient, parameter, and the tensors of the state."""
        gradient = self.layout.parameter if self.layout.parameter in PLAIN else "nearest"
        kinds = [("g", gradient), ("p", self.layout.parameter), *self.layout.state]
        return [_Array(self.layout, symbol, kind) for symbol, kind in kinds]

    def printer(self) -> Printer:
        """A printer for what is done to each element."""
        words = WORDS if self.layout.wide else {**WORDS, **EXACT}
        return element_printer(self.columns, words, f"tl.full((), {{}}, {self.real})")

    def kernel(self, name: str, lines: list[str], results: list[str]) -> str:
        """A kernel: one program for each chunk, block by block, which sums the results of each block."""
        arrays, columns = (self.arrays[:1], []) if name == "measure" else (self.arrays, self.columns.names)
        own, real = (["seeds", "go"], self.real) if name == "update" else ([], "tl.float64")
        given = [*(["start", "seed", "going"] if own else []), *(x for a in arrays for x in a.names), *columns]
        reads = [f"{column} = tl.load(table + {i})" for i, column in enumerate(columns)]
        reads += ["seed = tl.load(seeds + seat).to(tl.uint32)", "going = tl.load(go).to(tl.int32)"] if own else []
        sums, news = ([f"{x}{i}" for i in range(len(results))] for x in ("sum", "new"))
        call = f"{', '.join(news)} = {name}_block(at, count, {', '.join(given)}, BLOCK"
        return f"""
@triton.jit
def {name}_block(at, count, {", ".join(given)}, BLOCK: tl.constexpr, FULL: tl.constexpr):
    i = at + tl.arange(0, BLOCK)
    inside = (i < count) | FULL
{_indent([*(array.load for array in arrays), *lines])}
    return {", ".join(f"tl.where(inside, {x}, 0.0).to({real})" for x in results)}

@triton.jit
def {name}(part, address, table, {"".join(f"{x}, " for x in own)}out, BLOCK: tl.constexpr, ALIGN: tl.constexpr):
    turn = tl.program_id(0).to(tl.int64)
    seat, count = tl.load(part + 3 * turn), tl.load(part + 3 * turn + 2).to(tl.int32)
    start = tl.multiple_of(tl.load(part + 3 * turn + 1), EACH)
    address += seat * {len(self.layout.addresses)}
    table += seat * {len(self.columns.names)}
{_indent([*(line for array in arrays for line in array.opens), *reads])}
{_indent([f"{x} = tl.zeros([BLOCK], {real})" for x in sums])}
    for at in range(0, count, BLOCK):
        if at + BLOCK <= count:
            {call}, True)
        else:
            {call}, False)
{_indent([f"{x} += {new}" for x, new in zip(sums, news, strict=True)], 2)}
{_indent([f"tl.store(out + {len(sums)} * turn + {i}, tl.sum({x}).to(tl.float64))" for i, x in enumerate(sums)])}
"""

    def measure(self) -> str:
        """The sum of squares of the gradient."""
        return self.kernel("measure", ["wide = g_.to(tl.float64)"], ["wide * wide"])

    def reduce(self) -> str:
        """What the rule must know before it walks."""
        if not self.graph.reductions:
            return ""
        printer = self.printer()
        sums = [printer.name(node.args[0]) for node in self.graph.reductions]
        return self.kernel("reduce", [GRADIENT, *printer.lines], sums)

    def update(self) -> str:
        """The step itself."""
        printer = self.printer()
        direction = printer.name(self.graph.direction)
        new = {symbol: printer.name(node) for symbol, node in self.graph.changed.items()}
        numbers = {symbol: number for number, symbol in enumerate(self.graph.rule.slots, 1)}
        lines = [
            GRADIENT,
            *printer.lines,
            "live = inside & (tl.zeros([BLOCK], tl.int32) + going != 0)",
            f"after = tl.where(live, keep * p_ - lr * {direction}, p_)",
            "place = (start + i).to(tl.uint32)",
            *self.arrays[1].store("after", 0),
            *(line for a in self.arrays if a.symbol in new for line in a.store(new[a.symbol], numbers[a.symbol])),
        ]
        moved, same = "(after - p_) * (after - p_)", f"tl.where(live, same, inside).to({self.real})"
        return self.kernel("update", lines, [moved, "after * after", same])

    def numbers(self) -> str:
        """What is one number for a whole tensor, in float64, for every tensor; ``COMMIT`` keeps step and numbers."""
        graph, at = self.graph, {name: i for i, name in enumerate(self.layout.addresses)}
        inputs = (*GIVEN, *graph.rule.hypers)
        given = {"t": "t", "lr": "given3"} | {symbol: f"{symbol}_" for symbol in graph.numbers}
        given |= {name: f"given{i}" for i, name in enumerate(inputs) if i >= len(GIVEN)}
        sums = {node: f"sum{i}" for i, node in enumerate(graph.reductions)}
        literal = "tl.full((), {}, tl.float64)"
        printer = Printer(WORDS, literal, lambda x: given[x.args[0]] if x.op == "var" else sums.get(x))
        fills = ["given0 * tl.load(scale)", "given1", "given2", "given3"]
        fills += [form.format(printer.name(node)) for form, node in self.columns.nodes]
        new = {symbol: printer.name(graph.state[symbol]) for symbol in graph.numbers}
        pointer = "at_{} = tl.load(address + {}, mask=inside, other=0).to(tl.pointer_type(tl.{}))"
        places = [("t", "float32"), *((symbol, "float64") for symbol in graph.numbers)]
        lines = [
            *(pointer.format(name, at[name], kind) for name, kind in places),
            *(f"{name}_ = tl.load(at_{name}, mask=inside, other=0.0)" for name, _ in places),
            *(f"given{i} = tl.load(rows + {i}, mask=inside, other=0.0)" for i in range(len(inputs))),
            *(f"sum{i} = tl.load(sums + {i}, mask=inside, other=0.0)" for i in range(len(sums))),
            "t = t_.to(tl.float64) + 1.0",
            *printer.lines,
            *(f"tl.store(table + {i}, {fill}, mask=inside)" for i, fill in enumerate(fills)),
        ]
        return f"""
@triton.jit(do_not_specialize=["count"])
def numbers(address, rows, lane, ids, sums, scale, go, count, table, seeds, COMMIT: tl.constexpr, BLOCK: tl.constexpr):
    seat = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = seat < count
    address += seat * {len(at)}
    rows += tl.load(lane + seat, mask=inside, other=0) * {len(inputs)}
    sums += seat * {len(sums)}
    table += seat * {len(fills)}
{_indent(lines)}
    name = tl.load(ids + seat, mask=inside, other=0).to(tl.uint32)
    seed = (t.to(tl.uint32) * 0x9E3779B1) ^ ((name + 1) * 0x85EBCA6B)
    tl.store(seeds + seat, seed.to(tl.int64), mask=inside)
    if COMMIT:
        live = inside & (tl.zeros([BLOCK], tl.int32) + tl.load(go) != 0)
        tl.store(at_t, t.to(tl.float32), mask=live)
{_indent([f"tl.store(at_{symbol}, {name}, mask=live)" for symbol, name in new.items()], 2)}
"""


def _indent(lines: list[str], depth: int = 1) -> str:
    return "\n".join("    " * depth + line for line in lines)


def write(layout: Layout) -> str:
    """The source of the kernels for one rule and one way to store it."""
    rule = _Rule(layout, trace(layout.rule), Columns(), "tl.float64" if layout.wide else "tl.float32")
    rule.update()  # the tables have the columns of both: all are known before anything is kept
    loops = rule.reduce() + rule.update() + rule.numbers() + rule.measure()
    head = f"# The rule {layout.rule.name} as one pass over memory, written by leonui; it may be deleted.\n"
    return f"{head}{HEAD}\nCOLUMNS = {len(rule.columns.names)}\n{loops}"


@cache
def load(layout: Layout) -> Any:
    """The kernels as a module; Triton compiles them at the first launch and keeps that on disk."""
    return kernels.load(f"{layout.rule.name}_gpu", write(layout))
