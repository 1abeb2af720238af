"""A training's state on disk: whole or not at all, and the one before it kept."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

NAME, BEFORE = "checkpoint.pt", "checkpoint-before.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a process that dies meanwhile leaves the last one."""
    data = io.BytesIO()
    torch.save(state, data)
    raw = data.getvalue()
    fresh, path = folder / "checkpoint.new", folder / NAME
    fresh.write_bytes(hashlib.sha256(raw).digest() + raw)
    if path.exists():
        path.replace(folder / BEFORE)
    fresh.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint, of a file or a run's folder. Raises ValueError where it is not whole or there is none."""
    file = path / NAME if path.is_dir() else path
    if not file.exists():
        raise ValueError(f"there is no checkpoint {file}; a run writes its first after some updates")
    raw = file.read_bytes()
    if hashlib.sha256(raw[32:]).digest() != raw[:32]:
        before = file.with_name(BEFORE)
        offer = (
            f"the one before it is {before}: move it to {file} to go on from it"
            if before.exists() and before != file
            else ""
        )
        raise ValueError(f"the checkpoint {file} is cut short or damaged; {offer or 'there is none before it'}")
    return torch.load(io.BytesIO(raw[32:]), map_location="cpu", weights_only=True)
