"""What is left of a watched training: where its weights were, the plane that holds most of their way, places on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from leonui.landscape.slices import Plane, principal, weights_at

Shelf = list[list[Tensor]]  # the weights of each optimizer, as the probe keeps them


@dataclass(frozen=True)
class Trail:
    """The steps after which the weights were kept, and their plane; ``left_out``: how many had to be left out.

    ``files`` hold the weights themselves.
    """

    steps: list[int]
    plane: Plane
    files: list[Path]
    left_out: int

    @property
    def places(self) -> list[list[float]]:
        """The coordinates of each [k, 2]."""
        return [] if self.plane.places is None else self.plane.places.tolist()

    @property
    def explained(self) -> list[float]:
        """The share of the variance along each direction."""
        return [] if self.plane.explained is None else self.plane.explained.tolist()

    def put(self, place: Sequence[float], path: Path) -> None:
        """Write the weights at a place of the plane into a file, as the probe reads them."""
        like = _load(self.files[-1])
        flat = weights_at(self.plane, place)
        torch.save([[next(flat).to(p.dtype) for p in group] for group in like], path)


def read(folder: Path, last: int) -> Trail:
    """The trail in the folder of a watched trial that made ``last`` steps.

    ValueError for fewer than 3 snapshots, or such as do not differ. Weights that are not finite, or of other shapes
    than those at the start, are left out.
    """
    files = {int(path.stem.rpartition("-")[2]): path for path in sorted(folder.glob("weights-*.pt"))}
    if (path := folder / "weights.pt").exists():
        files[last] = path
    shelves = {made: [p for group in _load(path) for p in group] for made, path in files.items()}
    first = [p.shape for p in next(iter(shelves.values()), [])]
    kept = {made: flat for made, flat in shelves.items() if [p.shape for p in flat] == first and _finite(flat)}
    plane = principal(list(kept.values()))
    return Trail(list(kept), plane, [files[made] for made in kept], len(files) - len(kept))


def _load(path: Path) -> Shelf:
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _finite(flat: list[Tensor]) -> bool:
    return all(bool(p.isfinite().all()) for p in flat)
