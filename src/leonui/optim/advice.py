"""Which optimizer to use when: a sober table. The constructors and rules give the figures; the words stand here."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch

from leonui import optim
from leonui.engine import Engine
from leonui.words import mark


@dataclass(frozen=True)
class Advice:
    """One row: the optimizer, what it is for (English, to be translated), the lr to begin with, and its source.

    ``default_lr`` is the constructor's; ``bytes`` are those of weights and state per float32 weight of a matrix.
    """

    name: str
    use: str
    lr: str
    source: str
    default_lr: float
    bytes: float


_ROWS = (
    ("SGD", mark("ResNets and other CNNs for vision, with momentum 0.9"), "0.1", "Polyak 1964"),
    ("Momentum", mark("learning what momentum does: an average of the gradient"), "0.1 to 1", "Polyak 1964"),
    ("AdamW", mark("Transformers, fine-tuning of LLMs, and whenever in doubt"), "1e-3, LLMs 1e-4", "1711.05101"),
    ("Adam", mark("Transformers and mixed architectures without weight decay"), "1e-3", "1412.6980"),
    ("NAdam", mark("as Adam, where its start is slow"), "2e-3", "Dozat 2016"),
    ("RAdam", mark("as Adam, without a warm-up"), "1e-3", "1908.03265"),
    ("Adamax", mark("rare, large gradients, as of embeddings"), "2e-3", "1412.6980"),
    ("Adan", mark("vision Transformers, large batches"), "1e-3", "2208.06677"),
    (
        "Muon",
        mark("hidden matrices of Transformers, trained from scratch; AdamW for the rest"),
        "1e-3 (rms 0.2)",
        "2502.16982",
    ),
    ("SOAP", mark("as Muon, where time for eigenbases is there"), "3e-3", "2409.11321"),
    (
        "Lion",
        mark("little memory, large batches; a tenth of AdamW's lr, ten times its decay"),
        "1e-4",
        "2302.06675",
    ),
    ("SignSGD", mark("no memory at all, and gradients that are hardly noisy"), "1e-4", "1802.04434"),
    ("Adafactor", mark("memory-bound: state of the size of rows and columns"), "1e-2", "1804.04235"),
    ("ScheduleFreeAdamW", mark("no known end of training; AdamW without a schedule"), "2.5e-3", "2405.15682"),
    ("ScheduleFreeSGD", mark("no known end of training; SGD without a schedule"), "1", "2405.15682"),
    ("Prodigy", mark("no known learning rate"), "1", "2306.06101"),
    ("LAMB", mark("batches of tens of thousands, Transformers"), "1e-3", "1904.00962"),
    ("LARS", mark("batches of tens of thousands, CNNs"), "0.1 to 10", "1708.03888"),
    ("RMSprop", mark("recurrent networks, reinforcement learning"), "1e-3", "Tieleman 2012"),
    ("Adagrad", mark("sparse features, convex problems"), "1e-2", "Duchi 2011"),
    ("Adadelta", mark("old recipes that name it"), "1", "1212.5701"),
)


def advice() -> list[Advice]:
    """The table, most used first."""
    return [Advice(*row, *_figures(getattr(optim, row[0]))) for row in _ROWS]


def _figures(kind: Any) -> tuple[float, float]:
    """The default lr of a constructor, and the bytes that one step on a matrix leaves per weight."""
    weight = torch.zeros(256, 256, requires_grad=True)
    optimizer: Engine = kind([weight], **({"momentum": 0.9} if kind is optim.SGD else {}))
    seat = optimizer.seat(weight)
    seat.prepare()
    held = sum(x.numel() * x.element_size() for x in seat.state.values() if x.dim())
    return inspect.signature(kind).parameters["lr"].default, 4 + held / weight.numel()
