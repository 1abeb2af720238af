"""Clipping: each form against its equation in float64, at two scales of the gradient, and what it says it did."""

from __future__ import annotations

import doctest
import io
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from leonui import clip
from leonui.clip import AutoClip, Clipped, agc, factor, global_norm, per_tensor, value

SCALES = (1.0, 1e-6)
SHAPES = ((4, 3), (5,), (), (2, 3, 2, 2), (0, 3))
FORMS = {  # each with a bound that touches a part of the gradients below, as a multiple of their scale
    "global_norm": lambda ps, scale: global_norm(ps, 0.5 * scale),
    "value": lambda ps, scale: value(ps, 0.5 * scale),
    "per_tensor": lambda ps, scale: per_tensor(ps, 2.0 * scale),
    "agc": lambda ps, scale: agc(ps, 0.8 * scale),
    "AutoClip": lambda ps, scale: primed(scale)(ps),
}


def primed(scale: float) -> AutoClip:
    """One that has seen norms of 1, 2 and 3 times the scale."""
    auto = AutoClip(percentile=50)
    auto.load_state_dict({"norms": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64) * scale})
    return auto


def parameters(scale: float = 1.0, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[torch.Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    draw = torch.complex128 if dtype.is_complex else torch.float64
    made = [torch.randn(shape, dtype=draw, generator=numbers).to(dtype).requires_grad_() for shape in SHAPES]
    for one in made:
        one.grad = (scale * torch.randn(one.shape, dtype=draw, generator=numbers)).to(dtype)
    return made


def gradients(ps: list[torch.Tensor]) -> list[np.ndarray]:
    return [p.grad.detach().to(torch.complex128 if p.is_complex() else torch.float64).numpy().copy() for p in ps]


def flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(one).reshape(-1) for one in arrays])


def units(array: np.ndarray) -> np.ndarray:
    axes = tuple(range(1, array.ndim)) or None
    return np.sqrt((np.abs(array) ** 2).sum(axis=axes, keepdims=array.ndim > 0))


# the oracle: what each form makes of the gradients, and its figures, in numpy


def of_global(grads, weights, scale):
    ratio = min(1.0, 0.5 * scale / (np.linalg.norm(flat(grads)) + 1e-6))
    return [g * ratio for g in grads], [np.array(ratio)]


def of_value(grads, weights, scale):
    limit = 0.5 * scale
    return [np.clip(g, -limit, limit) for g in grads], [np.minimum(1, limit / np.abs(g)) for g in grads]


def of_tensors(grads, weights, scale):
    ratios = [np.array(min(1.0, 2.0 * scale / (np.linalg.norm(flat([g])) + 1e-6))) for g in grads]
    return [g * r for g, r in zip(grads, ratios, strict=True)], ratios


def of_agc(grads, weights, scale):
    ratios = []
    for g, w in zip(grads, weights, strict=True):
        ratios.append(np.minimum(1, 0.8 * scale * np.maximum(units(w), 1e-3) / units(g)))
    return [g * r for g, r in zip(grads, ratios, strict=True)], ratios


def of_autoclip(grads, weights, scale):
    norm = np.linalg.norm(flat(grads))
    ratio = min(1.0, np.percentile([*(scale * np.array([1.0, 2.0, 3.0])), norm], 50) / norm)
    return [g * ratio for g in grads], [np.array(ratio)]


ORACLES = {
    "global_norm": of_global,
    "value": of_value,
    "per_tensor": of_tensors,
    "agc": of_agc,
    "AutoClip": of_autoclip,
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 9e-3), (torch.float16, 2e-3)]
)
def test_each_form_is_its_equation(form, scale, dtype, rtol):
    if dtype == torch.float16 and scale < 1:
        pytest.skip("float16 has no such gradients: that is what GradScaler is for")
    ps = parameters(scale, dtype)
    before, weights = gradients(ps), [p.detach().double().numpy() for p in ps]
    wanted, ratios = ORACLES[form](before, weights, scale)
    done = FORMS[form](ps, scale)
    for got, want in zip(gradients(ps), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=0)
    every = flat(ratios)
    norm_rtol = max(1e-12, 1e-6 if dtype != torch.float64 else 0)
    assert done.norm.item() == pytest.approx(np.linalg.norm(flat(before)), rel=norm_rtol)
    assert done.factor.item() == pytest.approx(every.min(), rel=max(rtol, norm_rtol))
    assert done.touched.item() == pytest.approx((every < 1).mean(), abs=1e-6)
    assert done.touched.item() > 0 and (form in ("global_norm", "AutoClip") or done.touched.item() < 1)
    assert all(one.ndim == 0 and one.is_floating_point() for one in done)


@pytest.mark.parametrize("max_norm", [1e-7, 0.5, 3.0, 100.0, math.inf])
@pytest.mark.parametrize("scale", [*SCALES, 1e15])
@pytest.mark.parametrize("spoil", [None, math.inf, math.nan])
def test_global_norm_is_torchs_bit_for_bit(max_norm, scale, spoil):
    ours, theirs = (parameters(scale, torch.float32) for _ in range(2))
    for ps in (ours, theirs):
        if spoil is not None:
            ps[0].grad[1, 1] = spoil
    norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    assert torch.equal(torch.nan_to_num(global_norm(ours, max_norm).norm), torch.nan_to_num(norm))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.grad.view(torch.int32), other.grad.view(torch.int32))


def test_value_is_torchs_bit_for_bit():
    ours, theirs = (parameters(1.0, torch.float32) for _ in range(2))
    value(ours, 0.3)
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    assert all(torch.equal(one.grad, other.grad) for one, other in zip(ours, theirs, strict=True))


def test_what_is_at_the_limit_is_not_touched():
    p = torch.zeros(3, requires_grad=True)
    p.grad = torch.tensor([0.5, -0.5, 0.25])
    done = value(p, 0.5)
    assert done.touched.item() == 0 and done.factor.item() == 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("spoil", [1.0, 1e20, 1e30, math.inf, math.nan])
def test_nothing_leaves_above_the_bound_and_finite(seed, spoil):
    for form, left in {
        "global_norm": lambda gs: np.linalg.norm(flat(gs)),
        "value": lambda gs: np.abs(flat(gs)).max(),
    }.items():
        ps = parameters(1.0, torch.float32, seed)
        ps[seed % 2].grad.view(-1)[seed % 5] = spoil
        FORMS[form](ps, 1.0)
        assert not 0.5001 < left(gradients(ps)) < math.inf


@pytest.mark.parametrize(
    ("form", "spoiled", "whole"),
    [("global_norm", 5, False), ("AutoClip", 5, False), ("per_tensor", 1, False), ("agc", 1, True), ("value", 1, True)],
)
def test_how_far_a_nan_spreads(form, spoiled, whole):
    """``spoiled``: tensors with a NaN (of 4 with elements); ``whole``: whether the rest of that tensor stays finite."""
    ps = parameters()
    ps[0].grad[1, 1] = math.nan
    done = FORMS[form](ps, 1.0)
    assert math.isnan(done.norm.item())
    assert sum(np.isnan(g).any() for g in gradients(ps)) == min(spoiled, 4)
    assert np.isfinite(gradients(ps)[0]).any() == whole


@pytest.mark.parametrize("form", FORMS)
def test_nothing_to_clip(form):
    for ps in ([], [torch.zeros(3, requires_grad=True)], iter(())):
        done = FORMS[form](ps, 1.0)
        assert [one.item() for one in done] == [0, 1, 0]
    empty = torch.zeros(0, 4, requires_grad=True)
    empty.grad = torch.zeros(0, 4)
    assert FORMS[form](empty, 1.0).norm.item() == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_zero_gradient_stays_zero(form, dtype):
    p = torch.ones(3, 2, dtype=dtype, requires_grad=True)
    p.grad = torch.zeros_like(p)
    done = FORMS[form]([p, torch.zeros(2, requires_grad=True)], 1.0)
    assert torch.equal(p.grad, torch.zeros_like(p)) and done.norm.item() == 0
    assert done.touched.item() == 0 or form == "AutoClip"


@pytest.mark.parametrize("form", FORMS)
def test_containers(form):
    """One tensor, a list, a generator, a tensor that is named twice: the same gradients, the same figures."""
    outcomes = []
    for wrap in (lambda p: p, lambda p: [p], lambda p: (q for q in [p]), lambda p: [p, p]):
        p = parameters()[0]
        done = FORMS[form](wrap(p), 1.0)
        outcomes.append((p.grad.tolist(), [one.item() for one in done]))
    assert all(outcome == outcomes[0] for outcome in outcomes)


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"value"}))
@pytest.mark.parametrize("scale", SCALES)
def test_complex_gradients_are_pairs_of_real_ones(form, scale):
    ps = parameters(scale, torch.complex128)[:1]
    pairs = torch.view_as_real(ps[0].detach()).clone().requires_grad_()
    pairs.grad = torch.view_as_real(ps[0].grad).clone()
    for got, want in zip(FORMS[form](ps, scale), FORMS[form]([pairs], scale), strict=True):
        torch.testing.assert_close(got, want)
    torch.testing.assert_close(torch.view_as_real(ps[0].grad), pairs.grad)


def test_low_precision_norms_do_not_overflow():
    p = torch.zeros(300, dtype=torch.float16, requires_grad=True)
    p.grad = torch.full_like(p, 1e4)
    done = global_norm(p, 1.0)
    assert done.norm.item() == pytest.approx(1e4 * 300**0.5, rel=1e-4) and done.norm.dtype == torch.float32
    assert p.grad.dtype == torch.float16 and p.grad.float().norm().item() == pytest.approx(1.0, rel=1e-3)


def test_mixed_dtypes_share_one_norm():
    made = [torch.ones(4, dtype=dtype) for dtype in (torch.float32, torch.bfloat16, torch.float64, torch.complex64)]
    ps = [one.clone().requires_grad_() for one in made]
    for p in ps:
        p.grad = torch.ones_like(p)
    assert global_norm(ps, 1.0).norm.item() == pytest.approx(4.0)
    assert all(p.grad.abs().double().mean().item() == pytest.approx(0.25, rel=1e-5) for p in ps)


@pytest.mark.parametrize(
    ("norm", "max_norm", "more", "want"),
    [
        (4.0, 1.0, {}, 1 / (4 + 1e-6)),
        (1e-6, 1e-6, {}, 0.5),
        (1e-6, 1e-6, {"eps": 1e-30}, 1.0),
        (0.5, 1.0, {}, 1.0),
        (0.0, 1.0, {}, 1.0),
        (math.inf, 1.0, {}, 0.0),
        (math.nan, 1.0, {}, math.nan),
        (3.0, math.inf, {}, 1.0),
        (math.inf, math.inf, {}, math.nan),
    ],
)
def test_the_formula(norm, max_norm, more, want):
    got = factor(norm, max_norm, **more)
    assert type(got) is float and got == pytest.approx(want, nan_ok=True)
    as_tensor = factor(torch.tensor(norm, dtype=torch.float64), max_norm, **more)
    both = factor(torch.tensor(norm, dtype=torch.float64), torch.tensor(max_norm, dtype=torch.float64), **more)
    assert as_tensor.item() == pytest.approx(want, nan_ok=True) == both.item()


def changed(form, **settings):
    ps = parameters()
    form(ps, **settings)
    return flat(gradients(ps))


@pytest.mark.parametrize(
    ("form", "plain", "other"),
    [
        (global_norm, {"max_norm": 0.5}, {"max_norm": 0.6}),
        (value, {"limit": 0.5}, {"limit": 0.6}),
        (per_tensor, {"max_norm": 0.5}, {"max_norm": 0.6}),
        (agc, {}, {"clipping": 0.02}),
        (agc, {}, {"eps": 3.0}),
    ],
)
def test_every_setting_matters(form, plain, other):
    assert not np.allclose(changed(form, **plain), changed(form, **plain | other))


def test_agc_defaults_are_the_papers():
    assert np.array_equal(changed(agc), changed(agc, clipping=0.01, eps=1e-3))


def test_agc_lets_weights_of_zero_move():
    p = torch.zeros(2, 3, requires_grad=True)
    p.grad = torch.ones(2, 3)
    agc(p)
    assert p.grad.norm(dim=1).tolist() == pytest.approx([1e-5, 1e-5])


# AutoClip


def run(auto: AutoClip, sizes: list[float], dtype: torch.dtype = torch.float64) -> list[float]:
    """What is left of gradients of these sizes, one a step."""
    left = []
    for size in sizes:
        p = torch.zeros(1, dtype=dtype, requires_grad=True)
        p.grad = torch.full_like(p, size)
        auto(p)
        left.append(p.grad.item())
    return left


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("percentile", [0, 10, 37.5, 90, 100])
@pytest.mark.parametrize("history", [1, 3, 1000])
def test_autoclip_is_a_percentile_of_the_newest_norms(percentile, history, scale):
    sizes = (scale * np.abs(np.random.default_rng(0).normal(size=150))).tolist()
    wanted = [min(s, np.percentile(sizes[max(0, i + 1 - history) : i + 1], percentile)) for i, s in enumerate(sizes)]
    assert run(AutoClip(percentile, history), sizes) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("bad", [math.inf, math.nan, -math.inf])
@pytest.mark.parametrize("first", [True, False])
def test_a_norm_that_is_not_finite_does_not_enter_the_history(bad, first):
    sizes = [bad, 1.0, 2.0] if first else [1.0, bad, 2.0]
    auto, pure = AutoClip(50), AutoClip(50)
    run(auto, sizes), run(pure, [1.0, 2.0])
    assert auto.limit().item() == pure.limit().item() == 1.5
    assert run(auto, [9.0]) == run(pure, [9.0])


def test_autoclip_without_gradients_remembers_nothing():
    auto = AutoClip()
    assert math.isnan(auto.limit().item())
    auto([torch.zeros(2, requires_grad=True)])
    assert len(auto.state_dict()["norms"]) == 0 and math.isnan(auto.limit().item())


@pytest.mark.parametrize("history", [1, 5, 8, 64, pytest.param(100, marks=pytest.mark.slow), 1000])
@pytest.mark.parametrize("cut", [0, 5, 64, *(pytest.param(cut, marks=pytest.mark.slow) for cut in (1, 7, 120))])
def test_a_resumed_history_goes_on_exactly(history, cut):
    sizes = np.abs(np.random.default_rng(1).normal(size=200)).tolist()
    sizes[3], sizes[70] = math.nan, math.inf
    whole = AutoClip(30, history)
    wanted = run(whole, sizes)[cut:]
    saved, resumed = AutoClip(30, history), AutoClip(30, history)
    run(saved, sizes[:cut])
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert np.array_equal(run(resumed, sizes[cut:]), wanted, equal_nan=True)
    assert torch.equal(*(torch.nan_to_num(one.state_dict()["norms"]) for one in (whole, resumed)))


@pytest.mark.parametrize("history", [2, 10_000])
def test_a_state_is_a_copy_both_ways(history):
    auto, other = AutoClip(history=history), AutoClip(history=history)
    run(auto, [1.0, 2.0])
    state = auto.state_dict()
    other.load_state_dict(state)
    run(auto, [9.0]), run(other, [3.0])
    assert state["norms"].tolist() == [1.0, 2.0]
    assert [one.state_dict()["norms"].tolist()[-1] for one in (auto, other)] == [9.0, 3.0]
    assert repr(pickle.loads(pickle.dumps(auto))) == repr(auto) == f"AutoClip(percentile=10.0, history={history})"


def test_a_history_follows_the_dtype_of_the_norms():
    auto = AutoClip(100, history=2)
    auto.load_state_dict({"norms": torch.tensor([0.1, 0.2])})
    run(auto, [1 / 3])
    assert auto.limit().item() == 1 / 3


def test_a_longer_history_is_cut_to_its_newest_part():
    auto = AutoClip(0, history=2)
    auto.load_state_dict({"norms": torch.tensor([1.0, 2.0, 3.0])})
    assert auto.state_dict()["norms"].tolist() == [2.0, 3.0]
    run(auto, [4.0])
    assert auto.limit().item() == 3.0


# what is refused, and how


def complex_value():
    value(parameters(dtype=torch.complex128), 1.0)


def sparse(form):
    layer = torch.nn.Embedding(4, 2, sparse=True)
    layer(torch.tensor([1, 2])).sum().backward()
    form(layer.parameters())


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: global_norm([], 0), "max_norm=0 .* above 0"),
        (lambda: global_norm([], -1.0), "max_norm=-1.0"),
        (lambda: global_norm([], math.nan), "max_norm=nan"),
        (lambda: factor(1.0, 0.0), "max_norm=0.0 .* above 0"),
        (lambda: factor(torch.tensor(1.0), -2.0), "max_norm=-2.0 .* above 0"),
        (lambda: value([], 0.0), "limit=0.0 .* above 0"),
        (lambda: per_tensor([], -3), "max_norm=-3 .* above 0"),
        (lambda: agc([], clipping=0), "clipping=0 .* above 0"),
        (lambda: agc([], eps=-1e-3), "eps=-0.001 .* above 0"),
        (lambda: AutoClip(percentile=101), "percentile=101 .* 0 to 100"),
        (lambda: AutoClip(percentile=-1), "percentile=-1"),
        (lambda: AutoClip(percentile=math.nan), "percentile=nan"),
        (lambda: AutoClip(history=0), "history=0 .* at least 1"),
        (lambda: AutoClip(history=2.5), "history=2.5"),
        (lambda: AutoClip().load_state_dict({"norm": 1}), r"\['norm'\] .* state_dict\(\)"),
        (lambda: AutoClip().load_state_dict({"norms": torch.ones(2, 2)}), "1-d tensor"),
        (complex_value, "complex .* global_norm or per_tensor"),
        *((lambda form=form: sparse(lambda ps: FORMS[form](ps, 1.0)), "sparse .* sparse=False") for form in FORMS),
    ],
)
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_what_are_no_parameters_is_refused():
    with pytest.raises(TypeError, match=r"holds a tuple; give tensors, as model.parameters\(\)"):
        global_norm(torch.nn.Linear(2, 2).named_parameters(), 1.0)


def test_it_reads_well():
    done = Clipped(torch.tensor(3.14159), torch.tensor(0.5), torch.tensor(1.0))
    assert repr(done) == "Clipped(norm=3.142, factor=0.5, touched=1)"
    assert doctest.testmod(clip).failed == 0 < doctest.testmod(clip).attempted


class Reads(TorchDispatchMode):
    """Counts what would make the host wait for a device."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select"):
            self.seen.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("form", FORMS)
def test_nothing_waits_for_the_device(form):
    ps, more = parameters(), parameters(dtype=torch.bfloat16)
    auto = primed(1.0)
    with Reads() as reads:
        auto([*ps, *more]) if form == "AutoClip" else FORMS[form]([*ps, *more], 1.0)
    assert reads.seen == []


SHARDED = """
import sys, torch, torch.distributed as dist
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor, init_device_mesh
from leonui.clip import agc, AutoClip, global_norm, per_tensor, value
rank, file = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
mesh, grid = init_device_mesh("cpu", (2,)), init_device_mesh("cpu", (1, 2))
auto = lambda ps: AutoClip(50)(ps)
calls = [lambda ps: global_norm(ps, 0.5), auto, lambda ps: per_tensor(ps, 1.0), agc, lambda ps: value(ps, 0.3)]
for call in calls:
    torch.manual_seed(0)
    plain, split = [], []
    for shape, place, dtype in [
        ((4, 3), (mesh, [Shard(0)]), torch.float32),
        ((5, 2), (mesh, [Shard(0)]), torch.float32),
        ((3,), (mesh, [Replicate()]), torch.float32),
        ((3, 3), (grid, [Replicate(), Shard(0)]), torch.float32),
        ((6, 4), (mesh, [Shard(0)]), torch.bfloat16),
        ((2, 2), None, torch.float32),
    ]:
        weight, grad = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
        plain.append(weight.clone().requires_grad_())
        plain[-1].grad = grad.clone()
        if place is not None:
            weight, grad = (distribute_tensor(one, *place) for one in (weight, grad))
        split.append(weight.detach().requires_grad_())
        split[-1].grad = grad
    wanted, got = call(plain), call(split)
    for one, two in zip(wanted, got):
        assert not isinstance(two, DTensor)
        torch.testing.assert_close(one, two)
    for one, two in zip(plain, split):
        two = two.grad.full_tensor() if isinstance(two.grad, DTensor) else two.grad
        torch.testing.assert_close(one.grad, two)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.skipif(sys.platform != "linux" or not torch.distributed.is_available(), reason="needs gloo")
def test_sharded_gradients_are_clipped_as_whole_ones(tmp_path):
    """FSDP2's gradients: DTensors over two processes, beside one that is not sharded."""
    threads = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-W", "ignore", "-c", SHARDED]
    running = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "meet")],
            env=threads,
            cwd=Path(__file__).parents[1],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], said
