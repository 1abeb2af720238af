"""The samples that pass by: how often each, whether validation's are among those of training, which stand out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Any

import torch

from leonui.trial.probe.place import places

MOST = 1 << 20  # samples that are remembered: beyond, nobody asks for the exact number of epochs
FIRST = 8  # batches that are told one by one, so that ranks can be compared
COLLECTED = 64  # samples of a pass that are looked up again
BEFORE = 0.1  # of the samples of all passes: so many may have been trained on already where an agent acts
ODD = 30.0  # times the median batch's largest number


class Samples:
    """Counts inputs by a number each that is the same for equal ones; ``step`` is the one that comes next."""

    def __init__(self) -> None:
        self.step = self.seen = 0
        self._trained: set[float] = set()
        self._sites: dict[str, list[float]] = {}
        self._over: set[str] = set()  # sites whose first pass has ended
        self._asked: dict[str, list[int]] = {}  # by site: samples that were looked at, and those trained on before that
        self._batches: list[float] = []
        self._largest: dict[str, dict[int, float]] = {"inputs": {}, "targets": {}}

    def trains(self, batch: torch.Tensor) -> None:
        """A network is to be trained on a batch."""
        rows = batch.detach().reshape(len(batch), -1) if batch.ndim else batch.detach().reshape(1, 1)
        self.seen += len(rows)
        self._over.update(self._sites)
        if len(self._trained) < MOST:
            told = [*prints(rows)]
            self._trained.update(told)
            if len(self._batches) < FIRST:
                self._batches.append(math.fsum(told))  # the same in whatever order they come
        self.largest("inputs", batch)

    def validates(self, batch: torch.Tensor) -> None:
        """A network is asked about a batch under no_grad."""
        site = places(4, 1)[0]
        first, held = site not in self._over, self._sites.get(site, [])
        if not (batch.ndim and len(batch) and len(held) < MOST and (first or self._collects(site, held))):
            return
        told = [*prints(batch.detach().reshape(len(batch), -1))]
        asked = self._asked.setdefault(site, [0, 0])
        asked[0] += len(told)
        asked[1] += sum(one in self._trained for one in told)
        if first:
            self._sites.setdefault(site, []).extend(told)

    def _collects(self, site: str, held: list[float]) -> bool:
        """Whether samples were trained on only after they passed here, as those that an agent has acted on are."""
        asked, before = self._asked[site]
        return before < BEFORE * asked and any(one in self._trained for one in held[:COLLECTED])

    def largest(self, what: str, batch: torch.Tensor) -> None:
        """The largest number of what the step is given; infinite where one is not finite."""
        if batch.is_floating_point() and batch.numel():
            most = float(batch.detach().abs().max())
            seen = self._largest[what]
            seen[self.step] = max(seen.get(self.step, 0.0), most if math.isfinite(most) else math.inf)

    def summary(self) -> dict[str, Any]:
        """For the record: counts, the places of validation, the batches that stand out."""
        whole = self.seen > 0 and len(self._trained) < MOST
        counts = {"samples": self.seen, "distinct": len(self._trained)} if whole else {}
        return counts | {
            "sites": self._shared(),
            "batches": self._batches,
            "odd": {what: self._odd(seen) for what, seen in self._largest.items()},
        }

    def _shared(self) -> list[dict[str, Any]]:
        return [
            {
                "place": site,
                "samples": len(seen),
                "distinct": len(set(seen)),
                "shared": sum(one in self._trained for one in seen),
                "asked": self._asked[site][0],
                "before": self._asked[site][1],
            }
            for site, seen in self._sites.items()
        ]

    @staticmethod
    def _odd(seen: dict[int, float]) -> dict[str, Any]:
        """The median batch's largest number, and in how many batches it is many times higher."""
        if not seen:
            return {}
        middle = statistics.median(seen.values())
        beyond = [most for most in seen.values() if most > ODD * middle]
        largest = max(beyond, default=middle)
        told = {"median": middle, "bound": ODD * middle, "count": len(beyond), "batches": len(seen)}
        return told | {"largest": largest if math.isfinite(largest) else None}


def prints(rows: torch.Tensor) -> Iterator[float]:
    """One number a row, the same for equal rows; no random generator is touched."""
    along = torch.arange(1, rows.shape[1] + 1, dtype=torch.float64, device=rows.device)
    weights = torch.frac(torch.sin(along * 12.9898) * 43758.5453)
    return (float(f"{value:.9g}") for value in (rows.to(torch.float64) @ weights).tolist())
