"""How fast a step is: ours and real peers on the same tensors, in turn, as ratios; bytes counted against the triad.

    python bench/optim.py                      # every model and rule, and the time to the first step
    python bench/optim.py --model mlp-48 --rule lion --rounds 21

A step is what a training loop does between backward and zero_grad: clip the global norm where the row says so, then
update. Every contestant has its own parameters and gradients, so none finds another's in a cache. Peers that are not
installed are left out and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from measure import in_turn, quartiles, section, table, write
from shapes import MODELS
from torch import nn

from leonui import optim

Step = Callable[[], Any]
CLIP = 1.0
# reads and writes of 4 bytes an element in one step of ours: gradient (twice where a norm is needed), weight, state
PASSES = {"adamw": 8, "adamw-unguarded": 7, "lion": 5, "rmsprop": 5, "sgd": 5}


def parameters(model: str) -> list[nn.Parameter]:
    """Fresh parameters of a model's shapes, with gradients."""
    made = [nn.Parameter(torch.randn(shape) * 0.02) for shape in MODELS[model]()]
    for p in made:
        p.grad = torch.randn_like(p) * 1e-3
    return made


def clipped(params: list[nn.Parameter], optimizer: torch.optim.Optimizer, **foreach: Any) -> Step:
    """The usual two calls."""

    def step() -> None:
        nn.utils.clip_grad_norm_(params, CLIP, **foreach)
        optimizer.step()

    return step


def through_grad_scale(params: list[nn.Parameter], optimizer: Any) -> Step:
    """torch's fused kernel with the clip factor handed to it as a GradScaler's scale."""

    def step() -> None:
        norm = nn.utils.get_total_norm([p.grad for p in params if p.grad is not None])
        optimizer.grad_scale = ((norm + 1e-6) / CLIP).clamp(min=1.0)
        optimizer.found_inf = (~norm.isfinite()).float()
        optimizer.step()

    return step


def adamw(params: list[nn.Parameter], name: str) -> Step | None:
    """AdamW after clipping the global norm."""
    if name == "leonui":
        return optim.AdamW(params, clip_norm=CLIP).step
    if name == "optax jit":
        return optax_step(params, lambda optax: optax.chain(optax.clip_by_global_norm(CLIP), optax.adamw(1e-3)))
    if name == "pytorch_optimizer":
        return clipped(params, package("pytorch_optimizer").AdamW(params, lr=1e-3))
    if name == "heavyball":
        return clipped(params, package("heavyball").AdamW(params, lr=1e-3, consume_grad=False))
    if name == "torch fused + grad_scale":
        return through_grad_scale(params, torch.optim.AdamW(params, fused=True))
    settings = {
        "torch for-loop": {"foreach": False},
        "torch foreach": {"foreach": True},
        "torch fused": {"fused": True},
    }
    return clipped(params, torch.optim.AdamW(params, **settings[name]))


def lion(params: list[nn.Parameter], name: str) -> Step | None:
    """Lion, without clipping; ours without its finite guard, which the others do not have."""
    if name.startswith("leonui"):
        return optim.Lion(params, guard="guard" in name).step
    if name == "optax jit":
        return optax_step(params, lambda optax: optax.lion(1e-4))
    if name == "lion-pytorch":
        return package("lion_pytorch").Lion(params, lr=1e-4).step
    foreach = {"foreach": True} if name.endswith("foreach") else {"foreach": False}
    return package("pytorch_optimizer").Lion(params, lr=1e-4, **foreach).step


def rmsprop(params: list[nn.Parameter], name: str) -> Step | None:
    """RMSprop, without clipping; ours without its finite guard."""
    if name.startswith("leonui"):
        return optim.RMSprop(params, guard="guard" in name).step
    if name == "optax jit":
        return optax_step(params, lambda optax: optax.rmsprop(1e-2, decay=0.99))
    return torch.optim.RMSprop(params, foreach=name == "torch foreach").step


def sgd(params: list[nn.Parameter], name: str) -> Step | None:
    """SGD with momentum, without clipping; ours without its finite guard."""
    if name.startswith("leonui"):
        return optim.SGD(params, lr=1e-3, momentum=0.9, guard="guard" in name).step
    return torch.optim.SGD(params, lr=1e-3, momentum=0.9, **{name.split()[1]: True}).step


def optax_step(params: list[nn.Parameter], make: Callable[[Any], Any]) -> Step:
    """One compiled update of optax, on buffers that it may overwrite."""
    import jax
    import optax

    arrays = [jax.numpy.asarray(p.detach().numpy()) for p in params]
    grads = [jax.numpy.asarray(p.grad.numpy()) for p in params if p.grad is not None]
    transform = make(optax)

    @(lambda f: jax.jit(f, donate_argnums=(0, 1)))
    def update(held: Any, state: Any, slopes: Any) -> Any:
        updates, state = transform.update(slopes, state, held)
        return optax.apply_updates(held, updates), state

    kept = [arrays, transform.init(arrays)]

    def step() -> None:
        kept[0], kept[1] = update(kept[0], kept[1], grads)
        jax.block_until_ready(kept)

    return step


RULES: dict[str, tuple[Callable[[list[nn.Parameter], str], Step | None], list[str]]] = {
    "adamw": (
        adamw,
        [
            "torch for-loop",
            "torch foreach",
            "torch fused",
            "torch fused + grad_scale",
            "pytorch_optimizer",
            "optax jit",
            "heavyball",
        ],
    ),
    "lion": (lion, ["leonui guard", "lion-pytorch", "pytorch_optimizer", "pytorch_optimizer foreach", "optax jit"]),
    "rmsprop": (rmsprop, ["leonui guard", "torch for-loop", "torch foreach", "optax jit"]),
    "sgd": (sgd, ["leonui guard", "torch foreach", "torch fused"]),
}
SMALL = {"heavyball": 50}  # it compiles each tensor for itself: a minute for 48 of them
NEEDS = {
    "heavyball": "heavyball",
    "optax jit": "optax",
    "lion-pytorch": "lion_pytorch",
    "pytorch_optimizer": "pytorch_optimizer",
}


def package(name: str) -> Any:
    """A peer's module."""
    import importlib

    return importlib.import_module(name)


def installed(name: str) -> bool:
    """Whether the package of a contestant is there."""
    need = next((needed for start, needed in NEEDS.items() if name.startswith(start)), "torch")
    return importlib.util.find_spec(need) is not None


def timed(step: Step, calls: int) -> float:
    """Seconds a call."""
    began = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - began) / calls


def triad(elements: int) -> float:
    """Bytes a second of c = a + b: two reads and a write of 4 bytes."""
    a, b, c = (torch.ones(elements) for _ in range(3))
    return 12 * elements / timed(lambda: torch.add(a, b, out=c), max(3, 30_000_000 // elements))


def compare(model: str, rule: str, rounds: int) -> list[dict[str, Any]]:
    """Ours against each contestant by itself, in turn; ratios of theirs to ours, round by round."""
    make, peers = RULES[rule]
    elements = sum(p.numel() for p in parameters(model))
    calls = max(1, 2_000_000 // elements)
    rows, ours, bandwidth = [], [], []
    for name in filter(installed, peers):
        if len(parameters(model)) > SMALL.get(name, 1000):
            continue
        (first, _), (second, waited) = (warm(make(parameters(model), who)) for who in ("leonui", name))
        pairs = in_turn(lambda step=first: timed(step, calls), lambda step=second: timed(step, calls), rounds)
        ours += [mine for mine, _ in pairs]
        bandwidth.append(triad(elements))
        rows.append(line(model, rule, name, pairs) | {"first_s": waited})
    middle = statistics.median(ours)
    moved = 4 * PASSES[rule] * elements / middle
    best = {"model": model, "rule": rule, "who": "leonui", "ms": middle * 1e3, "GB_per_s": moved / 1e9}
    best["share_of_triad"] = moved / statistics.median(bandwidth)
    told = f"{middle * 1e3:.3f} ms, {moved / 1e9:.1f} GB/s, {best['share_of_triad']:.0%} of the triad"
    print(f"{model:11} {rule:8} leonui {told}")
    return [best, *rows]


def warm(step: Step | None) -> tuple[Step, float]:
    """A step that has compiled and allocated what it needs, and the seconds of its first call."""
    assert step is not None
    first = timed(step, 1)
    step()
    return step, first


def line(model: str, rule: str, name: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """One row of the table."""
    low, middle, high = quartiles([theirs / ours for ours, theirs in pairs])
    milliseconds = statistics.median(theirs for _, theirs in pairs) * 1e3
    print(
        f"{model:11} {rule:8} {name:25} {milliseconds:9.3f} ms  x{middle:6.2f}  ({low:.2f} to {high:.2f})", flush=True
    )
    return {"model": model, "rule": rule, "who": name, "ms": milliseconds, "ratio": middle, "quartiles": [low, high]}


TEXT = """## Speed of a step

`python bench/optim.py`: ours and one real peer at a time, each on parameters and gradients of its own, in turn;
times are medians, "x ours" the median over rounds of their time over ours, with quartiles. AdamW is timed with
clipping of the global norm, the others without, and ours of those without its guard ("leonui guard" has it: one more
pass over the gradients). The triad is c = a + b in torch on as many elements, 12 bytes an element; bytes of ours are
counted as 4 for each read and write of gradient, weight and state. The 48 small tensors fit into a cache: there the
share says nothing. On a GPU: *not measured* (`bench/gpu.py` is ready).

"""


def page(rows: list[dict[str, Any]], first: list[dict[str, Any]]) -> str:
    """The tables of the results."""
    lines = [
        (
            row["model"],
            row["rule"],
            row["who"],
            f"{row['ms']:.3g}",
            "1"
            if row["who"] == "leonui"
            else f"{row['ratio']:.2f} ({row['quartiles'][0]:.2f} to {row['quartiles'][1]:.2f})",
            f"{row['GB_per_s']:.0f} GB/s, {row['share_of_triad']:.0%}" if "GB_per_s" in row else "",
            f"{row['first_s']:.2g}" if row.get("first_s", 0) > 1 else "",
        )
        for row in rows
    ]
    compiled = ", ".join(f"{row['rule']} {row['cold_s']:.1f} s and {row['warm_s']:.2f} s" for row in first)
    head = ("model", "rule", "who", "ms", "x ours", "bandwidth, share of the triad", "s to the first step, if over 1")
    told = "The first step in a new process, with nothing compiled and with the kernel on disk"
    return f"{table(head, lines)}\n\n{told}: {compiled}."


FIRST = """
import time, torch
from torch import nn
from leonui import optim
params = [nn.Parameter(torch.randn(64, 64)) for _ in range(4)]
for p in params:
    p.grad = torch.randn_like(p)
optimizer = optim.{name}(params)
began = time.perf_counter()
optimizer.step()
print(time.perf_counter() - began)
"""


def first_steps() -> list[dict[str, Any]]:
    """Seconds to the first step in a new process: with nothing compiled, and with the compiled kernel on disk."""
    rows = []
    for name in ("AdamW", "Lion", "LAMB"):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "LEONUI_CACHE": cache}
            command = [sys.executable, "-c", FIRST.format(name=name)]
            run = lambda: float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)  # noqa: B023, E731
            cold, warm = run(), statistics.median(run() for _ in range(3))
        rows.append({"rule": name, "cold_s": cold, "warm_s": warm})
        print(f"first step of {name}: {cold:.2f} s with nothing compiled, {warm:.2f} s from the cache", flush=True)
    return rows


def main() -> None:
    """Run what was asked for, print the table, leave it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--rule", choices=RULES, action="append")
    parser.add_argument("--rounds", type=int, default=11)
    args = parser.parse_args()
    missing = sorted({name for _, names in RULES.values() for name in names if not installed(name)})
    if missing:
        print(f"not measured, because not installed: {', '.join(missing)}")
    rows = []
    for model in args.model or MODELS:
        for rule in args.rule or RULES:
            rows += compare(model, rule, args.rounds)
    if not (args.model or args.rule):
        first = first_steps()
        write("optim", rows + first)
        section("speed", TEXT + page(rows, first))


if __name__ == "__main__":
    main()
