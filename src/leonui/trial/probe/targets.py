"""The best constant prediction: what a network that has learned nothing of its input would lose."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import ref

import torch

SITES, CALLS = 4, 256  # places, and losses of validation at each, whose targets are looked at
PLAIN = {
    "weight": None,
    "reduction": "mean",
    "label_smoothing": 0.0,
    "pos_weight": None,
    "size_average": None,
    "reduce": None,
}


class Targets:
    """What the best constant prediction would lose, from the targets that the script's loss function was given."""

    def __init__(self) -> None:
        self.name = ""
        self._last: Callable[[], torch.Tensor | None] = lambda: None
        self._matched = False
        self._counts = torch.zeros(0)
        self._moments = (0, torch.zeros(1), torch.zeros(1))

    def see(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor) -> None:
        """Take in one call of a loss function that returned ``value``, where its constant is known in closed form."""
        target = kwargs.get("target", args[1] if len(args) > 1 else None)
        plain = all(kwargs.get(key, default) == default for key, default in PLAIN.items()) and args[2:] in (
            (),
            (None,),
        )
        if not plain or not isinstance(target, torch.Tensor) or not target.numel():
            return
        target = target.detach()
        if name in ("cross_entropy", "nll_loss") and not target.is_floating_point():
            self._classes(target.flatten(), kwargs.get("ignore_index", -100))
        elif name in ("mse_loss", "binary_cross_entropy_with_logits", "binary_cross_entropy"):
            self._values(target.reshape(len(target), -1) if target.ndim else target.reshape(1, 1))
        else:
            return
        self.name, self._last = name, ref(value)

    def renamed(self, loss: torch.Tensor, scaled: torch.Tensor) -> None:
        """A GradScaler's scaled copy stands for the loss."""
        if loss is self._last():
            self._last = ref(scaled)

    def trained_on(self, loss: torch.Tensor) -> None:
        """Backward begins on ``loss``: the constant can be compared with it if a loss function returned just this."""
        self._matched = self._matched or loss is self._last()

    def summary(self) -> dict[str, Any]:
        """For the record: the loss function's name and the constant's loss, where it can be compared."""
        return {"loss_function": self.name, "constant_loss": self.loss()} if self._matched else {}

    def _classes(self, target: torch.Tensor, ignored: int) -> None:
        counts = torch.bincount(target[target != ignored]).double()
        longer, shorter = sorted((self._counts, counts), key=len, reverse=True)
        self._counts = longer.clone().double()
        self._counts[: len(shorter)] += shorter

    def _values(self, target: torch.Tensor) -> None:
        columns = target.double()
        n, total, squares = self._moments
        if not n or total.shape == columns[0].shape:
            self._moments = (n + len(columns), total + columns.sum(0), squares + columns.square().sum(0))

    def loss(self) -> float:
        """The constant predictor's loss in the loss function's own unit: an entropy or a variance; NaN if unknown."""
        n, total, squares = self._moments
        if len(self._counts):
            share = self._counts[self._counts > 0] / self._counts.sum()
            return float(-(share * share.log()).sum())
        if not n:
            return math.nan
        mean = total / n
        if self.name == "mse_loss":
            return float((squares / n - mean**2).mean())
        return float(-(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean)).mean())


class Trained:
    """What the best constant prediction would lose of the loss that is trained on, whichever of several that is."""

    def __init__(self) -> None:
        self._sites: dict[tuple[str, str], Targets] = {}

    def see(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor, place: str) -> None:
        """A loss function was called at a place, and returned ``value``."""
        if (name, place) in self._sites or len(self._sites) < SITES:
            self._sites.setdefault((name, place), Targets()).see(name, args, kwargs, value)

    def renamed(self, loss: torch.Tensor, scaled: torch.Tensor) -> None:
        """A GradScaler's scaled copy stands for the loss."""
        for targets in self._sites.values():
            targets.renamed(loss, scaled)

    def trained_on(self, loss: torch.Tensor) -> None:
        """Backward begins on ``loss``."""
        for targets in self._sites.values():
            targets.trained_on(loss)

    def summary(self) -> dict[str, Any]:
        """For the record: of the first place whose loss was trained on as it is; nothing where there is none."""
        return next(filter(None, (targets.summary() for targets in self._sites.values())), {})


class HeldOut:
    """What the best constant prediction would lose on held-out data, by the place where its loss is computed.

    Of a place where several loss functions are called nothing is said: what is known of its passes is their mean.
    """

    def __init__(self) -> None:
        self._sites: dict[tuple[str, str], Targets] = {}
        self._calls: dict[tuple[str, str], int] = {}

    def see(self, site: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor) -> None:
        """A loss function was called under no_grad at ``site``; the first calls tell what there is to tell."""
        calls = self._calls[site, name] = self._calls.get((site, name), 0) + 1
        if calls <= CALLS and ((site, name) in self._sites or len(self._sites) < SITES):
            self._sites.setdefault((site, name), Targets()).see(name, args, kwargs, value)

    def summary(self) -> dict[str, Any]:
        """For the record: the places whose constant is known."""
        losses = Counter(site for site, _ in self._calls)
        alone = {site: targets for (site, _), targets in self._sites.items() if losses[site] == 1}
        known = {site: targets.loss() for site, targets in alone.items() if targets.name}
        return {"held_out": {site: loss for site, loss in known.items() if math.isfinite(loss)}} if known else {}
