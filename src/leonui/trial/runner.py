"""Runs trials: from the beginning, or as branches of a process that holds at its first step.

A branch is a fork of that process; where it cannot be forked, the process itself, put back to its first step as far as
that goes ("rewind": its data goes on); and where that is not possible either, or not enough, a run from the beginning.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leonui.record import Row, Tail
from leonui.trial.camp import Camp, Line, Tree
from leonui.trial.intervention import Intervention
from leonui.trial.plan import Plan
from leonui.trial.process import end_group, end_process, launch
from leonui.trial.program import Program
from leonui.trial.trial import Trial

STARTS = ("auto", "fork", "rewind", "rerun")
PAUSE = 0.004
AWAY = 5.0  # seconds between two looks that only a runner lets pass that did not run
ELSEWHERE = "it trains in a process that it starts itself"
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

    workers: trials side by side; start: "fork", "rewind", "rerun" or "auto", which becomes what is possible when the
    first trailhead is reached; listener: is told of new rows while trials run; patience: seconds without a new row
    after which a trial is ended as stalled.
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
        self.start, self.why = start, "asked for" if start in ("rewind", "rerun") else ""
        self.listener = listener or (lambda trial, rows: None)
        self.patience = 600.0
        self._trees: dict[int | None, Tree] = {}
        self._rewinding: dict[int | None, Point] = {}
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
        tree = Tree(launch(self.program, plan, threads=self.start == "rewind"), camp)
        self._trees[seed] = tree
        line = tree.wait(plan.folder)
        why = "" if line is None else line.held["unforkable"] if line.held else ""
        if line is not None and not why and line.pid != tree.process.pid:
            why = ELSEWHERE
        if line is None or (why and not self._can_rewind(why)):
            self._release(seed)
            self._fall_back(why or "it ended before its first step")
            return Point(seed)
        if why and self.start != "rewind":
            self.start, self.why = "rewind", why
        return Point(seed, (), line, tree)

    def release(self, point: Point) -> None:
        """End the processes that hold for a trailhead and all its branches."""
        self._release(point.seed)

    def branch(self, point: Point, jobs: dict[str, Intervention], mute: bool = True, **plan: Any) -> list[Trial]:
        """One trial per job, side by side, all from one point; ``plan`` is the Plan's other fields.

        ``hold`` lets each wait where it ends: see ``point``.
        """
        told = {"mute": mute, **plan}
        if point.line is None:
            return self._gather([self._rerun(point, name, job, told) for name, job in jobs.items()], self.workers)
        if self.start == "rewind":
            return [self._again(point, name, job, told) for name, job in jobs.items()]
        return self._gather([self._fork(point, name, job, told) for name, job in jobs.items()], self.workers)

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

    def _rerun(self, point: Point, name: str, job: Intervention, told: dict[str, Any]) -> Callable[[], _Running]:
        first, *rest = [*point.path, job]
        route = (first & Intervention(seed=point.seed), *rest)
        told = {key: value for key, value in told.items() if key != "hold"}
        return self._launcher(name, route, "rerun", self.why, threads=False, **told)

    def _fork(self, point: Point, name: str, job: Intervention, told: dict[str, Any]) -> Callable[[], _Running]:
        def begin() -> _Running:
            assert point.line is not None and point.tree is not None
            trial = Trial(name, self._place(name), job, "fork")
            plan = Plan(str(trial.folder), (job,), point.tree.camp.address, **told)
            point.line.order("branch", plan.write())
            return _Running(trial, tree=point.tree)

        return begin

    def _again(self, point: Point, name: str, job: Intervention, told: dict[str, Any]) -> Trial:
        """One trial in the process that rewinds; begun anew in a new one where the script's data came to their end."""
        if job.stop is None or job.glide or told.get("hold") or told.get("keep"):
            return self._gather([self._rerun(replace(point, line=None), name, job, told)], 1)[0]
        trial = self._gather([self._rewound(self._holding(point), name, job, told)], 1)[0]
        if self._cut_short(trial):
            shutil.rmtree(trial.folder)
            self._release(point.seed)  # its data are over, though a launcher may not have ended yet
            trial = self._gather([self._rewound(self._holding(point), name, job, told)], 1)[0]
        return trial

    def _rewound(self, point: Point, name: str, job: Intervention, told: dict[str, Any]) -> Callable[[], _Running]:
        def begin() -> _Running:
            if point.line is None or point.tree is None:
                return self._rerun(point, name, job, told)()
            trial = Trial(name, self._place(name), job, "rewind", self.why)
            told_more = {**told, "hold": True}
            point.tree.camp.tell_all("rewind", Plan(str(trial.folder), (job,), point.tree.camp.address, **told_more))
            return _Running(trial, tree=point.tree, line=point.line)

        return begin

    def _holding(self, point: Point) -> Point:
        """The point, if its process is still there; else the trailhead of a new one."""
        held = self._rewinding.get(point.seed, point)
        ended = held.line is None or held.line.gone  # a launcher ends a while after its ranks
        if held.tree is None or ended or held.tree.process.poll() is not None:
            self._release(point.seed)
            held = self.trailhead(point.seed)
        self._rewinding[point.seed] = held
        return held

    @staticmethod
    def _cut_short(trial: Trial) -> bool:
        wanted, record = (trial.intervention.stop or 0) + trial.intervention.coast, trial.record
        ended = record.last("end").get("reason", "done") == "done" and not record.last("exception")
        return ended and len(record.rows) < wanted

    def _place(self, name: str) -> Path:
        folder = self.folder / "trials" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder.absolute()

    def _can_rewind(self, why: str) -> bool:
        return self.start in ("auto", "rewind") and why != ELSEWHERE

    def _fall_back(self, why: str) -> None:
        if self.start in ("fork", "rewind"):
            raise RuntimeError(f"--start {self.start} is not possible here: {why}; use --start rerun")
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
        line: Line | None = None,
        seconds: float | None = None,
    ):
        self.trial, self._process, self._tree, self._line, self._seconds = trial, process, tree, line, seconds
        self._tails: dict[Path, Tail] = {}
        self._grew = self._looked = time.monotonic()
        self.alive = True

    def look(self, listener: Listener, patience: float) -> None:
        """See whether it has ended, pass on its new rows, end it if it is stalled or past its time."""
        self._awake()
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
            if self._tree is not None:
                self._tree.camp.forget(str(self.trial.folder))
            self.trial.trim()
            self.alive = False

    def _awake(self) -> None:
        """Time in which nobody looked counts for nobody: leonui itself was stopped, and its trials perhaps with it."""
        now = time.monotonic()
        if (away := now - self._looked) > AWAY:
            self._grew += away
        self._looked = now

    def _patience(self, patience: float) -> float:
        """A budget in seconds is kept by the probe at each step; where none comes any more it is kept here."""
        return patience if self._seconds is None else min(patience, self._seconds + GRACE)

    def end(self) -> None:
        """End it now."""
        if self._process is not None:
            end_group(self._process)
            self.trial.returncode = self._process.returncode
        elif line := self._speaker():
            end_process(line.pid)
        self.trial.trim()
        self.alive = False

    def _ended(self) -> bool:
        if self._process is not None:
            self.trial.returncode = self._process.poll()
            return self.trial.returncode is not None
        assert self._tree is not None
        orphaned = self._tree.process.poll() is not None
        if self._line is not None:  # it rewinds, and others may with it
            return self._tree.camp.rests(str(self.trial.folder))
        line = self._speaker()
        return orphaned if line is None else line.gone or line.holds(str(self.trial.folder))

    def _speaker(self) -> Line | None:
        """The line of a branch: of its own, or that of the process that rewinds."""
        if self._tree is None:
            return None
        own = self._tree.line(str(self.trial.folder))
        return self._line or own

    def _new_rows(self) -> list[Row]:
        for path in self.trial.folder.glob("record*.jsonl"):
            self._tails.setdefault(path, Tail(path))
        return [row for tail in self._tails.values() for row in tail.new() if "event" not in row]
