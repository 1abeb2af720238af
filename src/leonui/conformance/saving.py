"""What checkpoints expect: state that is made late and named by parameter, and that comes back as it was."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import torch
from torch import Tensor

from leonui.conformance.row import check, demand
from leonui.conformance.subject import Subject, apart, copies, finite

HALF, WHOLE = 3, 6  # steps: to where a run is cut, and to its end


@check("makes its state in the first step")
def makes_state_late(subject: Subject) -> None:
    """Memory and device are fixed before the model is moved or sharded."""
    made = subject.optimizer(subject.weights())
    demand(not len(made.state), f"state has {len(made.state)} entries before the first step")


@check("keys its state by parameter")
def keys_state_by_parameter(subject: Subject) -> None:
    """Distributed checkpoints and sharding cannot say whose state it is."""
    params = subject.weights()
    made = subject.optimizer(params)
    subject.run(made, params, range(2))
    strange = [key for key in made.state if not any(key is p for p in params)]
    demand(not strange, f"state has the key {strange[:1]!r:.60}")


@check("loads a state before the first step")
def loads_early(subject: Subject) -> None:
    """Accelerate loads one when it prepares: the start of a run crashes."""
    params = subject.weights()
    made = subject.optimizer(params)
    made.load_state_dict(made.state_dict())
    gap = apart(subject.run(made, params, range(2)), subject.ran(2))
    demand(gap == 0, f"the weights are {gap:.2g} off those of a run that loaded nothing")


@check("resumes bit-equal")
def resumes(subject: Subject) -> None:
    """A run that was resumed from a checkpoint is another run."""
    _resume(subject, torch.float32)


@check("resumes bit-equal in bfloat16")
def resumes_in_bfloat16(subject: Subject) -> None:
    """Loading rounds the state to bfloat16: the resumed run is another run."""
    _resume(subject, torch.bfloat16)


def _resume(subject: Subject, dtype: torch.dtype) -> None:
    """Cut a run, go on from its state in an optimizer that was made with another lr, compare with the uncut run."""
    params = subject.weights(dtype)
    first = subject.optimizer(params)
    subject.run(first, params, range(HALF))
    again = _fresh(params)
    second = subject.optimizer(again, lr=2 * subject.lr)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    changed = _changed_dtypes(first, second, params, again)
    demand(not changed, changed)
    gap = apart(subject.run(second, again, range(HALF, WHOLE)), subject.run(first, params, range(HALF, WHOLE)))
    demand(gap == 0, f"the resumed run ends {gap:.2g} off the uncut one")
    demand(finite(again), "weights are not finite")


def _fresh(params: list[Tensor]) -> list[Tensor]:
    return [one.requires_grad_() for one in copies(params)]


def _changed_dtypes(first: Any, second: Any, params: list[Tensor], again: list[Tensor]) -> str:
    """The first entry of the state whose dtype loading changed, in words; else nothing."""
    for old, new in zip(params, again, strict=True):
        for key, value in dict(first.state.get(old, {})).items():
            loaded = dict(second.state.get(new, {})).get(key)
            if isinstance(value, Tensor) and isinstance(loaded, Tensor) and loaded.dtype != value.dtype:
                return f"state {key!r} was {value.dtype} and is {loaded.dtype} after loading"
    return ""


@check("its checkpoint loads with weights_only")
def loads_weights_only(subject: Subject) -> None:
    """torch.load refuses it by default: the run cannot be resumed."""
    params = subject.weights()
    made = subject.optimizer(params)
    subject.run(made, params, range(2))
    file = io.BytesIO()
    torch.save(made.state_dict(), file)
    file.seek(0)
    subject.optimizer(_fresh(params)).load_state_dict(torch.load(file, weights_only=True))


@check("works with torch.distributed.checkpoint")
def works_with_dcp(subject: Subject) -> None:
    """Asking for the state moves weights, or FSDP runs cannot be resumed."""
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

    params = subject.weights()
    model = _model(params)
    first, before = subject.optimizer(list(model.parameters())), copies(params)
    get_optimizer_state_dict(model, first)
    gap = apart(before, params)
    demand(gap == 0, f"asking for the state before the first step moved weights by {gap:.2g}")
    subject.run(first, params, range(HALF))
    again = _fresh(params)
    other = _model(again)
    second = subject.optimizer(list(other.parameters()))
    set_optimizer_state_dict(other, second, copy.deepcopy(get_optimizer_state_dict(model, first)))
    gap = apart(params, again)
    demand(gap == 0, f"setting the state moved weights by {gap:.2g}")
    gap = apart(subject.run(second, again, range(HALF, WHOLE)), subject.run(first, params, range(HALF, WHOLE)))
    demand(gap == 0, f"the resumed run ends {gap:.2g} off the uncut one")


def _model(params: list[Tensor]) -> torch.nn.Module:
    """A module of these weights, which become its parameters in the list too."""
    model = torch.nn.Module()
    for place, weight in enumerate(params):
        params[place] = parameter = torch.nn.Parameter(weight.detach())
        model.register_parameter(f"p{place}", parameter)
    return model


@check("pickles")
def pickles(subject: Subject) -> None:
    """torch.save of the whole optimizer fails, and so does sending it to a worker."""
    _copy_goes_on(subject, lambda pair: pickle.loads(pickle.dumps(pair)))


@check("copies deeply")
def copies_deeply(subject: Subject) -> None:
    """A copy, kept for a trial or a rollback, shares state with the original."""
    _copy_goes_on(subject, copy.deepcopy)


def _copy_goes_on(subject: Subject, duplicate: Any) -> None:
    """A copy in mid-run goes on as the original does, which stays where it was meanwhile."""
    params = subject.weights()
    made = subject.optimizer(params)
    subject.run(made, params, range(HALF))
    for p in params:
        p.grad = None
    again, other = duplicate((params, made))
    before = copies(params)
    after = subject.run(other, again, range(HALF, WHOLE))
    demand(apart(before, params) == 0, "a step of the copy moved the original's weights")
    gap = apart(subject.run(made, params, range(HALF, WHOLE)), after)
    demand(gap == 0, f"copy and original end {gap:.2g} apart")
