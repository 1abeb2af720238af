"""The table of the shelf: one row an optimizer, with settings other than its defaults, and who agrees with it.

A peer is torch's own optimizer or the authors' package; where there is none, the equation once more, in numpy, by
another road: a corrected average is a weighted mean of all gradients so far, a Newton-Schulz step a polynomial of the
singular values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import lion_pytorch
import numpy as np
import prodigyopt
import pytorch_optimizer
import schedulefree
import torch
from pytorch_optimizer.optimizer import soap
from torch import Tensor

from leonui import optim
from leonui.rules.matrix import QUINTIC

SHAPES = ((), (0, 3), (7,), (33,), (5, 3), (4, 2, 3, 1))
FULL = tuple(shape for shape in SHAPES if 0 not in shape)
STEPS = 9


@dataclass(frozen=True)
class Row:
    """One optimizer with settings; ``peer(params, **settings)`` steps as it does, to within ``close`` of the weights.

    ``torch``: torch's class, if the peer is one, which also shares its state. ``rule``: the rule that walks.
    """

    name: str
    make: Callable[..., Any]
    peer: Callable[..., Any]
    settings: dict[str, Any]
    rule: str
    close: float = 1e-12
    shapes: tuple[tuple[int, ...], ...] = field(default=SHAPES)

    @property
    def torch(self) -> Any:
        """Torch's own class of the same rule, or None."""
        return self.peer if getattr(self.peer, "__module__", "").startswith("torch.optim") else None

    def scaled(self, scale: float) -> dict[str, Any]:
        """The settings where gradients are that small: a decay that does not drown them."""
        return self.settings | {"weight_decay": self.settings["weight_decay"] * scale}

    def __str__(self) -> str:
        return self.name


def start(shapes: Any = SHAPES, dtype: torch.dtype = torch.float64, seed: int = 1) -> list[torch.nn.Parameter]:
    """Weights about 1."""
    draw = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype)) for shape in shapes]


def slopes(step: int, shapes: Any, scale: float) -> list[Tensor]:
    """The gradients of a step, float64: partly the same in every step, so that averages grow; some are larger."""
    draw, same = (torch.Generator().manual_seed(seed) for seed in (1000 + step, 77))
    both = [[torch.randn(shape, generator=one, dtype=torch.float64) for shape in shapes] for one in (draw, same)]
    return [scale * (0.5 + step % 3) * (x + y) for x, y in zip(*both, strict=True)]


def walk(optimizer: Any, params: list[Any], steps: int | range = STEPS, scale: float = 1.0) -> list[Tensor]:
    """Take steps along those gradients; returns copies of the weights."""
    for step in range(steps) if isinstance(steps, int) else steps:
        for p, g in zip(params, slopes(step, [p.shape for p in params], scale), strict=True):
            p.grad = torch.empty_like(p).copy_(g)
        optimizer.step()
    return [p.detach().clone() for p in params]


def gap(ones: list[Tensor], others: list[Tensor]) -> float:
    """The largest difference between weights, in parts of the largest of them; nan counts as infinite."""
    pairs = [(a.detach().double(), b.detach().double()) for a, b in zip(ones, others, strict=True) if a.numel()]
    size = max(float(b.abs().max()) for _, b in pairs)
    return max(float(torch.nan_to_num((a - b).abs(), nan=torch.inf).max()) for a, b in pairs) / size


class Oracle:
    """Steps by an equation in numpy: ``move(p, gradients so far, memory, **settings)`` gives the new weights."""

    def __init__(self, move: Callable[..., Any], params: list[Tensor], **settings: Any):
        self.move, self.params, self.settings = move, params, settings
        self.past: list[list[Any]] = [[] for _ in params]
        self.memory: list[dict[str, Any]] = [{} for _ in params]

    def step(self) -> None:
        for p, past, memory in zip(self.params, self.past, self.memory, strict=True):
            past.append(p.grad.numpy().copy())
            p.data.copy_(
                torch.from_numpy(np.asarray(self.move(p.detach().numpy().copy(), past, memory, **self.settings)))
            )


def oracle(move: Callable[..., Any]) -> Callable[..., Oracle]:
    """A peer from an equation."""
    return lambda params, **settings: Oracle(move, params, **settings)


def mean(past: list[Any], beta: float) -> Any:
    """What a corrected exponential average is: a mean with weights that fall by beta."""
    return np.average(past, axis=0, weights=beta ** np.arange(len(past) - 1, -1, -1.0))


def momentum(p, past, memory, lr, beta, weight_decay):
    """Goh (2017): v = beta v + (1 - beta) (g + weight_decay p)."""
    slope = memory.setdefault("slope", [])
    slope.append(past[-1] + weight_decay * p)
    return p - lr * (1 - beta) * sum(beta**age * one for age, one in enumerate(reversed(slope)))


def adam_direction(past, betas, eps):
    """Kingma and Ba (2015), algorithm 1."""
    return mean(past, betas[0]) / (np.sqrt(mean(np.square(past), betas[1])) + eps)


def lamb(p, past, memory, lr, betas, eps, weight_decay):
    """You et al. (2020, arXiv 1904.00962), algorithm 2, phi the identity."""
    u = adam_direction(past, betas, eps) + weight_decay * p
    size, length = np.linalg.norm(p), np.linalg.norm(u)
    return p - lr * u * (size / length if size > 0 and length > 0 else 1.0)


def lars(p, past, memory, lr, momentum, trust, eps, weight_decay):
    """You et al. (2017, arXiv 1708.03888), algorithm 1, lr outside of the momentum."""
    size, slope = np.linalg.norm(p), np.linalg.norm(past[-1])
    rate = trust * size / (slope + weight_decay * size + eps) if size > 0 and slope > 0 else 1.0
    memory["v"] = momentum * memory.get("v", 0.0) + rate * (past[-1] + weight_decay * p)
    return p - lr * memory["v"]


def quintic(x, steps):
    """Jordan (2024): a polynomial of each singular value, that many times."""
    u, s, v = np.linalg.svd(x, full_matrices=False)
    s = s / np.linalg.norm(s)
    for _ in range(steps):
        s = QUINTIC[0] * s + QUINTIC[1] * s**3 + QUINTIC[2] * s**5
    return u * s @ v


def muon(p, past, memory, lr, momentum, nesterov, weight_decay, ns_steps, rms, betas):
    """Jordan (2024), scaled as Liu et al. (2025, arXiv 2502.16982), equation 4; AdamW for what is no matrix."""
    if p.ndim < 2 or not p.size:
        return (1 - lr * weight_decay) * p - (lr * adam_direction(past, betas, 1e-8) if p.size else 0)
    m = (1 - momentum ** len(past)) * mean(past, momentum)
    u = (1 - momentum) * past[-1] + momentum * m if nesterov else m
    rows, columns = len(p), p.size // len(p)
    scale = max(1, rows / columns) ** 0.5 if rms is None else rms * max(rows, columns) ** 0.5
    return (1 - lr * weight_decay) * p - lr * scale * quintic(u.reshape(rows, columns), ns_steps).reshape(p.shape)


# The authors' code rounds its QR to float32, and adds 1e-30 to the diagonal: of the squares of small gradients that
# is more than their rounding, and chooses the basis of all directions in which there was no gradient.
EXACT = {"float32": torch.float64, "eye": lambda n, **how: torch.zeros(n, n, **how)}
WIDE = SimpleNamespace(**vars(torch) | EXACT)


class Soap:
    """pytorch_optimizer's SOAP on matrices, torch's AdamW on all else; decay before the step, as we have it."""

    def __init__(self, params: list[Any], lr, weight_decay, max_side, **settings: Any):
        fits = {p for p in params if p.dim() > 1 and p.numel() > 0 and max(len(p), p.numel() // len(p)) <= max_side}
        self.params = [p for p in params if p in fits]
        self.views = [torch.nn.Parameter(p.data.flatten(1)) for p in self.params]
        self.keep = 1 - lr * weight_decay
        self.matrices = pytorch_optimizer.SOAP(self.views, lr=lr, weight_decay=0.0, **settings)
        rest = [p for p in params if p not in fits]
        alike = {key: settings[key] for key in ("betas", "eps")}
        self.rest = torch.optim.AdamW(rest, lr=lr, weight_decay=weight_decay, **alike)

    def step(self) -> None:
        for view, p in zip(self.views, self.params, strict=True):
            view.grad = p.grad.flatten(1).clone()
            view.data.mul_(self.keep)
        with patch.object(soap, "torch", WIDE):
            self.matrices.step()
        self.rest.step()


def free(kind: Any) -> Callable[..., Any]:
    """Schedule-Free, ready to train; ``power`` is the authors' weight_lr_power."""

    def make(params, power, **settings):
        made = kind(params, weight_lr_power=power, foreach=False, **settings)
        made.train()
        return made

    return make


def also(kind: Any, **more: Any) -> Callable[..., Any]:
    """A peer with fixed arguments of its own."""
    return lambda params, **settings: kind(params, **settings, **more)


L, D, EPS = 0.05, 0.3, 3e-7
ADAM = {"lr": L, "betas": (0.8, 0.95), "eps": EPS, "weight_decay": D}
GRAVES = {"lr": L, "alpha": 0.9, "eps": EPS, "weight_decay": D}
HEAVY = {"lr": L, "momentum": 0.8, "weight_decay": D}
BOTH = {"decoupled_weight_decay": True}
CENTERED, ROLLING = {"centered": True}, {"momentum": 0.7}
MUON = {"lr": L, "momentum": 0.8, "nesterov": True, "weight_decay": D, "ns_steps": 4, "rms": 0.3, "betas": (0.8, 0.9)}
T, P = torch.optim, pytorch_optimizer

ROWS = (
    Row("SGD", optim.SGD, T.SGD, {"lr": L, "weight_decay": D}, "sgd"),
    Row(
        "SGD momentum", optim.SGD, T.SGD, {"lr": L, "momentum": 0.8, "dampening": 0.4, "weight_decay": D}, "heavy_ball"
    ),
    Row("SGD nesterov", optim.SGD, T.SGD, HEAVY | {"nesterov": True}, "nesterov"),
    Row("Momentum", optim.Momentum, oracle(momentum), {"lr": L, "beta": 0.8, "weight_decay": D}, "averaged_gradient"),
    Row("SignSGD", optim.SignSGD, also(P.SignSGD, momentum=0.0), {"lr": L, "weight_decay": D}, "sign_sgd"),
    Row("Lion", optim.Lion, lion_pytorch.Lion, {"lr": L, "betas": (0.7, 0.9), "weight_decay": D}, "lion"),
    Row("Adam", optim.Adam, T.Adam, ADAM, "adam"),
    Row("Adam amsgrad", optim.Adam, T.Adam, ADAM | {"amsgrad": True}, "amsgrad"),
    Row("AdamW", optim.AdamW, T.AdamW, ADAM, "adam"),
    Row("AdamW amsgrad", optim.AdamW, T.AdamW, ADAM | {"amsgrad": True}, "amsgrad"),
    Row("NAdam", optim.NAdam, T.NAdam, ADAM | {"momentum_decay": 0.1}, "nadam", 1e-6),  # torch: mu_product in float32
    Row("NAdam decoupled", optim.NAdam, T.NAdam, ADAM | {"momentum_decay": 0.1} | BOTH, "nadam", 1e-6),
    Row("RAdam", optim.RAdam, T.RAdam, ADAM, "radam"),
    Row("RAdam decoupled", optim.RAdam, T.RAdam, ADAM | BOTH, "radam"),
    Row("Adamax", optim.Adamax, T.Adamax, ADAM, "adamax"),
    Row("Adan", optim.Adan, also(P.Adan, foreach=False), ADAM | {"betas": (0.9, 0.8, 0.95)}, "adan"),
    Row(
        "Adagrad",
        optim.Adagrad,
        T.Adagrad,
        {"lr": L, "lr_decay": 0.2, "weight_decay": D, "initial_accumulator_value": 1e-13, "eps": EPS},
        "adagrad",
    ),
    Row("RMSprop", optim.RMSprop, T.RMSprop, GRAVES, "rmsprop"),
    Row("RMSprop centered", optim.RMSprop, T.RMSprop, GRAVES | CENTERED, "rmsprop_centered"),
    Row("RMSprop momentum", optim.RMSprop, T.RMSprop, GRAVES | ROLLING, "rmsprop_momentum"),
    Row("RMSprop both", optim.RMSprop, T.RMSprop, GRAVES | CENTERED | ROLLING, "rmsprop_centered_momentum"),
    Row("Adadelta", optim.Adadelta, T.Adadelta, {"lr": 0.7, "rho": 0.8, "eps": EPS**2, "weight_decay": D}, "adadelta"),
    Row(
        "Adafactor",
        optim.Adafactor,
        T.Adafactor,
        {"lr": 0.6, "beta2_decay": -0.7, "eps": (0.3, 2.0), "d": 1.1, "weight_decay": D},
        "adafactor",
        shapes=FULL,  # torch divides by zero
    ),
    Row(
        "ScheduleFreeSGD",
        optim.ScheduleFreeSGD,
        free(schedulefree.SGDScheduleFree),
        {"lr": L, "momentum": 0.8, "weight_decay": D, "power": 1.5},
        "schedule_free_sgd",
    ),
    Row(
        "ScheduleFreeAdamW",
        optim.ScheduleFreeAdamW,
        free(schedulefree.AdamWScheduleFree),
        ADAM | {"power": 1.5},
        "schedule_free_adamw",
    ),
    Row(
        "Prodigy",
        optim.Prodigy,
        prodigyopt.Prodigy,
        ADAM | {"lr": 0.7, "d0": 1e-2, "d_coef": 0.8, "growth_rate": 1.3},
        "prodigy",
    ),
    Row("LAMB", optim.LAMB, oracle(lamb), ADAM, "lamb"),
    Row(
        "LARS",
        optim.LARS,
        oracle(lars),
        {"lr": L, "momentum": 0.8, "trust": 0.02, "eps": EPS, "weight_decay": D},
        "lars",
    ),
    Row("Muon", optim.Muon, oracle(muon), MUON, "muon", 1e-10),
    Row("Muon by shape", optim.Muon, oracle(muon), MUON | {"rms": None, "nesterov": False}, "muon", 1e-10),
    Row(
        "SOAP",
        optim.SOAP,
        Soap,
        ADAM | {"precondition_frequency": 3, "max_side": 5},
        "soap",
        1e-10,
    ),
)
