"""Param groups by what a layer is, not by its name, and a table that says what was done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

KINDS = ("bias", "norm", "embedding")
_NORMS = ("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "LocalResponseNorm")


@dataclass(frozen=True)
class _Member:
    name: str
    p: Tensor
    kinds: tuple[str, ...]  # of bias, norm, embedding, head, weight
    depth: int


class Groups(list[dict[str, Any]]):
    """Param groups for any torch optimizer; printed, a table of them."""

    def __str__(self) -> str:
        rows = [("group", "tensors", "elements", "settings", "such as")]
        for i, group in enumerate(self):
            settings = ", ".join(f"{k}={_short(v)}" for k, v in group.items() if k not in ("params", "param_names"))
            count = f"{sum(p.numel() for p in group['params']):,}"
            rows.append((str(i), str(len(group["params"])), count, settings, group["param_names"][0]))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    __repr__ = __str__


def groups(
    model: nn.Module,
    weight_decay: float = 0.01,
    no_decay: str = "bias,norm,embedding",
    layer_decay: float | None = None,
    lr: float | None = None,
    muon: bool = False,
) -> Groups:
    """Param groups of a model: no decay for some kinds of parameter, smaller rates for early layers, heads from Muon.

    ``no_decay`` lists kinds ("bias", "norm", "embedding") and regular expressions of names. With ``layer_decay`` (0 to
    1; needs ``lr``) a layer that is k below the last has lr x layer_decay^k: Clark et al. (2020, arXiv 2003.10555). A
    layer is an entry of a ModuleList or Sequential at the model's widest such place; what comes before is layer 0.
    ``muon`` marks all but hidden matrices with ``"rule": "adamw"``. Each tensor is in one group, shared ones too.

    >>> print(groups(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))))
    group  tensors  elements  settings           such as
    0      1        12        weight_decay=0.01  0.weight
    1      3        12        weight_decay=0     0.bias
    """
    if layer_decay is not None and (lr is None or not 0 < layer_decay <= 1):
        raise ValueError(
            f"layer_decay={layer_decay} needs lr and lies above 0 and at most 1; give lr=... and 0.75, say"
        )
    bare = [one for one in (part.strip() for part in no_decay.split(",")) if one]
    found: dict[tuple[tuple[str, Any], ...], Groups] = {}
    members = list(_members(model))
    top = max((member.depth for member in members), default=0)
    for member in members:
        settings: dict[str, Any] = {"weight_decay": 0.0 if _spared(member, bare) else weight_decay}
        if lr is not None:
            settings["lr"] = lr * (layer_decay or 1.0) ** (top - member.depth)
        if muon and ("weight" not in member.kinds or member.p.dim() < 2):
            settings["rule"] = "adamw"
        group = found.setdefault(tuple(settings.items()), Groups([{"params": [], "param_names": [], **settings}]))[0]
        group["params"].append(member.p)
        group["param_names"].append(member.name)
    return Groups(group[0] for group in found.values())


def _spared(member: _Member, bare: list[str]) -> bool:
    return any(one in member.kinds if one in KINDS else re.search(one, member.name) for one in bare)


def _members(model: nn.Module) -> Iterator[_Member]:
    """Every trainable parameter once, with its kind and the number of its layer."""
    place = _place_of_layers(model)
    shared = {id(m.weight) for m in model.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))}
    last = _head(model)
    seen: set[int] = set()
    for path, module in model.named_modules():
        for name, p in module.named_parameters(recurse=False):
            if not p.requires_grad or id(p) in seen:
                continue
            seen.add(id(p))
            full = f"{path}.{name}" if path else name
            kinds = ("embedding",) if id(p) in shared else ("head",) if p is last else _kinds(module, name)
            yield _Member(full, p, kinds, _depth(full, place, model))


def _kinds(module: nn.Module, name: str) -> tuple[str, ...]:
    norm = ("norm",) if any(word in type(module).__name__ for word in _NORMS) else ()
    bias = ("bias",) if "bias" in name else ()
    return (*norm, *bias) or ("weight",)


def _head(model: nn.Module) -> Tensor | None:
    """The weight of the last linear layer: what gives the outputs."""
    linear = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else None


def _place_of_layers(model: nn.Module) -> str | None:
    """The longest ModuleList or Sequential: where the layers are."""
    places = [(len(m), path) for path, m in model.named_modules() if isinstance(m, (nn.ModuleList, nn.Sequential))]
    return max(places, key=lambda place: place[0])[1] if places else None


def _depth(name: str, place: str | None, model: nn.Module) -> int:
    """The number of a parameter's layer: 0 before all layers, one more than the last after them."""
    if place is None:
        return 0
    inside = re.match(rf"{re.escape(place + '.') if place else ''}(\d+)\.", name)
    if inside:
        return int(inside[1]) + 1
    names = [other for other, _ in model.named_parameters()]
    first = next((i for i, other in enumerate(names) if other.startswith(f"{place}.")), 0)
    before = names.index(name) < first if name in names else True
    return 0 if before else len(model.get_submodule(place)) + 1  # type: ignore[arg-type]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
