"""Watch a training by HF's Trainer: each fault of the loop is told once, when it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from leonui.doctor.live import LiveWatch, watch
from leonui.finding import Finding


class Watch(TrainerCallback):
    """A callback that watches each ``train`` from beginning to end; ``findings`` are those of the last one.

    The arguments are those of ``leonui.watch``.

        trainer = transformers.Trainer(model, arguments, train_dataset=data, callbacks=[Watch()])
    """

    def __init__(self, folder: str | Path | None = None, tell: bool = True):
        self._folder, self._tell = folder, tell
        self.seen: LiveWatch | None = None

    @property
    def findings(self) -> list[Finding]:
        """What was found until now."""
        return self.seen.findings if self.seen else []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start to watch."""
        self.seen = watch(self._folder, self._tell)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop watching, and look once more."""
        if self.seen:
            self.seen.stop()
