"""The policy as it was: a copy, or the model itself with its adapter switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn


class Reference:
    """What the policy is held near to: ``given``, else the adapted model without its adapter, else a frozen copy.

    A model with a ``disable_adapter()`` context, as peft's, needs no second copy of its weights.
    """

    def __init__(self, model: nn.Module, given: nn.Module | None = None):
        adapted = given is None and hasattr(model, "disable_adapter")
        self.copy = None if adapted else (given or deepcopy(model)).eval().requires_grad_(False)
        self._model: Any = model

    @contextmanager
    def opened(self) -> Iterator[nn.Module]:
        """The model to score with, without gradients, while the context lasts."""
        with torch.no_grad():
            if self.copy is not None:
                yield self.copy
            else:
                with self._model.disable_adapter():
                    yield self._model
