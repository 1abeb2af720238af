"""The networks of a process: which modules own the parameters, what those are called, how they stand."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import torch
from torch import nn

from leonui.trial.probe.tensors import is_part

UNLIKE = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)  # what differs between training and eval


class Anatomy:
    """The outermost modules that own parameters; they are known without being kept alive, and nothing is hung on them.

    A hook on a module of the script would be pickled and copied with it.
    """

    def __init__(self) -> None:
        self._roots: list[weakref.ref[nn.Module]] = []
        self.outermost: set[int] = set()  # their identities, while they are there; of what shares work out, the inside
        self._differ: list[weakref.ref[nn.Module]] = []  # those that train and differ between the two modes
        self.dropout = 0.0  # the highest share that a layer drops
        self.norms = 0  # layers of batch normalisation
        self.layers = 0  # that differ between training and eval mode

    def find(self) -> bool:
        """Look for them among all objects that there are; False, and nothing is known, where weights are sharded.

        There all ranks would have to look at the same time, and they do not.
        """
        kinds = {nn.Module, *_descendants(nn.Module)}
        modules = [thing for thing in gc.get_objects() if type(thing) in kinds]
        inner = {id(child) for module in modules for child in module._modules.values() if child is not None}
        roots = [m for m in modules if id(m) not in inner and next(m.parameters(), None) is not None]
        if any(map(_sharded, roots)):
            return False
        self._roots = [weakref.ref(root) for root in roots]
        self.outermost.clear()
        self.outermost.update(id(_inside(root)) for root in roots)
        self.layers = sum(_unlike(module) for root in roots for module in root.modules())
        drops = [m.p for root in roots for m in root.modules() if isinstance(m, nn.modules.dropout._DropoutNd)]
        self.dropout = max(drops, default=0.0)
        self.norms = sum(isinstance(m, UNLIKE[0]) for root in roots for m in root.modules())
        self._differ = [weakref.ref(root) for root in roots if _trained(root) and any(map(_unlike, root.modules()))]
        return True

    @property
    def roots(self) -> list[nn.Module]:
        """Those that are still there."""
        return [root for known in self._roots if (root := known()) is not None]

    @property
    def whole(self) -> bool:
        """Whether all of them are still there."""
        return bool(self._roots) and len(self.roots) == len(self._roots)

    def named(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Every parameter once, by its name; those of a second network with a number before it."""
        seen: set[int] = set()
        for number, known in enumerate(self._roots):
            for name, parameter in root.named_parameters() if (root := known()) is not None else ():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield (f"{number}:{name}" if number else name), parameter

    @property
    def modes(self) -> list[bool]:
        """Whether each network that differs between training and eval mode, and is trained, is in training mode."""
        return [root.training for known in self._differ if (root := known()) is not None]


def _descendants(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


def _inside(root: nn.Module) -> nn.Module:
    """The network in one that only shares out its work: scripts validate by either of the two."""
    return root.module if isinstance(root, nn.parallel.DistributedDataParallel | nn.DataParallel) else root


def _trained(root: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in root.parameters())


def _sharded(root: nn.Module) -> bool:
    """Whether this process has parts of the weights only."""
    whole = any(type(module).__name__ == "FullyShardedDataParallel" for module in root.modules())
    return whole or any(map(is_part, root.parameters()))


def _unlike(module: nn.Module) -> bool:
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    return isinstance(module, UNLIKE) or bool(getattr(module, "dropout", 0.0) and isinstance(module, nn.RNNBase))
