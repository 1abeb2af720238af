"""HOW FAR AT MOST: bounds on gradients, in place, each saying what it did.

Call one of them between ``backward()`` and ``step()``; under a GradScaler after ``scaler.unscale_(optimizer)``. Nothing
here waits for the device: what is returned are 0-d tensors, and reading one is the caller's wait. Norms are Euclidean
and are taken in float32 where a gradient is float16 or bfloat16, so 300 entries of 1e4 are no overflow.

A gradient that is not finite is treated as ``torch.nn.utils.clip_grad_norm_`` treats it: what an infinite norm bounds
becomes 0, or NaN where it was infinite itself; what a NaN norm bounds becomes NaN. So nothing leaves that is finite
and above the bound, and ``Clipped.norm`` tells. Sparse gradients are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, overload

import torch
from torch import Tensor

Parameters = Iterable[Tensor] | Tensor

_EPS = 1e-6  # of torch's clip_grad_norm_
_TINY = torch.finfo(torch.float32).tiny  # where the bound follows the gradient's own scale: against 0 / 0, nothing more
_LOW = (torch.float16, torch.bfloat16)


class Clipped(NamedTuple):
    """What clipping did: three real 0-d tensors on the device of the first gradient.

    ``norm``: of all gradients together, before. ``factor``: the smallest that any of them was multiplied by; 1 is
    untouched. ``touched``: the share, 0 to 1, of what is bounded one by one (see each function) that was made smaller.

    >>> Clipped(torch.tensor(5.0), torch.tensor(0.2), torch.tensor(1.0))
    Clipped(norm=5, factor=0.2, touched=1)
    """

    norm: Tensor
    factor: Tensor
    touched: Tensor

    def __repr__(self) -> str:
        figures = (f"{name}={float(value):.4g}" for name, value in zip(self._fields, self, strict=True))
        return f"Clipped({', '.join(figures)})"


@overload
def factor(norm: float, max_norm: float, eps: float = ...) -> float: ...
@overload
def factor(norm: Tensor, max_norm: float | Tensor, eps: float = ...) -> Tensor: ...
def factor(norm: float | Tensor, max_norm: float | Tensor, eps: float = _EPS) -> float | Tensor:
    """What to multiply a gradient by: ``min(1, max_norm / (norm + eps))``, as torch's ``clip_grad_norm_`` has it.

    Numbers or real tensors of any shape. An infinite norm gives 0, a NaN one NaN. A ``max_norm`` that is a number and
    not above 0 is a ValueError; inf is allowed and bounds nothing.

    >>> round(factor(4.0, max_norm=1.0), 3), factor(0.5, max_norm=1.0)
    (0.25, 1.0)
    """
    if not isinstance(max_norm, Tensor):
        _above_zero("max_norm", max_norm)
    ratio = max_norm / (norm + eps)
    if isinstance(ratio, Tensor):
        return torch.clamp(ratio, max=1.0)
    return 1.0 if ratio > 1 else ratio  # not min(): NaN stays NaN


@torch.no_grad()
def global_norm(parameters: Parameters, max_norm: float) -> Clipped:
    """Scale all gradients by one factor, so that their norm together is at most ``max_norm``.

    Pascanu et al. (2013, arXiv 1211.5063); in float32 bit for bit ``torch.nn.utils.clip_grad_norm_``. Takes real and
    complex gradients of any shapes, on several devices, and DTensors of one or more meshes beside plain ones.
    ``touched`` is 0 or 1.

    >>> weight = torch.zeros(2, requires_grad=True)
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> global_norm(weight, max_norm=1.0)
    Clipped(norm=5, factor=0.2, touched=1)
    """
    _above_zero("max_norm", max_norm)
    grads = _gradients(parameters)
    norm = _together(_norms(grads))
    ratio = factor(norm, max_norm)
    _scale(grads, ratio)
    return _said(norm, [ratio])


@torch.no_grad()
def value(parameters: Parameters, limit: float) -> Clipped:
    """Clamp every element of every gradient to between ``-limit`` and ``limit``; NaN stays NaN.

    ``factor`` is that of the largest element and ``touched`` the share of the elements; finding them costs more passes
    than the clamping. Complex numbers have no order: ValueError.

    >>> weight = torch.zeros(4, requires_grad=True)
    >>> weight.grad = torch.tensor([3.0, -4.0, 0.5, 0.0])
    >>> value(weight, limit=1.0), weight.grad.tolist()
    (Clipped(norm=5.025, factor=0.25, touched=0.5), [1.0, -1.0, 0.5, 0.0])
    """
    _above_zero("limit", limit)
    grads = _gradients(parameters)
    if any(grad.is_complex() for grad in grads):
        raise ValueError("a complex gradient has no largest value to limit; use global_norm or per_tensor for it")
    norm = _together(_norms(grads))
    grads = [grad for grad in grads if grad.numel()]
    if not grads:
        return _said(norm, [])
    found = [_largest(grad, limit) for grad in grads]
    largest, count = _stack([one for one, _ in found]).amax(), _stack([many for _, many in found]).sum()
    for part in ([grads[place] for place in places] for places in _alike(grads)):
        torch._foreach_clamp_min_(part, -limit)
        torch._foreach_clamp_max_(part, limit)
    return Clipped(norm, factor(largest, limit, _TINY), count / sum(grad.numel() for grad in grads))


@torch.no_grad()
def per_tensor(parameters: Parameters, max_norm: float) -> Clipped:
    """Scale each gradient by its own factor, so that the norm of each is at most ``max_norm``.

    The direction of the whole changes, unlike with ``global_norm``; an infinite or NaN gradient spoils only its own
    tensor. ``touched`` is the share of the tensors.

    >>> weight, bias = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    >>> weight.grad, bias.grad = torch.tensor([3.0, 4.0]), torch.tensor([0.5])
    >>> per_tensor([weight, bias], max_norm=1.0)
    Clipped(norm=5.025, factor=0.2, touched=0.5)
    """
    _above_zero("max_norm", max_norm)
    grads = _gradients(parameters)
    norms = _norms(grads)
    ratios = [factor(_whole(norm), max_norm) for norm in norms]
    for grad, ratio in zip(grads, ratios, strict=True):
        _multiply(grad, ratio)
    return _said(_together(norms), ratios)


@torch.no_grad()
def agc(parameters: Parameters, clipping: float = 0.01, eps: float = 1e-3) -> Clipped:
    """Adaptive gradient clipping: no unit's gradient above ``clipping`` times the norm of the unit's weights.

    Brock et al. (2021, arXiv 2102.06171, equation 3). A unit is what one output is computed from: a row of a matrix
    ``[out, in]``, a filter of a convolution ``[out, in, ...]``, the whole of a vector or scalar. Weight norms below
    ``eps`` count as ``eps``, so that weights of 0 can leave it. ``touched`` is the share of the units.

    The paper leaves the last linear layer out: so do you, by not passing it. Departures: transposed convolutions have
    their outputs on dimension 1 and are still bounded along dimension 0; the gradient norm has no floor of its own,
    since a unit without gradient needs no bound.

    >>> weight = torch.ones(2, 4, requires_grad=True)  # two rows of norm 2: at most 0.02
    >>> weight.grad = torch.tensor([[0.04, 0, 0, 0], [0.01, 0, 0, 0]])
    >>> agc(weight)
    Clipped(norm=0.04123, factor=0.5, touched=0.5)
    """
    _above_zero("clipping", clipping)
    _above_zero("eps", eps)
    owners = _owners(parameters)
    grads = _gradients(owners)
    norms = [_units(grad) for grad in grads]
    limits = [clipping * _units(owner.detach()).clamp(min=eps) for owner in owners]
    ratios = [factor(norm, limit, _TINY) for norm, limit in zip(norms, limits, strict=True)]
    for grad, ratio in zip(grads, ratios, strict=True):
        _multiply(grad, ratio)
    return _said(_together(_norms(norms)), ratios)


class AutoClip:
    """Clip the global norm at a percentile of the norms seen so far, this one among them.

    Seetharaman et al. (2020, arXiv 2007.14469). ``percentile``, 0 to 100: of the norms; the paper's 10 shortens nine
    steps of ten. ``history``: how many norms count, the newest; the paper counts all. A norm that is not finite takes
    a place and never counts. Departure: no 1e-6 beside the norm, so gradients 1e6 times smaller are clipped alike.

    One instance for one set of parameters. ``state_dict`` holds the norms, so that a resumed run goes on exactly.

    >>> clip, weight = AutoClip(percentile=50), torch.zeros(1, requires_grad=True)
    >>> for size in (1.0, 3.0, 4.0):
    ...     weight.grad = torch.tensor([size])
    ...     done = clip(weight)
    >>> done, clip.limit().item()
    (Clipped(norm=4, factor=0.75, touched=1), 3.0)
    """

    def __init__(self, percentile: float = 10.0, history: int = 10_000):
        if not 0 <= percentile <= 100:
            raise ValueError(f"percentile={percentile!r} is not from 0 to 100; the paper's choice is 10")
        if not (isinstance(history, int) and history >= 1):
            raise ValueError(f"history={history!r} is no number of steps; give a whole number of at least 1")
        self.percentile, self.history = percentile, history
        self._norms, self._seen = torch.empty(0), 0

    @torch.no_grad()
    def __call__(self, parameters: Parameters) -> Clipped:
        """Take the norm into the history and clip to the percentile; without any gradient nothing happens."""
        grads = _gradients(parameters)
        norm = _together(_norms(grads))
        if not grads:
            return _said(norm, [])
        self._remember(norm)
        ratio = factor(norm, self.limit(), _TINY)
        _scale(grads, ratio)
        return _said(norm, [ratio])

    def limit(self) -> Tensor:
        """The percentile of the history as it stands: 0-d, NaN while no norm was finite."""
        known = self._norms[: min(self._seen, self.history)]
        return _quantile(known, self.percentile / 100) if len(known) else torch.tensor(float("nan"))

    def state_dict(self) -> dict[str, Any]:
        """``norms``: the history as a 1-d tensor, oldest first, NaN where one was not finite."""
        newest = self._seen % self.history if self._seen > self.history else 0
        return {"norms": self._norms[: min(self._seen, self.history)].roll(-newest)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved history; if it is longer than ``history``, with its newest part."""
        norms = state.get("norms")
        if not isinstance(norms, Tensor) or norms.ndim != 1:
            raise ValueError(f"the state has {list(state)} and no 1-d tensor 'norms'; give what state_dict() returned")
        self._norms, self._seen = norms.detach().clone()[-self.history :], min(len(norms), self.history)

    def __repr__(self) -> str:
        return f"AutoClip(percentile={self.percentile}, history={self.history})"

    def _remember(self, norm: Tensor) -> None:
        """Write the norm over the oldest; the place is known to Python, so nothing waits."""
        self._norms = self._norms.to(norm)
        if self._seen >= len(self._norms) < self.history:
            room = min(self.history, max(64, 2 * self._seen)) - len(self._norms)
            self._norms = torch.cat([self._norms, norm.new_full((room,), float("nan"))])
        self._norms[self._seen % self.history] = torch.where(norm.isfinite(), norm, float("nan"))
        self._seen += 1


def _above_zero(name: str, given: float) -> None:
    if not given > 0:
        raise ValueError(f"{name}={given!r} would leave no gradient; give a number above 0")


def _owners(parameters: Parameters) -> list[Tensor]:
    """The tensors that have a gradient, each once."""
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    strange = [type(one).__name__ for one in given if not isinstance(one, Tensor)]
    if strange:
        raise TypeError(f"parameters holds a {strange[0]}; give tensors, as model.parameters() does")
    found = list({id(one): one for one in given if one.grad is not None}.values())
    if any(one.grad is not None and one.grad.layout != torch.strided for one in found):
        raise ValueError("a sparse gradient cannot be clipped; leave its parameter out, or make its layer sparse=False")
    return found


def _gradients(parameters: Parameters) -> list[Tensor]:
    return [owner.grad for owner in _owners(parameters) if owner.grad is not None]


def _alike(tensors: list[Tensor]) -> list[list[int]]:
    """The places of tensors that one foreach call takes: on one device, of one mesh, of low precision or not."""
    groups: dict[Any, list[int]] = {}
    for place, one in enumerate(tensors):
        groups.setdefault((one.device, getattr(one, "device_mesh", None), one.dtype in _LOW), []).append(place)
    return list(groups.values())


def _norms(tensors: list[Tensor]) -> list[Tensor]:
    """The norm of each tensor, real and at least float32."""
    found: dict[int, Tensor] = {}
    for places in _alike(tensors):
        dtype = torch.float32 if tensors[places[0]].dtype in _LOW else None
        norms = torch._foreach_norm([tensors[place] for place in places], 2.0, dtype)
        found |= dict(zip(places, norms, strict=True))
    return [found[place] for place in range(len(tensors))]


def _quantile(values: Tensor, share: float) -> Tensor:
    """torch.nanquantile of a 1-d tensor, which waits for the device on torch 2.6."""
    values, last = values.sort().values, values.isfinite().sum() - 1
    at = last.clamp(min=0).to(values.dtype) * share
    below, above = (values.take(place.long()) for place in (at.floor(), at.ceil()))
    return below.lerp(above, at - at.floor())


def _largest(grad: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    """The largest absolute value, and how many are above the limit."""
    largest = torch.linalg.vector_norm(grad, float("inf"))  # torch 2.6 has no amax of DTensors, and no count_nonzero
    return largest.float() if grad.dtype in _LOW else largest, (grad.abs() > limit).sum()


def _together(norms: list[Tensor]) -> Tensor:
    """The norm of what the norms are of: DTensors are reduced once a mesh, and the sum is known to every process."""
    meshes: dict[Any, list[Tensor]] = {}
    for norm in norms:
        meshes.setdefault(getattr(norm, "device_mesh", None), []).append(norm.to(norms[0].device))
    totals = [_whole(torch.linalg.vector_norm(torch.stack(part))) for part in meshes.values()]
    return torch.linalg.vector_norm(torch.stack(totals)) if len(totals) > 1 else (totals or [torch.tensor(0.0)])[0]


def _units(tensor: Tensor) -> Tensor:
    """The norm of each unit, shaped to be multiplied with the tensor."""
    inner = tuple(range(1, tensor.ndim))
    dtype = torch.float32 if tensor.dtype in _LOW else None
    return torch.linalg.vector_norm(tensor, dim=inner or None, keepdim=bool(inner), dtype=dtype)


def _whole(tensor: Any) -> Tensor:
    """A DTensor in full, on every process; any other tensor as it is."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _stack(scalars: list[Tensor]) -> Tensor:
    return torch.stack([_whole(one).to(scalars[0].device) for one in scalars])


def _scale(grads: list[Tensor], ratio: Tensor) -> None:
    """Multiply all gradients by one 0-d factor."""
    for part in ([grads[place] for place in places] for places in _alike(grads)):
        if part[0].dtype in _LOW:
            for grad in part:
                _multiply(grad, ratio)
        else:
            torch._foreach_mul_(part, ratio.to(part[0].device))


def _multiply(grad: Tensor, ratio: Tensor) -> None:
    """Multiply one gradient; a factor is not rounded to float16 or bfloat16 first, as a CUDA kernel would do."""
    ratio = ratio.to(grad.device)
    if grad.dtype in _LOW:
        grad.copy_(grad.float().mul_(ratio))
    else:
        grad.mul_(ratio)


def _said(norm: Tensor, ratios: list[Tensor]) -> Clipped:
    """What was done, from the factors of all that was bounded."""
    flat = [_whole(ratio).reshape(-1).to(norm.device) for ratio in ratios if ratio.numel()]
    if not flat:
        return Clipped(norm, torch.ones_like(norm), torch.zeros_like(norm))
    every = torch.cat(flat)
    return Clipped(norm, every.amin(), torch.mean((~(every >= 1)).float()))  # a NaN factor has touched too
