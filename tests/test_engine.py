"""The engine: groups, gradients that come and go, clipping, the guard, figures, layouts, sizes, threads, processes."""

import copy
import math
import os
import platform
import re
import subprocess
import sys

import numba
import numpy as np
import pytest
import torch
from torch import nn

from leonui import optim
from leonui.engine import machines, numba_source
from leonui.engine.arrays import layout
from leonui.engine.graph import trace
from leonui.engine.native import FAST
from leonui.schedule import cosine, warmup
from tests.rules import ROWS, gap, slopes, start, walk

SHAPES = ((7,), (5, 3), (), (33,))
WHOLE = ("muon", "adafactor", "soap")
FACTS = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.3}


@pytest.fixture(params=["numba", "eager"])
def machine(request, monkeypatch):
    """Both machines, one after the other."""
    if request.param == "eager":
        monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    return request.param


def pair(ours=optim.AdamW, theirs=torch.optim.AdamW, shapes=SHAPES, **settings):
    """An optimizer of ours and torch's, in float64, each with weights of its own."""
    a, b = start(shapes), start(shapes)
    return (ours(a, **FACTS | settings), a), (theirs(b, **FACTS | settings), b)


def test_it_says_which_machine_walks(machine):
    (ours, _), _ = pair()
    assert ours.engine == f"{machine}: 4 tensors, 56 elements"
    mixed = optim.Muon([*start(((3, 3), (3,))), *start(((2,),), torch.float16), nn.Parameter(torch.ones(8, 2)[:, 0])])
    if machine == "numba":
        assert mixed.engine == (
            "eager (muon sees whole matrices): 1 tensors, 9 elements; numba: 1 tensors, 3 elements; "
            "eager (float16 parameters): 1 tensors, 2 elements; eager (a layout with gaps): 1 tensors, 8 elements"
        )


def test_groups_keep_their_own_settings(machine):
    made = []
    for kind in (optim.AdamW, torch.optim.AdamW):
        a, b, c, d = params = start(SHAPES)
        groups = [
            {"params": [a], "lr": 0.2, "weight_decay": 0.0},
            {"params": []},
            {"params": [b, c], "betas": (0.5, 0.6), "eps": 0.1},
        ]
        optimizer = kind(groups, **FACTS)
        walk(optimizer, params[:3], 3)
        optimizer.add_param_group({"params": [d], "lr": 0.01, "weight_decay": 0.9, "maximize": True})
        made.append(walk(optimizer, params, range(3, 6)))
    assert gap(*made) < 1e-13


def test_what_has_no_gradient_rests(machine):
    (ours, a), (theirs, b) = pair()
    for step in range(8):
        for optimizer, params in ((ours, a), (theirs, b)):
            for i, (p, g) in enumerate(zip(params, slopes(step, SHAPES, 1.0), strict=True)):
                p.grad = g if (step + i) % 3 else None
            before = [p.detach().clone() for p in params]
            optimizer.step()
            assert all(torch.equal(p, old) for p, old in zip(params, before, strict=True) if p.grad is None)
    assert gap(a, b) < 1e-13


def test_a_rate_in_a_tensor_is_kept_and_followed(machine):
    rate = torch.tensor(0.05, dtype=torch.float64)
    (ours, a), (theirs, b) = pair()
    ours.param_groups[0]["lr"] = rate
    schedules = [torch.optim.lr_scheduler.ExponentialLR(one, 0.7) for one in (ours, theirs)]
    for step in range(4):
        walk(ours, a, range(step, step + 1))
        walk(theirs, b, range(step, step + 1))
        for one in schedules:
            one.step()
    assert ours.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(0.05 * 0.7**4)
    assert gap(a, b) < 1e-13


def test_a_closure_is_run_with_gradients_and_its_loss_returned(machine):
    p = nn.Parameter(torch.tensor([2.0]))
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = p.square().sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert float(optimizer.step(closure).detach()) == 4.0
    assert p.item() == pytest.approx(1.6)


def test_a_schedule_is_a_multiplier_and_goes_on_by_itself(machine):
    climb = warmup(3) >> cosine(6)
    (ours, a), (theirs, b) = pair()
    ours.schedule = climb
    lambdas = torch.optim.lr_scheduler.LambdaLR(theirs, climb)
    for step in range(9):
        walk(theirs, b, range(step, step + 1))
        lambdas.step()
    walk(ours, a, 5)
    again = start(SHAPES)
    for p, old in zip(again, a, strict=True):
        p.data.copy_(old.data)
    resumed = optim.AdamW(again, **FACTS, schedule=climb)
    resumed.load_state_dict(ours.state_dict())
    assert resumed.steps == 5
    walk(resumed, again, range(5, 9))
    assert gap(again, b) < 1e-13


def test_the_schedule_counts_steps_of_the_optimizer():
    a, b = start(((1,), (1,)))
    seen = []
    optimizer = optim.SGD([a, b], lr=1.0, schedule=lambda step: seen.append(step) or 1.0)
    for step in range(4):
        a.grad = torch.ones_like(a) if step < 2 else None
        b.grad = torch.ones_like(b) if step else None
        optimizer.step()
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("bound", [0.01, 5.0, 1e9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clipping_is_torchs(machine, bound, dtype):
    a, b = start(SHAPES, dtype), start(SHAPES, dtype)
    ours, theirs = optim.AdamW(a, **FACTS, clip_norm=bound), torch.optim.AdamW(b, **FACTS)
    for step in range(4):
        walk(ours, a, range(step, step + 1))
        for p, g in zip(b, slopes(step, SHAPES, 1.0), strict=True):
            p.grad = g.to(dtype)
        norm = torch.nn.utils.clip_grad_norm_(b, bound)
        theirs.step()
        assert ours.stats.grad_norm == pytest.approx(float(norm), rel=1e-6)
        assert ours.stats.clip_factor == pytest.approx(min(1.0, bound / (float(norm) + 1e-6)), rel=1e-6)
    assert gap(a, b) < (1e-13 if dtype is torch.float64 else 1e-6)


@pytest.mark.parametrize(("mode", "kept"), [("decoupled", 1 - 0.1 * 0.5 * 0.2), ("independent", 1 - 0.5 * 0.2)])
def test_decay_beside_the_gradient(machine, mode, kept):
    p = start(((5,),))
    old = p[0].detach().clone()
    optimizer = optim.SGD(p, lr=0.1, weight_decay=0.2, decay=mode, schedule=lambda step: 0.5)
    p[0].grad = torch.ones_like(p[0])
    optimizer.step()
    assert torch.allclose(p[0], kept * old - 0.05, rtol=1e-14)
    if mode == "independent":  # of lr, but not of its schedule, whoever runs it
        optimizer.param_groups[0]["lr"] = 0.02
        old = p[0].detach().clone()
        optimizer.step()
        assert torch.allclose(p[0], (1 - 0.2 * 0.5 * 0.2) * old - 0.01, rtol=1e-14)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_changes_nothing(machine, bad):
    a = start(SHAPES)
    guarded, free = optim.AdamW(a, **FACTS), optim.AdamW(b := start(SHAPES), **FACTS, guard=False)
    walk(guarded, a, 3)
    weights, state = [p.detach().clone() for p in a], copy.deepcopy(guarded.state_dict())
    for p in (*a, *b):
        p.grad = torch.ones_like(p)
    a[1].grad[2, 2] = b[1].grad[2, 2] = bad
    for skipped in (1, 2):
        guarded.step()
        assert guarded.stats.skipped == skipped
        assert not math.isfinite(guarded.stats.grad_norm)
    assert all(map(torch.equal, a, weights))
    torch.testing.assert_close(guarded.state_dict()["state"], state["state"], rtol=0, atol=0)
    free.step()
    assert not bool(b[1].isfinite().all()) and free.stats.skipped == 0
    walk(guarded, a, 1)
    assert guarded.stats.skipped == 2 and guarded.steps == 4


def test_figures_are_those_of_the_step(machine):
    a = start(SHAPES)
    optimizer = optim.AdamW(a, **FACTS, clip_norm=1.0)
    walk(optimizer, a, 2)
    before = torch.cat([p.detach().flatten() for p in a])
    walk(optimizer, a, range(2, 3))
    after, g = torch.cat([p.detach().flatten() for p in a]), torch.cat([p.grad.flatten() for p in a])
    stats = optimizer.stats
    assert stats.grad_norm == pytest.approx(float(g.norm()), rel=1e-12)
    assert stats.clip_factor == pytest.approx(1 / (float(g.norm()) + 1e-6), rel=1e-12)
    assert stats.update_norm == pytest.approx(float((after - before).norm()), rel=1e-9)
    assert stats.weight_norm == pytest.approx(float(after.norm()), rel=1e-12)
    assert stats.unchanged == 0 and stats.skipped == 0


@pytest.mark.parametrize("rounding", ["nearest", "stochastic", "kahan"])
def test_the_share_that_rounding_left(machine, rounding):
    p = nn.Parameter(torch.linspace(0.001, 4, 500).bfloat16())
    optimizer = optim.AdamW([p], lr=1e-3, weight_decay=0.0, rounding=rounding)
    before = p.detach().clone()
    p.grad = torch.ones_like(p)
    optimizer.step()
    if rounding == "kahan":  # every pair has moved
        assert optimizer.stats.unchanged == pytest.approx(0, abs=0.01)
    else:
        assert optimizer.stats.unchanged == pytest.approx(float((p == before).float().mean()))
        assert 0.2 < optimizer.stats.unchanged < 0.95


def test_a_grad_scaler_is_undone_and_obeyed(machine):
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    (ours, a), (theirs, b) = pair()
    for step in range(4):
        scaler.scale(torch.ones(()))
        for p, q, g in zip(a, b, slopes(step, SHAPES, 1.0), strict=True):
            p.grad, q.grad = scaler.get_scale() * g * (math.inf if step == 2 else 1), g
        scaler.step(ours)
        scaler.update()
        if step != 2:
            theirs.step()
    assert ours.stats.skipped == 1 and scaler.get_scale() == 32
    assert ours.stats.grad_norm == pytest.approx(float(torch.cat([q.grad.flatten() for q in b]).norm()), rel=1e-6)
    assert gap(a, b) < 1e-13


# dtypes and gradients of other kinds


def test_sparse_gradients_are_refused_and_named():
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1, 1])).sum().backward()
    with pytest.raises(
        ValueError, match=r"^parameter 0 of shape \(5, 2\) has a sparse gradient, and adam needs a dense"
    ):
        optim.AdamW(table.parameters()).step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.AdamW(p, lr=-1.0), "lr=-1.0 is below 0; give 0 or more"),
        (lambda p: optim.AdamW(p, eps=-1e-8), "eps=-1e-08 is below 0; give 0 or more"),
        (lambda p: optim.AdamW(p, betas=(0.9, 1.0)), "betas[1]=1.0 is not a share of the past; give 0 <= beta < 1"),
        (lambda p: optim.SGD(p, momentum=1.0), "momentum=1.0 is not a share of the past; give 0 <= momentum < 1"),
        (lambda p: optim.RMSprop(p, alpha=-0.5), "alpha=-0.5 is not a share of the past; give 0 <= alpha < 1"),
        (
            lambda p: optim.SGD(p, nesterov=True),
            "nesterov=True needs momentum above 0 and dampening=0; give momentum=0.9",
        ),
        (lambda p: optim.SGD(p, decay="l2"), "decay='l2' is not known; choose one of decoupled, coupled, independent"),
        (lambda p: optim.SGD(p, clip_norm=0.0), "clip_norm=0.0 would stop every step; give a norm above 0, or None"),
        (lambda p: optim.SGD(p, state="4bit"), "state='4bit' is not known; choose one of fp32, bf16, 8bit"),
        (lambda p: optim.SGD(p, rounding="up"), "rounding='up' is not known; choose one of nearest, stochastic, kahan"),
        (lambda p: optim.SGD([]), "optimizer got an empty parameter list"),
    ],
)
def test_constructors_refuse_what_has_no_meaning(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(start(((2,),)))


def test_a_setting_that_chooses_the_rule_may_change(monkeypatch):
    monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    ends = []
    for kind in (optim.SGD, torch.optim.SGD):
        optimizer = kind(p := start(SHAPES), lr=0.1)
        walk(optimizer, p, 2)
        optimizer.param_groups[0]["momentum"] = 0.9
        ends.append(walk(optimizer, p, range(2, 5)))
    assert gap(*ends) < 1e-13


# processes and kernels


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


FORK = """
import faulthandler, os, torch
from leonui.optim import SGD
torch.set_num_threads(2)
p = torch.nn.Parameter(torch.ones(300_001))
optimizer = SGD([p], lr=0.5)
p.grad = torch.ones_like(p)
optimizer.step()
child = os.fork()
if not child:  # it must end, whatever happens; torch's own pool of threads is lost there, and waited for
    faulthandler.dump_traceback_later(60, exit=True)
optimizer.step()
torch.set_num_threads(1)
if not child:
    print("child", *p.detach().aminmax(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("parent", *p.detach().aminmax())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_can_step():
    assert run(FORK) == ["child", "tensor(0.)", "tensor(0.)", "parent", "tensor(0.)", "tensor(0.)"]


PREPARED = """
import sys, torch
from leonui.optim import LAMB
from leonui.engine import numba_source
from leonui.engine.arrays import layout
p = torch.nn.Parameter(torch.ones(5))
p.grad = torch.ones_like(p)
optimizer = LAMB([p], lr=0.5)
optimizer.prepare()
seat = optimizer.seat(p)
seat.prepare()
kernel = numba_source.load(layout(seat))
loaded = [len(getattr(kernel, name).signatures) for name in ("numbers", "measure", "reduce", "update")]
optimizer.step()
print(*loaded, *[len(getattr(kernel, name).signatures) for name in ("numbers", "measure", "reduce", "update")])
"""


def test_a_step_loads_nothing_more_once_it_is_prepared():
    assert run(PREPARED) == ["1"] * 8


@pytest.mark.parametrize("kind", [optim.ScheduleFreeAdamW, optim.Prodigy, optim.Muon])
def test_what_is_prepared_starts_where_the_weights_are_at_its_first_step(machine, kind):
    ends = []
    for prepared in (True, False):
        p = start(((4, 3), (5,)))
        optimizer = kind(p, lr=0.1)
        for one, g in zip(p, slopes(0, [one.shape for one in p], 1.0), strict=True):
            one.grad = g
        if prepared:
            optimizer.prepare()
            assert not optimizer.state
        with torch.no_grad():
            for one in p:
                one.add_(1.0)  # as a branch does that is given weights of another trial
        walk(optimizer, p, 3)
        optimizer.prepare()  # nor is what it has by now touched
        walk(optimizer, p, range(3, 5))
        ends.append(p)
    assert gap(*ends) == 0


def test_a_cache_that_cannot_be_written_is_done_without():
    code = "import torch; from leonui.optim import SGD; p = torch.nn.Parameter(torch.ones(2)); p.grad = p.detach() / 2;"
    code += "o = SGD([p], lr=1.0); o.step(); print(o.engine.split(':')[0], *p.tolist())"
    assert run(code, LEONUI_CACHE="/proc/nope") == ["numba", "0.5", "0.5"]


def kernel(row):
    """The loop over elements of a row's rule in float32, compiled afresh, and how many arrays it reads."""
    p = nn.Parameter(torch.ones(4))
    p.grad = torch.ones(4)
    seat = row.make([p], **row.settings).seat(p)
    seat.prepare()
    module = numba_source.load(layout(seat))
    again = numba.njit(**{**FAST, "cache": False})(module.tile.py_func)
    arrays = [np.ones(4, np.float32) for _ in range(2 + len(trace(seat.rule).tensors))]
    again(4, *arrays, np.ones(module.COLUMNS, np.float32))
    return next(iter(again.inspect_asm().values()))


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the names are those of x86")
@pytest.mark.parametrize("row", {row.rule: row for row in ROWS if row.rule not in WHOLE}.values(), ids=str)
def test_kernels_are_vectors(row):
    packed = re.findall(r"\b(v?(?:mul|add|sub|fn?m(?:add|sub)\d+)ps)\b", kernel(row))
    assert len(packed) > 3
