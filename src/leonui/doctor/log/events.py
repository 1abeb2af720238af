"""The scalars in TensorBoard's event files, one at a time, read by the package of TensorBoard itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

EVERY = 4096  # events between two words of progress
MAGIC = b"brain.Event:"


def is_events(begin: bytes) -> bool:
    """Whether a file that begins so holds events: the first of them names the version of the format."""
    return MAGIC in begin[:64]


def scalars(files: list[Path], progress: Callable[[int, int], None]) -> Iterator[dict[str, float]]:
    """A row for each scalar: its step, its time, its value by its tag, and by its folder where there are several.

    Raises ValueError where TensorBoard is not installed.
    """
    total, done, homes = sum(file.stat().st_size for file in files), 0, {file.parent for file in files}
    for file in files:
        before = f"{file.parent.name}/" if len(homes) > 1 else ""
        for count, event in enumerate(_loaded(file)):
            if count % EVERY == 0:
                progress(done, total)
            yield from _numbers(event, before)
        done += file.stat().st_size
    progress(total, total)


def _loaded(file: Path) -> Iterator[Any]:
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    except ImportError as error:
        raise ValueError(f"{file} is a file of TensorBoard's: pip install tensorboard to have it read") from error
    yield from EventFileLoader(str(file)).Load()


def _numbers(event: Any, before: str) -> Iterator[dict[str, float]]:
    for value in event.summary.value:
        number = _scalar(value)
        if number is not None:
            yield {"step": float(event.step), "wall_time": float(event.wall_time), f"{before}{value.tag}": number}


def _scalar(value: Any) -> float | None:
    """The number of a value; None for a histogram, a picture or a text."""
    from tensorboard.util import tensor_util

    if not value.HasField("tensor"):
        return float(value.simple_value) if value.HasField("simple_value") else None
    if value.tensor.dtype not in (1, 2, 3, 9):  # float, double, int32, int64
        return None
    array = tensor_util.make_ndarray(value.tensor)
    return float(array.reshape(())) if array.size == 1 else None
