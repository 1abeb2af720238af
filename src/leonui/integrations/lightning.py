"""Watch a Lightning fit: each fault of the loop is told once, when it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback  # pyright: ignore[reportMissingImports]

from leonui.doctor.live import LiveWatch, watch
from leonui.finding import Finding


class Watch(Callback):
    """A callback that watches each fit from its first batch to its end; ``findings`` are those of the last fit.

    The arguments are those of ``leonui.watch``.

        trainer = lightning.Trainer(callbacks=[Watch()])
    """

    def __init__(self, folder: str | Path | None = None, tell: bool = True):
        self._folder, self._tell = folder, tell
        self.seen: LiveWatch | None = None

    @property
    def findings(self) -> list[Finding]:
        """What was found until now."""
        return self.seen.findings if self.seen else []

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Start to watch."""
        self.seen = watch(self._folder, self._tell)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Stop watching, and look once more."""
        self._stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Stop watching; what was found until the exception stays."""
        self._stop()

    def _stop(self) -> None:
        if self.seen:
            self.seen.stop()
