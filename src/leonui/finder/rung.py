"""Short trainings of equal length, one for each candidate, and what came of them."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """Candidates trained for ``steps``: factors on the script's rates, and the losses of each at its end, by batch.

    ``paired``: the batches are the same for all candidates; where they are not, ``noise`` is the standard deviation
    of a loss that comes of other data. ``untrained``: the losses of the first weights on those batches, where they
    were asked for. A candidate that broke has no losses.
    """

    steps: int
    scale: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    paired: bool = True
    noise: float = 0.0
    untrained: tuple[float, ...] = ()

    @property
    def loss(self) -> tuple[float, ...]:
        """The mean loss of each candidate; infinite where it broke."""
        return tuple(statistics.fmean(batches) if batches else math.inf for batches in self.losses)

    @property
    def se(self) -> tuple[float, ...]:
        """The standard error of each mean over batches."""
        return tuple(
            statistics.stdev(batches) / math.sqrt(len(batches)) if len(batches) > 1 else 0.0 for batches in self.losses
        )

    @property
    def best(self) -> float:
        """The factor with the lowest loss."""
        return self.scale[self.loss.index(min(self.loss))]

    @property
    def broke(self) -> bool:
        """Whether every candidate broke."""
        return not math.isfinite(min(self.loss))

    @property
    def edge(self) -> int:
        """1 where the best factor is the highest one, -1 where it is the lowest one, else 0."""
        return 0 if self.broke else (self.best == max(self.scale)) - (self.best == min(self.scale))

    def joined(self, more: Rung) -> Rung:
        """This rung with more candidates of the same length, from the lowest factor to the highest."""
        both = sorted(zip(self.scale + more.scale, self.losses + more.losses, strict=True))
        return Rung(self.steps, tuple(s for s, _ in both), tuple(b for _, b in both), self.paired)
