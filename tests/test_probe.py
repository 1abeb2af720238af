"""What the probe writes down of a training, exactly; what it changes when told to; and that it leaves no trace."""

import math
import mmap
import os
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.optim import Optimizer, lr_scheduler

import leonui
from leonui.record import Record
from leonui.schedule import Phase, Schedule
from leonui.trial import probe
from leonui.trial.intervention import Intervention, LearningRate, Swap, absolute, clip, ramped, scale, treated
from leonui.trial.plan import Plan
from leonui.trial.probe.act import Act, optimizer_class
from leonui.trial.probe.crew import peak_rate
from leonui.trial.probe.hooks import LOSSES
from leonui.trial.probe.memory import Memory, peak
from leonui.trial.probe.targets import HeldOut


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def parameter(*values: float) -> torch.Tensor:
    return torch.tensor(values, requires_grad=True)


def quadratic(w: torch.Tensor) -> torch.Tensor:
    return 0.5 * w.square().sum()


def train(optimizer: Optimizer, loss, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        seen.append(value.item())
    return seen


# rows


def test_a_row_has_what_was_measured(tmp_path):
    a, b = parameter(3.0, 4.0), parameter(12.0)
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    with leonui.watch(tmp_path) as seen:
        losses = train(optimizer, lambda: quadratic(a) + quadratic(b), 3)
    rows = seen.record.rows
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert [row["loss"] for row in rows] == losses
    assert [row["lr"] for row in rows] == [[0.1, 0.5]] * 3
    assert [row["micro"] for row in rows] == [1] * 3
    assert all(row["seconds"] > 0 for row in rows)
    assert rows[0]["grad_norm"] == pytest.approx(13.0)  # the gradient is the weights themselves
    assert rows[0]["update_ratio"] == pytest.approx(math.hypot(0.3, 0.4, 6.0) / 13.0)
    assert seen.record.steps == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_norm_is_torchs(dtype, tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3)).to(dtype)
    optimizer = torch.optim.SGD([*model.parameters(), torch.ones(2, requires_grad=True)], lr=0.1)
    expected = []
    with leonui.watch(tmp_path) as seen:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(4, 5, dtype=dtype)).square().sum().backward()
            expected.append(torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item())
            optimizer.step()
    assert seen.record.column("grad_norm") == expected


def test_the_loss_of_a_step_is_the_mean_of_its_micro_batches(tmp_path):
    w = parameter(1.0)
    optimizer = torch.optim.SGD([w], lr=0.0)
    with leonui.watch(tmp_path) as seen:
        for count in (1, 2, 4):
            optimizer.zero_grad()
            for factor in range(1, count + 1):
                (factor * w).sum().backward()
            optimizer.step()
    assert seen.record.losses() == [1.0, 1.5, 2.5]
    assert seen.record.column("micro") == [1, 2, 4]


def test_what_is_not_finite_is_marked(tmp_path):
    w = parameter(1.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    factors = iter([1.0, math.inf, math.nan])
    with leonui.watch(tmp_path) as seen:
        train(optimizer, lambda: (w * next(factors)).sum(), 3)
    assert [row.get("nonfinite", False) for row in seen.record.rows] == [False, True, True]
    assert seen.record.losses()[1:] == pytest.approx([math.inf, math.nan], nan_ok=True)


def test_a_step_without_a_loss_has_none(tmp_path):
    w = parameter(1.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    with leonui.watch(tmp_path) as seen:
        for _ in range(2):
            (w.grad,) = torch.autograd.grad(quadratic(w), [w])
            optimizer.step()
    assert [row["step"] for row in seen.record.rows] == [1, 2]
    assert seen.record.column("loss") == pytest.approx([math.nan] * 2, nan_ok=True)


def test_a_scaler_shows_the_true_loss_and_what_it_left_out(tmp_path):
    w = parameter(2.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with leonui.watch(tmp_path) as seen:
        for factor in (1.0, math.inf, 1.0):
            optimizer.zero_grad()
            scaler.scale(quadratic(w) * factor).backward()
            scaler.step(optimizer)
            scaler.update()
    assert [row.get("phase", "train") for row in seen.record.rows] == ["train", "skipped", "train"]
    assert [row["step"] for row in seen.record.rows] == [1, 2, 2]
    assert seen.record.losses() == pytest.approx([2.0, 0.5 * 1.8**2])
    assert seen.record.column("grad_norm", "train") == pytest.approx([2.0, 1.8])
    assert seen.record.steps == 2


def test_a_step_with_a_closure_is_one_row_with_its_first_loss(tmp_path):
    w = parameter(3.0, -2.0)
    optimizer = torch.optim.LBFGS([w], lr=0.5, max_iter=5)
    firsts, calls = [], []

    def closure():
        optimizer.zero_grad()
        loss = (w**4).sum()
        loss.backward()
        calls.append(loss.item())
        return loss

    with leonui.watch(tmp_path) as seen:
        for _ in range(3):
            at = len(calls)
            optimizer.step(closure)
            firsts.append(calls[at])
    assert len(calls) > 6
    assert seen.record.losses() == firsts
    assert [row["step"] for row in seen.record.rows] == [1, 2, 3]
    assert not any(row.get("stale") for row in seen.record.rows)


@pytest.mark.parametrize("made", ["before", "during"])
def test_two_optimizers_in_turn_make_one_step(made, tmp_path):
    d, g = parameter(1.0), parameter(2.0)
    first, second = (torch.optim.SGD([d], lr=0.1), torch.optim.Adam([g], lr=0.01)) if made == "before" else (None, None)
    with leonui.watch(tmp_path) as seen:
        first, second = first or torch.optim.SGD([d], lr=0.1), second or torch.optim.Adam([g], lr=0.01)
        for _ in range(3):
            one = train(first, lambda: quadratic(d), 1)
            two = train(second, lambda: quadratic(g), 1)
    rows = seen.record.rows
    assert [(row["step"], row["optimizer"]) for row in rows] == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert [row["lr"] for row in rows[:2]] == [[0.1], [0.01]]
    assert [row["loss"] for row in rows[-2:]] == one + two
    assert seen.record.losses()[-1] == pytest.approx((one[0] + two[0]) / 2)
    assert [event["name"] for event in seen.record.named("optimizer")] == ["SGD", "Adam"]


def test_three_optimizers_made_before_the_watch_are_three(tmp_path):
    ws = [parameter(1.0) for _ in range(3)]
    optimizers = [torch.optim.SGD([w], lr=0.1) for w in ws]
    with leonui.watch(tmp_path) as seen:
        for _ in range(2):
            for w, optimizer in zip(ws, optimizers, strict=True):
                train(optimizer, lambda w=w: quadratic(w), 1)
    assert [(row["step"], row["optimizer"]) for row in seen.record.rows] == [
        (step, one) for step in (1, 2) for one in range(3)
    ]


def halving(optimizer):
    return lr_scheduler.ExponentialLR(optimizer, 0.5)


def sequence(optimizer):
    return lr_scheduler.SequentialLR(optimizer, [halving(optimizer), halving(optimizer)], [9])


def chain(optimizer):
    return lr_scheduler.ChainedScheduler([halving(optimizer), lr_scheduler.ConstantLR(optimizer, 1.0)])


@pytest.mark.parametrize("make", [halving, sequence, chain])
@pytest.mark.parametrize(
    ("times", "expected"),
    [([1, 1, 1], [None, 1, 1]), ([0, 2, 1, 0], [None, None, 2, 1]), ([0, 0], [None, None])],
)
def test_a_schedulers_steps_are_counted(times, expected, make, tmp_path):
    w = parameter(1.0)
    with leonui.watch(tmp_path) as seen:
        optimizer = torch.optim.SGD([w], lr=1.0)
        scheduler = make(optimizer)
        for count in times:
            train(optimizer, lambda: quadratic(w), 1)
            for _ in range(count):
                scheduler.step()
    assert [row.get("scheduler") for row in seen.record.rows] == expected
    assert [row["lr"][0] for row in seen.record.rows] == [0.5 ** sum(times[:i]) for i in range(len(times))]
    assert seen.record.named("scheduler")[0]["name"] == "ExponentialLR"
    assert seen.record.named("scheduler")[0]["place"].startswith(f"{__file__}:")


@pytest.mark.parametrize("shelf", [torch.optim, leonui.optim], ids=["torch", "leonui"])
def test_events_tell_where_and_with_what(shelf, tmp_path):
    w = parameter(1.0, 2.0)
    with leonui.watch(tmp_path):
        optimizer = shelf.SGD([w], lr=0.1, momentum=0.9)
        train(optimizer, lambda: quadratic(w), 2)
        leonui.log(accuracy=torch.tensor(0.5), epoch=1)
    leonui.log(late=1.0)
    record = Record.read(tmp_path)
    made = record.last("optimizer")
    assert (made["name"], made["parameters"], made["lr"], made["settings"]["momentum"]) == ("SGD", 2, [0.1], 0.9)
    assert made["place"].startswith(f"{__file__}:")
    assert record.last("trailhead")["place"].startswith(f"{__file__}:")
    assert record.named("log") == [{"event": "log", "step": 2, "accuracy": 0.5, "epoch": 1.0}]
    end = record.last("end")
    assert (end["reason"], end["steps"], end["backwards"]) == ("done", 2, 2)
    assert end["seconds"] > end["probe_seconds"] > 0


def test_an_agent_is_known_by_its_worlds(tmp_path):
    import gymnasium  # noqa: F401

    with leonui.watch(tmp_path):
        train(torch.optim.SGD([w := parameter(1.0)], lr=0.1), lambda: quadratic(w), 1)
    assert Record.read(tmp_path).acts


def test_an_exception_is_told_with_its_place(tmp_path):
    with pytest.raises(ZeroDivisionError), leonui.watch(tmp_path):
        train(torch.optim.SGD([w := parameter(1.0)], lr=0.1), lambda: quadratic(w), 1)
        _ = 1 / 0
    record = Record.read(tmp_path)
    error = record.last("exception")
    assert (error["type"], error["message"], error["step"]) == ("ZeroDivisionError", "division by zero", 1)
    assert error["place"].startswith(f"{__file__}:")
    assert record.last("end")["reason"] == "exception"


# losses under no_grad


def by_place(x, y, **settings):
    return F.mse_loss(x, y, **settings)


def by_name(x, y, **settings):
    return F.mse_loss(input=x, target=y, **settings)


@pytest.mark.parametrize("loss", [by_place, by_name])
@pytest.mark.parametrize("settings", [{}, {"reduction": "sum"}, {"reduction": "none"}], ids=str)
def test_a_validation_pass_is_one_event_weighted_by_batch(loss, settings, tmp_path):
    w, batches = parameter(0.0), [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([9.0])]
    optimizer = torch.optim.SGD([w], lr=0.0)

    def validate():
        with torch.no_grad():
            for batch in batches:
                loss(torch.zeros(len(batch)), batch, **settings)

    with leonui.watch(tmp_path) as seen:
        for _ in range(2):
            train(optimizer, lambda: quadratic(w), 2)
            validate()
    found = seen.record.named("validation")
    assert [(event["step"], event["batches"]) for event in found] == [(2, 2), (4, 2)]
    assert [event["loss"] for event in found] == pytest.approx([(1 + 4 + 9 + 81) / 4] * 2)
    assert len({event["site"] for event in found}) == 1
    assert all(place.startswith(f"{__file__}:") for place in found[0]["site"].split(" < "))


def test_two_places_are_two_validations(tmp_path):
    w = parameter(0.0)
    with leonui.watch(tmp_path) as seen:
        train(torch.optim.SGD([w], lr=0.0), lambda: quadratic(w), 1)
        with torch.no_grad():
            F.mse_loss(torch.zeros(2), torch.ones(2))
            F.l1_loss(torch.zeros(2), torch.full((2,), 3.0))
    assert [event["loss"] for event in seen.record.named("validation")] == [1.0, 3.0]


# stale gradients


def cleared(optimizer, w, step):
    optimizer.zero_grad()
    quadratic(w).backward()


def cleared_between(optimizer, w, step):
    loss = quadratic(w)
    optimizer.zero_grad()
    loss.backward()


def cleared_to_zero(optimizer, w, step):
    optimizer.zero_grad(set_to_none=False)
    quadratic(w).backward()


def zeroed_by_hand(optimizer, w, step):
    if w.grad is not None:
        w.grad.zero_()
    quadratic(w).backward()


def zeroed_in_data(optimizer, w, step):
    if w.grad is not None:
        w.grad.data.zero_()
    quadratic(w).backward()


def dropped_by_hand(optimizer, w, step):
    w.grad = None
    quadratic(w).backward()


def replaced(optimizer, w, step):
    w.grad = torch.autograd.grad(quadratic(w), [w])[0]


def never(optimizer, w, step):
    quadratic(w).backward()


def forgotten_once(optimizer, w, step):
    if step != 3:
        optimizer.zero_grad()
    quadratic(w).backward()


def accumulated(optimizer, w, step):
    optimizer.zero_grad()
    for _ in range(3):
        quadratic(w).backward()


def accumulated_to_zero(optimizer, w, step):
    optimizer.zero_grad(set_to_none=False)
    for _ in range(3):
        quadratic(w).backward()


def accumulated_and_never(optimizer, w, step):
    for _ in range(3):
        quadratic(w).backward()


def clipped(optimizer, w, step):
    optimizer.zero_grad()
    quadratic(w).backward()
    torch.nn.utils.clip_grad_norm_([w], 0.1)


def clipped_and_never(optimizer, w, step):
    quadratic(w).backward()
    torch.nn.utils.clip_grad_norm_([w], 0.1)


@pytest.mark.parametrize(
    ("backward", "expected"),
    [
        (cleared, []),
        (cleared_between, []),
        (cleared_to_zero, []),
        (zeroed_by_hand, []),
        (zeroed_in_data, []),
        (dropped_by_hand, []),
        (replaced, []),
        (never, [2, 3, 4, 5]),
        (forgotten_once, [3]),
        (accumulated, []),
        (accumulated_to_zero, []),
        (accumulated_and_never, [2, 3, 4, 5]),
        (clipped, []),
        (clipped_and_never, [2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize("make", [torch.optim.SGD, pytest.param(torch.optim.Adam, marks=pytest.mark.slow)])
def test_stale_gradients_are_flagged_exactly(backward, expected, make, tmp_path):
    w = parameter(1.0, 2.0)
    optimizer = make([w], lr=0.01)
    with leonui.watch(tmp_path) as seen:
        for step in range(1, 6):
            backward(optimizer, w, step)
            optimizer.step()
    assert [row["step"] for row in seen.record.rows if row.get("stale")] == expected


@pytest.mark.parametrize(
    ("clears", "expected"),
    [
        ("dg", []),
        ("d", [(step, 1) for step in (2, 3, 4)]),
        ("g", [(step, 0) for step in (2, 3, 4)]),
        ("", [(step, one) for step in (2, 3, 4) for one in (0, 1)]),
    ],
)
def test_stale_gradients_of_two_networks_that_share_a_backward(clears, expected, tmp_path):
    d, g = parameter(1.0), parameter(2.0)
    with leonui.watch(tmp_path) as seen:
        first, second = torch.optim.SGD([d], lr=0.01), torch.optim.SGD([g], lr=0.01)
        for _ in range(4):
            if "d" in clears:
                first.zero_grad()
            quadratic(d * g.detach()).backward()
            first.step()
            if "g" in clears:
                second.zero_grad()
            quadratic(d * g).backward()  # goes through the first network, too, and adds to its gradient
            second.step()
    assert [(row["step"], row["optimizer"]) for row in seen.record.rows if row.get("stale")] == expected


# the best constant prediction

CLASSES = torch.tensor([0, 0, 0, 1, 2, 2])
BINARY = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
VALUES = torch.tensor([[1.0, 10.0], [2.0, 10.0], [3.0, 16.0]])


def entropy(*shares: float) -> float:
    return -sum(share * math.log(share) for share in shares)


def functional(name: str):
    return lambda x, y: getattr(F, name)(x, y)


def penalised(x, y):
    return F.mse_loss(x, y) + 0.1 * x.square().sum()


@pytest.mark.parametrize(
    ("loss", "batches", "expected"),
    [
        (functional("cross_entropy"), [CLASSES], entropy(1 / 2, 1 / 6, 1 / 3)),
        (functional("cross_entropy"), [CLASSES[:3], CLASSES[3:]], entropy(1 / 2, 1 / 6, 1 / 3)),
        (torch.nn.CrossEntropyLoss(), [CLASSES], entropy(1 / 2, 1 / 6, 1 / 3)),
        (torch.nn.CrossEntropyLoss(ignore_index=2), [CLASSES], entropy(3 / 4, 1 / 4)),
        (lambda x, y: F.nll_loss(F.log_softmax(x, -1), y), [CLASSES], entropy(1 / 2, 1 / 6, 1 / 3)),
        (functional("mse_loss"), [VALUES], (2 / 3 + 8) / 2),
        (torch.nn.MSELoss(), [VALUES[:1], VALUES[1:]], (2 / 3 + 8) / 2),
        (functional("mse_loss"), [VALUES[:, 0]], 2 / 3),
        (functional("binary_cross_entropy_with_logits"), [BINARY], entropy(1 / 4, 3 / 4)),
        (torch.nn.BCEWithLogitsLoss(), [BINARY[:2], BINARY[2:]], entropy(1 / 4, 3 / 4)),
        (lambda x, y: F.binary_cross_entropy(x.sigmoid(), y), [BINARY], entropy(1 / 4, 3 / 4)),
        # where it cannot be compared, nothing is said
        (torch.nn.CrossEntropyLoss(label_smoothing=0.1), [CLASSES], None),
        (torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0])), [CLASSES], None),
        (torch.nn.CrossEntropyLoss(reduction="sum"), [CLASSES], None),
        (torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0])), [BINARY], None),
        (functional("l1_loss"), [VALUES], None),
        (penalised, [VALUES], None),
        (lambda x, y: 0.5 * F.mse_loss(x, y), [VALUES], None),
        (lambda x, y: ((x - y) ** 2).mean(), [VALUES], None),
    ],
)  # fmt: skip
def test_the_best_constants_loss(loss, batches, expected, tmp_path):
    classes = batches[0].dtype == torch.int64
    w = torch.zeros(3 if classes else batches[0].shape[1:], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.0)
    with leonui.watch(tmp_path) as seen:
        for batch in batches:
            train(optimizer, lambda batch=batch: loss(w.expand(len(batch), *w.shape), batch), 1)
    end = seen.record.last("end")
    assert end.get("constant_loss") == (None if expected is None else pytest.approx(expected, rel=1e-6))


# what is changed


def walked(act: Act, optimizer: Optimizer, t: int) -> None:
    act.step(optimizer, type(optimizer).step, (), {}, t)


def groups(*rates: float | torch.Tensor, **settings: float) -> tuple[torch.optim.SGD, list[torch.Tensor]]:
    """SGD over one weight a group, each with a gradient of 1: it moves by its group's rate."""
    params = [parameter(0.0) for _ in rates]
    for p in params:
        p.grad = torch.ones(1)
    made = [{"params": [p], "lr": rate} | settings for p, rate in zip(params, rates, strict=True)]
    return torch.optim.SGD(made, lr=1.0, foreach=False), params


HALVES = Schedule((Phase(2, 1.0, 0.0),))  # 1, then 0.5


def rates_of(optimizer: torch.optim.Optimizer) -> list[float]:
    return [peak_rate(group) for group in optimizer.param_groups]


@pytest.mark.parametrize(
    ("leg", "rates", "settings", "t", "expected"),
    [
        (Intervention(), [0.1, 0.01], {}, 0, [0.1, 0.01]),
        (scale(0.5), [0.1, 0.01], {}, 0, [0.05, 0.005]),
        (scale(0.5), [0.1, 0.0], {}, 0, [0.05, 0.0]),
        (scale(0.5), [0.1, 0.01], {"initial_lr": 1.0}, 7, [0.05, 0.005]),
        (Intervention(lr=LearningRate(HALVES, "base")), [0.1, 0.01], {}, 1, [0.05, 0.005]),
        (Intervention(lr=LearningRate(HALVES, "base")), [0.1, 0.01], {"initial_lr": 2.0}, 0, [2.0, 2.0]),
        (Intervention(lr=LearningRate(HALVES, "base")), [0.1], {"initial_lr": 2.0, "max_lr": 4.0}, 0, [4.0]),
        (ramped(0.1, 10.0, 2), [0.1, 0.01], {}, 0, [0.1, 0.01]),
        (absolute(0.4), [0.1, 0.01], {}, 9, [0.4, 0.04]),
        (absolute(0.4), [0.0, 0.01, 0.02], {}, 0, [0.0, 0.4, 0.8]),
        (absolute(0.4), [0.0, 0.0], {}, 0, [0.0, 0.0]),
        (absolute(0.4), [torch.tensor(0.1), torch.tensor(0.01)], {}, 0, [0.4, 0.04]),
        (scale(2.0), [torch.tensor(0.1), torch.tensor(0.02)], {}, 0, [0.2, 0.04]),
    ],
)
def test_rates_are_changed_for_the_step_alone(leg, rates, settings, t, expected):
    optimizer, params = groups(*rates, **settings)
    act = Act(leg, rates_of)
    found = [group["lr"] for group in optimizer.param_groups]
    walked(act, optimizer, t)
    assert [-p.item() for p in params] == pytest.approx(expected)
    assert act.rates == (pytest.approx(expected) if leg.lr else [])
    assert all(group["lr"] is rate for group, rate in zip(optimizer.param_groups, found, strict=True))


def test_the_base_is_what_the_groups_began_with():
    optimizer, params = groups(0.1, 0.01)
    act = Act(Intervention(lr=LearningRate(HALVES, "base")), rates_of)
    walked(act, optimizer, 0)
    for group in optimizer.param_groups:
        group["lr"] *= 0.001
    walked(act, optimizer, 1)
    assert [-p.item() for p in params] == pytest.approx([0.15, 0.015])


def test_the_users_rate_is_put_back_when_the_step_fails():
    optimizer, _ = groups(0.1)

    def fails(*_):
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        Act(scale(3.0), rates_of).step(optimizer, fails, (), {}, 0)
    assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("norm", [0.1, 1.0, 5.0, 1e9])
@pytest.mark.parametrize("closed", [False, True], ids=["", "with a closure"])
def test_clipping_is_torchs(norm, closed):
    ours = [torch.randn(3, 4, requires_grad=True), torch.randn(5, requires_grad=True)]
    grads = [torch.randn_like(p) for p in ours]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    one, two = torch.optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1)
    for p, q, grad in zip(ours, theirs, grads, strict=True):
        p.grad, q.grad = (None if closed else grad.clone()), grad.clone()

    def closure():
        for p, grad in zip(ours, grads, strict=True):
            p.grad = grad.clone()
        return torch.ones(())

    Act(clip(norm), rates_of).step(one, torch.optim.SGD.step, (closure,) if closed else (), {}, 0)
    torch.nn.utils.clip_grad_norm_(theirs, norm)
    two.step()
    for p, q in zip(ours, theirs, strict=True):
        assert torch.equal(p.grad, q.grad)
        assert torch.equal(p, q)


def run(folder, route: tuple[Intervention, ...], script) -> Record:
    """A script in this process under a route of Interventions; its end by their order is no error."""
    watching = probe.start(Plan(str(folder), route))
    try:
        script()
    except SystemExit as stop:
        assert stop.code == 0
    finally:
        probe.end(watching)
    return Record.read(folder)


@pytest.mark.parametrize(
    ("swap", "make"),
    [
        (Swap("adamw"), lambda p: torch.optim.AdamW(p, lr=0.1)),
        (Swap("AdamW", {"weight_decay": 0.3}), lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.3)),
        (Swap("rmsprop", {"lr": 0.02}), lambda p: torch.optim.RMSprop(p, lr=0.02)),
        (Swap("torch.optim:Adam"), lambda p: torch.optim.Adam(p, lr=0.1)),
    ],
    ids=lambda value: str(value) if isinstance(value, Swap) else "torch",
)
@pytest.mark.parametrize("closed", ["", "by place", "by name"])
def test_a_swapped_optimizer_follows_the_scripts_scheduler(swap, make, closed, tmp_path):
    def script(w, optimizer):
        def closure():
            optimizer.zero_grad()
            loss = quadratic(w)
            loss.backward()
            return loss

        scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
        for _ in range(5):
            if closed == "":
                closure()
            optimizer.step(*[closure] * (closed == "by place"), **{"closure": closure} if closed == "by name" else {})
            scheduler.step()

    ours, theirs = parameter(1.0, -2.0), parameter(1.0, -2.0)
    optimizer = torch.optim.SGD([ours], lr=0.1)
    kept = optimizer.param_groups
    if "lr" in swap.settings:
        kept[0]["lr"] = swap.settings["lr"]
    record = run(tmp_path, (Intervention(optimizer=swap),), lambda: script(ours, optimizer))
    script(theirs, make([theirs]))
    assert torch.equal(ours, theirs)
    assert optimizer.param_groups is kept
    rates = [0.5**step * swap.settings.get("lr", 0.1) for step in range(5)]
    assert [row["lr"][0] for row in record.rows] == pytest.approx(rates)


@pytest.mark.parametrize(("name", "expected"), [("sgd", "SGD"), ("AdamW", "AdamW"), ("torch.optim:Adam", "Adam")])
def test_an_optimizer_by_its_name(name, expected):
    assert optimizer_class(name) is getattr(torch.optim, expected)


@pytest.mark.parametrize("name", ["sdg", "Optimizer", "lr_scheduler", ""])
def test_an_optimizer_that_is_not_known(name):
    with pytest.raises(ValueError) as error:
        optimizer_class(name)
    assert str(error.value) == f"torch.optim has no optimizer {name!r}; give one of its names or module:Class"


def test_a_route_stops_and_coasts_at_fixed_weights(tmp_path):
    w = parameter(1.0)
    seen = []

    def script():
        optimizer = torch.optim.SGD([w], lr=0.1)
        for batch in range(99):
            seen.append((batch, w.item()))
            train(optimizer, lambda batch=batch: quadratic(w) + batch, 1)

    record = run(tmp_path, (Intervention(stop=3, coast=2),), script)
    assert [row.get("phase", "train") for row in record.rows] == ["train"] * 3 + ["coast"] * 2
    assert [weight for _, weight in seen] == pytest.approx([1.0, 0.9, 0.81, 0.729, 0.729])
    assert record.losses("coast") == pytest.approx([0.5 * 0.729**2 + 3, 0.5 * 0.729**2 + 4])
    assert record.last("end")["reason"] == "stopped"


def test_clearing_gradients_is_what_the_script_forgot(tmp_path):
    def script(w, clears):
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(4):
            if clears:
                optimizer.zero_grad()
            quadratic(w).backward()
            optimizer.step()

    ours, theirs = parameter(1.0), parameter(1.0)
    record = run(tmp_path, (treated("cleared gradients"),), lambda: script(ours, clears=False))
    script(theirs, clears=True)
    assert torch.equal(ours, theirs)
    assert not any(row.get("stale") for row in record.rows)


def test_gradients_that_are_cleared_too_early_are_kept(tmp_path):
    def script(w, early):
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            quadratic(w).backward()
            if early:
                optimizer.zero_grad()
            optimizer.step()

    ours, theirs = parameter(1.0), parameter(1.0)
    record = run(tmp_path, (treated("kept gradients"),), lambda: script(ours, early=True))
    script(theirs, early=False)
    assert record.rows[0].get("emptied")  # what the first step finds was cleared before anybody knew of a step
    assert not any(row.get("emptied") or row.get("stale") for row in record.rows[1:])
    assert ours.item() == pytest.approx(theirs.item() / 0.9)


def test_a_step_without_a_gradient_of_its_own_is_left_out(tmp_path):
    def script(w, times):
        optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        for _ in range(4):
            optimizer.zero_grad()
            quadratic(w).backward()
            for _ in range(times):
                optimizer.step()

    ours, theirs = parameter(1.0), parameter(1.0)
    record = run(tmp_path, (treated("one step a pass"),), lambda: script(ours, times=3))
    script(theirs, times=1)
    assert torch.equal(ours, theirs)
    assert [row.get("phase", "train") for row in record.rows] == ["train", "left out", "left out"] * 4


def test_an_order_that_cannot_be_carried_out_fails(tmp_path):
    w = parameter(1.0)
    leg = Intervention(optimizer=Swap("no-such"))
    with pytest.raises(ValueError, match="has no optimizer 'no-such'; give one of its names or module:Class"):
        run(tmp_path, (leg,), lambda: train(torch.optim.SGD([w], lr=0.1), lambda: quadratic(w), 1))


# it changes nothing and leaves nothing behind


class Plain(Optimizer):
    """Somebody's own optimizer."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad


def touched() -> dict[str, object]:
    """Everything that the probe may replace, as it is now."""
    owners = {
        "optimizer": (Optimizer, ["__init__", "profile_hook_step"]),
        "autograd": (torch.autograd, ["backward"]),
        "tensor": (torch.Tensor, ["backward"]),
        "functional": (F, LOSSES),
        "scheduler": (lr_scheduler.LRScheduler, ["__init__", "step"]),
        "scaler": (torch.amp.GradScaler, ["scale", "step"]),
        "sys": (sys, ["excepthook"]),
        "os": (os, ["_exit"]),
    }
    owners |= {cls.__name__: (cls, ["step"]) for cls in (torch.optim.SGD, torch.optim.Adam, torch.optim.LBFGS)}
    owners |= {cls.__name__: (cls, ["step"]) for cls in (lr_scheduler.StepLR, lr_scheduler.OneCycleLR)}
    return {f"{name}.{key}": vars(owner).get(key) for name, (owner, keys) in owners.items() for key in keys}


def test_what_was_replaced_is_put_back(tmp_path):
    for make in (torch.optim.SGD, torch.optim.Adam, torch.optim.LBFGS):
        make([parameter(1.0)], lr=0.1)  # torch itself wraps a class's step when it is first used
    before = touched()
    for name in ("one", "two"):
        watching = leonui.watch(tmp_path / name)
        during = touched()
        changed = {key for key in before if during[key] is not before[key]}
        assert {"optimizer.__init__", "autograd.backward", "functional.mse_loss", "SGD.step", "os._exit"} <= changed
        watching.stop()
        assert [key for key, value in touched().items() if value is not before[key]] == []


@pytest.mark.parametrize("first", ["before", "during"])
def test_after_the_end_no_line_of_it_runs(first, tmp_path):
    own = type("Own", (Plain,), {"step": Plain.__dict__["step"]})
    w = parameter(1.0)
    if first == "before":
        own([w])
    with leonui.watch(tmp_path) as seen:
        train(own([w]), lambda: quadratic(w), 2)
    assert seen.record.steps == 2
    files = set()
    sys.setprofile(lambda frame, event, argument: files.add(frame.f_code.co_filename))
    try:
        train(own([w]), lambda: F.mse_loss(w, torch.zeros(1)), 1)
    finally:
        sys.setprofile(None)
    assert __file__ in files
    assert [file for file in files if "leonui/trial" in file] == []


def test_the_record_has_its_end_also_where_the_weights_cannot_be_kept(tmp_path, capsys):
    (tmp_path / "weights.pt").mkdir()
    watching = probe.start(Plan(str(tmp_path), keep=True))
    train(torch.optim.SGD([w := parameter(1.0)], lr=0.1), lambda: quadratic(w), 2)
    probe.end(watching)
    assert (Record.read(tmp_path).last("end")["reason"], Record.read(tmp_path).steps) == ("done", 2)
    assert "leonui: the last weights were not kept: [Errno " in capsys.readouterr().err


@pytest.mark.parametrize(("rank", "kept"), [("0", ["weights-000000000.pt", "weights.pt"]), ("1", [])])
def test_of_ranks_that_have_the_same_the_first_keeps_the_weights(rank, kept, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    watching = probe.start(Plan(str(tmp_path), keep=3))
    train(torch.optim.SGD([w := parameter(1.0)], lr=0.1), lambda: quadratic(w), 1)
    probe.end(watching)
    assert sorted(path.name for path in tmp_path.glob("*.pt*")) == kept


def test_watches_one_after_the_other(tmp_path):
    w = parameter(1.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    records = []
    for name in ("one", "two", "two"):
        with leonui.watch(tmp_path / name) as seen:
            losses = train(optimizer, lambda: quadratic(w), 2)
        records.append(seen.record)
        assert seen.record.losses() == losses
    train(optimizer, lambda: quadratic(w), 1)
    assert [record.steps for record in records] == [2, 2, 2]
    assert len(list((tmp_path / "two").glob("record*.jsonl"))) == 2


OPEN = Path("/proc/self/fd")


@pytest.mark.skipif(not OPEN.is_dir(), reason="open files cannot be counted here")
def test_a_watch_that_has_ended_holds_no_file(tmp_path):
    before = len(list(OPEN.iterdir()))
    for name in map(str, range(4)):
        with leonui.watch(tmp_path / name):
            train(torch.optim.SGD([w := parameter(1.0)], lr=0.1), lambda w=w: quadratic(w), 1)
    assert len(list(OPEN.iterdir())) == before


def test_a_watch_may_be_stopped_twice_even_if_it_saw_nothing(tmp_path):
    with leonui.watch(tmp_path) as seen:
        seen.stop()
    assert seen.record == Record()


@pytest.mark.parametrize("oldest_first", [False, True])
def test_two_watches_at_once(oldest_first, tmp_path):
    before = touched()
    w = parameter(1.0)
    watches = [leonui.watch(tmp_path / "one"), leonui.watch(tmp_path / "two")]
    losses = train(torch.optim.SGD([w], lr=0.1), lambda: quadratic(w), 2)
    for watching in watches if oldest_first else watches[::-1]:
        watching.stop()
    assert [watching.record.losses() for watching in watches] == [losses, losses]
    assert [key for key, value in touched().items() if value is not before[key]] == []


def plain(make, scaled=False, closed=False):
    """A training of a small network with dropout; returns its losses and its final weights."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 2))
    optimizer = make(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=3, enabled=scaled)
    losses = []
    for _ in range(12):
        x, y = torch.randn(6, 4), torch.randint(2, (6,))

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            losses.append(loss.item())
            return loss

        if closed:
            optimizer.step(closure)
        else:
            closure()
            scaler.step(optimizer)
            scaler.update()
    return losses, [p.tolist() for p in model.parameters()], torch.rand(1).item()


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1), {}),
        (lambda p: torch.optim.Adam(p, lr=0.01), {}),
        (lambda p: torch.optim.AdamW(p, lr=0.01, fused=True), {}),
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), {"scaled": True}),
        (lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=4), {"closed": True}),
        (Plain, {}),
    ],
    ids=["SGD", "Adam", "fused AdamW", "GradScaler", "LBFGS", "own"],
)
def test_watching_changes_no_bit(make, how, tmp_path):
    expected = plain(make, **how)
    with leonui.watch(tmp_path) as seen:
        losses, weights, chance = plain(make, **how)
    assert (losses, weights, chance) == expected
    assert seen.record.steps == 12
    if "closed" not in how:
        assert seen.record.losses() == losses


# memory


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1), 0),
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 4000),
        (lambda p: torch.optim.Adam(p, lr=0.1), 8004),
        (lambda p: leonui.optim.AdamW(p, lr=0.1, state="8bit"), None),
        (lambda p: torch.optim.LBFGS(p, lr=0.1, history_size=3, max_iter=1), None),
    ],
)
def test_the_state_of_an_optimizer_is_counted(make, state, tmp_path):
    w = torch.ones(1000, requires_grad=True)
    optimizer = make([w])
    with leonui.watch(tmp_path) as seen:
        for _ in range(5):
            optimizer.step(lambda: train_once(optimizer, w))
    told = seen.record.last("end")
    counted = sum(x.nbytes for one in optimizer.state.values() for x in one.values() if isinstance(x, torch.Tensor))
    lists = sum(x.nbytes for one in optimizer.state.values() for xs in one.values() if isinstance(xs, list) for x in xs)
    assert told["state_bytes"] == (counted + lists if state is None else state)


def train_once(optimizer, w):
    optimizer.zero_grad()
    loss = quadratic(w)
    loss.backward()
    return loss


def test_the_state_of_a_stand_in_is_counted_and_not_that_of_whom_it_replaces(tmp_path):
    w = parameter(3.0, 4.0)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    record = run(tmp_path, (Intervention(optimizer=Swap("Adam")),), lambda: train(optimizer, lambda: quadratic(w), 3))
    assert record.last("end")["state_bytes"] == 2 * 8 + 4


def test_the_peak_is_that_of_the_trial_and_not_of_what_was_before():
    def hold(size: int) -> int:
        """The peak while so many bytes are held that come from the system itself, not from what is free already."""
        with mmap.mmap(-1, size) as block:
            for at in range(0, size, mmap.PAGESIZE):
                block[at] = 1
            return peak()

    memory = Memory()
    most = hold(200_000_000)
    memory.begin()
    least = peak()
    assert least < most - 100e6
    assert hold(40_000_000) > least + 20e6


CLASSES, VALUES = torch.tensor([0, 0, 1, 1]), torch.tensor([[-1.0], [1.0], [1.0], [-1.0]])


@pytest.mark.parametrize(
    ("calls", "known"),
    [
        ([("val.py:7", "cross_entropy", CLASSES)] * 2, {"val.py:7": math.log(2)}),
        (
            [("val.py:7", "mse_loss", VALUES), ("val.py:8", "cross_entropy", CLASSES)],
            {"val.py:7": 1.0, "val.py:8": math.log(2)},
        ),
        ([("val.py:7", "mse_loss", VALUES), ("val.py:7", "cross_entropy", CLASSES)], {}),  # their sum, on one line
        ([("val.py:7", "mse_loss", VALUES), ("val.py:7", "l1_loss", VALUES)], {}),
    ],
)
def test_the_constant_of_held_out_data(calls, known):
    held_out = HeldOut()
    for site, name, target in calls:
        held_out.see(site, name, (None, target), {}, torch.tensor(1.0))
    assert held_out.summary().get("held_out", {}) == pytest.approx(known)
