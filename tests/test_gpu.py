"""The Triton kernels against the reference: in Triton's interpreter on any machine, and on a GPU where there is one.

The interpreter must be chosen before triton is imported, so those tests run in a process of their own.
"""

import os
import subprocess
import sys
import weakref
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from leonui import optim, rules
from leonui.engine import Engine, gpu, machines, triton_source
from leonui.engine.arrays import Layout
from leonui.engine.seat import Pace

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
GPU, EAGER = ("gpu.Gpu", "eager.Eager"), ("eager.Eager",)
SIZES = ((), (0,), (1,), (255,), (256,), (257,), (1023,), (4097,))
RULES = [rule for rule in vars(rules).values() if isinstance(rule, rules.Rule) and not rule.whole]
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

there = pytest.mark.skipif(
    not (INTERPRETED or torch.cuda.is_available()),
    reason="no GPU; test_all_of_it_in_the_interpreter runs it in a process of its own",
)
with_triton = pytest.mark.skipif(INTERPRETED or not find_spec("triton"), reason="triton is not installed")


@with_triton
@pytest.mark.parametrize("what", ["adam or finite or groups", pytest.param("", marks=pytest.mark.slow)])
def test_all_of_it_in_the_interpreter(what):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", what, __file__]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.fixture(autouse=True)
def masked_lanes_may_divide_by_zero():
    with np.errstate(all="ignore"):
        yield


@contextmanager
def ladder(names):
    kept, machines.LADDER = machines.LADDER, names
    try:
        yield
    finally:
        machines.LADDER = kept


def noise(shape, seed):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=torch.float64)


def weights(dtype, scale=1.0, sizes=SIZES, made=lambda x: x):
    return [nn.Parameter(made((noise(s, i) * scale).to(DEVICE, dtype))) for i, s in enumerate(sizes)]


def stepped(params, optimizer, steps, names, scale=1.0):
    """Some steps, with gradients that are the same in every dtype."""
    with ladder(names):
        for step in range(steps):
            for i, p in enumerate(params):
                p.grad = (noise(p.shape, 100 + 10 * step + i) * scale).to(torch.bfloat16).to(p.device, p.dtype)
            optimizer.step()
    return optimizer


def engine(rule, params, **options):
    """An optimizer of that rule, no setting a default, in two groups."""
    rate = {"params": params[1::2], "lr": HYPERS["lr"] / 2, "maximize": True, "weight_decay": 0.01}
    return Engine([{"params": params[::2]}, rate], rule, dict(HYPERS), {"decay": "decoupled", **options})


def apart(found, wanted):
    """The largest difference, in parts of the largest number."""
    if not wanted.numel():
        return 0.0
    return float((found.double() - wanted.double()).abs().max() / wanted.double().abs().max().clamp(min=1e-300))


def compare(first, second, tolerance):
    """Weights and state of two optimizers: there are tensors of one number whose state is a difference of two."""
    pairs = zip(first.state.items(), second.state.items(), strict=True)
    for (p, one), (q, other) in pairs:
        assert apart(p.detach(), q.detach()) <= tolerance, p.shape
        assert one.keys() == other.keys()
        for key, x in one.items():
            assert apart(x, other[key]) <= 100 * tolerance, (p.shape, key)


@there
@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_in_float32(rule, scale):
    sizes, steps, guard = (SIZES, 2, True) if scale == 1 else (((), (257,)), 3, False)
    params = weights(torch.float32, scale, sizes)
    reference = [nn.Parameter(p.detach().double()) for p in params]
    ours = stepped(params, engine(rule, params, guard=guard), steps, GPU, scale)
    theirs = stepped(reference, engine(rule, reference), steps, EAGER, scale)
    compare(ours, theirs, 1e-5)


@there
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_in_float64(rule):
    sizes = ((), (300,))
    params, reference = weights(torch.float64, sizes=sizes), weights(torch.float64, sizes=sizes)
    ours = stepped(params, engine(rule, params, clip_norm=3.0, decay="coupled"), 2, GPU)
    theirs = stepped(reference, engine(rule, reference, clip_norm=3.0, decay="coupled"), 2, EAGER)
    compare(ours, theirs, 1e-12)
    for name in ("grad_norm", "clip_factor", "update_norm", "weight_norm", "unchanged"):
        assert float(getattr(ours.stats, name)) == pytest.approx(float(getattr(theirs.stats, name)), rel=1e-9)


STORAGES = [
    (torch.float16, {}),
    (torch.bfloat16, {"rounding": "nearest"}),
    (torch.bfloat16, {"rounding": "stochastic"}),
    (torch.bfloat16, {"rounding": "kahan"}),
    (torch.float32, {"state": "bf16"}),
    (torch.float32, {"state": "8bit"}),
    (torch.bfloat16, {"rounding": "stochastic", "state": "8bit"}),
]


@there
@pytest.mark.parametrize(("dtype", "options"), STORAGES, ids=lambda x: str(x).removeprefix("torch."))
def test_storage_is_that_of_the_reference(dtype, options):
    sizes = ((4096 + 300,), (33, 7))
    optimizers = []
    for names in (GPU, EAGER):
        params = weights(dtype, sizes=sizes)
        optimizers.append(stepped(params, optim.AdamW(params, lr=0.01, weight_decay=0.5, **options), 3, names))
    ours, theirs = optimizers
    with ladder(GPU):
        assert ours.engine.startswith("triton: 2 tensors")
    for (p, one), (q, other) in zip(ours.state.items(), theirs.state.items(), strict=True):
        for x, y in [(p.detach(), q.detach()), *((one[key], other[key]) for key in one)]:
            assert same_but_for_a_few(x, y)


def same_but_for_a_few(x, y):
    """Equal to an ulp; where digits are cut off, that ulp may decide in a few places."""
    return apart(x, y) < 1e-6 if x.dtype is torch.float32 else float((x != y).double().mean()) < 0.01


@there
def test_groups_schedule_and_rates_that_are_tensors():
    params, reference = weights(torch.float32), weights(torch.float64)
    made = [
        optim.AdamW(
            [{"params": one[::2]}, {"params": one[1::2], "lr": torch.tensor(0.03, device=device), "betas": (0.5, 0.6)}],
            lr=0.01,
            decay="independent",
            schedule=lambda step: 1 / (1 + step),
        )
        for one, device in ((params, DEVICE), (reference, DEVICE))
    ]
    ours, theirs = stepped(params, made[0], 3, GPU), stepped(reference, made[1], 3, EAGER)
    compare(ours, theirs, 1e-6)
    assert len(ours._machines) == 1


@there
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("NAdam", {}),
        ("LAMB", {}),
        ("Prodigy", {}),
        ("AdamW", {"rounding": "kahan"}),
        ("AdamW", {"state": "8bit", "rounding": "stochastic"}),
    ],
    ids=str,
)
def test_a_step_that_is_not_finite_changes_nothing(name, options):
    params = weights(torch.bfloat16 if options else torch.float32, sizes=((4100,), (3,)))
    optimizer = stepped(params, getattr(optim, name)(params, lr=0.01, **options), 1, GPU)
    kept = [x.detach().clone() for p in params for x in (p, *optimizer.state[p].values())]
    params[1].grad[1] = float("inf")
    with ladder(GPU):
        optimizer.step()
    now = [x for p in params for x in (p, *optimizer.state[p].values())]
    assert all(torch.equal(x, y) for x, y in zip(now, kept, strict=True))
    assert int(optimizer.stats.skipped) == 1 and float(optimizer.stats.update_norm) == 0
    assert float(optimizer.stats.unchanged) == 1
    stepped(params, optimizer, 1, GPU)
    assert {float(state["step"]) for state in optimizer.state.values()} == {2.0}
    assert not any(torch.equal(x, y) for x, y in zip(now[:2], kept[:2], strict=True))


class Silent(TorchDispatchMode):
    """Raises where something would wait for the device; on a GPU torch itself does."""

    def __enter__(self):
        if DEVICE == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        return super().__enter__()

    def __exit__(self, *raised):
        if DEVICE == "cuda":
            torch.cuda.set_sync_debug_mode("default")
        return super().__exit__(*raised)

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        if op.overloadpacket._qualified_op_name in ("aten::_local_scalar_dense", "aten::equal", "aten::nonzero"):
            raise AssertionError(f"{op} waits")
        return op(*args, **(kwargs or {}))


@there
@pytest.mark.parametrize("rule", [rules.adam, rules.lamb, rules.prodigy], ids=lambda rule: rule.name)
def test_nothing_waits_for_the_device(rule):
    params = weights(torch.float32, sizes=((5,), (300,)))
    optimizer = stepped(params, engine(rule, params), 1, GPU)
    (machine,) = optimizer._machines
    scale, go = torch.tensor(0.5, dtype=torch.float64, device=DEVICE), torch.tensor(True, device=DEVICE)
    before = [p.detach().clone() for p in params]
    with Silent(), torch.no_grad():
        assert machine.fits([p.grad for p in params])
        machine.squares()
        pace = Pace(scale, 0.5, go)
        machine.walk(pace, machine.sums(pace) if machine.graph.reductions else None)
    assert not any(torch.equal(x, p) for x, p in zip(before, params, strict=True))
    with ladder(GPU), Silent():
        optimizer.step()
    with Silent(), pytest.raises((AssertionError, RuntimeError), match=r"waits|synchroniz"):
        float(scale)


@there
def test_gradients_are_not_kept_alive():
    params = weights(torch.float32, sizes=((5,),))
    optimizer = stepped(params, optim.AdamW(params), 1, GPU)
    gradient = weakref.ref(params[0].grad)
    optimizer.zero_grad()
    assert gradient() is None


LAYOUTS = [
    ((6, 5), lambda x: x.t()),
    ((2, 3, 4, 5), lambda x: x.to(memory_format=torch.channels_last)),
    ((4, 6), lambda x: x[:, ::2]),
    ((7,), lambda x: x[1:]),
]


@there
@pytest.mark.parametrize(("shape", "made"), LAYOUTS)
@pytest.mark.parametrize("turned", [False, True])
def test_any_layout_of_weights_and_gradients(shape, made, turned):
    params, plain = weights(torch.float32, sizes=(shape,), made=made), weights(torch.float32, sizes=(shape,), made=made)
    plain = [nn.Parameter(p.detach().contiguous()) for p in plain]
    optimizers = optim.AdamW(params, lr=0.01), optim.AdamW(plain, lr=0.01)
    for step in range(2):
        for p, q in zip(params, plain, strict=True):
            q.grad = noise(q.shape, step).to(DEVICE, q.dtype)
            p.grad = q.grad.clone() if turned else torch.empty_like(p).copy_(q.grad)
        for names, optimizer in zip((GPU, EAGER), optimizers, strict=True):
            with ladder(names):
                optimizer.step()
    assert apart(params[0].detach(), plain[0].detach()) < 1e-6


@there
def test_a_layout_that_changes_between_two_steps():
    params, plain = weights(torch.float32, sizes=((6, 5),)), weights(torch.float32, sizes=((6, 5),))
    ours, theirs = optim.AdamW(params, lr=0.01), optim.AdamW(plain, lr=0.01)
    for one, optimizer, names in ((params, ours, GPU), (plain, theirs, EAGER)):
        stepped(one, optimizer, 1, names)
        if names == GPU:
            one[0].data = one[0].detach().t().contiguous().t()
        stepped(one, optimizer, 2, names)
    assert apart(params[0].detach(), plain[0].detach()) < 1e-6


@there
def test_complex_weights_are_pairs_of_real_ones():
    params = [nn.Parameter(torch.complex(noise((9,), 1), noise((9,), 2)).to(DEVICE, torch.complex64))]
    plain = [nn.Parameter(torch.view_as_real(params[0].detach()).clone())]
    optimizers = optim.AdamW(params, lr=0.01), optim.AdamW(plain, lr=0.01)
    params[0].grad = torch.complex(noise((9,), 3), noise((9,), 4)).to(DEVICE, torch.complex64)
    plain[0].grad = torch.view_as_real(params[0].grad).clone()
    for names, optimizer in zip((GPU, EAGER), optimizers, strict=True):
        with ladder(names):
            optimizer.step()
            assert names[0].split(".")[0] in f"{optimizer.engine} gpu".replace("triton", "gpu")
    assert apart(torch.view_as_real(params[0].detach()), plain[0].detach()) < 1e-6


@there
def test_what_it_refuses():
    whole = optim.Muon(weights(torch.float32, sizes=((4, 4),)))
    gaps = optim.SGD(weights(torch.float32, sizes=((4, 6),), made=lambda x: x[:, ::2]))
    moved = weights(torch.float32, sizes=((4, 6),))
    turned = stepped(moved, optim.AdamW(moved), 1, GPU)
    moved[0].data = moved[0].detach().t().contiguous().t()
    elsewhere = optim.SGD([nn.Parameter(torch.zeros(3, device="meta"))])
    words = ("muon sees whole matrices", "a layout with gaps", "state that lies otherwise", "on meta")
    with ladder(GPU):
        for optimizer, said in zip((whole, gaps, turned, elsewhere), words, strict=True):
            assert optimizer.engine.startswith(f"eager ({said}")


def test_without_a_gpu_it_steps_aside(monkeypatch):
    if not INTERPRETED:
        monkeypatch.delenv("TRITON_INTERPRET", raising=False)
        with ladder(GPU):
            assert optim.SGD([nn.Parameter(torch.zeros(3))]).engine == "eager: 1 tensors, 3 elements"


COMPILED = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from leonui import rules
from leonui.engine import gpu, triton_source
from leonui.engine.arrays import Layout

KINDS = {"table": "*fp32", "go": "*u8", "count": "i32"} | dict.fromkeys(("out", "rows", "sums", "scale"), "*fp64")
FIXED = {"BLOCK": gpu.BLOCK, "ALIGN": 16, "COMMIT": True, "COUNT": 2}

def compiled(kernel):
    kinds = {name: "constexpr" if name in FIXED else KINDS.get(name, "*i64") for name in kernel.arg_names}
    fixed = {name: FIXED[name] for name in kernel.arg_names if name in FIXED}
    whole = {(i,): [["tt.divisibility", 16]] for i, kind in enumerate(kinds.values()) if kind.startswith("*")}
    source = ASTSource(fn=kernel, signature=kinds, constexprs=fixed, attrs=whole)
    return triton.compile(source, target=GPUTarget("cuda", 80, 32), options=gpu.LAUNCH).asm["ptx"]

every = ("update", "reduce", "numbers", "measure", "gather")
for rule, parameter, state, names in (
    (rules.lamb, "float32", (("m", "float32"), ("v", "float32")), every),
    (rules.adam, "stochastic", (("m", "signed"), ("v", "unsigned")), every[:1]),
    (rules.lion, "kahan", (("m", "stochastic"),), every[:1]),
):
    kernels = triton_source.load(Layout(rule, parameter, state))
    for name in names:
        print(rule.name, name, "ld.global.v4.b32" in compiled(getattr(kernels, name)))
"""


@pytest.mark.slow
@with_triton
def test_the_compiler_takes_them_and_loads_four_at_a_time(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "LEONUI_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", COMPILED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    said = [line.split() for line in done.stdout.splitlines()]
    assert len(said) == 7
    assert {name for rule, name, four in said if rule == "lamb" and four == "True"} >= {"update", "reduce", "measure"}


def test_the_source_is_written_without_triton():
    text = triton_source.write(Layout(rules.adam, "kahan", (("m", "signed"), ("v", "unsigned"))))
    compile(text, "kernel", "exec")
    assert "autotune" not in text and gpu.CHUNK % gpu.BLOCK == gpu.BLOCK % 256 == 0
