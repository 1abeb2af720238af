"""Slices through a network's loss: along random, principal or joining directions, on a line or a plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from leonui.landscape.lanczos import dot, unit

Weights = Sequence[Tensor]


@dataclass(frozen=True)
class Plane:
    """A point and one or two directions, each tensors of the parameters' shapes.

    Of a plane through a trajectory: ``places`` [k, 2] are its snapshots' coordinates, ``explained`` [2] the shares of
    their variance that lie along each direction.
    """

    origin: Weights
    directions: tuple[Weights, ...]
    places: Tensor | None = None
    explained: Tensor | None = None


def random_direction(parameters: Iterable[Tensor], seed: int = 0) -> list[Tensor]:
    """A Gaussian direction, filter-normalised: each filter as long as the weights' own.

    Li et al. (2018, arXiv 1712.09913), section 4: a filter is a row of a tensor of two or more dimensions; biases and
    scales (one dimension or none) do not move.
    """
    random = torch.Generator().manual_seed(seed)
    return [
        _filtered(p.detach(), torch.randn(p.shape, generator=random, dtype=torch.float64).to(p)) for p in parameters
    ]


def _filtered(p: Tensor, d: Tensor) -> Tensor:
    if p.dim() < 2:
        return torch.zeros_like(p)
    rows, drawn = p.reshape(len(p), -1), d.reshape(len(p), -1)
    lengths = rows.norm(dim=1, keepdim=True) / drawn.norm(dim=1, keepdim=True).clamp_min(1e-30)
    return (drawn * lengths).reshape(p.shape)


def between(first: Iterable[Tensor], second: Iterable[Tensor]) -> list[Tensor]:
    """The direction that leads from one set of weights, at 0, to another, at 1. Goodfellow et al. (2015, 1412.6544)."""
    return [(b - a).detach() for a, b in zip(first, second, strict=True)]


def principal(snapshots: Sequence[Weights]) -> Plane:
    """The plane through the last of some snapshots that holds most of the way to it.

    The two first principal components of the differences to the last one, of length 1: Li et al. (2018), section 7;
    float64. By way of the [k, k] inner products, so that a piece of the snapshots at a time is enough: they may be
    mapped from files. Of a straight way the second direction is random, filter-normalised, and explains nothing.
    ValueError for fewer than 3 snapshots, or such as do not differ.
    """
    if len(snapshots) < 3:
        raise ValueError(f"{len(snapshots)} snapshots span no plane; give 3 or more")
    last = snapshots[-1]
    gram = torch.zeros(len(snapshots), len(snapshots), dtype=torch.float64)
    for i in range(len(last)):
        for moved in _moved(snapshots, i):
            gram += moved @ moved.T
    squares, shares = (found.flip(-1) for found in torch.linalg.eigh(gram))
    if not squares[0] > 0:
        raise ValueError("the snapshots are all the same; take them while the weights move")
    first = _along(snapshots, shares[:, 0], squares[0])
    straight = squares[1] <= STRAIGHT * squares[0]
    second = _beside(first, last) if straight else _along(snapshots, shares[:, 1], squares[1])
    held = torch.stack([squares[0], torch.zeros(()).double() if straight else squares[1]])
    places = shares[:, :2] * held.sqrt()
    return Plane(list(last), (first, second), places, held / gram.trace())


STRAIGHT = 1e-10  # the share of the variance, of the first direction's, below which a second one is rounding
PIECE = 1 << 20  # weights at a time


def _moved(snapshots: Sequence[Weights], i: int) -> Iterator[Tensor]:
    """The differences to the last snapshot of one tensor [k, n], float64, piece by piece."""
    flat = [one[i].detach().reshape(-1) for one in snapshots]
    for at in range(0, len(flat[0]), PIECE):
        pieces = torch.stack([one[at : at + PIECE].double() for one in flat])
        yield pieces - pieces[-1]


def _along(snapshots: Sequence[Weights], shares: Tensor, square: Tensor) -> list[Tensor]:
    """A principal direction of length 1."""
    parts = (torch.cat([shares @ moved for moved in _moved(snapshots, i)]) for i in range(len(snapshots[-1])))
    return [part.reshape(p.shape) / square.sqrt() for part, p in zip(parts, snapshots[-1], strict=True)]


def _beside(first: Weights, weights: Weights) -> list[Tensor]:
    """A random direction of length 1 at a right angle to a first one; zero where there is no other."""
    drawn = random_direction([p.double() for p in weights])
    drawn = drawn if dot(drawn, drawn) > 0 else [torch.ones_like(p, dtype=torch.float64) for p in weights]
    share = dot(drawn, first)
    left, norm = unit([d - share * f for d, f in zip(drawn, first, strict=True)])
    return left if norm > 1e-6 else [torch.zeros_like(d) for d in left]


def weights_at(plane: Plane, place: Sequence[float]) -> Iterator[Tensor]:
    """The weights at a place of a line or plane, tensor by tensor, float64."""
    for i, start in enumerate(plane.origin):
        there = start.detach().double()
        for share, direction in zip(place, plane.directions, strict=True):
            there = there + float(share) * direction[i].double()
        yield there


@torch.no_grad()
def losses_at(
    loss: Callable[[], Tensor], parameters: Iterable[Tensor], plane: Plane, places: Iterable[Sequence[float]]
) -> Tensor:
    """The losses [n] at places of a line or plane, float64; the parameters are put back bit for bit.

    ``loss`` computes the loss of the parameters as they are, on data that stay the same. Each of ``places`` has as many
    coordinates as the plane has directions.
    """
    inputs = list(parameters)
    with _restored(inputs):
        return torch.tensor([_at(loss, inputs, plane, place) for place in places], dtype=torch.float64)


def slice_line(loss: Callable[[], Tensor], parameters: Iterable[Tensor], plane: Plane, axis: Sequence[float]) -> Tensor:
    """The losses [n] along the first direction of a plane."""
    line = Plane(plane.origin, plane.directions[:1])
    return losses_at(loss, parameters, line, [(a,) for a in axis])


def slice_plane(
    loss: Callable[[], Tensor], parameters: Iterable[Tensor], plane: Plane, across: Sequence[float], up: Sequence[float]
) -> Tensor:
    """The losses [len(up), len(across)] on a grid of a plane.

    >>> weight = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> plane = Plane([torch.zeros(2)], ([torch.tensor([1.0, 0.0])], [torch.tensor([0.0, 1.0])]))
    >>> slice_plane(lambda: weight.square().sum(), [weight], plane, [0, 1], [0, 2]).tolist(), weight.tolist()
    ([[0.0, 1.0], [4.0, 5.0]], [3.0, 4.0])
    """
    places = [(a, b) for b in up for a in across]
    return losses_at(loss, parameters, plane, places).reshape(len(up), len(across))


def _at(loss: Callable[[], Tensor], inputs: Weights, plane: Plane, place: Sequence[float]) -> float:
    for p, there in zip(inputs, weights_at(plane, place), strict=True):
        p.copy_(there)
    return float(loss())


@contextmanager
def _restored(inputs: Weights) -> Iterator[None]:
    before = [p.detach().clone() for p in inputs]
    try:
        yield
    finally:
        for p, old in zip(inputs, before, strict=True):
            p.copy_(old)
