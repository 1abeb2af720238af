"""The data of the tasks: digits, tables and photographs of scikit-learn, Python's own source, a random teacher.

What is held out is fixed; what depends on the seed is the order, the shift and the noise of what is trained on.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy
import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]
SHIFTS = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
TRAINED = 1400  # of 1797 digits
FILES = ("argparse.py", "random.py", "statistics.py", "textwrap.py")
CHARACTERS = 97  # printable ASCII, the end of a line, and one for all others


@dataclass(frozen=True)
class Source:
    """Samples in several views (first axis), their targets, and what is held out."""

    views: Tensor
    target: Tensor
    heldout: Batch = field(repr=False)
    batch: int = 32
    noise: float = 0.0

    def batches(self, seed: int) -> Iterator[Batch]:
        """Batches without end: every epoch in a new order, every sample in a view of its own."""
        dice = torch.Generator().manual_seed(seed)
        count = len(self.target)
        while True:
            order = torch.randperm(count, generator=dice)
            for start in range(0, count - self.batch + 1, self.batch):
                yield self._batch(order[start : start + self.batch], dice)

    def _batch(self, chosen: Tensor, dice: torch.Generator) -> Batch:
        x = self.views[torch.randint(len(self.views), chosen.shape, generator=dice), chosen]
        if self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=dice)
        return x, self.target[chosen]

    def only(self, kept: Tensor) -> Source:
        """The same with some of the trained samples."""
        return replace(self, views=self.views[:, kept], target=self.target[kept])


def _bundled(name: str) -> Path:
    """A file that comes with scikit-learn, without the second that its import takes."""
    spec = importlib.util.find_spec("sklearn")
    assert spec and spec.origin
    return Path(spec.origin).parent / "datasets" / name


def _load_digits() -> Batch:
    """What sklearn.datasets.load_digits returns."""
    rows = torch.tensor(numpy.loadtxt(_bundled("data/digits.csv.gz"), delimiter=","), dtype=torch.float32)
    return rows[:, :64].view(-1, 8, 8) / 16, rows[:, 64].long()


def shifted(images: Tensor) -> Tensor:
    """All images moved by at most one pixel, one view for each of the nine moves."""
    wide = torch.nn.functional.pad(images, (1, 1, 1, 1))
    return torch.stack([wide[:, 1 + dy : 9 + dy, 1 + dx : 9 + dx] for dx, dy in SHIFTS])


@functools.cache
def digits(batch: int = 32, noise: float = 0.1, moved: bool = True) -> Source:
    """The 8 by 8 digits, held out the last 397 (in views of their own, so that both are of one distribution)."""
    images, labels = _load_digits()
    views = shifted(images).flatten(2) if moved else images.flatten(1)[None]
    dice = torch.Generator().manual_seed(0)
    view = torch.randint(len(views), (len(labels) - TRAINED,), generator=dice)
    rest = views[view, torch.arange(TRAINED, len(labels))]
    rest = rest + noise * torch.randn(rest.shape, generator=dice)
    return Source(views[:, :TRAINED], labels[:TRAINED], (rest, labels[TRAINED:]), batch, noise)


def outliers() -> Source:
    """The digit's value to be told as a number; one target in twenty that is trained on is far off."""
    clean = digits(batch=32)
    dice = torch.Generator().manual_seed(1)
    value = (clean.target[:, None] - 4.5) / 2.9
    far = (torch.rand(value.shape, generator=dice) < 0.05) * 8 * torch.randn(value.shape, generator=dice)
    held = (clean.heldout[0], (clean.heldout[1][:, None] - 4.5) / 2.9)
    return replace(clean, target=value + far, heldout=held)


def rare() -> Source:
    """Is it an eight? About one in twenty of the trained samples and of the held-out ones is."""
    every = digits(batch=32)
    kept = _thin(every.target)
    rest = _thin(every.heldout[1])
    held = (every.heldout[0][rest], (every.heldout[1][rest] == 8).float()[:, None])
    few = every.only(kept)
    return replace(few, target=(few.target == 8).float()[:, None], heldout=held)


def _thin(labels: Tensor) -> Tensor:
    """All but every other eight."""
    eights = (labels == 8).cumsum(0)
    return ((labels != 8) | (eights % 2 == 0)).nonzero()[:, 0]


def mislabelled() -> Source:
    """Three labels in ten are random, of the held-out ones too; nothing moves, so it can be learnt by heart."""
    clean = digits(batch=32, noise=0.0, moved=False)
    held = (clean.heldout[0], _some_random(clean.heldout[1], 3))
    return replace(clean, target=_some_random(clean.target, 2), heldout=held)


def _some_random(labels: Tensor, seed: int, share: float = 0.3, count: int = 10) -> Tensor:
    dice = torch.Generator().manual_seed(seed)
    drawn = torch.randint(count, labels.shape, generator=dice)
    return torch.where(torch.rand(labels.shape, generator=dice) < share, drawn, labels)


def of_classes(low: int, high: int, batch: int = 16) -> Source:
    """The digits from low to below high, numbered from 0."""
    every = digits(batch=batch)
    held = (every.heldout[1] >= low) & (every.heldout[1] < high)
    some = every.only(((every.target >= low) & (every.target < high)).nonzero()[:, 0])
    return replace(some, target=some.target - low, heldout=(every.heldout[0][held], every.heldout[1][held] - low))


def itself() -> Source:
    """Digits as their own targets, one view for each target: the moved pictures, flat."""
    every = digits(batch=64, noise=0.0)
    flat = every.views.flatten(0, 1)
    return Source(flat[None], flat, (every.heldout[0], every.heldout[0]), 64)


def halves() -> Source:
    """The lower half of a digit from its upper half, all samples in every batch."""
    every = digits(noise=0.0)
    flat = every.views[::2].flatten(0, 1)[::7]
    top, low = flat[:, :32], flat[:, 32:]
    held = every.heldout[0]
    return Source(top[None], low, (held[:, :32], held[:, 32:]), len(flat))


@functools.cache
def table(name: str, batch: int, binary: bool = False) -> Source:
    """A table of scikit-learn, standardised, its last column the class; three rows in ten are held out."""
    rows = torch.tensor(numpy.loadtxt(_bundled(f"data/{name}"), delimiter=",", skiprows=1), dtype=torch.float32)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(6))]
    cut = len(rows) * 7 // 10
    x, y = rows[:, :-1], rows[:, -1:] if binary else rows[:, -1].long()
    x = (x - x[:cut].mean(0)) / x[:cut].std(0)
    return Source(x[None, :cut], y[:cut], (x[cut:], y[cut:]), batch)


@functools.cache
def progression(batch: int) -> Source:
    """How far diabetes went in a year, by ten measurements, both standardised; three patients in ten are held out."""
    files = (_bundled(f"data/diabetes_{name}.csv.gz") for name in ("data_raw", "target"))
    x, y = (torch.tensor(numpy.loadtxt(file), dtype=torch.float32) for file in files)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(13))
    x, y, cut = x[order], y[order, None], len(y) * 7 // 10
    x, y = (x - x[:cut].mean(0)) / x[:cut].std(0), (y - y[:cut].mean()) / y[:cut].std()
    return Source(x[None, :cut], y[:cut], (x[cut:], y[cut:]), batch)


@dataclass(frozen=True)
class Tides:
    """Three oscillations with noise, of any phase: what comes eight steps later."""

    heldout: Batch
    batch: int = 24

    def batches(self, seed: int) -> Iterator[Batch]:
        """New ones for every batch."""
        dice = torch.Generator().manual_seed(seed)
        while True:
            yield oscillations(self.batch, dice)


def oscillations(count: int, dice: torch.Generator, length: int = 24, ahead: int = 8) -> Batch:
    """Noisy ones, and the value that comes later, without noise."""
    phase = 2 * torch.pi * torch.rand(count, 3, 1, generator=dice)
    time = torch.cat([torch.arange(length), torch.tensor([length + ahead])])
    clean = torch.sin(phase + 2 * torch.pi * time / torch.tensor([7.0, 12.0, 29.0])[:, None]).sum(1)
    return clean[:, :-1, None] + 0.2 * torch.randn(count, length, 1, generator=dice), clean[:, -1:]


def tides() -> Tides:
    """512 of them are held out."""
    return Tides(oscillations(512, torch.Generator().manual_seed(14)))


@dataclass(frozen=True)
class Noised:
    """Squares of a photograph, grey, to be told from themselves with noise."""

    image: Tensor
    heldout: Batch
    batch: int = 16
    side: int = 10

    def batches(self, seed: int) -> Iterator[Batch]:
        """Squares from anywhere in the photograph."""
        dice = torch.Generator().manual_seed(seed)
        while True:
            yield squares(self.image, self.batch, dice, self.side)


def squares(image: Tensor, count: int, dice: torch.Generator, side: int = 10) -> Batch:
    """Squares of a grey photograph with noise, and without."""
    rows, columns = (torch.randint(size - side, (count,), generator=dice) for size in image.shape)
    reach = torch.arange(side)
    clean = image[(rows[:, None] + reach)[:, :, None], (columns[:, None] + reach)[:, None, :]][:, None]
    return clean + 0.2 * torch.randn(clean.shape, generator=dice), clean


@functools.cache
def photograph() -> Noised:
    """A flower; squares of the right third are held out."""
    flower = _grey("flower")
    cut = flower.shape[1] * 2 // 3
    return Noised(flower[:, :cut], squares(flower[:, cut:], 512, torch.Generator().manual_seed(7)))


def _grey(name: str) -> Tensor:
    from PIL import Image

    return torch.tensor(numpy.asarray(Image.open(_bundled(f"images/{name}.jpg")).convert("L"))) / 255


@dataclass(frozen=True)
class Reduced:
    """Squares of a temple, half as wide and high, to be told as they were."""

    squares: Noised

    @property
    def heldout(self) -> Batch:
        """Squares of the right third."""
        return self._halved(self.squares.heldout)

    def batches(self, seed: int) -> Iterator[Batch]:
        """Squares from anywhere else."""
        return map(self._halved, self.squares.batches(seed))

    @staticmethod
    def _halved(batch: Batch) -> Batch:
        return torch.nn.functional.avg_pool2d(batch[1], 2), batch[1]


@functools.cache
def reduced() -> Reduced:
    """A temple."""
    temple = _grey("china")
    cut = temple.shape[1] * 2 // 3
    held = squares(temple[:, cut:], 256, torch.Generator().manual_seed(15), 12)
    return Reduced(Noised(temple[:, :cut], held, side=12))


@dataclass(frozen=True)
class Teacher:
    """Samples without end, whose targets are a fixed random network's outputs and some noise, some of it far off."""

    heldout: Batch
    batch: int = 32
    far: float = 0.0

    def batches(self, seed: int) -> Iterator[Batch]:
        """New samples for every batch."""
        dice = torch.Generator().manual_seed(seed)
        while True:
            x, y = taught(self.batch, dice)
            yield x, y + self.far * self._heavy(y, dice) if self.far else y

    @staticmethod
    def _heavy(y: Tensor, dice: torch.Generator) -> Tensor:
        """Noise with tails as heavy as those of Student's t with two degrees of freedom."""
        u = torch.rand(y.shape, generator=dice).clamp(1e-4, 1 - 1e-4)
        return (2 * u - 1) / (2 * u * (1 - u)).sqrt()


def taught(count: int, dice: torch.Generator) -> Batch:
    """Inputs with a spectrum from 1 to 0.1, the teacher's answers, and a tenth of noise."""
    first, second = _teacher()
    x = torch.randn(count, 16, generator=dice) * torch.logspace(0, -1, 16)
    y = torch.tanh(x @ first) @ second
    return x, y + 0.1 * torch.randn(y.shape, generator=dice)


@functools.cache
def _teacher() -> tuple[Tensor, Tensor]:
    dice = torch.Generator().manual_seed(4)
    return torch.randn(16, 24, generator=dice), torch.randn(24, 4, generator=dice) / 24**0.5


def teacher(far: float = 0.0) -> Teacher:
    """The teacher and 1024 held-out samples, none of them far off."""
    return Teacher(taught(1024, torch.Generator().manual_seed(5)), far=far)


def few() -> Source:
    """A hundred and ninety-two of the teacher's samples, all of them in every batch."""
    x, y = taught(192, torch.Generator().manual_seed(8))
    return Source(x[None], y, teacher().heldout, len(y))


def classes(count: int, batch: int, wrong: float) -> Source:
    """Which of the teacher's outputs is the largest; some of the labels are random, of the held-out ones too."""
    dice = torch.Generator().manual_seed(9)
    (x, y), (rest, told) = taught(count, dice), teacher().heldout
    labels, held = (_some_random(each.argmax(1), seed, wrong, 4) for seed, each in ((10, y), (11, told)))
    return Source(x[None], labels, (rest, held), batch)


def spikes() -> Source:
    """The teacher's samples, some of whose targets are far off; none that is held out is."""
    dice = torch.Generator().manual_seed(12)
    x, y = taught(2048, dice)
    far = (torch.rand(len(y), 1, generator=dice) < 0.05) * 6 * torch.randn(y.shape, generator=dice)
    return Source(x[None], y + far, teacher().heldout, 16)


@dataclass(frozen=True)
class Text:
    """Windows of a text and what comes next: after the window, or after each of its characters."""

    codes: Tensor
    heldout: Batch
    window: int
    batch: int
    each: bool

    def batches(self, seed: int) -> Iterator[Batch]:
        """Windows from anywhere in the text."""
        dice = torch.Generator().manual_seed(seed)
        while True:
            starts = torch.randint(len(self.codes) - self.window, (self.batch,), generator=dice)
            yield windows(self.codes, starts, self.window, self.each)


def windows(codes: Tensor, starts: Tensor, window: int, each: bool) -> Batch:
    """The windows that begin there, and their targets."""
    found = codes[starts[:, None] + torch.arange(window + 1)]
    return found[:, :-1], found[:, 1:] if each else found[:, -1]


@functools.cache
def _codes() -> Tensor:
    """Some of Python's own source, in numbers."""
    text = "".join((Path(os.__file__).parent / name).read_text("utf-8") for name in FILES)
    known = {chr(code): code - 31 for code in range(32, 127)} | {"\n": 0}
    return torch.tensor([known.get(character, CHARACTERS - 1) for character in text])


def text(window: int, batch: int, each: bool, held: int, most: int | None = None) -> Text:
    """The text, or its first characters; nine tenths to train on, windows of the last tenth held out."""
    codes = _codes()[:most]
    cut = len(codes) * 9 // 10
    rest = codes[cut:]
    starts = torch.linspace(0, len(rest) - window - 1, held).long()
    return Text(codes[:cut], windows(rest, starts, window, each), window, batch, each)
