"""The conformance suite: what it says of torch's optimizers, and of ones that are broken in one way each."""

from __future__ import annotations

import copy
import doctest
import json
import random
import re
import sys
import time
from collections import defaultdict

import pytest
import torch

from leonui.conformance import Row, check_optimizer, load_target, suite
from leonui.conformance.subject import Subject

optim = torch.optim
CHECKS = [check for check in suite.CHECKS if not check.informs]

# torch 2.13.0 on the CPU: everything that fails, and nothing else
LAYOUT = {"layout of gradients makes no difference", "a checkpoint fits another layout"}  # fused ones ignore strides
STATE_EARLY = {"makes its state in the first step"}  # Adagrad's accumulator is made in the constructor
RESUME = {"resumes bit-equal in bfloat16"}  # float32 scalars of the state that are not called "step" are rounded
LBFGS = {  # by design one group, one flat vector of all gradients, and no step without a closure
    "takes an empty group",
    "honours each group's lr",
    "takes a group later",
    "leaves what has no gradient",  # its direction is made of old gradients
    "works with torch.distributed.checkpoint",  # which steps without a closure
    "pickles",  # a copy has no _params
    "copies deeply",
    "layout of weights makes no difference",  # RuntimeError of view(-1)
    *LAYOUT,
}
TORCHS = [
    (optim.SGD, {}, set()),
    (optim.SGD, {"momentum": 0.9, "nesterov": True}, set()),
    (optim.SGD, {"momentum": 0.9, "fused": True}, LAYOUT | {"bfloat16 weights follow float32 ones"}),  # pytorch#191763
    (optim.Adam, {}, set()),
    (optim.Adam, {"amsgrad": True}, set()),
    (optim.Adam, {"foreach": True}, {"takes lr as a tensor"}),  # by design: unless capturable
    (optim.Adam, {"fused": True}, LAYOUT),
    (optim.AdamW, {}, set()),
    (optim.AdamW, {"fused": True}, LAYOUT),
    (optim.NAdam, {}, RESUME),  # mu_product
    (optim.RAdam, {}, set()),
    (optim.Adamax, {}, set()),
    (optim.Adagrad, {}, STATE_EARLY),
    (optim.Adagrad, {"fused": True}, STATE_EARLY | LAYOUT),
    (optim.Adadelta, {}, set()),
    (optim.RMSprop, {"momentum": 0.9, "centered": True}, set()),
    (optim.Rprop, {}, {"follows LambdaLR"}),  # by design: lr is where its step sizes start
    (optim.ASGD, {}, RESUME),  # eta, mu
    (optim.Adafactor, {}, {"takes scalars and empty tensors"}),  # ZeroDivisionError of a tensor without elements
    (optim.LBFGS, {}, LBFGS),
    (getattr(optim, "Muon", None), {}, set()),
]


@pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="the table is that of torch 2.13")
@pytest.mark.parametrize(
    ("make", "settings", "known"),
    [pytest.param(*row, marks=[] if at % 3 == 0 else [pytest.mark.slow]) for at, row in enumerate(TORCHS)],
)
def test_what_it_says_of_torchs_own(make, settings, known):
    report = check_optimizer(make, **settings)
    assert set(report.failures) == known, str(report)
    assert report.passed == (not known)


def test_notes_say_how_it_was_checked():
    for make, words in ((optim.LBFGS, ["closure"]), (optim.SGD, []), (Matrices, ["matrices only; .* give a matrix"])):
        _, notes = suite.meet(make, {})
        assert len(notes) == len(words) and all(map(re.search, words, notes))


def test_what_cannot_be_made_is_one_row():
    report = check_optimizer(optim.SparseAdam)
    assert [row.outcome for row in report.rows] == ["cannot construct"] and not report.passed
    assert "SparseAdam does not support dense gradients" in report.rows[0].detail
    for make in (lambda params: None, lambda: None, int, Nothing):
        assert check_optimizer(make).failures == ["makes a step"]


class Nothing(optim.Optimizer):
    def __init__(self, params, lr=0.1):
        raise RuntimeError("first line\nsecond line")


# the test of the tests: one that is right, and one broken way after the other


class Right(optim.Optimizer):
    """SGD with momentum and decoupled decay: every check passes. Each class below breaks one thing."""

    def __init__(self, params, lr=0.05, momentum=0.9, weight_decay=0.0, maximize=False):
        if not isinstance(lr, torch.Tensor) and lr < 0:
            raise ValueError(f"lr={lr}")
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "maximize": maximize})

    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self.move(p, p.grad, group)
        return loss

    def move(self, p, grad, group):
        if grad.is_sparse:
            raise RuntimeError("no sparse gradients")
        p.mul_(1 - group["lr"] * group["weight_decay"])
        sign = -1 if group["maximize"] else 1
        p.sub_(group["lr"] * sign * self.momentum(p, grad, group).to(p.dtype))

    def momentum(self, p, grad, group):
        state = self.state[p]
        if not state:
            state["momentum"] = self.zeros(p)
        return state["momentum"].mul_(group["momentum"]).add_(grad)

    def zeros(self, p):
        return torch.zeros_like(p)


def test_the_right_one_passes_all():
    report = check_optimizer(Right)
    assert report.passed, str(report)
    assert [row.name for row in report.rows if row.ok is None and row.outcome != "information"] == []


class Matrices(Right):
    """Right, and for matrices only, which it moves as a whole."""

    def __init__(self, params, lr=0.05, **settings):
        super().__init__(params, lr, **settings)
        if any(p.ndim != 2 for group in self.param_groups for p in group["params"]):
            raise ValueError("give a matrix")


def test_one_for_matrices_passes_on_matrices():
    report = check_optimizer(Matrices)
    assert report.passed, str(report)
    assert [row.name for row in report.rows if row.outcome == "not applicable"] == ["takes scalars and empty tensors"]


class InTraining(Right):
    """Right, once it was told that it trains."""

    trains = False

    def train(self):
        self.trains = True

    def step(self, closure=None):
        if not self.trains:
            raise RuntimeError("call train() first")
        return super().step(closure)

    def __getstate__(self):
        return super().__getstate__() | {"trains": self.trains}


class Sharp(Right):
    """Right, and sharpness-aware: a gradient to climb by, and one more, from the closure, to descend by."""

    def step(self, closure=None):
        assert closure is not None, "give a closure"
        held = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.detach().clone() for p in held]
        with torch.no_grad():
            for p in held:
                p.add_(p.grad, alpha=-1e-3 if self.defaults["maximize"] else 1e-3)
            with torch.enable_grad():
                loss = closure()
            for p, old in zip(held, before, strict=True):
                p.copy_(old)
        super().step()
        return loss


def test_modes_and_closures_are_served():
    assert check_optimizer(InTraining).passed
    report = check_optimizer(Sharp)
    # torch itself steps without a closure there
    assert report.failures == ["works with torch.distributed.checkpoint"], str(report)
    assert {row.name for row in report.rows if row.outcome == "not applicable"} >= {"works under GradScaler"}


BROKEN = []


def fails(*names):
    """The checks that a broken class is to fail: exactly these."""

    def enter(cls):
        BROKEN.append((cls, set(names)))
        return cls

    return enter


LR = ("lr matters", "honours each group's lr")
SCHEDULES = ("follows LambdaLR", "follows OneCycleLR")
CLOSURE = "runs the closure and returns its value"
SAVED = ("resumes bit-equal", "resumes bit-equal in bfloat16", "works with torch.distributed.checkpoint")
COPIED = ("pickles", "copies deeply")
DUCK = ("calls step hooks", "works with torch.distributed.checkpoint", *SCHEDULES)


@fails("is a torch Optimizer", *DUCK)
class Duck:
    """Not a torch Optimizer, though it has all that it needs itself."""

    def __init__(self, params, lr=0.05, **settings):
        self.inner = Right(params, lr, **settings)

    def __getattr__(self, name):
        if name in ("inner", "register_step_pre_hook", "register_step_post_hook") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __repr__(self):
        return "Duck"

    def step(self, closure=None):
        return self.inner.step(closure)


@fails("settings live in its groups")
class SettingElsewhere(Right):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.defaults["trust"] = 1.0


@fails("takes a generator")
class ReadsTwice(Right):
    def __init__(self, params, lr=0.05, **settings):
        for _ in params:
            pass
        super().__init__(params, lr, **settings)


@fails("takes named parameters")
class NoNames(Right):
    def __init__(self, params, lr=0.05, **settings):
        params = list(params)
        if any(isinstance(one, tuple) for one in params):
            raise TypeError("give tensors")
        super().__init__(params, lr, **settings)


@fails("takes an empty group")
class NoEmptyGroup(Right):
    def step(self, closure=None):
        assert all(group["params"] for group in self.param_groups)
        return super().step(closure)


@fails("honours each group's lr")
class OneRateForAll(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"lr": self.param_groups[0]["lr"]})


@fails("takes a group later")
class NoLaterGroup(Right):
    def add_param_group(self, group):
        if not getattr(self, "state", None):
            super().add_param_group(group)


@fails(*LR, *SCHEDULES)
class FixedRate(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"lr": 0.1})


@fails("takes lr as a tensor")
class MakesAFloat(Right):
    def __init__(self, params, lr=0.05, **settings):
        super().__init__(params, float(lr), **settings)


@fails("takes lr as a tensor")
class ChangesTheTensor(Right):
    def step(self, closure=None):
        for group in self.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].mul_(0.99)
        return super().step(closure)


@fails("follows LambdaLR")
class KeepsItsFirstRate(Right):
    def move(self, p, grad, group):
        state = self.state[p]
        super().move(p, grad, group | {"lr": state.get("lr", group["lr"])})
        state.setdefault("lr", float(group["lr"]))


@fails("refuses lr=-1")
class TakesAnyRate(Right):
    def __init__(self, params, lr=0.05, **settings):
        super().__init__(params, -lr if isinstance(lr, float) and lr < 0 else lr, **settings)


@fails("leaves its arguments alone")
class KeepsTheList(Right):
    def __init__(self, params, lr=0.05, **settings):
        super().__init__(params, lr, **settings)
        if isinstance(params, list) and isinstance(params[0], torch.Tensor):
            self.param_groups[0]["params"] = params


@fails("leaves its arguments alone")
class SharesDefaults(Right):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.param_groups[0]["params"], self.defaults = self.param_groups[0]["params"], self.param_groups[0]


@fails("takes scalars and empty tensors")
class NoScalars(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"rows": p.shape[0]})


@fails("has a repr")
class NoRepr(Right):
    def __repr__(self):
        return self.nothing


@fails("gradients of 0 with lr=0 change nothing", "works with torch.distributed.checkpoint")
class NeverRests(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group)
        p.mul_(1 - 1e-4)


@fails(
    "gradients of 0 with lr=0 change nothing",
    "gradients of 0 stay finite",
    "works with torch.distributed.checkpoint",
    "takes scalars and empty tensors",
)
class DividesByNorm(Right):
    def move(self, p, grad, group):
        assert p.numel()
        super().move(p, grad / torch.linalg.vector_norm(grad), group)


@fails("leaves what has no gradient")
class MovesWithoutGradient(Right):
    def step(self, closure=None):
        for p in (p for group in self.param_groups for p in group["params"]):
            if p.grad is None and p in self.state:
                p.grad = torch.zeros_like(p)
        return super().step(closure)


@fails("steps without any gradient")
class NeedsAGradient(Right):
    def step(self, closure=None):
        if closure is None:
            torch.stack([p.grad.sum() for g in self.param_groups for p in g["params"] if p.grad is not None][:1])
        return super().step(closure)


@fails(CLOSURE)
class LosesTheLoss(Right):
    def step(self, closure=None):
        super().step(closure)


@fails(CLOSURE)
class IgnoresTheClosure(Right):
    def step(self, closure=None):
        super().step()
        return torch.ones(())


@fails(CLOSURE)
class ClosureWithoutGrad(Right):
    def step(self, closure=None):
        with torch.no_grad():
            loss = closure() if closure else None
        super().step()
        return loss


@fails(CLOSURE)
class ClosureTooLate(Right):
    def step(self, closure=None):
        with torch.no_grad():
            for p in (p for group in self.param_groups for p in group["params"]):
                p.mul_(1.0 if closure is None else 0.5)
        return super().step(closure)


@fails(CLOSURE)
class OtherLoss(Right):
    def step(self, closure=None):
        loss = super().step(closure)
        return None if loss is None else loss + 1


@fails("zero_grad(set_to_none=...)", "works with torch.distributed.checkpoint")
class NoSetToNone(Right):
    def zero_grad(self):
        super().zero_grad()


@fails("calls step hooks")
class NoHooks(Right):
    def register_step_pre_hook(self, hook):
        return None

    def register_step_post_hook(self, hook):
        return None


@fails("changes weights in place")
class ReplacesWeights(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group)
        p.data = p.data.clone()


@fails("weight_decay acts")
class NoDecay(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"weight_decay": 0.0})


@fails("weight_decay acts")
class GrowsWeights(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"weight_decay": -group["weight_decay"]})


@fails("maximize turns the sign")
class NeverMaximizes(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"maximize": False})


@fails("works under GradScaler", "GradScaler skips a step")
class ClaimsToUnscale(Right):
    _step_supports_amp_scaling = True


@fails("GradScaler skips a step")
class StepsOnOverflow(Right):
    _step_supports_amp_scaling = True

    def move(self, p, grad, group):
        super().move(p, grad if getattr(self, "grad_scale", None) is None else grad / self.grad_scale, group)


@fails("follows OneCycleLR")
class FixedMomentum(Right):
    def move(self, p, grad, group):
        assert group["momentum"] == 0.9
        super().move(p, grad, group)


class Rolls(Right):
    def momentum(self, p, grad, group):
        return super().momentum(p, grad, group) * (1 + 1e-4 * random.random())


def test_what_rolls_dice_fails_wherever_runs_are_compared():
    assert {"two runs are equal", "takes a generator", "resumes bit-equal"} <= set(check_optimizer(Rolls).failures)


@fails("lowers the loss", "complex weights: right or refused")
class Climbs(Right):
    def move(self, p, grad, group):
        super().move(p, -grad, group)


@fails("lowers the loss")
class TurnsLater(Right):
    def move(self, p, grad, group):
        self.state[p]["steps"] = steps = self.state[p].get("steps", 0) + 1
        super().move(p, grad if steps < 10 else -3 * grad, group)

    def momentum(self, p, grad, group):
        self.state[p].setdefault("momentum", torch.zeros_like(p))
        return super().momentum(p, grad, group)


@fails("makes its state in the first step")
class StateEarly(Right):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        for p in (p for group in self.param_groups for p in group["params"]):
            self.state[p]["momentum"] = torch.zeros_like(p)

    def momentum(self, p, grad, group):
        if "momentum" not in self.state[p]:
            self.state[p]["momentum"] = torch.zeros_like(p)
        return super().momentum(p, grad, group)


@fails("keys its state by parameter", "works with torch.distributed.checkpoint")
class StateByName(Right):
    def step(self, closure=None):
        self.state["all"]["steps"] = self.state["all"].get("steps", 0) + 1
        return super().step(closure)


@fails("loads a state before the first step")
class LoadsLateOnly(Right):
    def load_state_dict(self, state_dict):
        assert state_dict["state"]
        super().load_state_dict(state_dict)


@fails(*SAVED, *COPIED, "a checkpoint fits another layout")
class StateElsewhere(Right):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.own = defaultdict(dict)

    def momentum(self, p, grad, group):
        kept = self.own[p].setdefault("momentum", torch.zeros_like(p))
        return kept.mul_(group["momentum"]).add_(grad)


@fails("resumes bit-equal", "resumes bit-equal in bfloat16")
class KeepsItsOwnRate(Right):
    def load_state_dict(self, state_dict):
        rates = [group["lr"] for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, rate in zip(self.param_groups, rates, strict=True):
            group["lr"] = rate


@fails("resumes bit-equal in bfloat16")
class Rounded(Right):
    def zeros(self, p):
        return torch.zeros_like(p, dtype=p.dtype if p.is_complex() else torch.float32)


@fails("its checkpoint loads with weights_only")
class OddState(Right):
    def momentum(self, p, grad, group):
        found = super().momentum(p, grad, group)
        self.state[p]["dice"] = random.Random(0)
        return found


@fails("works with torch.distributed.checkpoint")
class NeedsTheRate(Right):
    def step(self, closure=None):
        if not self.state and any(p.grad is not None and not p.grad.any() for p in self.param_groups[0]["params"][:1]):
            lr = self.param_groups[0]["lr"]
            if type(lr) is float and lr == 0.0 and len(self.param_groups[0]["params"]) and self.named():
                raise ZeroDivisionError("lr")
        return super().step(closure)

    def named(self):
        return isinstance(self.param_groups[0]["params"][0], torch.nn.Parameter)


@fails(*COPIED)
class NoPickle(Right):
    def __reduce_ex__(self, protocol):
        raise TypeError("no")


@fails("copies deeply")
class CopiesAreItself(Right):
    def __deepcopy__(self, memo):
        return self


def storage(tensor):
    """The elements of a dense tensor in the order of its memory."""
    return torch.as_strided(tensor, (tensor.numel(),), (1,), tensor.storage_offset())


@fails("layout of weights makes no difference", "a checkpoint fits another layout")
class LogicalGradients(Right):
    def move(self, p, grad, group):
        if grad.is_sparse:
            raise RuntimeError("no sparse gradients")
        self.momentum(p, grad, group)
        p.mul_(1 - group["lr"] * group["weight_decay"])
        update = self.state[p]["momentum"].contiguous().reshape(-1)
        storage(p).sub_(group["lr"] * (-1 if group["maximize"] else 1) * update)


@fails("layout of gradients makes no difference")
class StorageGradients(Right):
    def momentum(self, p, grad, group):
        own = torch.empty_like(p)
        storage(own).copy_(storage(grad))
        return super().momentum(p, own, group)


@fails("a checkpoint fits another layout")
class StorageState(Right):
    def momentum(self, p, grad, group):
        found = super().momentum(p, grad, group)
        other = torch.empty_like(p)
        storage(other).copy_(storage(found))
        return other


@fails("bfloat16 weights follow float32 ones", "dtypes may be mixed in a group")
class SkipsHalf(Right):
    def move(self, p, grad, group):
        super().move(p, grad, group | {"lr": 0.0 if p.dtype == torch.bfloat16 else group["lr"]})


@fails("dtypes may be mixed in a group")
class OneDtype(Right):
    def step(self, closure=None):
        assert len({p.dtype for group in self.param_groups for p in group["params"]}) < 2
        return super().step(closure)


@fails("sparse gradients: right or refused")
class SkipsSparse(Right):
    def move(self, p, grad, group):
        if not grad.is_sparse:
            super().move(p, grad, group)


@fails("complex weights: right or refused")
class RealPart(Right):
    def move(self, p, grad, group):
        super().move(p, grad.real.to(p.dtype) if p.is_complex() else grad, group)


@pytest.mark.parametrize(
    ("make", "names"),
    [pytest.param(*row, id=row[0].__name__, marks=[pytest.mark.slow] * (at % 2)) for at, row in enumerate(BROKEN)],
)
def test_exactly_what_is_broken_fails(make, names):
    report = check_optimizer(make)
    assert set(report.failures) == names, str(report)


def test_every_check_has_been_seen_to_fail():
    assert {check.name for check in CHECKS} - set().union(
        {"two runs are equal"}, *(names for _, names in BROKEN)
    ) == set()


# what it says that is no fault


class Averaged(Right):
    """Two views of its weights, a read of the device in each step, an update that depends on the whole tensor."""

    def train(self):
        pass

    def eval(self):
        pass

    def move(self, p, grad, group):
        super().move(p, grad / (1 + grad.norm().item()), group)
        grad.zero_()


@pytest.mark.parametrize(
    ("name", "right", "averaged"),
    [
        ("waits for the device in a step", "none was seen", "3 in a step over 3 tensors"),
        ("is element-wise", "yes", "no"),
        ("leaves gradients as they were", "yes", "no"),
        ("has train() and eval()", "no", "it has train and eval"),
        ("weight decay in bfloat16", "100 steps", "100 steps"),
        ("bytes of state", "4.0 for each", "4.0 for each"),
    ],
)
def test_information(name, right, averaged):
    for make, said in ((Right, right), (Averaged, averaged)):
        row = next(check(Subject(make)) for check in suite.CHECKS if check.name == name)
        assert row.outcome == "information" and row.ok is None and row.detail.startswith(said)


def test_every_information_is_tested():
    assert len(suite.CHECKS) - len(CHECKS) == 6


class Plain(Right):
    def __init__(self, params, lr=0.05):
        super().__init__(params, lr)
        for key in ("weight_decay", "maximize"):
            del self.defaults[key]


def test_what_does_not_apply_is_no_failure():
    report = check_optimizer(Plain)
    assert [row.name for row in report.rows if row.outcome == "not applicable"] == [
        "weight_decay acts",
        "maximize turns the sign",
        "weight decay in bfloat16",
    ]


# the whole of it


def test_settings_reach_every_construction():
    seen = []

    def make(params, **settings):
        seen.append(settings)
        return optim.SGD(params, **settings)

    report = check_optimizer(make, nesterov=True, momentum=0.5)
    assert report.passed and all(one["nesterov"] and one["momentum"] == 0.5 for one in seen)
    assert seen[0]["lr"] == 0.01 and report.target.endswith("make")


@pytest.mark.parametrize(
    ("make", "settings", "lr"), [(Right, {}, 0.05), (Right, {"lr": 0.3}, 0.3), (optim.LBFGS, {}, 1.0), (int, {}, 0.01)]
)
def test_the_rate_that_it_is_tried_at(make, settings, lr):
    assert Subject(make, settings).lr == lr


def test_a_report_is_json_and_text():
    report = check_optimizer(OddState)
    data = json.loads(json.dumps(report.to_json()))
    assert data["target"] == "OddState" and data["passed"] is False and data["counts"]["failed"] == 1
    assert sum(data["counts"].values()) == len(data["rows"]) == len(suite.CHECKS)
    row = next(row for row in data["rows"] if row["ok"] is False)
    assert row["name"] == "its checkpoint loads with weights_only" and row["breaks"] and row["outcome"] == "failed"
    assert str(report).splitlines()[0] == "OddState" and f"✖ {row['name']}: " in str(report)
    assert copy.deepcopy(report) == report and Row("a", "passed", "", "").ok is True


def test_a_crash_is_its_first_line():
    row = next(check for check in CHECKS if check.name == "has a repr")(Subject(NoRepr))
    assert row.outcome == "failed" and row.detail == "AttributeError: 'NoRepr' object has no attribute 'nothing'"


def test_the_process_is_left_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with torch.no_grad():
        assert check_optimizer(Right).passed
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_quick():
    check_optimizer(optim.SGD)  # imports
    began = time.process_time()
    check_optimizer(optim.AdamW)
    assert time.process_time() - began < 5


def test_names_and_texts():
    assert len({check.name for check in suite.CHECKS}) == len(suite.CHECKS) > 40
    assert all(check.breaks.endswith(".") and "\n" not in check.breaks for check in suite.CHECKS)
    assert all(len(check.name) < 45 and not check.name.endswith(".") for check in suite.CHECKS)
    assert doctest.testmod(suite).failed == 0 < doctest.testmod(suite).attempted


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torch.optim.SGD", "module:Class"),
        (":SGD", "module:Class"),
        ("torch.optim:", "module:Class"),
        ("torch.optim:SDG", "has no 'SDG'; did you mean SGD?"),
        ("torch.optim:qqqq", "has no 'qqqq'"),
        ("no_such_place.optim:A", "no module 'no_such_place'"),
        ("torch.no_such:A", "no module 'torch.no_such'"),
        ("torch:__version__", "is a TorchVersion; give a class"),
        ("leonui_lacks:A", "leonui_lacks needs the module 'no_such_thing'"),
        ("leonui_raises:A", "cannot be imported: RuntimeError: first"),
        ("leonui_garbled:A", "cannot be imported: SyntaxError"),
    ],
)
def test_a_target_that_is_not_there(name, words, tmp_path, monkeypatch):
    for module, source in [
        ("lacks", "import no_such_thing"),
        ("raises", "raise RuntimeError('first\\nsecond')"),
        ("garbled", "def"),
    ]:
        (tmp_path / f"leonui_{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace("?", r"\?")):
        load_target(name)


def test_a_target_by_name():
    assert load_target("torch.optim:AdamW") is optim.AdamW
    assert load_target(f"{__name__}:BROKEN.__len__")() == len(BROKEN)
    assert __name__ in sys.modules
