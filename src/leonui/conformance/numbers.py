"""What the update is worth: every layout and dtype, sparse and complex gradients, and whether it trains at all."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from leonui.conformance.row import Failed, NotApplicable, check, demand
from leonui.conformance.subject import (
    CannotConstruct,
    Subject,
    apart,
    bowl,
    copies,
    decay,
    finite,
    first_line,
    gradients,
    no_gradients,
    noise,
)
from leonui.trial.probe.memory import state_bytes

NEAR = 0.05  # of the largest update: a wrong layout is off by all of it, another order of summation by far less
SEEDS, LENGTH, FALL = 3, 60, 0.75  # of the trainings: how many, how many steps, to what part the loss must fall
RATES = (1, 10, 0.1, 100, 1e3)


@check("layout of weights makes no difference")
def any_weight_layout(subject: Subject) -> None:
    """With channels_last or transposed weights the wrong ones are updated."""
    _near(subject, subject.ran(params=_strided(subject)), subject.ran())


@check("layout of gradients makes no difference")
def any_gradient_layout(subject: Subject) -> None:
    """Gradients that are laid out otherwise go to the wrong weights."""
    _near(subject, subject.ran(fill=_turned_about), subject.ran())


@check("a checkpoint fits another layout")
def loads_into_another_layout(subject: Subject) -> None:
    """A checkpoint that is resumed in channels_last updates the wrong weights."""
    params, again = subject.weights(), _strided(subject)
    first = subject.optimizer(params)
    subject.run(first, params, range(3))
    with torch.no_grad():
        for old, new in zip(params, again, strict=True):
            new.copy_(old)
    second = subject.optimizer(again)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    _near(subject, subject.run(second, again, range(3, 6)), subject.run(first, params, range(3, 6)))


@check("bfloat16 weights follow float32 ones")
def follows_in_bfloat16(subject: Subject) -> str:
    """Training in bfloat16 stands still or goes elsewhere, without a word."""
    wanted, got = ([w.float() for w in subject.ran(4, _zeros(subject, d))] for d in (torch.float32, torch.bfloat16))
    size = math.sqrt(sum(float(w.square().sum()) for w in wanted))
    demand(size > 0, "from weights of 0 it does not move in float32 either")
    off = math.sqrt(sum(float((g - w).square().sum()) for g, w in zip(got, wanted, strict=True))) / size
    demand(off <= (0.25 if _by_element(subject) else 0.75), f"after four steps the weights are {off:.0%} off")
    return f"{off:.1%} off after four steps"


@check("dtypes may be mixed in a group")
def takes_mixed_dtypes(subject: Subject) -> None:
    """A model with norms in float32 and the rest in bfloat16 cannot be trained."""
    params = subject.weights()
    params[0] = params[0].detach().mul(0.01).to(torch.bfloat16).requires_grad_()
    before, after = copies(params), subject.ran(params=params)
    demand(finite(after), "weights are not finite")
    for old, new in zip(before, after, strict=True):
        demand(new.dtype == old.dtype and apart([old], [new]) > 0, f"the weights in {old.dtype} stand still")


@check("sparse gradients: right or refused")
def sparse_gradients(subject: Subject) -> str:
    """Embeddings with sparse gradients are trained wrongly, without a word."""
    start, steps = subject.weights(shapes=((6, 3),)), range(3)
    params = subject.weights(shapes=((6, 3),))
    try:
        got = subject.run(subject.optimizer(params), params, steps, _some_rows(True))
    except CannotConstruct:
        raise
    except Exception as error:
        return f"refused: {first_line(error)}"
    wanted = subject.ran(params=subject.weights(shapes=((6, 3),)), fill=_some_rows(False))
    if apart(got, wanted) <= 1e-6:
        return "as dense ones"
    unused, used = ([0, 2, 3, 5], [1, 4])
    lazy = apart([got[0][unused]], [start[0][unused]]) == 0 and apart([got[0][used]], [wanted[0][used]]) <= 1e-6
    demand(lazy, f"the weights are {apart(got, wanted):.2g} off those of the same gradients, dense")
    return "rows without a gradient rest"


@check("complex weights: right or refused")
def complex_weights(subject: Subject) -> str:
    """Complex weights are trained wrongly, without a word."""
    start, goal = (torch.complex(noise((5, 4), seed), noise((5, 4), seed + 1)) for seed in (1, 3))
    params = [start.clone().requires_grad_()]

    def fill(params: list[Tensor], index: int) -> Tensor:
        params[0].grad = params[0].detach() - goal
        return params[0].grad.abs().square().sum() / 2

    try:
        end = subject.run(subject.optimizer(params), params, range(10), fill)[0]
    except Exception as error:
        return f"refused: {first_line(error)}"
    for part in ("real", "imag"):
        before, after = (float((getattr(w, part) - getattr(goal, part)).square().sum()) for w in (start, end))
        demand(after < before, f"the {part} parts come no nearer: squared distance {before:.4g} -> {after:.4g}")
    return "supported"


@check("lowers the loss")
def learns(subject: Subject) -> str:
    """It does not train."""
    tried = []
    for rate in RATES:
        falls = [_fall(subject, rate * subject.lr, seed) for seed in range(SEEDS)]
        tried.append((max(falls), rate * subject.lr))
        if tried[-1][0] <= FALL:
            return f"to {tried[-1][0]:.0%} or less in {_length(subject)} steps from {SEEDS} seeds, lr={tried[-1][1]:g}"
    raise Failed(f"from {SEEDS} seeds the loss fell to {min(tried)[0]:.0%} at best, of {len(RATES)} learning rates")


def _length(subject: Subject) -> int:
    """How many steps a training has; one with closures may do many in one."""
    return LENGTH // 5 if subject.closure else LENGTH


def _fall(subject: Subject, lr: float, seed: int) -> float:
    """What part of its first loss a small regression is left with, inf where it is not finite."""
    torch.manual_seed(seed)
    bias = not subject.matrices
    model = torch.nn.Sequential(torch.nn.Linear(6, 16, bias), torch.nn.Tanh(), torch.nn.Linear(16, 2, bias))
    x = noise((64, 6), 1000 + seed)
    y = x @ noise((6, 2), 2000 + seed) / 2
    made = subject.optimizer(list(model.parameters()), lr=lr)

    def closure() -> Tensor:
        made.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    first = closure().item()
    for _ in range(_length(subject)):
        closure()
        made.step(closure) if subject.closure else made.step()
    last = closure().item()
    return last / first if math.isfinite(last) else math.inf


# information: what is worth knowing and is nobody's fault


@check("waits for the device in a step", informs=True)
def host_waits(subject: Subject) -> str:
    """Each wait stops a GPU until the host has read a number."""
    params = subject.weights()
    made = subject.optimizer(params)
    subject.run(made, params, range(2))
    gradients(params, 2)
    counters = {
        v.data_ptr() for s in made.state.values() for k, v in s.items() if k == "step" and isinstance(v, Tensor)
    }
    with _Waits(counters) as waits:
        made.step(lambda: torch.ones(())) if subject.closure else made.step()
    return f"{waits.count} in a step over {len(params)} tensors" if waits.count else "none was seen"


class _Waits(TorchDispatchMode):
    """Counts reads of a tensor by the host, except those of a step counter, which lives there."""

    def __init__(self, counters: set[int]):
        super().__init__()
        self.counters, self.count = counters, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and args[0].data_ptr() not in self.counters:
            self.count += 1
        return func(*args, **(kwargs or {}))


@check("is element-wise", informs=True)
def element_wise(subject: Subject) -> str:
    """One that is not sees only its shard under FSDP2, unless it gathers the whole."""
    return "yes: halves of a tensor are updated as the whole" if _by_element(subject) else "no: halves move otherwise"


def _by_element(subject: Subject) -> bool:
    """Whether the halves of a tensor, each in an optimizer of its own, are updated as the whole is."""
    start, tilts = noise((8, 4), 5), [noise((8, 4), index) for index in range(2)]

    def rows(of: slice) -> Tensor:
        params = [start[of].clone().requires_grad_()]
        return subject.ran(2, params, lambda params, index: bowl(params[0], tilts[index][of]))[0]

    return torch.equal(torch.cat([rows(slice(0, 4)), rows(slice(4, 8))]), rows(slice(0, 8)))


@check("leaves gradients as they were", informs=True)
def leaves_gradients(subject: Subject) -> str:
    """Gradient norms that are logged after the step are others."""
    if subject.closure:
        raise NotApplicable("its closure makes them anew")
    params = subject.weights()
    made = subject.optimizer(params, **decay(subject))
    gradients(params, 0)
    before = copies([p.grad for p in params if p.grad is not None])
    made.step()
    left = [p.grad for p in params]
    same = all(a is not None and torch.equal(a, b) for a, b in zip(left, before, strict=True))
    return "yes" if same else "no: step changes or drops them"


@check("has train() and eval()", informs=True)
def has_modes(subject: Subject) -> str:
    """One with two views of its weights must be told which is wanted."""
    made = subject.optimizer(subject.weights())
    modes = [name for name in ("train", "eval") if callable(getattr(made, name, None))]
    return (
        f"it has {' and '.join(modes)}: call them around evaluation and saving" if modes else "no: one view of weights"
    )


@check("weight decay in bfloat16", informs=True)
def decay_in_bfloat16(subject: Subject) -> str:
    """lr * weight_decay below 2^-9 is rounded away."""
    if not decay(subject):
        raise NotApplicable("it has no weight_decay")
    kept = [_kept(subject, dtype) for dtype in (torch.float32, torch.bfloat16)]
    return f"100 steps without gradient leave {kept[0]:.1%} of a weight in float32, {kept[1]:.1%} in bfloat16"


def _kept(subject: Subject, dtype: torch.dtype) -> float:
    params = [torch.ones(8, 4, dtype=dtype, requires_grad=True)]
    made = subject.optimizer(params, lr=1e-3, weight_decay=0.1)
    return float(subject.run(made, params, range(100), no_gradients)[0].float().mean())


@check("bytes of state", informs=True)
def bytes_of_state(subject: Subject) -> str:
    """Memory beside the weights and their gradients."""
    params = subject.weights(shapes=((64, 64),))
    made = subject.optimizer(params)
    subject.run(made, params, range(2))
    return f"{state_bytes(made) / 4096:.1f} for each float32 weight of a matrix of 64 by 64"


def _turn(tensor: Tensor) -> Tensor:
    """The same values in another layout: channels_last, or columns first."""
    if tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor.t().contiguous().t() if tensor.ndim == 2 else tensor


def _strided(subject: Subject) -> list[Tensor]:
    return [_turn(w.detach()).requires_grad_() for w in subject.weights()]


def _zeros(subject: Subject, dtype: torch.dtype) -> list[Tensor]:
    return [torch.zeros_like(w, dtype=dtype).requires_grad_() for w in subject.weights()]


def _turned_about(params: list[Tensor], index: int) -> Tensor:
    height = gradients(params, index)
    for p in params:
        p.grad = None if p.grad is None else _turn(p.grad)
    return height


def _some_rows(sparse: bool) -> Any:
    def fill(params: list[Tensor], index: int) -> Tensor:
        used, tilt = params[0].detach()[[1, 4]], noise((2, 3), index)
        if sparse:
            params[0].grad = torch.sparse_coo_tensor(torch.tensor([[1, 4]]), used + tilt, (6, 3))
        else:
            params[0].grad = torch.zeros(6, 3).index_copy(0, torch.tensor([1, 4]), used + tilt)
        return (used * (used / 2 + tilt)).sum()

    return fill


def _near(subject: Subject, got: list[Tensor], wanted: list[Tensor]) -> None:
    """Both are the same up to rounding, as measured by how far the weights have come."""
    gap, size = apart(got, wanted), apart(subject.weights(), wanted)
    demand(size > 0, "the weights stand still")
    demand(gap <= NEAR * size, f"the weights are {gap:.2g} off, of an update of {size:.2g}")
