"""The gradient noise scale: the batch size above which a larger batch brings little."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseScale:
    """``scale`` in samples, tr(S) / |G|^2, with its standard ``error``; ``signal`` |G|^2 and ``noise`` tr(S).

    S is the covariance of the gradients of single samples, G their mean. ``scale`` is infinite where the signal cannot
    be told from 0.
    """

    scale: float
    error: float
    signal: float
    noise: float


def noise_scale(losses: Iterable[Callable[[], Tensor]], parameters: Iterable[Tensor], batch: int) -> NoiseScale:
    """Estimate it from the mean losses of several batches of ``batch`` samples, at the same weights.

    McCandlish et al. (2018, arXiv 1812.06162), appendix A.1, with the batches as the small and all together as the
    large one; the error by the jackknife. Each of ``losses`` is called once. ValueError for fewer than 3 batches.
    """
    inputs = [p for p in parameters if p.requires_grad]
    found = [torch.autograd.grad(loss(), inputs, materialize_grads=True) for loss in losses]
    rows = torch.stack([torch.cat([g.double().reshape(-1) for g in one]) for one in found]) if found else torch.empty(0)
    if len(rows) < 3:
        raise ValueError(f"{len(rows)} batches are too few to see the noise of a gradient; give 3 or more")
    signal, noise = _estimate(rows, batch)
    without = [_ratio(*_estimate(torch.cat([rows[:i], rows[i + 1 :]]), batch)) for i in range(len(rows))]
    return NoiseScale(_ratio(signal, noise), _jackknife(without), signal, noise)


def _estimate(rows: Tensor, batch: int) -> tuple[float, float]:
    """Unbiased |G|^2 and tr(S), equations A.2 and A.3."""
    large = batch * len(rows)
    small_norm, large_norm = float(rows.square().sum(1).mean()), float(rows.mean(0).square().sum())
    signal = (large * large_norm - batch * small_norm) / (large - batch)
    return signal, (small_norm - large_norm) / (1 / batch - 1 / large)


def _ratio(signal: float, noise: float) -> float:
    return noise / signal if signal > 0 else torch.inf


def _jackknife(without: Sequence[float]) -> float:
    values, n = torch.tensor(without, dtype=torch.float64), len(without)
    return float(((n - 1) / n * (values - values.mean()).square().sum()).sqrt())
