"""Our schedules against torch's own and against transformers' formulas: equal where those are right, and where not.

transformers is not needed: its formulas are written here anew, and named; as in its version 5.17 (optimization.py).
"""

import copy
import io
import math
import pickle
import warnings

import pytest
import torch
from torch.optim import lr_scheduler

from leonui.schedule import (
    LRScheduler,
    Phase,
    Schedule,
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    one_cycle,
    parse,
    polynomial,
    restarts,
    step,
    warmup,
    warmup_linear,
    wsd,
)

LR = 0.4


def optimizer(*rates: float | torch.Tensor, kind: type = torch.optim.SGD, **settings) -> torch.optim.Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": rate} for rate in rates or (LR,)]
    return kind(groups, lr=LR, **settings)


def walk(scheduler: lr_scheduler.LRScheduler, steps: int) -> list[float]:
    """The learning rate that each of so many optimizer steps is made with."""
    rates = []
    for _ in range(steps):
        rates.append(float(scheduler.optimizer.param_groups[0]["lr"]))
        scheduler.optimizer.step()
        scheduler.step()
    return rates


def torchs(make, steps: int) -> list[float]:
    """The multipliers of one of torch's schedulers."""
    return [rate / LR for rate in walk(make(optimizer()), steps)]


def ours(schedule: Schedule, steps: int) -> list[float]:
    return [schedule(step) for step in range(steps)]


def of_transformers(formula, steps: int) -> list[float]:
    """The multipliers of a formula as transformers' get_... functions would give it to torch."""
    return torchs(lambda it: lr_scheduler.LambdaLR(it, formula), steps)


@pytest.mark.parametrize(
    ("schedule", "make", "steps"),
    [
        (constant(0.3, 7) >> constant(), lambda it: lr_scheduler.ConstantLR(it, 0.3, 7), 30),
        (linear(20, 0.1), lambda it: lr_scheduler.LinearLR(it, 1.0, 0.1, 20), 40),
        (linear(20), lambda it: lr_scheduler.LinearLR(it, 1.0, 0.0, 20), 40),
        (cosine(20, 0.05 / LR), lambda it: lr_scheduler.CosineAnnealingLR(it, 20, 0.05), 21),
        (restarts(6, 5), lambda it: lr_scheduler.CosineAnnealingWarmRestarts(it, 6), 30),
        (restarts(5, 4, 2, end=0.1), lambda it: lr_scheduler.CosineAnnealingWarmRestarts(it, 5, 2, 0.1 * LR), 75),
        (polynomial(20), lambda it: lr_scheduler.PolynomialLR(it, 20), 40),
        (polynomial(20, 2.5), lambda it: lr_scheduler.PolynomialLR(it, 20, 2.5), 40),
        (exponential(0.9), lambda it: lr_scheduler.ExponentialLR(it, 0.9), 200),
        (step(7), lambda it: lr_scheduler.StepLR(it, 7), 60),
        (step(7, 0.5), lambda it: lr_scheduler.StepLR(it, 7, 0.5), 60),
        (
            constant(1, 5) >> constant(0.1, 9) >> constant(0.01),
            lambda it: lr_scheduler.MultiStepLR(it, [5, 14], 0.1),
            40,
        ),
        (
            linear(5, 0.5) >> cosine(20, 0.0, 1.0),
            lambda it: lr_scheduler.SequentialLR(
                it, [lr_scheduler.LinearLR(it, 1.0, 0.5, 5), lr_scheduler.CosineAnnealingLR(it, 20)], [5]
            ),
            26,
        ),
    ],
)
def test_equal_to_torchs(schedule, make, steps):
    assert ours(schedule, steps) == pytest.approx(torchs(make, steps), rel=1e-9, abs=1e-12)
    assert [rate / LR for rate in walk(LRScheduler(optimizer(), schedule), steps)] == pytest.approx(
        ours(schedule, steps)
    )


@pytest.mark.parametrize("total", [1, 2, 3, 10, 25, 100, 333])
@pytest.mark.parametrize("rise", [0.0, 0.1, 0.25, 0.3, 0.5, 0.97])
@pytest.mark.parametrize(("torchs_shape", "shape"), [("cos", "cosine"), ("linear", "linear")])
def test_one_cycle_is_torchs(total, rise, torchs_shape, shape):
    settings = {"pct_start": rise, "anneal_strategy": torchs_shape, "div_factor": 10.0, "final_div_factor": 100.0}
    if rise * total == 1:  # torch divides by 0
        with pytest.raises(ZeroDivisionError):
            lr_scheduler.OneCycleLR(optimizer(), LR, total, cycle_momentum=False, **settings)
        assert one_cycle(total, rise)(0) == 1
        return
    theirs = torchs(lambda it: lr_scheduler.OneCycleLR(it, LR, total, cycle_momentum=False, **settings), total)
    assert ours(one_cycle(total, rise, 10, 100, shape), total) == pytest.approx(theirs, rel=1e-9)


# transformers: what comes after its warm-up is equal; its warm-up is a step behind, for it begins at 0


UP, TOTAL = 10, 50


def risen(fall):
    """transformers' linear warm-up over UP steps before a formula."""
    return lambda step: step / UP if step < UP else fall(step)


@pytest.mark.parametrize(
    ("schedule", "formula", "steps"),
    [
        # get_constant_schedule_with_warmup
        (warmup(UP), risen(lambda step: 1.0), 80),
        # get_linear_schedule_with_warmup
        (warmup(UP) >> linear(TOTAL - UP), risen(lambda step: max(0.0, (TOTAL - step) / (TOTAL - UP))), 80),
        (warmup_linear(TOTAL, UP), risen(lambda step: max(0.0, (TOTAL - step) / (TOTAL - UP))), 80),
        # get_cosine_schedule_with_warmup
        (
            warmup(UP) >> cosine(TOTAL - UP),
            risen(lambda step: 0.5 + 0.5 * math.cos(math.pi * (step - UP) / (TOTAL - UP))),
            TOTAL + 1,
        ),
        # get_cosine_with_min_lr_schedule_with_warmup, min_lr_rate=0.1
        (
            warmup(UP) >> cosine(TOTAL - UP, 0.1),
            risen(lambda step: 0.1 + 0.9 * (0.5 + 0.5 * math.cos(math.pi * (step - UP) / (TOTAL - UP)))),
            TOTAL + 1,
        ),
        # get_cosine_with_hard_restarts_schedule_with_warmup, num_cycles=4
        (
            warmup(UP) >> restarts((TOTAL - UP) // 4, 4),
            risen(
                lambda step: (
                    0.5 + 0.5 * math.cos(math.pi * (4 * (step - UP) / (TOTAL - UP) % 1)) if step < TOTAL else 0.0
                )
            ),
            80,
        ),
        # get_polynomial_decay_schedule_with_warmup, power=2, lr_end=lr/100
        (
            warmup(UP) >> polynomial(TOTAL - UP, 2, 0.01),
            risen(lambda step: 0.01 + 0.99 * (1 - min(1, (step - UP) / (TOTAL - UP))) ** 2),
            80,
        ),
        # get_inverse_sqrt_schedule
        (warmup(UP) >> inverse_sqrt(UP), risen(lambda step: (UP / step) ** 0.5), 500),
        # get_inverse_sqrt_schedule, timescale=100
        (warmup(UP) >> inverse_sqrt(100), risen(lambda step: (100 / (step - UP + 100)) ** 0.5), 500),
        # get_wsd_schedule, decay_type="linear", "1-sqrt", "cosine"; 25 stable steps, 15 of decay
        (wsd(UP, 25, 15), risen(lambda step: 1 - min(1, max(0, (step - 35) / 15))), 80),
        (wsd(UP, 25, 15, "sqrt"), risen(lambda step: 1 - min(1, max(0, (step - 35) / 15)) ** 0.5), 80),
        (
            wsd(UP, 25, 15, "cosine", end=0.2),
            risen(lambda step: 0.6 + 0.4 * math.cos(math.pi * min(1, max(0, (step - 35) / 15)))),
            80,
        ),
    ],
)
def test_equal_to_transformers_but_in_the_warmup(schedule, formula, steps):
    mine, theirs = ours(schedule, steps), of_transformers(formula, steps)
    assert mine[UP:] == pytest.approx(theirs[UP:], rel=1e-9, abs=1e-12)
    assert mine[:UP] == pytest.approx(theirs[1 : UP + 1], rel=1e-9)


# where they are wrong


def test_a_lambdas_warmup_wastes_the_first_step_and_ours_does_not():
    theirs = of_transformers(risen(lambda step: 1.0), 3)
    assert theirs == pytest.approx([0.0, 0.1, 0.2])
    it = optimizer()
    parameter = it.param_groups[0]["params"][0]
    parameter.grad = torch.ones(2)
    lr_scheduler.LambdaLR(it, risen(lambda step: 1.0))
    it.step()
    assert parameter.tolist() == [0.0, 0.0]
    LRScheduler(it := optimizer(), "warmup(10)")
    it.param_groups[0]["params"][0].grad = torch.ones(2)
    it.step()
    assert it.param_groups[0]["params"][0].tolist() == pytest.approx([-LR / 10] * 2)


def test_torchs_linear_warmup_is_a_step_behind_unless_ours_is_told_to_be():
    theirs = torchs(lambda it: lr_scheduler.LinearLR(it, 1 / 3, 1.0, 5), 12)
    assert ours(warmup(5, start=1 / 3), 11) == pytest.approx(theirs[1:])
    assert ours(parse(f"phase(5, {1 / 3}, 1, offset=0)"), 12) == pytest.approx(theirs)


def test_torchs_cosine_rises_after_its_end_and_ours_stays():
    make = lambda it: lr_scheduler.CosineAnnealingLR(it, 20)  # noqa: E731
    theirs, mine = torchs(make, 41), walk(LRScheduler(optimizer(), cosine(20)), 41)
    assert max(theirs[21:]) == pytest.approx(1.0)
    assert mine[20:] == [0.0] * 21


def test_transformers_cosine_rises_after_its_end_and_ours_stays():
    theirs = of_transformers(risen(lambda step: 0.5 + 0.5 * math.cos(math.pi * (step - UP) / (TOTAL - UP))), 91)
    assert theirs[90] == pytest.approx(1.0)
    assert max(ours(warmup(UP) >> cosine(TOTAL - UP), 91)[TOTAL:]) == 0.0


def test_transformers_inverse_sqrt_without_warmup_takes_10000_silently_and_ours_asks():
    with pytest.raises(TypeError):
        inverse_sqrt()  # pyright: ignore
    with pytest.raises(ValueError, match="length=0 is no length"):
        inverse_sqrt(0)


def test_torchs_one_cycle_raises_past_its_end_and_ours_holds():
    theirs = lr_scheduler.OneCycleLR(optimizer(), LR, 10, cycle_momentum=False)
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        walk(theirs, 12)
    rates = walk(LRScheduler(optimizer(), one_cycle(10)), 30)
    assert rates[9:] == [pytest.approx(LR / 25e4)] * 21


def test_one_cycle_leaves_the_momentum_alone():
    it = optimizer(momentum=0.7)
    walk(LRScheduler(it, one_cycle(10)), 5)
    assert it.param_groups[0]["momentum"] == 0.7
    lr_scheduler.OneCycleLR(it := optimizer(momentum=0.7), LR, 10)
    assert it.param_groups[0]["momentum"] == 0.95


def test_torchs_sequence_resumes_at_a_wrong_rate_and_ours_does_not():
    """As pytorch's issue 162591 has it: last_epoch is not handed on to the parts."""

    def sequence(it, last):
        parts = [lr_scheduler.ConstantLR(it, 0.1, 5), lr_scheduler.ExponentialLR(it, 0.9)]
        return lr_scheduler.SequentialLR(it, parts, [5], last_epoch=last)

    straight = walk(sequence(optimizer(), -1), 10)
    stopped = optimizer()
    walk(sequence(stopped, -1), 7)
    resumed = sequence(stopped, 6)
    assert straight[7] == pytest.approx(0.81 * LR)
    assert stopped.param_groups[0]["lr"] == pytest.approx(0.1 * LR)
    assert resumed.last_epoch == 7

    schedule = constant(0.1, 5) >> exponential(0.9)
    walk(LRScheduler(stopped := optimizer(), schedule), 7)
    assert walk(LRScheduler(stopped, schedule, last_epoch=6), 3) == pytest.approx(straight[7:])


def test_torchs_state_alone_does_not_set_the_rate_and_ours_does():
    for make, expected in (
        (lambda it: lr_scheduler.ExponentialLR(it, 0.5), LR),
        (lambda it: LRScheduler(it, exponential(0.5)), LR / 8),
    ):
        walk(saved := make(optimizer()), 3)
        (fresh := make(optimizer())).load_state_dict(saved.state_dict())
        assert fresh.optimizer.param_groups[0]["lr"] == pytest.approx(expected)


# ours as one of torch's


CLIMB = "warmup(4) > cosine(8, end=0.1)"


def resaved(state):
    """A state dict as a checkpoint gives it back to who trusts no pickle."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first", "scheduler alone"])
@pytest.mark.parametrize("at", [0, 1, 3, 4, 11, 12, 20])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_a_resumed_run_has_the_exact_rates(order, at, kind):
    straight = walk(LRScheduler(optimizer(kind=kind), CLIMB), 30)
    scheduler = LRScheduler(optimizer(kind=kind), CLIMB)
    assert walk(scheduler, at) == straight[:at]
    states = resaved({"optimizer": scheduler.optimizer.state_dict(), "scheduler": scheduler.state_dict()})
    fresh = LRScheduler(optimizer(kind=kind), CLIMB)
    if order == "optimizer first":
        fresh.optimizer.load_state_dict(states["optimizer"])
    fresh.load_state_dict(states["scheduler"])
    if order == "scheduler first":
        fresh.optimizer.load_state_dict(states["optimizer"])
    assert fresh.get_last_lr() == scheduler.get_last_lr() == [straight[at]]
    assert walk(fresh, 30 - at) == straight[at:]


def test_a_state_is_plain():
    scheduler = LRScheduler(optimizer(torch.tensor(LR)), CLIMB)
    walk(scheduler, 2)
    assert scheduler.state_dict() == {
        "schedule": [[4, 0.0, 1.0, "linear"], [8, 1.0, 0.1, "cosine"]],
        "last_epoch": 2,
        "_step_count": 3,
    }


def test_a_state_with_another_schedule_is_told_of():
    saved = LRScheduler(optimizer(), "linear(10)").state_dict()
    scheduler = LRScheduler(optimizer(), "linear(20)")
    with pytest.warns(UserWarning, match=r"has the schedule linear\(10\), this scheduler was made with linear\(20\)"):
        scheduler.load_state_dict(saved)
    assert scheduler.schedule == linear(10)


def test_every_group_keeps_its_own_rate():
    scheduler = LRScheduler(optimizer(0.4, 0.1), CLIMB)
    walk(scheduler, 7)
    assert scheduler.get_last_lr() == pytest.approx([0.4 * parse(CLIMB)(7), 0.1 * parse(CLIMB)(7)])
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.01})
    scheduler.optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([rate * parse(CLIMB)(8) for rate in (0.4, 0.1, 0.01)])
    assert [group["initial_lr"] for group in scheduler.optimizer.param_groups] == [0.4, 0.1, 0.01]


def test_a_rate_that_is_a_tensor_is_filled():
    rate = torch.tensor(LR)
    scheduler = LRScheduler(optimizer(rate), CLIMB)
    walk(scheduler, 3)
    assert scheduler.optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(LR)
    state = scheduler.state_dict()
    walk(scheduler, 6)
    held = scheduler.get_last_lr()[0]
    scheduler.load_state_dict(state)
    assert scheduler.optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(LR)
    assert isinstance(held, torch.Tensor)
    assert float(held) != pytest.approx(LR)
    assert scheduler.get_last_lr()[0] is not rate


def test_it_pickles_and_is_copied():
    scheduler = LRScheduler(optimizer(), CLIMB)
    straight = walk(LRScheduler(optimizer(), CLIMB), 20)
    walk(scheduler, 5)
    for twin in (pickle.loads(pickle.dumps(scheduler)), copy.deepcopy(scheduler)):
        assert twin.schedule == parse(CLIMB)
        assert twin.optimizer is not scheduler.optimizer
        assert walk(twin, 15) == straight[5:]
    assert scheduler.get_last_lr() == [straight[5]]


def test_it_is_one_of_torchs_and_works_in_its_compositions():
    it = optimizer()
    parts = [LRScheduler(it, "warmup(5)"), LRScheduler(it, "cosine(10)")]
    sequence = lr_scheduler.SequentialLR(it, parts, [5])
    assert all(isinstance(part, lr_scheduler.LRScheduler) for part in parts)
    assert walk(sequence, 20) == pytest.approx([LR * value for value in ours(warmup(5) >> cosine(10), 20)])


def test_a_step_can_be_named_as_torch_allows():
    scheduler = LRScheduler(optimizer(), "linear(10)")
    scheduler.optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.step(4)
    assert scheduler.get_last_lr() == [pytest.approx(0.6 * LR)]


def test_noam_is_absolute_for_a_rate_of_1():
    it = optimizer(1.0)
    rates = walk(LRScheduler(it, "noam(512, 40)"), 100)
    assert max(rates) == rates[39] == pytest.approx((512 * 40) ** -0.5)


def test_a_phase_alone_is_a_schedule_of_its_own():
    assert walk(LRScheduler(optimizer(), Schedule((Phase(2, 1.0, 0.0),))), 3) == [LR, LR / 2, 0.0]
