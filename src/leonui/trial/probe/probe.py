"""The Probe: lives inside the training process, writes down what it sees, and carries out a route of Interventions."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.record import Writer
from leonui.trial.plan import Plan
from leonui.trial.probe.act import Act, acting, evaluate, keep_weights, put_weights, warm
from leonui.trial.probe.aside import Aside
from leonui.trial.probe.compiled import uncompiled
from leonui.trial.probe.course import NOTHING, Course
from leonui.trial.probe.crew import Crew, described, lets_step, rate_now
from leonui.trial.probe.curvature import measured
from leonui.trial.probe.glide import Glide
from leonui.trial.probe.guard import StopTraining, guarded
from leonui.trial.probe.ledger import Ledger, record_path
from leonui.trial.probe.losses import summed
from leonui.trial.probe.meter import Meter
from leonui.trial.probe.place import caller, own_place, places, raised
from leonui.trial.probe.rewind import Rewind
from leonui.trial.probe.scaled import Scaled
from leonui.trial.probe.track import Track
from leonui.trial.snapshot import Snapshot

SWALLOWED = 50  # so often a script may swallow the order to stop before its process is ended without ceremony


class Probe:
    """What watches one process; ``plan`` tells it where to write and what to change."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.course = Course(plan.route)
        self.crew = Crew(hold=bool(plan.keep) or plan.hold)
        self.act = Act(self.course.leg, self.crew.base)
        self.ledger = Ledger(Writer(record_path(plan.folder)))
        self.ledger.silent = bool(self.course.ahead)
        self.meter = Meter()
        self.snapshot = Snapshot(plan.camp, self._ready)
        self.glide, self.aside, self.track, self._scaled = Glide(), Aside(), Track(), Scaled()
        self._rewind: Rewind | None = None
        self.schedule_steps = self.scheduled_steps = self.walked = self.backwards = self.stops = self._thread = 0
        self._lost: list[torch.Tensor | float] = []
        self.asleep, self._inside, self.micro, self.reason = False, False, 1, "done"
        self.aside.begin(self.plan)
        self.meter.exam.look.before(1, plan)

    # what the hooks tell

    @guarded()
    def constructed(self, optimizer: Optimizer, place: str) -> None:
        """An optimizer was made at ``place``, a file and a line."""
        if self.deaf() or self.crew.index(optimizer) >= 0:
            return
        index = self.crew.add(optimizer)
        self.ledger.event("optimizer", optimizer=index, place=place, **described(optimizer))

    @guarded()
    def scheduled(self, scheduler: Any, place: str) -> None:
        """A learning-rate scheduler was made at ``place``."""
        if not self.deaf():
            index = self.crew.index(getattr(scheduler, "optimizer", None))
            self.ledger.event("scheduler", name=type(scheduler).__name__, place=place, optimizer=index)

    def scaled(self, scaled: torch.Tensor, loss: torch.Tensor) -> None:
        """A GradScaler made a scaled copy of the loss."""
        self._scaled.note(scaled, loss)
        self.meter.targets.renamed(loss, scaled)

    @guarded(otherwise=True)
    def backward(self, tensors: Any) -> bool:
        """A backward pass begins on ``tensors``; False if it must not be computed."""
        if self.asleep or self._elsewhere():
            return True
        began = perf_counter()
        if self.ledger.passes:
            self.ledger.close_validation(self.course.tick)
        self.backwards += 1
        if self.plan.closely and not self._lost and isinstance(tensors, torch.Tensor):
            self._curvature(tensors)
        self.meter.before_backward(self._scaled.known(tensors))
        for tensor in (tensors,) if isinstance(tensors, torch.Tensor) else tensors:
            if tensor.numel() == 1:
                self.meter.trained_on(tensor)
                self._lost.append(self.ledger.number(self._scaled.plain(tensor)))
        skip = self.course.leg is not NOTHING and self._ahead() != "train" and not self._waits()
        if skip:
            self.crew.provide_gradients()
        self.meter.clock.spent += perf_counter() - began
        return not skip

    def listens(self) -> bool:
        """Whether a loss that is computed now is looked at: in training that is seldom."""
        return self.meter.wants_targets or self.glide.on or not torch.is_grad_enabled()

    @guarded()
    def loss(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> None:
        """A loss function of torch was called."""
        if self.asleep or not isinstance(value, torch.Tensor) or value.is_meta:  # Keras asks for shapes alone
            return
        self.glide.compares(args, kwargs)
        if torch.is_grad_enabled():
            if self.meter.wants_targets:
                with self.meter.clock:
                    self.meter.see_targets(name, args, kwargs, value, places(3, 1)[0])
        else:
            with self.meter.clock:
                self.ledger.validation(site := places(3, 2), *summed(args, kwargs, value))
                self.meter.held_out.see(" < ".join(site), name, args, kwargs, value)
                self.meter.exam.modes.validates()

    @guarded()
    def clipped(self, norm: Any, most: float) -> None:
        """Gradients were clipped to ``most``."""
        if self.meter.exam.order.clips(norm, most):
            self.ledger.event("clip", place=own_place(4), most=most)

    @guarded()
    def skipped(self, optimizer: Optimizer) -> None:
        """A GradScaler left a step out because a gradient was not finite."""
        if not self.deaf():
            self._lost = []
            self.ledger.row({"step": self.course.tick + 1, "optimizer": self.crew.index(optimizer), "phase": "skipped"})

    @uncompiled
    def step(
        self, optimizer: Optimizer, walk: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The one place where an optimizer steps, or where it is kept from it."""
        if self.asleep or self._elsewhere():
            return walk(optimizer, *args, **kwargs)
        if self._inside or lets_step(optimizer):
            self.crew.set_aside(optimizer)
            return walk(optimizer, *args, **kwargs)
        self.walked += 1
        row, outside = self._before(optimizer), len(self._lost)
        self._inside = True
        try:
            if row is None or self.course.leg is NOTHING:
                result = walk(optimizer, *args, **kwargs)
            elif "phase" in row:
                result = evaluate(args, kwargs)
            else:
                result = self.act.step(optimizer, walk, args, kwargs, max(self.course.taken() - 1, 0), outside)
        finally:
            self._inside = False
        if row is not None:
            self._after(optimizer, row, outside)
        return result

    def _curvature(self, loss: torch.Tensor) -> None:
        step = self.course.taken(self.course.tick + 1)
        if step in self.plan.closely.get("curvature", ()):
            for seen in measured(self.crew.alive, loss, self._scaled.factor(loss) / self.micro):
                self.ledger.event("curvature", step=step, **seen)

    def log(self, values: dict[str, Any]) -> None:
        """Numbers that the script reports itself."""
        self.ledger.event("log", step=self.course.tick, **{key: float(value) for key, value in values.items()})

    # one step

    @guarded()
    def _before(self, optimizer: Optimizer) -> dict[str, Any]:
        with self.meter.clock:
            index = self._begin(optimizer)
            row: dict[str, Any] = {"step": self.course.tick, "optimizer": index}
            if (phase := self.course.phase()) != "train":
                row["phase"] = phase
            self.meter.before_step(optimizer, index, row)
            self.track.see(self.course.tick, self.crew.alive, self.plan)
            return row

    @guarded()
    def _after(self, optimizer: Optimizer, row: dict[str, Any], outside: int) -> None:
        with self.meter.clock:
            self.meter.after_step(self.act.walker(optimizer), row)
            self.meter.exam.look.before(self.course.tick + 1, self.plan)
            self._write(optimizer, row, outside)
        done = self.course.over or self.course.enough(self.ledger.validated)
        if done and self.course.complete(len(self.crew)):
            self._leave()
        elif self.course.leg.glide and self._ahead() == "glide":
            self.glide.begin(self.course.tick + 1)

    def _begin(self, optimizer: Optimizer) -> int:
        if not self.course.tick:
            self._trailhead(optimizer)
        if (index := self.crew.index(optimizer)) < 0:
            self.constructed(optimizer, "")
            index = self.crew.index(optimizer)
        self.crew.steps(optimizer)
        if self.course.overrun(index):
            self._leave()
        self.course.step(index)
        if self.plan.seconds is not None and self.meter.clock.elapsed > self.plan.seconds:
            self.stop("budget")
        return index

    def _trailhead(self, optimizer: Optimizer) -> None:
        self.constructed(optimizer, "")
        self.meter.exam.begin(optimizer)
        self.act = acting(self.course.leg, self.crew.base, self.meter.exam.anatomy)
        self.meter.clock.start()
        now = {"threads": torch.get_num_threads(), "lr": self.crew.base(optimizer), "pid": os.getpid(), "by": caller(4)}
        now |= {"unforkable": Snapshot.unforkable(), "agent": "gymnasium" in sys.modules}
        self.ledger.event("trailhead", place=own_place(4), **now)
        self._put_weights()
        if self.plan.hold:
            self.crew.prepare()
            self._hold()

    def _write(self, optimizer: Optimizer, row: dict[str, Any], outside: int) -> None:
        row |= {"phase": "left out"} if self.act.left_out else {}
        row["lr"] = self.act.rates or [*map(rate_now, optimizer.param_groups)]
        if losses := self._lost[: outside + 1]:  # of the many that a closure computes inside a step, the first
            row["loss"] = sum(losses) / len(losses) if len(losses) > 1 else losses[0]
            row["micro"] = self.micro = len(losses)
        if self.schedule_steps:
            row["scheduler"] = self.schedule_steps
            self.scheduled_steps += self.schedule_steps
        self._lost, self.schedule_steps = [], 0
        self.ledger.row(row)

    # the route: legs, pauses, the end

    def _leave(self) -> None:
        if self.course.ahead:
            self.course.enter()
            self._enter()
        elif self.plan.hold:
            self._hold()
        else:
            self.stop("stopped")

    def _enter(self) -> None:
        self.act = acting(self.course.leg, self.crew.base, self.meter.exam.anatomy)
        self.ledger.silent = bool(self.course.ahead)
        self._put_weights()
        if self.course.over:
            self._leave()

    def _put_weights(self) -> None:
        if path := self.course.leg.weights:
            put_weights(self.crew.alive, path)

    def _hold(self) -> None:
        """Wait for orders; each of them makes a branch: this same process, carrying on under another plan."""
        self.ledger.close_validation(self.course.tick)
        self.ledger.event("hold", step=self.course.tick)
        self.plan = self.snapshot.hold(self.plan.folder, self.course.tick)
        if self.snapshot.rewinds:
            self._go_back()
        self.aside.begin(self.plan)
        self.ledger = Ledger(Writer(record_path(self.plan.folder)), self.ledger.facts)
        self.meter.begin()
        self.course.follow(self.plan.route)
        self._enter()

    def _ready(self, plan: Plan) -> None:
        """Load once what each branch would load for itself."""
        self._inside = True
        warm(tuple(leg.optimizer.name for leg in plan.route if leg.optimizer))
        self._inside = False

    def _go_back(self) -> None:
        """To the first step, where this is told for the first time."""
        if self._rewind is None:
            self._rewind = Rewind(self.crew.alive)
        else:
            self._rewind.restore()

    def stop(self, reason: str) -> None:
        """End the script: cleanly where it is the script's own process, at once where it is a branch of it."""
        self.reason = reason
        self.stops += 1
        if self.snapshot.branched or self.stops > SWALLOWED:
            self.close()
            os._exit(0)
        raise StopTraining(0)

    def close(self) -> None:
        """Write the last lines; afterwards the probe only lets things through."""
        if self.asleep or not self.ledger.lines + self.backwards:
            return
        self.ledger.close_validation(self.course.tick)
        if self.ledger.writer.failed:
            print(f"leonui: the record is cut short: {self.ledger.writer.failed}", file=sys.stderr)
        self.ledger.event("end", **self.said(self.reason))
        self.asleep = True
        if self.plan.keep and self.course.tick:
            keep_weights(self.crew.alive, str(Path(self.plan.folder) / "weights.pt"))

    def said(self, reason: str) -> dict[str, Any]:
        """What is known at the end, or until now."""
        return {
            "reason": reason,
            "steps": self.course.tick,
            "backwards": self.backwards,
            "unused": len(self._lost),
            "aside": self.crew.aside,
            "seconds": self.meter.clock.elapsed,
            "probe_seconds": self.meter.clock.spent,
            **(self.meter.summary() | self.glide.summary()),
            **(self.act.treatment.summary() if self.act.treatment else {}),
            "scheduler": self.scheduled_steps + self.schedule_steps,
        }

    def failed(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        """An exception ends the script."""
        if self.asleep or issubclass(kind, StopTraining):
            return
        self.reason, what, where = "exception", str(error)[:2000], raised(trace)
        self.ledger.event("exception", type=kind.__name__, message=what, place=where, step=self.course.tick)

    def forked(self) -> None:
        """The script itself forked, and this is the child: it keeps a record of its own, if it trains at all."""
        self.plan = replace(self.plan, hold=False, keep=0)
        facts = self.ledger.facts
        self.ledger = Ledger(Writer(Path(self.plan.folder) / f"record-{os.getpid()}.jsonl"))
        self.ledger.facts = facts  # for a branch: a process that the script forked has none to tell
        self.backwards = 0
        self.snapshot.leave()

    def deaf(self) -> bool:
        """Whether what torch does now is the probe's own doing, or nobody's business any more."""
        return self.asleep or self._inside

    def _elsewhere(self) -> bool:
        self._thread = self._thread or threading.get_ident()
        return self._thread != threading.get_ident()

    def _ahead(self) -> str:
        """What the tick that comes next is for, or this one where not all have stepped in it."""
        return self.course.phase(self.course.tick + (not self.course.tick or self.course.complete(len(self.crew))))

    def _waits(self) -> bool:
        """Where ranks wait for each other inside backward it is not left out, unless nothing is computed anyway."""
        return torch.distributed.is_available() and torch.distributed.is_initialized() and not self.glide.on
