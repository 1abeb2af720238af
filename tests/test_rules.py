"""Every rule against those who wrote it, against closed forms, and as a kernel against itself in float64."""

import inspect
import math

import numpy as np
import prodigyopt
import pytest
import torch
from torch import nn

from leonui import optim, rules
from leonui.engine import Engine, machines
from leonui.rules.expression import sqrt
from leonui.rules.matrix import QUINTIC, orthogonalize
from leonui.rules.rule import rule, square
from tests.rules import FULL, ROWS, STEPS, Row, gap, quintic, slopes, start, walk

SCALES = (1.0, 1e-6)
BY_NAME = {row.name: row for row in ROWS}
KERNELS = {row.rule: row for row in ROWS if row.rule not in ("muon", "adafactor", "soap")}


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))


def each(scales=SCALES):
    """Every row at every scale of the gradient."""
    return pytest.mark.parametrize(
        ("row", "scale"), [pytest.param(row, scale, id=f"{row} {scale:g}") for row in ROWS for scale in scales]
    )


def walked(row, scale=1.0, steps=STEPS, dtype=torch.float64, **changes):
    """Where a row's optimizer leaves the weights."""
    params = start(row.shapes, dtype)
    return walk(row.make(params, **row.scaled(scale) | changes), params, steps, scale)


def off(row, scale, **more):
    """How far a row's optimizer is from its peer."""
    params = start(row.shapes)
    theirs = walk(row.peer(params, **row.scaled(scale), **more), params, scale=scale)
    return gap(walked(row, scale, **more), theirs)


# against those who wrote them


@each()
def test_a_rule_is_what_its_authors_run(row, scale, eager):
    assert off(row, scale) < row.close


@pytest.mark.parametrize("name", ["SGD momentum", "SGD nesterov", "AdamW", "Adam amsgrad", "NAdam", "RMSprop both"])
def test_maximize_is_theirs(name, eager):
    assert off(BY_NAME[name], 1.0, maximize=True) < BY_NAME[name].close


@pytest.mark.parametrize("name", ["ScheduleFreeSGD", "ScheduleFreeAdamW"])
def test_the_averaged_point_is_theirs(name, eager):
    row, ours, theirs = BY_NAME[name], start(), start()
    mine, peer = row.make(ours, **row.settings), row.peer(theirs, **row.settings)
    for step in range(STEPS):
        mine.param_groups[0]["lr"] = peer.param_groups[0]["lr"] = 0.1 / (1 + step % 4)
        walk(mine, ours, range(step, step + 1))
        walk(peer, theirs, range(step, step + 1))
    peer.eval()
    with mine.averaged():
        assert gap(ours, theirs) < row.close


def test_torchs_muon_is_ours_but_for_its_bfloat16(eager):
    ours, theirs = start(((6, 4), (4, 6))), start(((6, 4), (4, 6)))
    walk(optim.Muon(ours, lr=0.02, rms=0.2), ours)
    walk(torch.optim.Muon(theirs, lr=0.02, adjust_lr_fn="match_rms_adamw"), theirs)
    assert gap(ours, theirs) < 0.02


# every hyper-parameter matters


def altered(value):
    """Other values for a hyper-parameter, one a member of it."""
    if isinstance(value, tuple):
        return [(*value[:i], one, *value[i + 1 :]) for i in range(len(value)) for one in altered(value[i])]
    if value is None:
        return [0.3]
    return [not value] if isinstance(value, bool) else [value + 1 if isinstance(value, int) else value * 0.9]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_hyper_parameter_matters(row, eager):
    def ways(**changes):
        return [walked(row, scale, schedule=lambda step: 1 + step % 2, **changes) for scale in SCALES]

    before = ways()
    for name in row.settings:
        for value in altered(row.settings[name]):
            gaps = [gap(*pair) for pair in zip(ways(**{name: value}), before, strict=True)]
            assert max(gaps) > 1e-7, (name, value)


def test_every_hyper_parameter_of_the_shelf_is_in_the_table():
    given: dict = {}
    for row in ROWS:
        given.setdefault(row.make, []).append(row.settings)
    shelf = {kind for kind in vars(optim).values() if inspect.isclass(kind) and issubclass(kind, Engine)}
    assert set(given) == shelf
    for kind, settings in given.items():
        known = inspect.signature(kind).parameters.values()
        hypers = {one.name: one.default for one in known if one.name not in ("params", "options")}
        other = {name for one in settings for name, value in one.items() if value != hypers[name]}
        assert other == set(hypers), kind.__name__


def test_every_rule_is_in_the_table():
    assert {row.rule for row in ROWS} == {name for name, one in vars(rules).items() if isinstance(one, rules.Rule)}
    for row in ROWS:
        p = nn.Parameter(torch.zeros(3, 3))
        assert row.make([p], **row.settings).seat(p).rule.name == row.rule


def test_averages_are_shown_after_zero_grad(eager):
    p = start()
    optimizer = optim.ScheduleFreeSGD(p, lr=0.1)
    walking = walk(optimizer, p, 3)
    optimizer.zero_grad()
    with optimizer.averaged():
        assert gap(p, walking) > 1e-3
    assert all(map(torch.equal, p, walking))


def test_radam_where_its_length_is_4(eager):
    row = BY_NAME["RAdam"]
    assert off(Row("", row.make, row.peer, row.settings | {"betas": (0.9, 0.6)}, "radam"), 1.0) < 1e-13


def test_prodigy_has_one_distance_for_all():
    ends = []
    for kind in (optim.Prodigy, prodigyopt.Prodigy):
        a, b = start(((5,), (7,)))
        optimizer = kind([a, b], d0=1e-3)
        for step in range(12):
            a.grad, b.grad = 0.1 * a.detach(), 0.1 * b.detach() if step > 3 else None
            optimizer.step()
        ends.append([a, b])
    assert gap(*ends) < 1e-12


# the kernels, against the same rule in float64


@pytest.mark.parametrize("row", KERNELS.values(), ids=KERNELS)
def test_the_kernel_in_float32_is_the_rule_in_float64(row, monkeypatch):
    fast = {scale: walked(row, scale, dtype=torch.float32) for scale in SCALES}
    assert row.make([nn.Parameter(torch.zeros(1))], **row.settings).engine == "numba: 1 tensors, 1 elements"
    monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    gaps = {scale: gap(fast[scale], walked(row, scale)) for scale in SCALES}
    assert max(gaps.values()) < 2e-6, gaps


@pytest.mark.parametrize("name", ["AdamW", "LAMB", "Prodigy"])
def test_the_kernel_in_float64_is_the_rule_in_float64(name, monkeypatch):
    row = BY_NAME[name]
    fast = {scale: walked(row, scale) for scale in SCALES}
    monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    assert all(gap(fast[scale], walked(row, scale)) < 1e-13 for scale in SCALES)


# the test of the tests: faults of epsilon that a float32 table with rtol 1e-5 lets pass


def faulty(name, denominator, direction=lambda m, v, eps, d: m / d):
    """Adam with another denominator."""

    def move(g, m, v, t, beta1, beta2, eps):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        return direction(m / (1 - beta1**t), v, eps, denominator(v, t, beta2, eps)), m, v

    move.__name__ = name
    return rule(m="exp_avg", v=square("exp_avg_sq"))(move)


FAULTS = {
    "eps inside the root": faulty("inside", lambda v, t, b, eps: sqrt(v / (1 - b**t) + eps)),
    "eps before the correction": faulty("before", lambda v, t, b, eps: (sqrt(v) + eps) / sqrt(1 - b**t)),
    "eps missing": faulty("missing", lambda v, t, b, eps: sqrt(v / (1 - b**t)) + 1e-300),
    "eps added to the step": faulty(
        "added", lambda v, t, b, eps: sqrt(v / (1 - b**t)), lambda m, v, eps, d: m / d + eps
    ),
}
NONE = faulty("none", lambda v, t, b, eps: sqrt(v / (1 - b**t)) + eps)


def wrong(fault):
    """A row of the table whose optimizer has that rule."""
    adamw = BY_NAME["AdamW"]
    make = lambda params, **settings: Engine(params, fault, settings, {"decay": "decoupled"})  # noqa: E731
    return Row("wrong", make, adamw.peer, adamw.settings, fault.name, shapes=FULL)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_epsilon_fails_the_table(name, eager):
    for scale in SCALES:
        assert off(wrong(NONE), scale) < BY_NAME["AdamW"].close < off(wrong(FAULTS[name]), scale)


def test_a_fault_of_epsilon_fails_the_kernels_too(monkeypatch):
    right = BY_NAME["AdamW"]
    fast = walked(wrong(NONE), 1e-6, dtype=torch.float32)
    monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))
    wide = Row("right", right.make, right.peer, right.settings, "adam", shapes=FULL)
    assert gap(fast, walked(wide, 1e-6)) < 2e-6
    for fault in FAULTS.values():  # by far more than a kernel may be off
        assert gap(walked(wrong(fault), 1e-6), walked(wide, 1e-6)) > 1e-4


def test_a_dropped_decay_fails_the_table(eager):
    for row in ROWS:
        assert gap(walked(row, weight_decay=0.0), walked(row)) > 1e4 * row.close, row


# closed forms


def line(kind, value=3.0, slope=1.0, steps=5, **settings):
    """The way of one weight along a constant slope."""
    p = nn.Parameter(torch.full((3,), value, dtype=torch.float64))
    optimizer, way = kind([p], **settings), []
    for _ in range(steps):
        p.grad = torch.full_like(p, slope)
        optimizer.step()
        way.append(float(p.detach()[0]))
    return way


@pytest.mark.parametrize("slope", [1.0, -1e-4, 1e6])
@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW, optim.Adamax, optim.Lion, optim.SignSGD, optim.Adan])
def test_along_a_constant_slope_the_step_is_lr(kind, slope, eager):
    more = {} if kind in (optim.Lion, optim.SignSGD) else {"eps": 0.0}
    way = line(kind, slope=slope, lr=0.1, weight_decay=0.0, **more)
    assert way == pytest.approx([3 - math.copysign(0.1, slope) * n for n in range(1, 6)], rel=1e-12)


@pytest.mark.parametrize("name", ["Adam", "AdamW amsgrad", "NAdam", "Adan", "LAMB", "RMSprop"])
def test_the_scale_of_the_gradient_does_not_matter(name, eager):
    row = BY_NAME[name]
    big, small = (
        walked(Row(row.name, row.make, None, row.settings | {"eps": 0.0, "weight_decay": 0.0}, row.rule), scale)
        for scale in (1e3, 1e-9)
    )
    assert gap(big, small) < 1e-12


@pytest.mark.parametrize("decay", ["decoupled", "independent"])
@pytest.mark.parametrize("name", ["SGD", "SignSGD", "AdamW", "Lion", "NAdam", "RMSprop", "Adadelta"])
def test_where_no_gradient_pulls_decay_alone_acts(name, decay, eager):
    settings = {"lr": 0.1, "weight_decay": 0.2, "decay": decay}
    way = line(getattr(optim, name), slope=0.0, **settings)
    rate = 0.02 if decay == "decoupled" else 0.2
    assert way == pytest.approx([3 * (1 - rate) ** n for n in range(1, 6)], rel=1e-12)


def bowl(optimizer, p, curve, steps):
    for _ in range(steps):
        p.grad = curve * p.detach()
        optimizer.step()
    return p.detach()


def test_gradient_descent_on_a_bowl_shrinks_each_axis_by_its_own_factor():
    curve = torch.tensor([0.1, 1.0, 5.0, 25.0], dtype=torch.float64)
    p = nn.Parameter(torch.ones(4, dtype=torch.float64))
    assert torch.allclose(bowl(optim.SGD([p], lr=0.07), p, curve, 20), (1 - 0.07 * curve) ** 20, rtol=1e-12)


@pytest.mark.parametrize("kind", ["heavy", "nesterov", "average"])
def test_momentum_on_a_bowl_is_a_power_of_its_matrix(kind, eager):
    lr, beta, curve = 0.1, 0.8, torch.tensor([0.3, 4.0], dtype=torch.float64)
    p = nn.Parameter(torch.ones(2, dtype=torch.float64))
    made = {
        "heavy": lambda: optim.SGD([p], lr=lr, momentum=beta),
        "nesterov": lambda: optim.SGD([p], lr=lr, momentum=beta, nesterov=True),
        "average": lambda: optim.Momentum([p], lr=lr / (1 - beta), beta=beta),
    }[kind]()
    end = bowl(made, p, curve, 30)
    for axis, h in enumerate(curve.tolist()):
        ahead = beta if kind == "nesterov" else 0.0  # d = g + beta v, v = beta v + g
        matrix = np.array([[1 - lr * h * (1 + ahead if ahead else 1), -lr * beta * (beta if ahead else 1)], [h, beta]])
        assert end[axis].item() == pytest.approx((np.linalg.matrix_power(matrix, 30) @ [1.0, 0.0])[0], rel=1e-9)


def test_newton_schulz_keeps_singular_vectors_and_evens_out_their_values():
    draw = torch.Generator().manual_seed(3)
    for shape in ((4, 9), (9, 4), (6, 6), (1, 5)):
        x = torch.randn(shape, generator=draw, dtype=torch.float64)
        y = orthogonalize(x, 5, 1e-7)
        assert np.allclose(y.numpy(), quintic(x.numpy(), 5), atol=1e-10)
        values = torch.linalg.svdvals(y)
        assert float(values.min()) > 0.6 and float(values.max()) < 1.25
    assert orthogonalize(torch.zeros(3, 4), 5, 1e-7).abs().max() == 0
    assert sum(QUINTIC) == pytest.approx(0.701, abs=1e-3)


def test_matrix_rules_see_more_dimensions_as_a_matrix(eager):
    for name in ("Muon", "SOAP"):
        row = BY_NAME[name]
        settings = row.settings | ({"max_side": 6} if name == "SOAP" else {})
        box = walk(row.make(a := start(((4, 2, 3, 1),)), **settings), a)
        flat = [nn.Parameter(start(((4, 2, 3, 1),))[0].detach().reshape(4, 6))]
        optimizer = row.make(flat, **settings)
        for step in range(STEPS):
            flat[0].grad = slopes(step, ((4, 2, 3, 1),), 1.0)[0].reshape(4, 6)
            optimizer.step()
        assert gap([flat[0].reshape(4, 2, 3, 1)], box) < 1e-12
