"""The one torch optimizer: groups, closures, clipping, schedule, the finite guard, statistics. It names no rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any, TypedDict

import torch
from torch import Tensor

from leonui.clip import factor
from leonui.engine import machines, shards
from leonui.engine.averages import shown
from leonui.engine.caution import caution
from leonui.engine.saved import adopt
from leonui.engine.seat import Pace, Seat, catch_up
from leonui.engine.stats import Stats
from leonui.engine.storage import Storage
from leonui.rules.rule import Rule

DECAYS = ("decoupled", "coupled", "independent")


class Options(TypedDict, total=False):
    """What every optimizer takes beside its own hyper-parameters.

    clip_norm: largest global norm of the gradients (None). schedule: step -> multiplier of lr (None). decay:
    "decoupled", "coupled" (added to the gradient) or "independent" of lr. state: "fp32", "bf16" or "8bit". rounding:
    "nearest", "stochastic" or "kahan", for bfloat16 parameters. maximize (False). guard: leave out a step whose
    gradients are not finite (True).
    """

    clip_norm: float | None
    schedule: Callable[[int], float] | None
    decay: str
    state: str
    rounding: str
    maximize: bool
    guard: bool


class Engine(torch.optim.Optimizer):
    """Runs a rule, or the rule that ``rule(parameter, group)`` chooses, over all parameters.

    Dtypes: float32, float64, bfloat16, float16, complex (element-wise rules see real and imaginary parts). State is
    float32 (float64 for float64 parameters) unless ``state`` says otherwise. Raises ValueError for a sparse gradient.
    """

    _step_supports_amp_scaling = True

    def __init__(
        self,
        params: Any,
        rule: Rule | Callable[[Tensor, dict[str, Any]], Rule],
        defaults: dict[str, Any],
        options: Options,
    ):
        self.rule = rule
        self.clip_norm = options.pop("clip_norm", None)
        self.schedule = options.pop("schedule", None)
        self.guard = options.pop("guard", True)
        self.storage = Storage(options.pop("state", "fp32"), options.pop("rounding", "nearest"))
        self.stats = Stats()
        self._machines: list[Any] = []
        self._seated: list[Tensor] = []
        self._count: int | None = None
        self._showing = False
        _refuse_unknown(type(self).__name__, options)
        _check(defaults | dict(options), self.clip_norm)
        torchs = {"maximize": False, "decoupled_weight_decay": options.get("decay") != "coupled"}
        super().__init__(params, torchs | defaults | dict(options))
        caution(self)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own; as in torch."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if group["decay"] == "independent":
            group.setdefault("reference_lr", float(group["lr"]))
        self._machines, self._seated = [], []

    @property
    def engine(self) -> str:
        """Which machine runs which parameters, and why not the fastest where it is not."""
        return machines.describe(self._seats(p for group in self.param_groups for p in group["params"]))

    @property
    def steps(self) -> int:
        """How many steps were taken; it is in the state, so a resumed run goes on from it."""
        count = self._count
        if count is None:
            taken = [group["steps"] for group in self.param_groups if "steps" in group]
            own = (int(state["step"]) for state in self.state.values() if "step" in state)  # torch keeps only these
            self._count = count = max(taken) if taken else max(own, default=0)
        return count

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step downhill (uphill if ``maximize``); returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._showing:
            raise RuntimeError(
                "the weights are the averaged ones, which do not walk; step() after the averaged() block"
            )
        advance = _uncompiled if torch.compiler.is_compiling() else Engine.advance
        advance(self, [p for group in self.param_groups for p in group["params"]])
        return loss

    def prepare(self) -> None:
        """Load the kernels of the coming step ahead of it: processes that are forked from this one find them there.

        State that they ask for does not stay: some of it is a copy of the weights, and must be of those that step.
        """
        stepped = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        fresh = [p for p in stepped if p not in self.state]
        for machine in machines.assign(self._seats(stepped)):
            machine.load()
        for p in fresh:
            del self.state[p]

    def _seats(self, parameters: Iterable[Tensor]) -> list[Seat]:
        wanted = set(parameters)
        every = [(p, group) for group in self.param_groups for p in group["params"]]
        return [
            Seat(p, group, self._held(p), self.rule_of(p, group), number, self.storage)
            for number, (p, group) in enumerate(every)
            if p in wanted
        ]

    def _held(self, p: Tensor) -> dict[str, Any]:
        """The state of a parameter; none is created for one that was never stepped."""
        return self.state[p] if p in self.state or p.grad is not None else {}

    def seat(self, p: Tensor) -> Seat:
        """What a step would know of a parameter, with state of its own: nothing of the optimizer changes."""
        seat = self._seats([p])[0]
        seat.state = dict(seat.state)
        return seat

    def rule_of(self, p: Tensor, group: dict[str, Any]) -> Rule:
        """The rule that a parameter follows."""
        return self.rule if isinstance(self.rule, Rule) else self.rule(p, group)

    def _roster(self, parameters: list[Tensor], gradients: list[Tensor]) -> list[Any]:
        """The machines for those parameters; the last ones, if these are the same and all lies where it lay."""
        same = len(parameters) == len(self._seated) and all(map(is_, parameters, self._seated))
        if not (same and self._fit(gradients)):
            seats = self._seats(parameters)
            catch_up(seats, list(self.state.values()))
            self._machines, self._seated = machines.assign(seats), parameters
            places = {p: place for place, p in enumerate(parameters)}
            self._places = [[places[seat.p] for seat in machine.seats] for machine in self._machines]
            if not self._fit(gradients):
                raise RuntimeError("the gradients changed while the optimizer read them; step() from one thread only")
        return self._machines

    def _fit(self, gradients: list[Tensor]) -> bool:
        """Whether each rule is still the one its group asks for, and all lies where it lay."""
        groups = [seat for machine in self._machines for seat in machine.groups]
        if any(self.rule_of(seat.p, seat.group) is not seat.rule for seat in groups):
            return False
        if len(self._machines) == 1:
            return self._machines[0].fits(gradients)
        crews = zip(self._machines, self._places, strict=True)
        return all(machine.fits([gradients[place] for place in places]) for machine, places in crews)

    def advance(self, parameters: list[Tensor], norm: float | None = None, done: int | None = None) -> Any:
        """Step those of some parameters that have a gradient; returns its norm.

        ``norm``: clip by this instead; ``done``: the steps done so far, where that is not the optimizer's own count.
        """
        every = [p.grad for p in parameters]
        gradients = [g for g in every if g is not None]
        if len(gradients) < len(every):
            parameters = [p for p, g in zip(parameters, every, strict=True) if g is not None]
        if not gradients:
            return 0.0
        crew = self._roster(parameters, gradients)
        waits = gradients[0].device.type == "cpu"  # elsewhere nothing here reads a number back
        unscale, found = self._scaling(waits)
        measured = self.clip_norm is not None or self.guard
        squares: Any = shards.total([m.squares() for m in crew], crew) if measured else math.nan
        own = unscale * (math.sqrt(squares) if isinstance(squares, float) else squares.sqrt())
        go = self._go(own, found)
        if go is False:
            self.stats = Stats(grad_norm=own, skipped=self.stats.skipped + 1)
            return 0.0
        share = 1.0 if self.clip_norm is None else factor(own if norm is None else norm, self.clip_norm)
        done = self.steps if done is None else done
        pace = Pace(unscale * share, self.schedule(done) if self.schedule else 1.0, None if go is True else go)
        sums = shards.sums(crew, pace)
        figures = shards.total([m.walk(pace, s) for m, s in zip(crew, sums, strict=True)], crew)
        self._count = max(self.steps, done + 1)
        for group in self.param_groups:
            group["steps"] = self._count
        self.stats = _stats(own, share, figures, sum(m.count for m in crew), self.stats.skipped, go)
        return own

    def _scaling(self, waits: bool) -> tuple[Any, Any]:
        """What a GradScaler left: the factor that undoes its scale, and whether it found an overflow."""
        scale, found = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        unscale = 1.0 if scale is None else 1.0 / (float(scale) if waits else scale.double())
        return unscale, None if found is None else bool(found) if waits else found > 0

    def _go(self, norm: Any, found: Any) -> Any:
        """Whether the step is taken: a bool, or a 0-d tensor where only the device knows."""
        fine = not self.guard or (math.isfinite(norm) if isinstance(norm, float) else norm.isfinite())
        if found is None:
            return fine
        return fine and not found if isinstance(found, bool) else ~found & fine

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the weights are the averaged point, for rules that walk with two (Schedule-Free); bit-exact after.

        For other rules it changes nothing. A step inside it is a RuntimeError.
        """
        kept = shown(self._seats(list(self.state)))
        self._showing = bool(kept)
        try:
            yield
        finally:
            self._showing = False
            with torch.no_grad():
                for p, old in kept:
                    p.copy_(old)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what this or torch's own optimizer of that rule saved; state keeps its dtype and takes p's layout."""
        given: dict[str, Any] = {}
        hook = self.register_load_state_dict_pre_hook(lambda _, final: given.update(final))
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()
        parameters = [p for group in self.param_groups for p in group["params"]]
        saved = [i for group in given["param_groups"] for i in group["params"]]
        for seat, key in zip(self._seats(parameters), saved, strict=True):
            if key in given["state"]:
                seat.state = self.state[seat.p]
                adopt(seat, given["state"][key])

    def _decay_of(self, group: dict[str, Any]) -> str:
        """How a group decays that torch saved: as here, unless torch's flag says otherwise."""
        ours = self.defaults["decay"]
        flag = group.get("decoupled_weight_decay", ours != "coupled")
        return ours if flag == (ours != "coupled") else "decoupled" if flag else "coupled"

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in ("rule", "clip_norm", "schedule", "guard", "storage", "stats")}
        return {**super().__getstate__(), **kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("decay", self._decay_of(group))
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        self._machines, self._seated, self._count, self._showing = [], [], None, False


@torch._disable_dynamo
def _uncompiled(optimizer: Engine, parameters: list[Tensor]) -> None:
    """The step within a compiled training loop: addresses and kernels of its own are nothing to trace."""
    optimizer.advance(parameters)


def _stats(norm: Any, share: Any, figures: Any, count: int, skipped: Any, go: Any) -> Stats:
    if go is True and not (isinstance(figures, Tensor) and figures.device.type != "cpu"):
        moved, size, same = figures.tolist()
        return Stats(norm, share, math.sqrt(moved), math.sqrt(size), same / max(1, count), skipped)
    moved, size, same = figures
    return Stats(norm, share, moved.sqrt(), size.sqrt(), same / max(1, count), skipped + (0 if go is True else ~go))


def _refuse_unknown(name: str, rest: Options) -> None:
    for key in set(rest) - {"decay", "maximize"}:
        raise TypeError(
            f"{name} takes no {key!r}; beside its own it takes {', '.join(Options.__annotations__)}, "
            "and how it runs it chooses by itself"
        )


def _check(settings: dict[str, Any], clip_norm: float | None) -> None:
    if settings["decay"] not in DECAYS:
        raise ValueError(f"decay={settings['decay']!r} is not known; choose one of {', '.join(DECAYS)}")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm={clip_norm} would stop every step; give a norm above 0, or None")
    for name in ("lr", "weight_decay", "eps"):
        value = settings.get(name, 0.0)
        if isinstance(value, (int, float)) and not value >= 0:
            raise ValueError(f"{name}={value} is below 0; give 0 or more")
    for i, beta in enumerate(settings.get("betas", ()), 1):
        if not 0 <= beta < 1:
            raise ValueError(f"betas[{i - 1}]={beta} is not a share of the past; give 0 <= beta < 1")
    for name in ("momentum", "beta", "alpha", "rho"):
        if not 0 <= settings.get(name, 0.0) < 1:
            raise ValueError(f"{name}={settings[name]} is not a share of the past; give 0 <= {name} < 1")


def coupled(options: Options) -> Options:
    """Options whose decay, unless it was chosen, is added to the gradient."""
    return {"decay": "coupled", **options}


def own(options: Options) -> Options:
    """Options for a rule that decays by itself: how it does so cannot be chosen."""
    if "decay" in options:
        raise ValueError(f"decay={options['decay']!r} cannot be had: this rule has its own; leave decay out")
    return {"decay": "decoupled", **options}


def decoupled(options: Options) -> Options:
    """Options whose decay, unless it was chosen, acts on the weights alone."""
    return {"decay": "decoupled", **options}
