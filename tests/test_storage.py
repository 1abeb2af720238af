"""How numbers are kept: loads and stores of both machines, rounding by chance, short state; layouts, sizes, dtypes."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from leonui import optim
from leonui.engine import machines, native, storage
from tests.rules import gap, slopes, start, walk

FACTS = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.3}
SOME = ((7,), (5, 3), (), (33,))
EDGES = (1, 255, 256, 257, 1024)
ODD = (0.0, -0.0, math.inf, -math.inf, 1e-40, -1e-45, 3.4e38, -3.39e38, 1.0, 1 + 2**-8, 1 + 3 * 2**-8, 65504.0, -1e-30)


@pytest.fixture(params=["numba", "eager"])
def machine(request, monkeypatch):
    """Both machines, one after the other."""
    if request.param == "eager":
        monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    return request.param


def numbers(count, odd=ODD):
    draw = torch.Generator().manual_seed(count)
    x = torch.randn(count, generator=draw) * 10.0 ** torch.randint(-20, 20, (count,), generator=draw)
    x[: len(odd)] = torch.tensor(odd)[:count]
    return x


def bits(x):
    """The bits of numbers; those of nan, which torch itself has several of, are one."""
    x = torch.where(x.isnan(), torch.nan, x) if x.is_floating_point() else x
    return x.view({1: torch.uint8, 2: torch.int16, 4: torch.int32}[x.element_size()]).tolist()


# the stores of the kernels and those of torch, bit for bit


@pytest.mark.parametrize("count", EDGES)
def test_bfloat16_to_nearest(count):
    x, mine = numbers(count, (*ODD, math.nan)), torch.zeros(count, dtype=torch.bfloat16)
    same = native.store_half(x.numpy(), mine.data_ptr(), count)
    assert bits(mine) == bits(x.bfloat16())
    assert same == int((mine == 0).logical_and(~mine.signbit()).sum())
    back = np.empty(count, np.float32)
    native.load_half(mine.data_ptr(), count, back)
    assert bits(torch.from_numpy(back)) == bits(storage.load(mine))


@pytest.mark.parametrize("count", [*EDGES, 20000])
def test_bfloat16_by_chance(count):
    x = numbers(count, (*ODD, math.nan))
    mine, torchs = torch.zeros(2, count, dtype=torch.bfloat16)
    seed, half = storage.seed_of(3, 5, 1), min(count, 16384)
    salt = native.seed_of(np.uint32(3), np.uint32(5)) ^ np.uint32(storage.slot_salt(1))
    assert int(salt) == seed
    native.store_half_stochastic(x.numpy()[:half], mine.data_ptr(), half, 0, salt)
    native.store_half_stochastic(x.numpy()[half:], mine[half:].data_ptr(), count - half, half, salt)
    storage.store_stochastic(x, torchs, seed)
    assert bits(mine) == bits(torchs)
    assert bool(
        ((mine.float() - x).abs() <= x.abs() * 2**-7)[x.abs().isfinite() & (x.abs() > 1e-30) & (x.abs() < 1e38)].all()
    )


@pytest.mark.parametrize("count", EDGES)
def test_pairs(count):
    x = numbers(count, tuple(one for one in ODD if math.isfinite(one) and abs(one) < 1e38))
    mine, torchs = (torch.zeros(2, count, dtype=torch.bfloat16) for _ in range(2))
    native.store_pair(x.numpy(), mine[0].data_ptr(), mine[1].data_ptr(), count)
    storage.store_pair(x, *torchs)
    assert bits(mine) == bits(torchs)
    back = np.empty(count, np.float32)
    native.load_pair(mine[0].data_ptr(), mine[1].data_ptr(), count, back)
    assert bits(torch.from_numpy(back)) == bits(storage.load_pair(*mine))
    normal = x.abs() > 1e-30
    assert bool(((storage.load_pair(*mine) - x).abs() <= x.abs() * 2**-16)[normal].all())


def coded(x, signed, seed):
    out = []
    for mine in (True, False):
        codes, scales = torch.zeros(len(x), dtype=torch.uint8), torch.zeros(storage.blocks(len(x)))
        if mine:
            into = native.store_signed if signed else native.store_unsigned
            into(x.numpy(), codes.data_ptr(), scales.data_ptr(), len(x), 0, np.uint32(seed))
        else:
            storage.store(x, codes, seed, scales, signed)
        out.append((codes, scales))
    return out


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("count", EDGES)
@pytest.mark.parametrize("kind", ["alike", "odd", "zero", "tiny"])
def test_eight_bits(kind, count, signed):
    odd = tuple(one for one in ODD if math.isfinite(one) and abs(one) < 1e38)
    x = {
        "alike": lambda: torch.randn(count, generator=torch.Generator().manual_seed(count)),
        "odd": lambda: numbers(count, odd),
        "zero": lambda: torch.zeros(count),
        "tiny": lambda: torch.full((count,), 1e-40),
    }[kind]()
    x = x if signed else x.abs()
    mine, torchs = coded(x, signed, 12345)
    assert bits(mine[1]) == bits(torchs[1])
    assert bits(mine[0]) == bits(torchs[0])
    back = np.empty(count, np.float32)
    into = native.load_signed if signed else native.load_unsigned
    into(mine[0].data_ptr(), mine[1].data_ptr(), count, back)
    assert bits(torch.from_numpy(back)) == bits(storage.load(*mine, signed))


# what the roundings promise


@pytest.mark.parametrize("value", [1.001, -3.3333, 1e-20, 1 + 2**-9])
def test_chance_is_fair_and_always_the_same(value):
    x, out = torch.full((4096,), value), torch.empty(4096, dtype=torch.bfloat16)
    sums, seen = [], []
    for step in range(32):
        storage.store_stochastic(x, out, storage.seed_of(step, 0, 0))
        sums.append(out.double().mean())
        seen.append(tuple(bits(out)))
    near = {one for row in seen for one in row}
    assert len(near) == 2 and len(set(seen)) == 32
    grain = abs(value) * 2**-7
    assert float(torch.stack(sums).mean()) == pytest.approx(float(x[0]), abs=4 * grain / 2 / (32 * 4096) ** 0.5)
    storage.store_stochastic(x, out, storage.seed_of(31, 0, 0))
    assert tuple(bits(out)) == seen[-1]
    assert (
        len({storage.seed_of(step, number, slot) for step in range(9) for number in range(9) for slot in range(5)})
        == 405
    )


@pytest.mark.parametrize("signed", [True, False])
def test_eight_bits_are_fair_and_as_near_as_their_codes(signed):
    x = torch.randn(2048, generator=torch.Generator().manual_seed(1)) ** 3
    x = x if signed else x.square()
    scale = x.abs().reshape(-1, 256).amax(1).repeat_interleave(256).double()
    power, top = (2, 127) if signed else (4, 255)
    code = ((x.abs().double() / scale) ** (1 / power) * top).floor()
    grain = scale * ((code + 2) ** power - (code + 1) ** power) / top**power
    total, seeds = torch.zeros(2048, dtype=torch.float64), 256
    for seed in range(seeds):
        codes, scales = torch.zeros(2048, dtype=torch.uint8), torch.zeros(8)
        storage.store(x, codes, storage.seed_of(seed, 1, 2), scales, signed)
        off = storage.load(codes, scales, signed).double() - x.double()
        assert bool((off.abs() <= grain * (1 + 1e-4)).all())
        total += off
    assert float((total / seeds / grain).abs().max()) < 5 * 0.5 / seeds**0.5
    assert float((total / seeds / grain).mean().abs()) < 5 * 0.5 / (seeds * 2048) ** 0.5


KEPT = [
    ("float32", {"state": "bf16"}, 2e-3),
    ("float32", {"state": "8bit"}, 2e-2),
    ("bfloat16", {"rounding": "stochastic"}, 2e-2),
    ("bfloat16", {"rounding": "kahan"}, 5e-3),
    ("bfloat16", {"rounding": "kahan", "state": "8bit"}, 2e-2),
]


@pytest.mark.parametrize(("dtype", "kept", "near"), KEPT)
def test_both_machines_keep_alike_and_near_to_what_is_kept_in_full(dtype, kept, near, monkeypatch):
    shapes, ends, states = ((5000,), (17,), (70, 70)), [], []
    for ladder in (machines.LADDER, ("eager.Eager",)):
        monkeypatch.setattr(machines, "LADDER", ladder)
        a = start(shapes, getattr(torch, dtype))
        optimizer = optim.AdamW(a, **FACTS | {"lr": 0.01}, **kept)
        ends.append(walk(optimizer, a, 6))
        states.append([optimizer.seat(p).state for p in a])
    full = [nn.Parameter(p.detach().double()) for p in start(shapes, getattr(torch, dtype))]
    assert gap(ends[1], walk(optim.AdamW(full, **FACTS | {"lr": 0.01}), full, 6)) < near
    changed = sum(int((a != b).sum()) for a, b in zip(*ends, strict=True)) / 9917
    assert changed < (1e-3 if dtype == "bfloat16" else 1)
    assert gap(*ends) < (1e-2 if dtype == "bfloat16" else 1e-4)
    for mine, torchs in zip(*states, strict=True):
        assert {key: x.dtype for key, x in mine.items()} == {key: x.dtype for key, x in torchs.items()}
        for key in ("exp_avg", "exp_avg_sq"):
            assert float((mine[key] != torchs[key]).float().mean()) < (0.01 if mine[key].element_size() < 4 else 1)


@pytest.mark.parametrize(
    ("state", "dtypes"),
    [("fp32", (torch.float32,) * 2), ("bf16", (torch.bfloat16,) * 2), ("8bit", (torch.float32, torch.uint8))],
)
def test_what_state_is_kept_in(state, dtypes):
    a = start(((4095,), (4096,)), torch.float32)
    optimizer = optim.AdamW(a, state=state)
    walk(optimizer, a, 1)
    assert tuple(optimizer.state[p]["exp_avg"].dtype for p in a) == dtypes
    assert tuple(optimizer.state[p]["exp_avg_sq"].dtype for p in a) == dtypes


@pytest.mark.parametrize("kept", [("kahan", "fp32"), ("stochastic", "fp32"), ("kahan", "bf16")])
def test_a_thousand_small_decays_in_bfloat16(kept, monkeypatch):
    if kept[1] != "fp32":  # one kernel less to compile
        monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    p = nn.Parameter(torch.linspace(0.5, 2, 2000).bfloat16())
    old = p.detach().double()
    optimizer = optim.AdamW([p], lr=1e-3, weight_decay=0.1, rounding=kept[0], state=kept[1])
    p.grad = torch.zeros_like(p)
    optimizer.step()
    optimizer.state[p]["exp_avg_sq"].fill_(1e-3)
    for _ in range(999):
        optimizer.step()
    assert float((p.detach().double() / old).mean()) == pytest.approx(0.9048, rel=5e-4)  # torch: 1.0
    assert float(optimizer.state[p]["exp_avg_sq"].double().mean()) == pytest.approx(1e-3 * 0.999**999, rel=5e-3)


def test_a_decay_that_rounding_would_swallow_is_told():
    message = r"group 0: bfloat16 weights with lr x weight_decay = 1.0e-04 are never decayed.* rounding='kahan' or"
    with pytest.warns(UserWarning, match=message) as told:
        optim.AdamW(start(((3,),), torch.bfloat16), lr=1e-3, weight_decay=0.1)
    assert told[0].filename == __file__


def test_where_nothing_is_lost_nothing_is_told():
    p, q = start(((3,),), torch.bfloat16), start(((3,),), torch.float32)
    optim.AdamW(p, lr=1e-3, weight_decay=0.1, rounding="kahan")
    optim.AdamW(p, lr=0.1, weight_decay=0.1)
    optim.AdamW(q, lr=1e-3, weight_decay=0.1)


# where the numbers lie


def with_gaps(x):
    wide = torch.zeros(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


LAYOUTS = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "with gaps": with_gaps,
}


def laid(weights=torch.Tensor.contiguous, slopes_=torch.Tensor.contiguous, steps=3, switch=lambda p: p):
    p = nn.Parameter(weights(start(((4, 6, 3, 2),), torch.float32)[0].detach()))
    optimizer = optim.AdamW([p], **FACTS)
    for step in range(steps):
        p.data = switch(p.data) if step == 1 else p.data
        p.grad = slopes_(slopes(step, ((4, 6, 3, 2),), 1.0)[0].float())
        optimizer.step()
    return p.detach(), optimizer


@pytest.mark.parametrize("grads", LAYOUTS)
@pytest.mark.parametrize("weights", LAYOUTS)
def test_layouts_make_no_difference(weights, grads):
    end, optimizer = laid(LAYOUTS[weights], LAYOUTS[grads])
    usual, _ = laid()
    assert gap([end], [usual]) < 1e-7
    assert optimizer.engine.startswith("eager (a layout with gaps)" if weights == "with gaps" else "numba")


def test_expanded_gradients(machine):
    ends = []
    row = torch.arange(5.0)
    for g in (row.expand(4, 5), row.repeat(4, 1)):
        p = nn.Parameter(torch.zeros(4, 5))
        p.grad = g
        optim.SGD([p], lr=0.1).step()
        ends.append(p.detach())
    assert torch.equal(*ends)


def test_a_slice_with_gaps_leaves_the_gaps_alone():
    whole = torch.ones(6, 4)
    p = nn.Parameter(whole[:, ::2])
    p.grad = torch.ones(6, 2)
    optim.AdamW([p], lr=0.1, weight_decay=0.0).step()
    assert torch.allclose(whole[:, ::2], torch.tensor(0.9)) and bool((whole[:, 1::2] == 1).all())


MOVES = {
    "new memory": lambda x: x.clone(),
    "channels_last": LAYOUTS["channels_last"],
    "transposed in place": lambda x: x.as_strided(x.shape, (1, 4, 24, 72)).copy_(x.clone()),
}


def test_weights_may_be_moved_between_steps(machine):
    usual, _ = laid()
    gaps = {name: gap([laid(switch=move)[0]], [usual]) for name, move in MOVES.items()}
    wrong = {name for name, one in gaps.items() if one > 1e-7}
    assert wrong == set()


SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 255, 256, 257, 1023, 1025, 16383, 16384, 16385, 40000)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sizes_that_straddle_edges(dtype):
    shapes = tuple((size,) for size in SIZES)
    a, b = start(shapes, dtype), start(shapes)
    theirs = torch.optim.AdamW(b, **FACTS)
    assert gap(walk(optim.AdamW(a, **FACTS), a, 3), walk(theirs, b, 3)) < (1e-6 if dtype is torch.float32 else 1e-13)


@pytest.mark.parametrize("kind", [optim.AdamW, optim.LAMB])
def test_the_number_of_threads_makes_no_difference(kind):
    ends, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            a = start(((300_001,), (3,), (77, 1001)), torch.float32)
            optimizer = kind(a, lr=0.01, clip_norm=1.0)
            ends.append((walk(optimizer, a, 2), optimizer.stats))
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, ends[0][0], ends[1][0]))
    assert ends[0][1] == ends[1][1]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_weights_are_torchs(dtype):
    ends = []
    for kind in (optim.Adam, torch.optim.Adam):
        draw = torch.Generator().manual_seed(0)
        p = nn.Parameter(torch.randn(5, 3, dtype=dtype, generator=draw))
        optimizer = kind([p], **FACTS)
        for _ in range(4):
            p.grad = torch.randn(5, 3, dtype=dtype, generator=draw)
            optimizer.step()
        ends.append(torch.view_as_real(p.detach()))
    assert gap(ends[:1], ends[1:]) < (1e-6 if dtype is torch.complex64 else 1e-13)


def test_float16_is_walked_in_float32():
    a, b = start(SOME, torch.float16), start(SOME, torch.float16)
    optimizer = optim.SGD(a, lr=0.1)
    assert gap(walk(optimizer, a, 3), walk(torch.optim.SGD(b, lr=0.1), b, 3)) < 2e-3
    adam = optim.AdamW(a, lr=0.1, eps=1e-8)
    assert all(bool(p.isfinite().all()) for p in walk(adam, a, 3, scale=1e-3))  # torch: eps is 0 in float16
    assert {state["exp_avg_sq"].dtype for state in adam.state.values()} == {torch.float32}
