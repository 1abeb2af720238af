"""The first number that is not finite: which operation made it out of finite ones, in which module, on which line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from leonui.trial.probe.place import places

NAMED = 8  # samples of a batch that are named at most
MASKS = ("masked_fill", "masked_fill_", "full", "full_like", "where", "fill_", "triu", "tril", "zeros_like")
LEAVES = ("isfinite", "isnan", "isinf", "nan_to_num")


class Culprit:
    """Watches one step; what it found first is kept."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._step = 0
        self._made: dict[Any, tuple[str, str, str]] = {}  # autograd's nodes: the operation, its module, its line

    def begin(self, step: int) -> None:
        """A step begins."""
        self._step, self._made = step, {}

    def given(self, values: Iterable[Any]) -> None:
        """A network is given a batch: is it finite?"""
        for value in tree_leaves(tuple(values)):
            if not self._found and isinstance(value, torch.Tensor) and not _finite(value):
                bad = (~torch.isfinite(value.detach().reshape(len(value), -1))).any(1).nonzero().flatten().tolist()
                self._tell("input", "", "", places(2, 1)[0], {"samples": bad[:NAMED], "rows": len(value)})

    def see(self, name: str, where: str, given: tuple[Any, ...], value: torch.Tensor) -> None:
        """A function of torch returned a value."""
        if self._found or name in LEAVES or name.startswith("__get"):
            return
        tensors = [one for one in tree_leaves(given) if isinstance(one, torch.Tensor)]
        if value.grad_fn is not None:
            self._made[value.grad_fn] = (name, where, places(2, 1)[0])
        if tensors and name not in MASKS and not _finite(value) and all(map(_finite, tensors)):
            self._tell("forward", name, where, places(2, 1)[0], _range(tensors))

    def backward(self, loss: torch.Tensor) -> None:
        """A backward pass begins: each of its operations is watched, too."""
        if self._found or loss.grad_fn is None:
            return
        for node, told in self._nodes(loss.grad_fn):
            node.register_hook(self._watch(*told))

    def summary(self) -> dict[str, Any]:
        """For the record; nothing where all was finite."""
        return self._found

    def _nodes(self, first: Any) -> Iterator[tuple[Any, tuple[str, str, str]]]:
        """All of autograd's nodes behind one; what is not known itself is told as what came after it."""
        waiting, seen = [(first, ("", "", ""))], set()
        while waiting:
            node, told = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            name, where, place = self._made.get(node, told)
            yield node, (node.name() if hasattr(node, "name") else name, where, place)
            waiting += [(before, (name, where, place)) for before, _ in node.next_functions]

    def _watch(self, name: str, where: str, place: str) -> Callable[[Any, Any], None]:
        def watch(made: Any, given: Any) -> None:
            if not self._found and all(map(_finite, given)) and not all(map(_finite, made)):
                self._tell("backward", name, where, place, {})

        return watch

    def _tell(self, when: str, name: str, where: str, place: str, more: dict[str, Any]) -> None:
        told = {"when": when, "operation": name.strip("_"), "module": where, "place": place, "step": self._step}
        self._found = told | more


def _finite(value: Any) -> bool:
    if not isinstance(value, torch.Tensor) or not (value.is_floating_point() or value.is_complex()):
        return True
    return bool(torch.isfinite(value.detach()).all())


def _range(tensors: list[torch.Tensor]) -> dict[str, Any]:
    """Between what the numbers were that the operation was given."""
    first = next((one.detach() for one in tensors if one.is_floating_point() and one.numel()), None)
    return {} if first is None else {"low": float(first.min()), "high": float(first.max())}
