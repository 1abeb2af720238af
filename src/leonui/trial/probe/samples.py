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
ODD = 30.0  # times the median batch's largest number


class Samples:
    """Counts inputs by a number each that is the same for equal ones; ``step`` is the one that comes next."""

    def __init__(self) -> None:
        self.step = self.seen = 0
        self._trained: set[float] = set()
        self._sites: dict[str, list[float]] = {}
        self._over: set[str] = set()  # sites whose first pass has ended
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
        if site not in self._over and batch.ndim and len(batch) and len(self._sites.get(site, ())) < MOST:
            self._sites.setdefault(site, []).extend(prints(batch.detach().reshape(len(batch), -1)))

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
