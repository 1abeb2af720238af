"""What is a change and what is noise, measured on a curve itself."""

from __future__ import annotations

import numpy as np

NORMAL = 1.4826  # times the median absolute deviation: the standard deviation of what is normally distributed


def noise(curve: np.ndarray) -> float:
    """The standard deviation of a curve round its trend: of each point round its two neighbours, outliers left out."""
    if len(curve) < 3:
        return 0.0
    off = curve[1:-1] - (curve[:-2] + curve[2:]) / 2
    return float(max(NORMAL * np.median(np.abs(off)), 1e-9 * np.abs(curve).max()) / np.sqrt(1.5))


def error(part: np.ndarray) -> float:
    """The standard error of a mean, without its trend; of fewer points than there are where neighbours are alike."""
    if len(part) < 4:
        return float(part.std(ddof=1) / np.sqrt(len(part))) if len(part) > 1 else 0.0
    off = _off_line(part)
    squares = float((off**2).sum())
    alike = min(max(float((off[1:] * off[:-1]).sum()) / max(squares, 1e-300), 0.0), 0.95)
    return float(np.sqrt(squares / (len(part) - 2) / len(part) * (1 + alike) / (1 - alike)))


def fall(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """By how much the mean falls from one part to another, and the standard error of that."""
    return float(before.mean() - after.mean()), float(np.hypot(error(before), error(after)))


def scatter(curve: np.ndarray) -> float:
    """The standard deviation of a curve round a straight line: of what wanders, and does not rise or fall."""
    return float(_off_line(curve).std()) if len(curve) >= 4 else 0.0


def _off_line(curve: np.ndarray) -> np.ndarray:
    at = np.arange(len(curve))
    return curve - np.polyval(np.polyfit(at, curve, 1), at)


def level(curve: np.ndarray, width: int) -> np.ndarray:
    """The mean of every window of so many points."""
    return np.convolve(curve, np.ones(width) / width, "valid")


def order(curve: np.ndarray) -> float:
    """Kendall's rank correlation of a curve with time: 1 where it only rises; of at most 100 points."""
    curve = curve[:: -(-len(curve) // 100)]
    signs = np.sign(curve[None, :] - curve[:, None])[np.triu_indices(len(curve), 1)]
    return float(signs.mean()) if len(signs) else 0.0


def climbs(curve: np.ndarray) -> bool:
    """Whether a curve rises in order: by Kendall's correlation, above one half and twice what chance makes of it."""
    count = min(len(curve), 100)
    chance = np.sqrt(2 * (2 * count + 5) / (9 * count * (count - 1))) if count > 1 else 1.0
    return order(curve) > max(0.5, 2 * chance)
