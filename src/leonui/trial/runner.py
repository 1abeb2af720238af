"""Runs trials: from the beginning, or as branches of a process that holds at its first step."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from leonui.record import Row, Tail
from leonui.trial.camp import Camp, Line, Tree
from leonui.trial.intervention import Intervention
from leonui.trial.plan import Plan
from leonui.trial.process import end_group, end_process, launch
from leonui.trial.program import Program
from leonui.trial.trial import Trial

STARTS = ("auto", "fork", "rerun")
PAUSE = 0.004
GRACE = 30.0  # seconds beyond a budget of time, for the start before the first step, and for a step that takes long
Listener = Callable[[Trial, list[Row]], None]


@dataclass(frozen=True)
class Point:
    """Where branches start: the trailhead, or the end of the trials that led there; ``seed`` is the run's offset."""

    seed: int | None
    path: tuple[Intervention, ...] = ()
    line: Line | None = None
    tree: Tree | None = None


class Runner:
    """Runs one Program's trials in one folder; use it in a ``with`` block: whatever happens, no process is left.

    workers: trials side by side; start: "fork", "rerun" or "auto"; listener: is told of new rows while trials run;
    patience: seconds without a new row after which a trial is ended as stalled.
    """

    def __init__(
        self,
        program: Program,
        folder: Path,
        *,
        workers: int = 0,
        start: str = "auto",
        listener: Listener | None = None,
    ):
        if start not in STARTS:
            raise ValueError(f"start={start!r} is not known; choose one of {', '.join(STARTS)}")
        self.program, self.folder = program, folder
        self.workers = workers or os.cpu_count() or 1
        self.start, self.why = start, "asked for" if start == "rerun" else ""
        self.listener = listener or (lambda trial, rows: None)
        self.patience = 600.0
        self._trees: dict[int | None, Tree] = {}
        self._running: list[_Running] = []

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running:
            running.end()
        for seed in [*self._trees]:
            self._release(seed)
        self._running = []

    def straight(self, name: str, intervention: Intervention = Intervention(), **plan: object) -> Trial:  # noqa: B008
        """One trial from the beginning, alone, with all the threads it wants. ``plan`` is the Plan's other fields."""
        start = self._launcher(name, (intervention,), "straight", "", threads=True, **plan)
        return self._gather([start], 1)[0]

    def trailhead(self, seed: int | None = None) -> Point:
        """Where the script makes its first step: paused, or, where it cannot be forked, the beginning itself."""
        if self.start == "rerun":
            return Point(seed)
        camp = Camp()
        plan = Plan(
            str(self._place(f"trailhead-{seed or 0}")),
            (Intervention(seed=seed),),
            camp.address,
            hold=True,
            tethered=True,
        )
        tree = Tree(launch(self.program, plan), camp)
        self._trees[seed] = tree
        line = tree.wait(plan.folder)
        why = "" if line is None else line.held["unforkable"] if line.held else ""
        if line is not None and line.pid != tree.process.pid:
            why = "it trains in a process that it starts itself"
        if line is None or why:
            self._release(seed)
            self._fall_back(why or "it ended before its first step")
            return Point(seed)
        return Point(seed, (), line, tree)

    def release(self, point: Point) -> None:
        """End the processes that hold for a trailhead and all its branches."""
        self._release(point.seed)

    def branch(
        self,
        point: Point,
        jobs: dict[str, Intervention],
        *,
        hold: bool = False,
        keep: bool = False,
        mute: bool = True,
    ) -> list[Trial]:
        """One trial per job, side by side, all from one point. ``hold`` lets each wait where it ends: see ``point``."""
        if point.line is None:
            starts = [self._rerun(point, name, job, keep, mute) for name, job in jobs.items()]
        else:
            starts = [self._fork(point, name, job, hold, keep, mute) for name, job in jobs.items()]
        return self._gather(starts, self.workers)

    def point(self, origin: Point, trial: Trial) -> Point:
        """Where a held branch of ``origin`` waits, to branch from it again."""
        path = (*origin.path, trial.intervention)
        line = origin.tree.line(str(trial.folder)) if origin.tree else None
        return replace(origin, path=path, line=line)

    # how trials start

    def _launcher(
        self, name: str, route: tuple[Intervention, ...], start: str, why: str, threads: bool, **plan: object
    ) -> Callable[[], _Running]:
        def begin() -> _Running:
            trial = Trial(name, self._place(name), route[-1], start, why)
            told = Plan(str(trial.folder), route, tethered=True, **plan)  # type: ignore[arg-type]
            return _Running(trial, launch(self.program, told, threads=threads), seconds=told.seconds)

        return begin

    def _rerun(self, point: Point, name: str, job: Intervention, keep: bool, mute: bool) -> Callable[[], _Running]:
        first, *rest = [*point.path, job]
        route = (first & Intervention(seed=point.seed), *rest)
        return self._launcher(name, route, "rerun", self.why, threads=False, keep=keep, mute=mute)

    def _fork(
        self, point: Point, name: str, job: Intervention, hold: bool, keep: bool, mute: bool
    ) -> Callable[[], _Running]:
        def begin() -> _Running:
            assert point.line is not None and point.tree is not None
            trial = Trial(name, self._place(name), job, "fork")
            plan = Plan(str(trial.folder), (job,), point.tree.camp.address, hold=hold, keep=keep, mute=mute)
            point.line.branch(plan)
            return _Running(trial, tree=point.tree)

        return begin

    def _place(self, name: str) -> Path:
        folder = self.folder / "trials" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder.absolute()

    def _fall_back(self, why: str) -> None:
        if self.start == "fork":
            raise RuntimeError(f"--start fork is not possible here: {why}; use --start rerun")
        self.start, self.why = "rerun", why

    def _release(self, seed: int | None) -> None:
        if tree := self._trees.pop(seed, None):
            tree.close()
            Trial("trailhead", self._place(f"trailhead-{seed or 0}"), Intervention(seed=seed), "straight").trim()

    # how they are waited for

    def _gather(self, starts: list[Callable[[], _Running]], workers: int) -> list[Trial]:
        trials: list[Trial] = []
        waiting = list(starts)
        while waiting or self._running:
            while waiting and len(self._running) < workers:
                self._running.append(waiting.pop(0)())
                trials.append(self._running[-1].trial)
            time.sleep(PAUSE)
            for running in self._running:
                running.look(self.listener, self.patience)
            self._running = [running for running in self._running if running.alive]
        return trials


class _Running:
    """A trial under way: a process of its own, or a branch that the camp knows."""

    def __init__(
        self,
        trial: Trial,
        process: subprocess.Popen[bytes] | None = None,
        tree: Tree | None = None,
        seconds: float | None = None,
    ):
        self.trial, self._process, self._tree, self._seconds = trial, process, tree, seconds
        self._tails: dict[Path, Tail] = {}
        self._began = self._grew = time.monotonic()
        self.alive = True

    def look(self, listener: Listener, patience: float) -> None:
        """See whether it has ended, pass on its new rows, end it if it is stalled or past its time."""
        ended = self._ended()
        rows = self._new_rows()
        if rows:
            self._grew = time.monotonic()
            listener(self.trial, rows)
        if not ended and time.monotonic() - self._grew > self._patience(patience):
            self.trial.stalled = True
            self.end()
        elif ended:
            if self._process is not None:
                end_group(self._process)  # the program has ended; what it left behind must not outlive the trial
            self.trial.trim()
            self.alive = False

    def _patience(self, patience: float) -> float:
        """A budget in seconds is kept by the probe at each step; where none comes any more it is kept here."""
        return patience if self._seconds is None else min(patience, self._seconds + GRACE)

    def end(self) -> None:
        """End it now."""
        if self._process is not None:
            end_group(self._process)
            self.trial.returncode = self._process.returncode
        elif self._tree is not None and (line := self._tree.line(str(self.trial.folder))):
            end_process(line.pid)
        self.trial.trim()
        self.alive = False

    def _ended(self) -> bool:
        if self._process is not None:
            self.trial.returncode = self._process.poll()
            return self.trial.returncode is not None
        assert self._tree is not None
        orphaned = self._tree.process.poll() is not None
        line = self._tree.line(str(self.trial.folder))
        return orphaned if line is None else line.gone or line.held is not None

    def _new_rows(self) -> list[Row]:
        for path in self.trial.folder.glob("record*.jsonl"):
            self._tails.setdefault(path, Tail(path))
        return [row for tail in self._tails.values() for row in tail.new() if "event" not in row]
