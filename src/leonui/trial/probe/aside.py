"""Keeps a script's checkpoints from being overwritten by a trial: what it saves lies in the trial's own folder.

A trial that nobody keeps has the script's habits, and one of them is to save its weights; a run of yesterday must not
lose them to a branch of twenty steps. What such a trial has saved it can load again, or move to another name.
"""

from __future__ import annotations

import builtins
import io
import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import torch

from leonui.trial.plan import Plan

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".pkl", ".npz")


class Aside:
    """Where the files of one trial lie instead; ``begin`` puts the functions in place that know of it."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._moved: dict[str, str] = {}
        self._begun, self._numbers = False, count()

    def begin(self, plan: Plan) -> None:
        """From now on the process saves into the plan's folder, if it is a plan for a trial that nobody keeps."""
        if not plan.mute:
            return
        self.folder, self._moved = Path(plan.folder) / "aside", {}
        if not self._begun:
            self._begun = True
            torch.save, torch.load = self._saving(torch.save), self._loading(torch.load)
            os.replace, os.rename = self._moving(os.replace), self._moving(os.rename)
            os.remove = os.unlink = self._removing(os.remove)
            shutil.copyfile = self._copying(shutil.copyfile)
            shutil.copymode, shutil.copystat = self._leaving(shutil.copymode), self._leaving(shutil.copystat)
            builtins.open = io.open = self._opening(open)

    def _saving(self, save: Callable[..., None]) -> Callable[..., None]:
        def save_aside(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
            save(obj, self._place(f) if isinstance(f, str | os.PathLike) else f, *args, **kwargs)

        return save_aside

    def _loading(self, load: Callable[..., Any]) -> Callable[..., Any]:
        def load_aside(f: Any, *args: Any, **kwargs: Any) -> Any:
            return load(self._known(f) or f, *args, **kwargs)

        return load_aside

    def _moving(self, move: Callable[..., None]) -> Callable[..., None]:
        def move_aside(src: Any, dst: Any, *args: Any, **kwargs: Any) -> None:
            if known := self._known(src, forget=True):
                self._moved[os.path.abspath(dst)] = known  # noqa: PTH100
            else:
                move(src, dst, *args, **kwargs)

        return move_aside

    def _removing(self, remove: Callable[..., None]) -> Callable[..., None]:
        def remove_aside(path: Any, *args: Any, **kwargs: Any) -> None:
            if not self._known(path, forget=True):
                remove(path, *args, **kwargs)

        return remove_aside

    def _copying(self, copy: Callable[..., Any]) -> Callable[..., Any]:
        def copy_aside(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
            known = self._known(src)
            return copy(known or src, self._place(dst) if known else dst, *args, **kwargs)

        return copy_aside

    def _leaving(self, change: Callable[..., None]) -> Callable[..., None]:
        """What copies a file's mode after the file itself."""

        def leave_aside(src: Any, dst: Any, *args: Any, **kwargs: Any) -> None:
            if not self._known(src):
                change(src, dst, *args, **kwargs)

        return leave_aside

    def _opening(self, opened: Callable[..., Any]) -> Callable[..., Any]:
        """A checkpoint that is opened to be written, and one that was: ``with open("best.pt", "wb") as file``."""

        def open_aside(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if isinstance(file, str | os.PathLike):
                writes = set(mode) & set("wxa+") and str(file).endswith(CHECKPOINTS)
                file = self._place(file) if writes else self._known(file) or file
            return opened(file, mode, *args, **kwargs)

        return open_aside

    def _known(self, path: Any, forget: bool = False) -> str | None:
        """Where a file of this trial lies; None if it is not one."""
        if not isinstance(path, str | os.PathLike):
            return None
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        return self._moved.pop(name, None) if forget else self._moved.get(name)

    def _place(self, f: str | os.PathLike[str]) -> str:
        assert self.folder is not None
        name = os.path.abspath(f)  # noqa: PTH100
        if name.startswith(str(self.folder)):
            return name
        if name not in self._moved:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._moved[name] = str(self.folder / f"{next(self._numbers)}-{Path(name).name}")
        return self._moved[name]
