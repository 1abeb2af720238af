"""Short trainings of equal length, one for each candidate, and what came of them."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

VISIBLE = 0.005  # the share of the validation's progress that a training must lose by overfitting to be told


@dataclass(frozen=True)
class Rung:
    """Candidates trained for ``steps``: factors on the script's rates, and the losses of each at its end, by batch.

    ``heldout``: the validation loss of each, where it was asked for; infinite where there was none.

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
    heldout: tuple[float, ...] = ()

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
        scale, losses, heldout = self.scale + more.scale, self.losses + more.losses, self.heldout + more.heldout
        order = sorted(range(len(scale)), key=scale.__getitem__)
        values, held = tuple(losses[i] for i in order), tuple(heldout[i] for i in order if heldout)
        return replace(self, scale=tuple(scale[i] for i in order), losses=values, heldout=held)

    def overfits(self, untaught: float) -> bool:
        """Whether what trains best is worse in validation than a lower rate, by a share that counts.

        untaught: the validation loss of the first weights.
        """
        if not self.heldout or self.broke or not math.isfinite(min(self.heldout)):
            return False
        lowest, told = min(self.heldout), self.heldout[self.scale.index(self.best)]
        return self.kindest < self.best and told - lowest > VISIBLE * (untaught - lowest)

    @property
    def kindest(self) -> float:
        """The factor with the lowest validation loss."""
        return self.scale[self.heldout.index(min(self.heldout))]
