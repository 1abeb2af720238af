"""The Triton kernels on a real GPU, in one call: are they right, how fast, how near to the memory's speed.

    python bench/gpu.py                        # everything; without a GPU it says so and leaves
    python bench/gpu.py --rounds 21

Right: every element-wise rule against torch operations in float64, every storage against torch operations in the same
storage, and a step in which nothing waits for the device. Fast: seconds a step on the clock of the wall, with all work
of the GPU done, ours and a peer in turn on tensors of their own. Bytes are counted, not measured: what a step must read
and write; the bandwidth is that of a copy on the same GPU. Peers that are not installed are named.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from measure import in_turn, quartiles, write
from optim import FIRST, through_grad_scale
from shapes import MODELS, Shape
from torch import nn

from leonui import optim, rules
from leonui.engine import Engine, gpu, machines

Step = Callable[[], Any]
Row = dict[str, Any]
DEVICE = "cuda"
CLIP = 1.0
LADDER, EAGER = ("cpu.Cpu", "gpu.Gpu", "eager.Eager"), ("eager.Eager",)
SIZES = ((), (0,), (1,), (255,), (257,), (1023,), (4097,), (3, 65537))
HYPERS = {
    "lr": 0.02,
    "betas": (0.8, 0.95, 0.9),
    "eps": 1e-7,
    "weight_decay": 0.03,
    "alpha": 0.9,
    "beta": 0.7,
    "momentum": 0.6,
    "dampening": 0.2,
    "momentum_decay": 5e-3,
    "lr_decay": 0.1,
    "initial_accumulator_value": 0.2,
    "rho": 0.8,
    "trust": 0.01,
    "power": 2.0,
    "d0": 1e-2,
    "d_coef": 0.9,
    "growth_rate": 1.5,
}
STORAGES: list[tuple[torch.dtype, dict[str, Any]]] = [
    (torch.float16, {}),
    (torch.bfloat16, {"rounding": "nearest"}),
    (torch.bfloat16, {"rounding": "stochastic"}),
    (torch.bfloat16, {"rounding": "kahan"}),
    (torch.float32, {"state": "bf16"}),
    (torch.float32, {"state": "8bit"}),
    (torch.bfloat16, {"state": "8bit", "rounding": "stochastic"}),
]


def one_billion() -> list[Shape]:
    """A GPT of 24 layers of 1792: 290 tensors, 0.98 billion elements."""
    d = 1792
    norm = [(d,), (d,)]
    block = [*norm, (d, 3 * d), (3 * d,), (d, d), (d,), *norm, (d, 4 * d), (4 * d,), (4 * d, d), (d,)]
    return [(32000, d), *block * 24, (d,)]


SHAPES = {"gpt2-small": MODELS["gpt2-small"], "mlp-48": MODELS["mlp-48"], "gpt-1b": one_billion}


@contextmanager
def ladder(names: tuple[str, ...]) -> Iterator[None]:
    """Other machines for a while."""
    kept, machines.LADDER = machines.LADDER, names
    try:
        yield
    finally:
        machines.LADDER = kept


# right


def noise(shape: Shape, seed: int) -> torch.Tensor:
    """The same numbers on every device, of so few digits that every dtype holds them."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16().double()


def walked(make: Callable[[Any], Any], dtype: torch.dtype, names: tuple[str, ...], scale: float = 1.0) -> Any:
    """Three steps of an optimizer."""
    params = [nn.Parameter((noise(s, i) * scale).to(DEVICE, dtype)) for i, s in enumerate(SIZES)]
    optimizer = make(params)
    with ladder(names):
        for step in range(3):
            for i, p in enumerate(params):
                p.grad = (noise(p.shape, 100 + 10 * step + i) * scale).to(DEVICE, dtype)
            optimizer.step()
        assert names == EAGER or optimizer.engine.startswith("triton: "), optimizer.engine
    return optimizer


def apart(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> float:
    """The largest difference, in parts of the largest number."""
    differences = [(x.double() - y.double()).abs().max() for x, y in zip(found, wanted, strict=True) if x.numel()]
    return float(max(differences) / max(y.double().abs().max() for y in wanted if y.numel()))


def weights(optimizer: Any) -> list[torch.Tensor]:
    """All parameters."""
    return [p.detach() for p in optimizer.state]


def check_rules() -> Iterator[Row]:
    """Every element-wise rule, in float32 at two scales of the gradient, and in float64."""
    for rule in (one for one in vars(rules).values() if isinstance(one, rules.Rule) and not one.whole):
        for dtype, scale, most in (
            (torch.float32, 1.0, 1e-5),
            (torch.float32, 1e-6, 1e-5),
            (torch.float64, 1.0, 1e-12),
        ):
            make = lambda params: Engine(params, rule, dict(HYPERS), {"decay": "decoupled", "clip_norm": 1e3})  # noqa: B023, E731
            ours, theirs = walked(make, dtype, LADDER, scale), walked(make, torch.float64, EAGER, scale)
            error = apart(weights(ours), weights(theirs))
            yield {"check": rule.name, "in": f"{dtype} x {scale:g}", "error": error, "ok": error <= most}


def check_storages() -> Iterator[Row]:
    """AdamW in every storage: the share of numbers that are not those of the reference."""
    for dtype, options in STORAGES:
        make = lambda params: optim.AdamW(params, lr=0.01, weight_decay=0.5, **options)  # noqa: B023, E731
        ours, theirs = (walked(make, dtype, names) for names in (LADDER, EAGER))
        pairs = [(x, y) for x, y in zip(everything(ours), everything(theirs), strict=True) if x.numel()]
        shares = [float((x != y).double().mean()) for x, y in pairs if x.dtype is not torch.float32]
        error = max(apart([x], [y]) for x, y in pairs if x.dtype is torch.float32)
        ok = max(shares, default=0.0) < 0.01 and error < 1e-6
        yield {
            "check": f"AdamW {options}",
            "in": str(dtype),
            "differ": max(shares, default=0.0),
            "error": error,
            "ok": ok,
        }


def everything(optimizer: Any) -> list[torch.Tensor]:
    """Weights and state."""
    return [x for p, state in optimizer.state.items() for x in (p.detach(), *state.values())]


def check_waits() -> Iterator[Row]:
    """A step in which torch forbids to wait; one that is not finite, which must change nothing."""
    optimizer = walked(
        lambda params: optim.AdamW(params, clip_norm=CLIP, schedule=lambda t: 1 / (1 + t)), torch.float32, LADDER
    )
    held = list(optimizer.state)
    with ladder(LADDER):
        torch.cuda.set_sync_debug_mode("error")
        try:
            optimizer.step()
            said = ""
        except RuntimeError as error:
            said = str(error).partition("\n")[0]
        finally:
            torch.cuda.set_sync_debug_mode("default")
        yield {"check": "a step waits for nothing", "in": "float32", "said": said, "ok": not said}
        before = [x.clone() for x in everything(optimizer)]
        held[-1].grad[0, 7] = float("nan")
        optimizer.step()
    same = [torch.equal(x, y) for x, y in zip(before, everything(optimizer), strict=True)]
    yield {"check": "a step with nan changes nothing", "in": "float32", "ok": all(same)}


# fast


def parameters(model: str, dtype: torch.dtype) -> list[nn.Parameter]:
    """Fresh parameters of a model's shapes, with gradients."""
    made = [nn.Parameter(torch.randn(shape, device=DEVICE, dtype=dtype) * 0.02) for shape in SHAPES[model]()]
    for p in made:
        p.grad = torch.randn_like(p) * 1e-3
    return made


def clipped(params: list[nn.Parameter], optimizer: Any) -> Step:
    """The usual two calls."""

    def step() -> None:
        nn.utils.clip_grad_norm_(params, CLIP, foreach=True)
        optimizer.step()

    return step


def package(name: str) -> Any:
    """A peer's module."""
    return importlib.import_module(name)


OURS: dict[str, tuple[torch.dtype, float, Callable[[Any], Step]]] = {  # dtype, bytes an element, the step
    "adamw": (torch.float32, 32, lambda params: optim.AdamW(params, clip_norm=CLIP).step),
    "adamw unguarded": (torch.float32, 28, lambda params: optim.AdamW(params, guard=False).step),
    "lion unguarded": (torch.float32, 20, lambda params: optim.Lion(params, guard=False).step),
    "sgd unguarded": (torch.float32, 20, lambda params: optim.SGD(params, lr=1e-3, momentum=0.9, guard=False).step),
    "adamw bf16": (torch.bfloat16, 24, lambda params: optim.AdamW(params, clip_norm=CLIP, rounding="stochastic").step),
    "adamw 8bit": (
        torch.float32,
        20 + 4 * 4 / 256,
        lambda params: optim.AdamW(params, clip_norm=CLIP, state="8bit").step,
    ),
}
PEERS: list[tuple[str, str, str, Callable[[Any], Step]]] = [  # ours, theirs, their package, their step
    ("adamw", "torch fused + clip", "torch", lambda params: clipped(params, torch.optim.AdamW(params, fused=True))),
    (
        "adamw",
        "torch fused + grad_scale",
        "torch",
        lambda params: through_grad_scale(params, torch.optim.AdamW(params, fused=True)),
    ),
    ("adamw", "torch foreach + clip", "torch", lambda params: clipped(params, torch.optim.AdamW(params, foreach=True))),
    ("adamw unguarded", "torch fused", "torch", lambda params: torch.optim.AdamW(params, fused=True).step),
    (
        "sgd unguarded",
        "torch fused",
        "torch",
        lambda params: torch.optim.SGD(params, lr=1e-3, momentum=0.9, fused=True).step,
    ),
    (
        "lion unguarded",
        "lion-pytorch",
        "lion_pytorch",
        lambda params: package("lion_pytorch").Lion(params, lr=1e-4).step,
    ),
    (
        "adamw bf16",
        "torch fused + clip",
        "torch",
        lambda params: clipped(params, torch.optim.AdamW(params, fused=True)),
    ),
    (
        "adamw 8bit",
        "bitsandbytes + clip",
        "bitsandbytes",
        lambda params: clipped(params, package("bitsandbytes").optim.AdamW8bit(params)),
    ),
    (
        "adamw 8bit",
        "torchao + clip",
        "torchao",
        lambda params: clipped(params, package("torchao.optim").AdamW8bit(params)),
    ),
]


def timed(step: Step, calls: int) -> float:
    """Seconds a call, from an idle GPU to an idle GPU."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(calls):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / calls


def calls_for(step: Step, seconds: float = 0.1) -> int:
    """How many calls take about so long, after a few that compile and warm up."""
    timed(step, 3)
    return max(3, min(1000, int(seconds / timed(step, 3))))


def copied(elements: int = 1 << 28) -> float:
    """Bytes a second of a copy of a large tensor, read and write."""
    x = torch.ones(elements, device=DEVICE)
    y = torch.empty_like(x)
    return max(8 * elements / timed(lambda: y.copy_(x), 10) for _ in range(5))


def against(model: str, name: str, peer: str, make: Callable[[Any], Step], rounds: int, bandwidth: float) -> Row:
    """Ours and one peer, in turn, each with parameters of its own."""
    dtype, weight, ours = OURS[name]
    params = parameters(model, dtype)
    elements = sum(p.numel() for p in params)
    mine, theirs = ours(params), make(parameters(model, dtype))
    calls = max(calls_for(mine), calls_for(theirs))
    pairs = in_turn(lambda: timed(mine, calls), lambda: timed(theirs, calls), rounds)
    low, middle, high = quartiles([after / before for before, after in pairs])
    seconds = statistics.median(before for before, _ in pairs)
    rate = weight * elements / seconds
    return {
        "model": model,
        "rule": name,
        "peer": peer,
        "ms": seconds * 1e3,
        "peer_ms": statistics.median(after for _, after in pairs) * 1e3,
        "ratio": middle,
        "quartiles": [low, high],
        "GB_per_s": rate / 1e9,
        "share_of_copy": rate / bandwidth,
        "calls": calls,
    }


def races(rounds: int, bandwidth: float) -> Iterator[Row]:
    """Every peer that is installed, on every model that fits into memory."""
    for model, (name, peer, needs, make) in itertools.product(SHAPES, PEERS):
        row = {"model": model, "rule": name, "peer": peer}
        if importlib.util.find_spec(needs) is None:
            yield row | {"not_measured": f"{needs} is not installed"}
            continue
        try:
            yield against(model, name, peer, make, rounds, bandwidth)
        except (torch.cuda.OutOfMemoryError, ImportError, AttributeError, RuntimeError) as error:
            yield row | {"not_measured": str(error).partition("\n")[0]}
        torch.cuda.empty_cache()


def sweep(bandwidth: float) -> Iterator[Row]:
    """Other sizes of chunk and block, other numbers of warps: what the constants in gpu.py should be on this GPU."""
    kept = gpu.CHUNK, gpu.BLOCK, dict(gpu.LAUNCH)
    params = parameters("gpt2-small", torch.float32)
    elements = sum(p.numel() for p in params)
    for chunk, block, warps in itertools.product((2048, 4096, 16384), (512, 1024, 2048), (4, 8)):
        gpu.CHUNK, gpu.BLOCK = chunk, block
        gpu.LAUNCH["num_warps"] = warps
        step = optim.AdamW(params, clip_norm=CLIP).step
        calls = calls_for(step)
        seconds = statistics.median(timed(step, calls) for _ in range(5))
        rate = 32 * elements / seconds
        yield {"sweep": [chunk, block, warps], "ms": seconds * 1e3, "share_of_copy": rate / bandwidth}
    gpu.CHUNK, gpu.BLOCK, _ = kept
    gpu.LAUNCH.update(kept[2])


def first_step() -> Iterator[Row]:
    """Seconds to the first step in a new process: nothing compiled, and all compiled on disk."""
    script = FIRST.format(name="AdamW").replace("torch.randn(64, 64)", "torch.randn(64, 64, device='cuda')")
    script = script.replace("began =", f"from leonui.engine import machines\nmachines.LADDER = {LADDER}\nbegan =")
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "LEONUI_CACHE": cache, "TRITON_CACHE_DIR": cache}
        command = [sys.executable, "-c", script]
        run = lambda: float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)  # noqa: E731
        yield {"first step": "AdamW", "cold_s": run(), "warm_s": statistics.median(run() for _ in range(3))}


def told(row: Row) -> str:
    """One line of the table."""
    if "check" in row:
        figures = ", ".join(f"{key} {row[key]}" for key in ("differ", "error", "said") if row.get(key))
        return f"{'ok  ' if row['ok'] else 'BAD '} {row['check']:60} {row['in']:24} {figures}"
    if "not_measured" in row:
        return f"{row['model']:11} {row['rule']:16} {row['peer']:26} not measured: {row['not_measured']}"
    if "peer" in row:
        times = f"{row['ms']:9.3f} ms against {row['peer_ms']:9.3f} ms  x{row['ratio']:5.2f}"
        low, high = row["quartiles"]
        rate = f"{row['GB_per_s']:7.1f} GB/s, {row['share_of_copy']:.0%} of a copy"
        return f"{row['model']:11} {row['rule']:16} {row['peer']:26} {times}  ({low:.2f} to {high:.2f})  {rate}"
    return ", ".join(f"{key} {value}" for key, value in row.items())


def main() -> None:
    """Do all of it, print the table, leave it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    missing = [] if torch.cuda.is_available() else ["no GPU"]
    missing += [] if importlib.util.find_spec("triton") else ["triton is not installed"]
    if missing:
        print(f"not measured: {', '.join(missing)}")
        return
    machines.LADDER = LADDER
    bandwidth = copied()
    rows: list[Row] = [
        {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "copy_GB_per_s": bandwidth / 1e9}
    ]
    print(told(rows[0]), flush=True)
    parts = (check_rules(), check_storages(), check_waits(), races(rounds, bandwidth), sweep(bandwidth), first_step())
    for row in itertools.chain(*parts):
        rows.append(row)
        print(told(row), flush=True)
    write("gpu", rows)
    wrong = [row["check"] for row in rows if row.get("ok") is False]
    if wrong:
        sys.exit(f"wrong: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
