"""What training code expects of a step: gradients, closures, hooks, scalers, schedulers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from leonui.conformance.row import NotApplicable, check, demand
from leonui.conformance.subject import Subject, apart, copies, decay, finite, gradients, no_gradients


@check("gradients of 0 with lr=0 change nothing")
def rests_at_zero(subject: Subject) -> None:
    """torch.distributed.checkpoint steps so to make its state: weights move."""
    params = subject.weights()
    made, before = subject.optimizer(params), copies(params)
    for group in made.param_groups:
        group["lr"] = 0.0
    after = subject.run(made, params, range(1), no_gradients)
    demand(finite(after), "weights are not finite")
    gap = apart(before, after)
    demand(gap == 0, f"weights moved by {gap:.2g}")


@check("gradients of 0 stay finite")
def finite_at_zero(subject: Subject) -> None:
    """A dead layer, or a norm that is divided by, turns the weights into NaN."""
    demand(finite(subject.ran(fill=no_gradients)), "weights are not finite")


@check("leaves what has no gradient")
def leaves_what_has_no_gradient(subject: Subject) -> None:
    """Frozen layers drift by momentum or weight decay, or the step crashes."""
    params = subject.weights()
    made = subject.optimizer(params, **decay(subject))
    subject.run(made, params, range(2))
    before = copies(params)
    after = subject.run(made, params, range(2, 4), _all_but_the_last)
    gap = apart(before[-1:], after[-1:])
    demand(gap == 0, f"weights without a gradient moved by {gap:.2g}")
    demand(apart(before[:1], after[:1]) > 0, "weights with a gradient stand still")


@check("steps without any gradient")
def steps_without_gradients(subject: Subject) -> None:
    """A batch that reaches no parameter stops the training."""
    params = subject.weights()
    before = copies(params)
    gap = apart(before, subject.ran(1, params, lambda params, index: torch.zeros(())))
    demand(gap == 0, f"weights without a gradient moved by {gap:.2g}")


@check("runs the closure and returns its value")
def runs_the_closure(subject: Subject) -> str:
    """Lightning raises: its closure was not run; or the loss is lost."""
    params, values, enabled = subject.weights(), [], []
    made = subject.optimizer(params)
    gradients(params, 0)

    def closure() -> Tensor:
        enabled.append(torch.is_grad_enabled())
        height = gradients(params, 0)
        values.append(float(height))
        return height

    torch.manual_seed(0)
    returned = made.step(closure)
    demand(bool(values), "the closure was not called")
    demand(all(enabled), "the closure ran without grad, so backward() in it fails")
    demand(returned is not None, "step returned None")
    demand(float(returned) in values, f"step returned {float(returned):g}, the closure {values[0]:g}")
    gap = apart(params, subject.ran(1))
    demand(gap == 0 or subject.closure, f"the weights are {gap:.2g} off those of a step without a closure")
    return f"called {len(values)} times" if len(values) > 1 else ""


@check("zero_grad(set_to_none=...)")
def clears_gradients(subject: Subject) -> None:
    """Gradients pile up over the steps, or accumulation loses its buffers."""
    params = subject.weights()
    made = subject.optimizer(params)
    for set_to_none in (True, False):
        gradients(params, 0)
        made.zero_grad(set_to_none=set_to_none)
        left = [p.grad for p in params]
        clear = all(g is None if set_to_none else g is not None and not g.any() for g in left)
        demand(clear, f"gradients are left after zero_grad(set_to_none={set_to_none})")


@check("calls step hooks")
def calls_hooks(subject: Subject) -> str:
    """Profilers, loggers and leonui, which attach by hooks, see no step."""
    params, seen = subject.weights(), []
    made = subject.optimizer(params)
    made.register_step_pre_hook(lambda *_: seen.append("before"))
    made.register_step_post_hook(lambda *_: seen.append("after"))
    subject.run(made, params, range(2))
    demand(len(seen) >= 4 and {seen[0], seen[-1]} == {"before", "after"}, f"two steps called {len(seen)} hooks of 4")
    return "" if len(seen) == 4 else "more than once a step, since it calls the step of the class that it extends"


@check("changes weights in place")
def changes_in_place(subject: Subject) -> None:
    """The model and a shared or wrapped weight no longer are what is trained."""
    params = subject.weights()

    def kept() -> list[Any]:
        return [(p.data_ptr(), p.stride(), p.dtype, p.is_leaf, p.requires_grad) for p in params]

    before = kept()
    made = subject.optimizer(params)
    subject.run(made, params, range(2))
    held = [p for group in made.param_groups for p in group["params"]]
    demand(all(a is b for a, b in zip(held, params, strict=True)), "param_groups holds other tensors than it was given")
    demand(kept() == before, "storage, layout, dtype or requires_grad of a weight changed")


@check("weight_decay acts")
def decays(subject: Subject) -> None:
    """A setting that was asked for is not used."""
    if not decay(subject):
        raise NotApplicable("it has no weight_decay")
    start = subject.weights()
    with_decay, without = (subject.ran(weight_decay=amount, lr=subject.lr / 10) for amount in (0.5, 0.0))
    demand(apart(with_decay, without) > 0, "weight_decay=0.5 changed nothing")
    pull = sum(float(((a - b) * w.detach()).sum()) for a, b, w in zip(with_decay, without, start, strict=True))
    demand(pull < 0, "weight_decay=0.5 pushes weights away from 0")


@check("maximize turns the sign")
def maximizes(subject: Subject) -> None:
    """A setting that was asked for is not used."""
    if "maximize" not in getattr(subject.optimizer(subject.weights()), "defaults", {}):
        raise NotApplicable("it has no maximize")
    up, down = subject.ran(maximize=True), subject.ran(fill=_turned)
    gap = apart(up, down)
    demand(gap <= 1e-6, f"the weights are {gap:.2g} off those of turned gradients")


@check("works under GradScaler")
def works_scaled(subject: Subject) -> None:
    """Mixed precision in float16 trains with gradients that are scaled, or not at all."""
    params = subject.weights()
    made, scaler = subject.optimizer(params), _scaler(subject)
    for index in range(3):
        _scaled_step(made, scaler, params, index)
    wanted = subject.ran()
    gap, size = apart(params, wanted), apart(subject.weights(), wanted)
    demand(gap <= 1e-3 * size, f"the weights are {gap:.2g} off those of a run without a scaler")


@check("GradScaler skips a step")
def skips_when_scaled(subject: Subject) -> None:
    """An overflow in float16 destroys the weights, or counts as a step."""
    params = subject.weights()
    made, scaler = subject.optimizer(params), _scaler(subject)
    _scaled_step(made, scaler, params, 0)
    before, state = copies(params), copies(_state_tensors(made))
    _scaled_step(made, scaler, params, 1, spoil=float("inf"))
    gap = apart(before, params)
    demand(gap == 0, f"an infinite gradient moved weights by {gap:.2g}")
    demand(apart(state, _state_tensors(made)) == 0, "an infinite gradient changed the state, or counted as a step")


@check("follows LambdaLR")
def follows_lambda(subject: Subject) -> None:
    """Warm-up and decay of the learning rate have no effect."""
    params = subject.weights()
    made = subject.optimizer(params)
    scheduler = LambdaLR(made, lambda step: 1 / (1 + step))
    for index in range(3):
        subject.step(made, params, index)
        scheduler.step()
    held = float(made.param_groups[0]["lr"])
    demand(abs(held - subject.lr / 4) < 1e-6 * subject.lr, f"lr is {held:g} after three steps, not {subject.lr / 4:g}")
    demand(apart(params, subject.ran()) > 0, "the weights are those of a constant lr")


@check("follows OneCycleLR")
def follows_one_cycle(subject: Subject) -> None:
    """A schedule of the learning rate with momentum crashes or has no effect."""
    low, high = (_cycled(subject, peak * subject.lr) for peak in (1, 2))
    demand(finite(low), "weights are not finite")
    demand(apart(low, high) > 0, "the weights are those of a cycle that goes twice as high")


def _cycled(subject: Subject, peak: float) -> list[Tensor]:
    params = subject.weights()
    made = subject.optimizer(params)
    cycles = any(key in made.defaults for key in ("momentum", "betas"))
    scheduler = OneCycleLR(made, max_lr=peak, total_steps=4, cycle_momentum=cycles)
    for index in range(3):
        subject.step(made, params, index)
        scheduler.step()
    return copies(params)


@check("two runs are equal")
def repeats(subject: Subject) -> None:
    """Nothing can be reproduced: no run, no bug, no comparison."""
    gap = apart(subject.ran(), subject.ran())
    demand(gap == 0, f"two runs from the same weights, gradients and seeds end {gap:.2g} apart")


def _all_but_the_last(params: list[Tensor], index: int) -> Tensor:
    params[-1].grad = None
    return gradients(params[:-1], index)


def _turned(params: list[Tensor], index: int) -> Tensor:
    height = gradients(params, index)
    for p in params:
        p.grad = None if p.grad is None else -p.grad
    return -height


def _scaler(subject: Subject) -> torch.amp.GradScaler:
    if subject.closure:
        raise NotApplicable("GradScaler takes no closures, and it steps only with one")
    return torch.amp.GradScaler("cpu", init_scale=1024.0)


def _scaled_step(optimizer: Any, scaler: Any, params: list[Tensor], index: int, spoil: float = 1.0) -> None:
    """A step by the scaler, with the gradients of a step's number; one element of them times ``spoil``."""
    gradients(params, index)
    wanted = [p.grad for p in params if p.grad is not None]
    wanted[0].view(-1)[0] *= spoil
    optimizer.zero_grad()
    torch.manual_seed(index)
    scaler.scale(torch.stack([(p * g).sum() for p, g in zip(params, wanted, strict=True)]).sum()).backward()
    scaler.step(optimizer)
    scaler.update()


def _state_tensors(optimizer: Any) -> list[Tensor]:
    return [v for state in optimizer.state.values() for v in state.values() if isinstance(v, Tensor)]
