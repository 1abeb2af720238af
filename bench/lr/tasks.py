"""The tasks: data, model, loss, number of steps and schedule of each; some to develop on, the others to report.

What is reported is of two parts: tasks whose results were looked at while the finder was made, and unseen ones.

Initial weights and the order of the data depend on the seed, the data set and what is held out do not. One task,
noisy-labels, is learnt by heart on purpose: its best learning rate is one that does not.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import data
import nets
import pretrained
import torch
from torch import Tensor, nn

cross_entropy, mse = nn.functional.cross_entropy, nn.functional.mse_loss
Shape = Callable[[float], float]


def constant(x: float) -> float:
    """No schedule."""
    return 1.0


def linear(x: float) -> float:
    """Straight down to 0."""
    return 1.0 - x


def cosine(x: float) -> float:
    """Half a cosine down to 0."""
    return 0.5 * (1 + math.cos(math.pi * x))


def steps_down(x: float) -> float:
    """A tenth after half of the run, a hundredth for its last quarter."""
    return 1.0 if x < 0.5 else 0.1 if x < 0.75 else 0.01


def warm_cosine(x: float) -> float:
    """Up during the first tenth, then half a cosine."""
    return x / 0.1 if x < 0.1 else cosine((x - 0.1) / 0.9)


@dataclass(frozen=True)
class Task:
    """What is trained on what, for how long."""

    told: str
    steps: int
    shape: Shape
    source: Callable[[], Any]
    net: Callable[[], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    part: str = ""  # a key of PARTS

    def build(self, seed: int) -> nn.Module:
        """The model with its initial weights."""
        torch.manual_seed(seed)
        return self.net()

    def batches(self, seed: int) -> Iterator[data.Batch]:
        """Batches without end, in the seed's order; a run takes the first ``steps``."""
        return self.source().batches(seed)

    @torch.no_grad()
    def heldout(self, model: nn.Module) -> float:
        """The mean loss on what is held out, in eval mode."""
        x, y = self.source().heldout
        was = model.training
        model.eval()
        lost = self.loss(model(x), y).item()
        model.train(was)
        return lost


def _text(window: int, batch: int, each: bool, held: int, most: int | None = None) -> Callable[[], data.Text]:
    return functools.cache(lambda: data.text(window, batch, each, held, most))


DEVELOP = {
    "convex": Task(
        "softmax regression on digits",
        800,
        constant,
        functools.partial(data.digits, 32),
        lambda: nn.Linear(64, 10),
    ),
    "mlp": Task(
        "MLP with dropout on digits",
        700,
        cosine,
        functools.partial(data.digits, 64, 0.2),
        lambda: nets.mlp(64, 64, 64, 10, dropout=0.1),
    ),
    "autoencoder": Task(
        "autoencoder of digits, 64-32-6-32-64",
        800,
        constant,
        functools.cache(data.itself),
        lambda: nets.mlp(64, 32, 6, 32, 64, act=nn.Tanh),
        mse,
    ),
    "lstm": Task(
        "LSTM over the rows of digits",
        600,
        linear,
        functools.partial(data.digits, 32),
        lambda: nets.Reader(nn.LSTM, 8, 32, 10),
    ),
    "teacher": Task(
        "regression on a random network's outputs",
        900,
        steps_down,
        functools.cache(data.teacher),
        lambda: nets.mlp(16, 48, 48, 4),
        mse,
    ),
    "characters": Task(
        "next character by embeddings and an MLP",
        700,
        constant,
        _text(8, 64, False, 1024),
        lambda: nets.Characters(data.CHARACTERS),
    ),
    "few-characters": Task(
        "the same, four at a time",
        1000,
        constant,
        _text(8, 4, False, 1024),
        lambda: nets.Characters(data.CHARACTERS),
    ),
    "heavy-tails": Task(
        "the random network's outputs with heavy-tailed noise",
        800,
        linear,
        functools.cache(functools.partial(data.teacher, 0.5)),
        lambda: nets.mlp(16, 48, 48, 4),
        mse,
    ),
    "few-samples": Task(
        "a few of the random network's outputs, all at once",
        500,
        linear,
        functools.cache(data.few),
        lambda: nets.mlp(16, 64, 64, 4),
        mse,
    ),
    "few-labels": Task(
        "which output is the largest, three samples in ten mislabelled, to be learnt by heart",
        500,
        cosine,
        functools.cache(functools.partial(data.classes, 256, 32, 0.3)),
        lambda: nets.mlp(16, 64, 4),
    ),
    "pairs": Task(
        "which output is the largest, two at a time",
        1200,
        constant,
        functools.cache(functools.partial(data.classes, 4096, 2, 0.1)),
        lambda: nets.mlp(16, 32, 4),
    ),
    "spikes": Task(
        "the random network's outputs, one target in twenty far off",
        800,
        constant,
        functools.cache(data.spikes),
        lambda: nets.mlp(16, 48, 24, 4),
        mse,
    ),
}
REPORT = {
    "cnn": Task("CNN with BatchNorm on digits", 500, cosine, functools.partial(data.digits, 32), nets.cnn),
    "resnet": Task("residual CNN on digits", 500, steps_down, functools.partial(data.digits, 32), nets.resnet),
    "transformer": Task(
        "language model of characters",
        500,
        warm_cosine,
        _text(16, 8, True, 128),
        lambda: nets.Transformer(data.CHARACTERS, 16),
    ),
    "outliers": Task(
        "regression, one target in twenty far off",
        800,
        constant,
        functools.cache(data.outliers),
        lambda: nets.mlp(64, 48, 24, 1),
        mse,
    ),
    "finetune": Task(
        "five new digits after five others",
        500,
        linear,
        functools.cache(lambda: data.of_classes(5, 10)),
        pretrained.renewed,
    ),
    "imbalanced": Task(
        "one sample in twenty is of the class",
        800,
        constant,
        functools.cache(data.rare),
        lambda: nets.mlp(64, 32, 32, 1),
        nn.functional.binary_cross_entropy_with_logits,
    ),
    "tiny-batch": Task(
        "MLP on digits, two at a time",
        1200,
        constant,
        functools.partial(data.digits, 2),
        lambda: nets.mlp(64, 32, 10),
    ),
    "full-batch": Task(
        "half a digit from the other, all at once",
        600,
        linear,
        functools.cache(data.halves),
        lambda: nets.mlp(32, 48, 32),
        mse,
    ),
    "noisy-labels": Task(
        "three labels in ten are random, to be learnt by heart",
        900,
        cosine,
        functools.cache(data.mislabelled),
        lambda: nets.mlp(64, 128, 10),
    ),
    "breast-cancer": Task(
        "is it malignant, by thirty measurements",
        400,
        cosine,
        functools.partial(data.table, "breast_cancer.csv", 16, True),
        lambda: nets.mlp(30, 32, 16, 1, act=nn.GELU),
        nn.functional.binary_cross_entropy_with_logits,
    ),
    "wine": Task(
        "three cultivars by thirteen measurements",
        600,
        linear,
        functools.partial(data.table, "wine_data.csv", 16),
        lambda: nets.mlp(13, 24, 3, act=nn.Tanh),
    ),
    "photograph": Task(
        "noise of a photograph by convolutions",
        200,
        constant,
        data.photograph,
        nets.Denoiser,
        mse,
    ),
}
UNSEEN = {
    "diabetes": Task(
        "how far a disease goes, by ten measurements",
        400,
        linear,
        functools.partial(data.progression, 24),
        lambda: nets.mlp(10, 32, 16, 1, act=nn.SiLU),
        mse,
    ),
    "forecast": Task(
        "a GRU that tells what comes of three oscillations",
        450,
        cosine,
        functools.cache(data.tides),
        lambda: nets.Reader(nn.GRU, 1, 24, 1),
        nn.functional.smooth_l1_loss,
    ),
    "enlarge": Task(
        "a photograph, twice as wide and high, by convolutions with BatchNorm",
        350,
        steps_down,
        data.reduced,
        nets.Enlarger,
        mse,
    ),
    "alike": Task(
        "digits embedded so that those of a class are near",
        400,
        constant,
        functools.partial(data.digits, 48),
        lambda: nets.mlp(64, 48, 12),
        nets.alike,
    ),
    "one-page": Task(
        "language model of a page that is read again and again",
        500,
        warm_cosine,
        _text(16, 12, True, 24, 5000),
        lambda: nets.Transformer(data.CHARACTERS, 16),
    ),
}
PARTS = {"develop": DEVELOP, "report": REPORT, "unseen": UNSEEN}
TASKS = {name: replace(task, part=part) for part, tasks in PARTS.items() for name, task in tasks.items()}
