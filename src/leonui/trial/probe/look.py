"""A close look at a few steps of a training, in a trial of its own: every operation is seen while they are computed.

It changes no number, but it takes time: what is asked of it is asked where a Record alone leaves a question open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from leonui.trial.plan import Plan
from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.culprit import Culprit
from leonui.trial.probe.flow import Flow
from leonui.trial.probe.merged import Merged
from leonui.trial.probe.mixing import Mixing
from leonui.trial.probe.pairs import Pairs
from leonui.trial.probe.slope import Slope
from leonui.trial.probe.units import Units


class Look:
    """Sees the forward passes of the steps that a plan names; ``summary`` is written when the record ends."""

    def __init__(self) -> None:
        self.units, self.flow, self.pairs, self.culprit, self.mixing = Units(), Flow(), Pairs(), Culprit(), Mixing()
        self.merged, self.slope, self._folder = Merged(), Slope(), ""
        self._mode: _Seen | None = None
        self._call = nn.Module.__call__
        self._where: list[str] = []
        self._names: dict[int, str] = {}
        self._busy = self._looked = False

    def before(self, step: int, plan: Plan) -> None:
        """The forward pass of a step begins; the plan says what is asked of it."""
        asked = plan.closely
        if not asked and self._mode is None:
            return  # at every step of every run that is only watched
        self._folder = plan.folder if step in asked.get("slope", ()) else ""
        if step not in asked.get("look", ()):
            self.end()
        else:
            self.culprit.begin(step)
            self._begin()

    def end(self) -> None:
        """Look no more."""
        if self._mode is not None:
            self._mode.__exit__(None, None, None)
            nn.Module.__call__, self._mode = self._call, None

    def summary(self) -> dict[str, Any]:
        """For the record; nothing where nobody asked."""
        if not self._looked:
            return {}
        parts = ("units", "flow", "pairs", "culprit", "mixing", "merged", "slope")
        return {"look": {name: getattr(self, name).summary() for name in parts}}

    def backward(self, loss: torch.Tensor) -> None:
        """A backward pass begins on a loss."""
        if self._mode is not None:
            self.culprit.backward(loss)

    def step(self, optimizer: torch.optim.Optimizer, anatomy: Anatomy) -> None:
        """Gradients are there, and nothing has moved yet."""
        if self._mode is not None:
            self.flow.see(optimizer, anatomy)
            if self._folder:
                self.slope.save(optimizer, Path(self._folder))

    def called(self, function: Any, given: tuple[Any, ...], value: Any) -> None:
        """A function of torch was called on ``given`` and returned ``value``."""
        if self._busy or not isinstance(value, torch.Tensor):
            return
        self._busy = True
        try:
            name, where = getattr(function, "__name__", ""), self._where[-1] if self._where else ""
            self.culprit.see(name, where, given, value)
            self.mixing.see(name, given)
            if torch.is_grad_enabled():
                self.units.see(name, where, value)
                self.pairs.see(name, given, value)
                self.merged.see(name, where, given, value, self.pairs.samples)
        finally:
            self._busy = False

    def _begin(self) -> None:
        if self._mode is not None:
            return
        self._looked, self._call, call = True, nn.Module.__call__, nn.Module.__call__

        def met(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            outermost = not self._where and not self._busy and next(module.parameters(), None) is not None
            if outermost:
                self._names.update({id(part): name for name, part in module.named_modules() if name})
            self._where.append(self._names.get(id(module), type(module).__name__))
            try:
                return self._network(module, args, kwargs) if outermost else call(module, *args, **kwargs)
            finally:
                self._where.pop()

        nn.Module.__call__ = met
        self._mode = _Seen(self)
        self._mode.__enter__()

    def _network(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A network is called by the script."""
        self.units.starts()
        if args and isinstance(args[0], torch.Tensor) and args[0].ndim:
            self.pairs.samples = len(args[0])
        self.culprit.given((*args, *kwargs.values()))
        value = self._call(module, *args, **kwargs)
        if torch.is_grad_enabled() and not self.mixing.done:
            self._busy = True
            try:
                inner = module.module if isinstance(module, DistributedDataParallel) else module  # ranks must not wait
                self.mixing.test(lambda *given: self._call(inner, *given, **kwargs), inner, args)
            finally:
                self._busy = False
        return value


class _Seen(TorchFunctionMode):
    """Tells a Look of every function of torch that is called."""

    def __init__(self, look: Look):
        super().__init__()
        self._look = look

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        self._look.called(func, (*args, *(kwargs or {}).values()), value)
        return value
