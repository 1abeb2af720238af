"""What a loss function is given: probabilities where it wants logits, shapes that broadcast, targets in an order."""

from __future__ import annotations

import math
from typing import Any

import torch

SITES = 8  # places that are looked at
LEAST = 4  # samples of a batch that can be compared
SOME = 64  # predictions that are compared with each other: of a language model's vocabulary all would fill memory
SUMS = 1e-3  # how far a row of probabilities may be from 1
LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits", "nll_loss")
ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


class Losses:
    """What is seen of each place where a loss function is called; a script may have several."""

    def __init__(self) -> None:
        self._sites: dict[tuple[str, str], Site] = {}

    def trained_on(self, loss: torch.Tensor) -> None:
        """Backward begins on a loss."""
        for site in self._sites.values():
            site.trained_on(loss)

    def see(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor, place: str) -> None:
        """A loss function was called at a place, and returned ``value``."""
        if (name, place) in self._sites or len(self._sites) < SITES:
            self._sites.setdefault((name, place), Site(name, place)).see(args, kwargs, value)

    def summary(self) -> list[dict[str, Any]]:
        """For the record: each place, in the order in which they were met."""
        return [site.summary() for site in self._sites.values() if site.seen["calls"]]


class Site:
    """Counts, over the calls at one place that were looked at, what is odd about the input of a loss function."""

    def __init__(self, name: str, place: str) -> None:
        self.name = name
        self.seen: dict[str, Any] = {"calls": 0, "place": place, "function": name}
        self._counts = torch.zeros(0, dtype=torch.float64)
        self._within: list[float] = []  # the entropy of each batch's targets, or their variance
        self._expected: list[float] = []
        self._sums = [0.0, 0.0, 0.0]
        self._ignored = [0, 0]  # targets that do not count, and all
        self._value = 0.0

    def trained_on(self, loss: torch.Tensor) -> None:
        """Backward begins on a loss: is it what the loss function gave, with the sign turned round?"""
        value, self._value = self._value, 0.0
        if 0 < value < math.inf and loss.item() == -value:
            self._count("negated")

    def see(self, args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor) -> None:
        """The loss function was called, and returned ``value``."""
        name = self.name
        x = args[0] if args else kwargs.get("input")
        y = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(x, torch.Tensor) or not isinstance(y, torch.Tensor) or not x.numel():
            return
        self.seen["calls"] += 1
        self.seen.setdefault("reduction", kwargs.get("reduction", "mean"))
        for odd in _odd(name, x.detach(), y, _maker(x), kwargs.get("ignore_index", -100)):
            self._count(odd)
        if name in ELEMENTWISE and x.shape != y.shape and x.numel() > 1 and y.numel() > 1:
            self._count("broadcast")
            self.seen["shapes"] = [list(x.shape), list(y.shape)]
        if (spread := _spread(name, x.detach(), y.detach())) is not None:
            self.seen["spread"] = spread
        self._value = float(value.detach()) if value.numel() == 1 else 0.0
        self.seen["numbers"] = self.seen.get("numbers", 0) + math.isfinite(self._value)
        self._order(y.detach(), kwargs.get("ignore_index", -100))

    def summary(self) -> dict[str, Any]:
        """For the record."""
        return self.seen | self._counted() | self._ordered()

    def _counted(self) -> dict[str, float]:
        """ignored: the share of the targets that do not count; classes: how many there are among the others."""
        ignored, every = self._ignored
        return {"ignored": ignored / every, "classes": int((self._counts > 0).sum())} if ignored else {}

    def _count(self, odd: str) -> None:
        self.seen[odd] = self.seen.get(odd, 0) + 1

    def _order(self, y: torch.Tensor, ignored: int) -> None:
        """How mixed the targets of one batch are."""
        if y.is_floating_point():
            if y.numel() >= 8 and y.numel() == len(y):
                values = y.flatten().double()
                self._within.append(float(values.var(unbiased=False)) * len(values) / (len(values) - 1))
                self._sums[0] += len(values)
                self._sums[1] += float(values.sum())
                self._sums[2] += float(values.square().sum())
            return
        self._ignored[0] += int((y == ignored).sum())
        self._ignored[1] += y.numel()
        counts = torch.bincount(y[y != ignored].flatten().clamp(min=0)).double() if y.numel() >= 8 else torch.zeros(0)
        if y.ndim == 1 and len(counts):
            longer = torch.zeros(max(len(counts), len(self._counts)), dtype=torch.float64)
            longer[: len(self._counts)] += self._counts
            longer[: len(counts)] += counts
            self._counts = longer
            self._within.append(_entropy(counts))
            self._expected.append((len(counts) - 1) / (2 * float(counts.sum())))

    def _ordered(self) -> dict[str, float]:
        """mixed: how much of the targets' variety is within a batch: about 1 where they come in random order."""
        if not self._within:
            return {}
        n, total, squares = self._sums
        whole = _entropy(self._counts) if len(self._counts) else squares / n - (total / n) ** 2
        bias = sum(self._expected) / len(self._expected) if self._expected else 0.0
        least = max(whole - bias, 1e-12)
        return {"mixed": sum(self._within) / len(self._within) / least, "batches": len(self._within)} if whole else {}


def summed(args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor) -> tuple[torch.Tensor, int]:
    """A loss function's value as a sum over samples, and their number."""
    given = args[0] if args else kwargs.get("input")
    count = len(given) if isinstance(given, torch.Tensor) and given.ndim else 1
    return value.detach().float().mean() * (1 if kwargs.get("reduction") == "sum" else count), count


def _odd(name: str, x: torch.Tensor, y: torch.Tensor, maker: str, ignored: int) -> list[str]:
    """What is odd about one call."""
    if name == "cross_entropy" and (maker.startswith("Softmax") or _probabilities(x)):
        return ["softmaxed"]
    if name == "nll_loss" and bool((x > 0).any()):
        return ["no_log"]
    if name == "binary_cross_entropy_with_logits" and maker.startswith("Sigmoid"):
        return ["squashed"]
    if not y.is_floating_point() and name in LOGITS and not bool((y != ignored).any()):
        return ["all_ignored"]
    return []


def _spread(name: str, x: torch.Tensor, y: torch.Tensor) -> float | None:
    """How far predictions of one batch are from their mean: of probability that could be moved, of the targets' own."""
    if not x.ndim or len(x) < LEAST:
        return None
    if name in LOGITS[:1] and not y.is_floating_point() and x.ndim > 1:
        logits = x.movedim(1, -1).flatten(0, -2)
        share = logits[:: max(1, len(logits) // SOME)].float().softmax(1)
        return float((share - share.mean(0)).abs().sum(1).mean() / 2)
    if name == "mse_loss" and x.shape == y.shape:
        mine, theirs = (value.double().std(0, unbiased=False).square().mean().sqrt() for value in (x, y))
        return float(mine / theirs) if theirs > 0 else None
    return None


def _probabilities(x: torch.Tensor) -> bool:
    if x.ndim < 2 or x.shape[1] < 2 or bool((x < 0).any()):
        return False
    return bool(((x.float().sum(1) - 1).abs() < SUMS).all())


def _maker(x: torch.Tensor) -> str:
    """The operation that made a tensor, by autograd's name for it."""
    return type(x.grad_fn).__name__ if x.grad_fn is not None else ""


def _entropy(counts: torch.Tensor) -> float:
    share = counts[counts > 0] / counts.sum()
    value = float(-(share * share.log()).sum()) if len(share) else 0.0
    return value if math.isfinite(value) else 0.0
