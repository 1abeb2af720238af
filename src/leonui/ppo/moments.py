"""Running means and deviations of what an environment gives, by which observations and rewards are scaled."""

from __future__ import annotations

from typing import Any

import numpy as np

LIMIT = 10.0  # standard deviations beyond which a scaled number is cut
Array = np.ndarray


class Moments:
    """Mean and variance of all rows seen so far (Chan et al. 1979, eq. 2.1), in float64."""

    def __init__(self, shape: tuple[int, ...]):
        self.mean, self.var, self.count = np.zeros(shape), np.ones(shape), 1e-4

    def see(self, rows: Array) -> None:
        """Take in rows (n, *shape)."""
        count = len(rows)
        mean, total = rows.mean(0, dtype=np.float64), self.count + count
        apart = mean - self.mean
        spread = self.var * self.count + rows.var(0, dtype=np.float64) * count
        self.var = (spread + apart**2 * (self.count * count / total)) / total
        self.mean = self.mean + apart * (count / total)
        self.count = total

    def state(self) -> dict[str, Any]:
        """What a run needs to go on."""
        return {"mean": self.mean.tolist(), "var": self.var.tolist(), "count": self.count}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.mean, self.var = np.asarray(state["mean"]), np.asarray(state["var"])
        self.count = state["count"]


class Observations:
    """Rows of float32 numbers, scaled by their moments where that is asked for: called, it learns these, too."""

    def __init__(self, inputs: int, scaled: bool):
        self.moments = Moments((inputs,)) if scaled else None
        self.cut = self.seen = 0

    def __call__(self, given: Array) -> Array:
        """Observations (n, ...) as the networks take them, (n, inputs)."""
        rows = np.asarray(given, dtype=np.float32).reshape(len(given), -1)
        if self.moments is None:
            return rows
        self.moments.see(rows)
        return self.scale(rows)

    def scale(self, rows: Array) -> Array:
        """Rows in deviations from the mean, cut."""
        if self.moments is None:
            return rows
        scaled = (rows - self.moments.mean) / np.sqrt(self.moments.var + 1e-8)
        self.seen += scaled.size
        self.cut += int((np.abs(scaled) > LIMIT).sum())
        return np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)


class Returns:
    """Rewards over the deviation of the discounted return that they lead to; their mean is left alone."""

    def __init__(self, envs: int, gamma: float, scaled: bool):
        self.moments = Moments(()) if scaled else None
        self._gamma, self._running = gamma, np.zeros(envs)

    def __call__(self, rewards: Array, done: Array) -> Array:
        """Rewards (n,) of a step, after which ``done`` says whose episode is over."""
        if self.moments is None:
            return rewards
        self._running = self._running * self._gamma + rewards
        self.moments.see(self._running)
        self._running[done] = 0.0
        return np.clip(rewards / np.sqrt(self.moments.var + 1e-8), -LIMIT, LIMIT)

    def forget(self) -> None:
        """All episodes begin anew."""
        self._running[:] = 0.0
