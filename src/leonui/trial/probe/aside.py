"""Keeps a script's checkpoints from being overwritten by a trial: what it saves lies in the trial's own folder.

A trial that nobody keeps has the script's habits, and one of them is to save its weights; a run of yesterday must not
lose them to a branch of twenty steps. What such a trial has saved it can load again, or move to another name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Aside:
    """Where the files of one trial lie instead; ``begin`` puts the functions in place that know of it."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._moved: dict[str, str] = {}
        self._begun = False

    def begin(self, folder: Path) -> None:
        """From now on the process saves into ``folder``."""
        self.folder, self._moved = folder, {}
        if not self._begun:
            self._begun = True
            torch.save, torch.load = self._saving(torch.save), self._loading(torch.load)
            os.replace, os.rename = self._moving(os.replace), self._moving(os.rename)

    def _saving(self, save: Callable[..., None]) -> Callable[..., None]:
        def save_aside(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
            save(obj, self._place(f) if isinstance(f, str | os.PathLike) else f, *args, **kwargs)

        return save_aside

    def _loading(self, load: Callable[..., Any]) -> Callable[..., Any]:
        def load_aside(f: Any, *args: Any, **kwargs: Any) -> Any:
            known = isinstance(f, str | os.PathLike) and self._moved.get(os.path.abspath(f))  # noqa: PTH100
            return load(known or f, *args, **kwargs)

        return load_aside

    def _moving(self, move: Callable[..., None]) -> Callable[..., None]:
        def move_aside(src: Any, dst: Any, *args: Any, **kwargs: Any) -> None:
            known = isinstance(src, str | os.PathLike) and self._moved.pop(os.path.abspath(src), None)  # noqa: PTH100
            if known:
                self._moved[os.path.abspath(dst)] = known  # noqa: PTH100
            else:
                move(src, dst, *args, **kwargs)

        return move_aside

    def _place(self, f: str | os.PathLike[str]) -> str:
        assert self.folder is not None
        name = os.path.abspath(f)  # noqa: PTH100
        if name not in self._moved:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._moved[name] = str(self.folder / f"{len(self._moved)}-{Path(name).name}")
        return self._moved[name]
