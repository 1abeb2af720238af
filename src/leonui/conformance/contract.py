"""What training code expects when it makes an optimizer: groups, names, rates, containers."""

from __future__ import annotations

import torch

from leonui.conformance.row import Failed, NotApplicable, check, demand
from leonui.conformance.subject import Subject, apart, copies, finite


@check("is a torch Optimizer")
def is_an_optimizer(subject: Subject) -> None:
    """Learning-rate schedulers refuse it; trainers take it for a factory and call it."""
    made = subject.optimizer(subject.weights())
    demand(isinstance(made, torch.optim.Optimizer), f"{type(made).__name__} is no torch.optim.Optimizer")


@check("settings live in its groups")
def settings_in_groups(subject: Subject) -> str:
    """Schedulers, loggers and checkpoints do not see its settings."""
    made = subject.optimizer(subject.weights())
    demand("lr" in made.defaults, f"defaults has {list(made.defaults)} and no lr")
    missing = sorted({key for group in made.param_groups for key in made.defaults if key not in group})
    demand(not missing, f"param_groups lacks {', '.join(missing)}")
    return ", ".join(made.defaults)


@check("takes a generator")
def takes_a_generator(subject: Subject) -> None:
    """model.parameters() is empty the second time it is read: nothing is trained."""
    params = subject.weights()
    made = subject.optimizer(p for p in params)
    gap = apart(subject.run(made, params, range(2)), subject.ran(2))
    demand(gap == 0, f"the weights are {gap:.2g} off those of a run that was given a list")


@check("takes named parameters")
def takes_names(subject: Subject) -> None:
    """model.named_parameters(), which checkpoints by name are made of, is refused."""
    params = subject.weights()
    made = subject.optimizer([(f"p{place}", p) for place, p in enumerate(params)])
    gap = apart(subject.run(made, params, range(2)), subject.ran(2))
    demand(gap == 0, f"the weights are {gap:.2g} off those of a run without names")


@check("takes an empty group")
def takes_an_empty_group(subject: Subject) -> None:
    """Hugging Face's Trainer makes two groups, and one of them may be empty."""
    params = subject.weights()
    made = subject.optimizer([{"params": params}, {"params": []}])
    gap = apart(subject.run(made, params, range(2)), subject.ran(2))
    demand(gap == 0, f"the weights are {gap:.2g} off those of a run without the empty group")


@check("honours each group's lr")
def honours_group_lr(subject: Subject) -> None:
    """Layer-wise rates and a head's own rate have no effect."""
    outcomes = []
    for lr in (subject.lr, 10 * subject.lr):
        params = subject.weights()
        made = subject.optimizer([{"params": params[:1]}, {"params": params[1:], "lr": lr}])
        outcomes.append(subject.run(made, params, range(2)))
    demand(apart(outcomes[0][1:], outcomes[1][1:]) > 0, "ten times the lr in the second group changed nothing there")
    demand(finite(outcomes[1]), "weights are not finite")


@check("takes a group later")
def takes_a_group_later(subject: Subject) -> None:
    """Layers that are unfrozen during training never train."""
    params = subject.weights()
    made = subject.optimizer(params[:-1])
    subject.run(made, params[:-1], range(2))
    made.add_param_group({"params": params[-1:]})
    before = copies(params)
    after = subject.run(made, params, range(2, 4))
    for name, place in (("new", -1), ("old", 0)):
        demand(apart(before[place : place + 1 or None], after[place : place + 1 or None]) > 0, f"{name} stands still")
    demand(finite(after), "weights are not finite")


@check("lr matters")
def lr_matters(subject: Subject) -> None:
    """No learning rate can be found, since none has an effect."""
    gap = apart(subject.ran(lr=subject.lr), subject.ran(lr=3 * subject.lr))
    demand(gap > 0, f"lr={subject.lr:g} and lr={3 * subject.lr:g} end at the same weights")


@check("takes lr as a tensor")
def takes_a_tensor_lr(subject: Subject) -> None:
    """A compiled step compiles again at every change of the schedule, or the change is lost."""
    rate, params, plain = torch.tensor(subject.lr), subject.weights(), subject.weights()
    made, other = subject.optimizer(params, lr=rate), subject.optimizer(plain, lr=rate.item())
    subject.run(made, params, range(2))
    held = made.param_groups[0]["lr"]
    demand(held is rate, f"param_groups holds another {type(held).__name__} than the tensor that was given")
    demand(rate.item() == torch.tensor(subject.lr).item(), f"step changed lr from {subject.lr:g} to {rate.item():g}")
    subject.run(other, plain, range(2))
    rate.fill_(10 * subject.lr)
    for group in other.param_groups:
        group["lr"] = rate.item()
    before = copies(plain)
    after, wanted = (subject.run(one, ps, range(2, 4)) for one, ps in ((made, params), (other, plain)))
    gap, size = apart(after, wanted), apart(before, wanted)
    demand(gap <= 1e-3 * size, f"with lr in a tensor that was filled anew the weights are {gap:.2g} off")


@check("refuses lr=-1")
def refuses_a_negative_lr(subject: Subject) -> str:
    """A mistyped sign trains uphill without a word."""
    try:
        subject.make(subject.weights(), **subject.settings | {"lr": -1.0})
    except Exception as error:
        return str(error).partition("\n")[0]
    raise Failed("lr=-1 was accepted")


@check("leaves its arguments alone")
def leaves_arguments(subject: Subject) -> None:
    """A list of parameters that is used twice has changed by the second time."""
    params = subject.weights()
    given = list(params)
    made = subject.optimizer(given)
    demand(len(given) == len(params) and all(a is b for a, b in zip(given, params, strict=True)), "the list changed")
    before = dict(made.defaults)
    made.param_groups[0]["lr"] = 2 * subject.lr
    demand(made.defaults == before, "a change to a group changed the defaults")
    given.append(given[0])
    demand(len(made.param_groups[0]["params"]) == len(params), "a change to the list changed the group")


@check("takes scalars and empty tensors")
def takes_odd_shapes(subject: Subject) -> None:
    """A temperature or an expert without weights stops the training."""
    if subject.matrices:
        raise NotApplicable("it takes matrices only")
    params = subject.weights(shapes=((), (0, 3), (1,), (4, 3)))
    before, after = copies(params), subject.ran(params=params)
    demand(finite(after), "weights are not finite")
    for place in (0, 2, 3):
        gap = apart(before[place : place + 1], after[place : place + 1])
        demand(gap > 0, f"the tensor of shape {tuple(after[place].shape)} did not move")


@check("has a repr")
def has_a_repr(subject: Subject) -> None:
    """Printing or logging the optimizer stops the training."""
    demand(bool(repr(subject.optimizer(subject.weights()))), "repr is empty")
