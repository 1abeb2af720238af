"""Rules that see a matrix as a matrix, in torch operations: its rows and columns, its singular vectors, its eigenbasis.

A tensor of more dimensions counts as the matrix (first, all others). A sharded one (DTensor) is gathered where a rule
needs it whole, and the result is dealt out again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from leonui.rules.rule import Slot, matrix_rule, square

QUINTIC = (3.4445, -4.7750, 2.0315)  # steep at 0: Jordan (2024), kellerjordan.github.io/posts/muon


def _on_whole(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(function)
    def gathered(x: Any, *args: Any) -> Tensor:
        if not hasattr(x, "full_tensor"):
            return function(x, *args)
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(function(x.full_tensor(), *args), x.device_mesh, x.placements, src_data_rank=None)

    return gathered


@_on_whole
def orthogonalize(x: Tensor, steps: int, eps: float) -> Tensor:
    """The nearest matrix whose singular values are all about 1, by ``steps`` quintic Newton-Schulz iterations.

    Jordan (2024): they end between about 0.7 and 1.2. Accelerators iterate in bfloat16, CPUs in x's own precision.
    """
    shape, (a, b, c) = x.shape, QUINTIC
    x = x.flatten(1)
    y = x.mT if len(x) > x.shape[1] else x
    y = y if y.device.type == "cpu" and y.dtype.itemsize > 2 else y.bfloat16()
    y = y / y.norm().clamp(min=eps)
    for _ in range(steps):
        gram = y @ y.mT
        y = a * y + (b * gram + c * gram @ gram) @ y
    return (y.mT if len(x) > x.shape[1] else y).reshape(shape).to(x.dtype)


@matrix_rule(m="momentum_buffer")
def muon(
    g: Tensor, m: Tensor, momentum: float, nesterov: bool, ns_steps: int, eps: float, rms: float | None
) -> tuple[Tensor, ...]:
    """m = average of g; d = orthogonalize(m), or of Nesterov's look ahead, scaled by shape. Jordan (2024), as in torch.

    ``rms`` None: sqrt(max(1, rows / columns)); else rms sqrt(max(rows, columns)), which gives the update that root mean
    square, 0.2 being AdamW's: Liu et al. (2025, arXiv 2502.16982), equation 4.
    """
    m = torch.lerp(m, g, 1 - momentum)
    u = torch.lerp(g, m, momentum) if nesterov else m
    rows, columns = len(g), g.numel() // max(1, len(g))
    scale = math.sqrt(max(1, rows / max(1, columns))) if rms is None else rms * math.sqrt(max(rows, columns))
    return orthogonalize(u, ns_steps, eps) * scale, m


def _gathered(function: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """A rule that needs everything whole: sharded tensors are gathered, results of that shape dealt out again."""

    @wraps(function)
    def whole(g: Any, *args: Any) -> tuple[Any, ...]:
        if not hasattr(g, "full_tensor"):
            return function(g, *args)
        from torch.distributed.tensor import distribute_tensor

        full = [one.full_tensor() if hasattr(one, "full_tensor") else one for one in (g, *args)]
        return tuple(
            distribute_tensor(one, g.device_mesh, g.placements, src_data_rank=None)
            if one is not None and one.shape == g.shape
            else one
            for one in function(*full)
        )

    return whole


def _means_over(dim: int) -> Callable[[Tensor], Tensor | None]:
    def zeros(p: Tensor) -> Tensor | None:
        shape = list(p.shape)
        if len(shape) < 2:
            return None
        shape[dim] = 1
        return torch.zeros(shape, dtype=p.dtype, device=p.device)

    return zeros


@matrix_rule(
    r=Slot("row_var", start=_means_over(-1)),
    c=Slot("col_var", start=_means_over(-2)),
    v=Slot("variance", start=lambda p: None if p.dim() > 1 else torch.zeros_like(p)),
)
@_gathered
def adafactor(
    g: Tensor,
    r: Tensor | None,
    c: Tensor | None,
    v: Tensor | None,
    p: Tensor,
    t: float,
    lr: float,
    beta2_decay: float,
    eps: tuple[float | None, float],
    d: float,
) -> tuple[Tensor | None, ...]:
    """Adam's v from its row and column means, no m; the step is relative to |p|. Shazeer and Stern (2018, 1804.04235).

    Algorithms 4 to 6 as torch has them: lr bounds the relative step 1/sqrt(t) (paper: 0.01); eps[0] bounds v from below
    as eps[0]^2 (paper: it is added to g^2).
    """
    eps1 = torch.finfo(p.dtype).eps if eps[0] is None else eps[0]
    share = t**beta2_decay
    if r is not None and c is not None:
        r = torch.lerp(r, (g * g).mean(-1, keepdim=True), share)
        c = torch.lerp(c, (g * g).mean(-2, keepdim=True), share)
        estimate = r @ c / r.mean(-2, keepdim=True).clamp(min=eps1)
    else:
        assert v is not None
        estimate = v = torch.lerp(v, g * g, share)
    u = g / estimate.clamp(min=eps1 * eps1).sqrt()
    size, length = (x.square().mean().sqrt() if x.numel() else x.new_zeros(()) for x in (p, u))
    relative = min(1.0, 1 / math.sqrt(t) / lr) if lr else 0.0
    return u * (size.clamp(min=eps[1]) * relative / (length / d).clamp(min=1)), r, c, v


def _square(side: int) -> Callable[[Tensor], Tensor]:
    def zeros(p: Tensor) -> Tensor:
        n = (len(p), p.numel() // max(1, len(p)))[side]
        return torch.zeros(n, n, dtype=p.dtype, device=p.device)

    return zeros


@matrix_rule(
    m="exp_avg",
    v=square("exp_avg_sq"),
    a=Slot("left", start=_square(0)),
    b=Slot("right", start=_square(1)),
    x=Slot("left_basis", start=_square(0)),
    y=Slot("right_basis", start=_square(1)),
)
@_gathered
def soap(
    g: Tensor,
    m: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    x: Tensor,
    y: Tensor,
    t: float,
    beta1: float,
    beta2: float,
    eps: float,
    precondition_frequency: int,
) -> tuple[Tensor, ...]:
    """Adam in the eigenbasis (x, y) of Shampoo's averages a of g g', b of g' g.

    Vyas et al. (2024, arXiv 2409.11321), algorithm 3. As the authors' code: the first step only looks; every
    ``precondition_frequency`` steps the basis takes one power iteration and a QR; eps is on the
    uncorrected root, both biases corrected.
    """
    shape = g.shape
    g, m, v = (one.flatten(1) for one in (g, m, v))
    if t == 1:
        a, b = (torch.lerp(old, new, 1 - beta2) for old, new in ((a, g @ g.mT), (b, g.mT @ g)))
        return (
            torch.zeros(shape, dtype=g.dtype, device=g.device),
            m.reshape(shape),
            v.reshape(shape),
            a,
            b,
            _eigenbasis(a),
            _eigenbasis(b),
        )
    m = torch.lerp(m, g, 1 - beta1)
    v = torch.lerp(v, (x.mT @ g @ y).square(), 1 - beta2)
    correction = math.sqrt(1 - beta2 ** (t - 1)) / (1 - beta1 ** (t - 1))
    d = x @ ((x.mT @ m @ y) / (v.sqrt() + eps)) @ y.mT * correction
    a, b = (torch.lerp(old, new, 1 - beta2) for old, new in ((a, g @ g.mT), (b, g.mT @ g)))
    if (t - 1) % precondition_frequency == 0:
        x, rows = _turn(a, x)
        y, columns = _turn(b, y)
        v = v[rows][:, columns]
    return d.reshape(shape), m.reshape(shape), v.reshape(shape), a, b, x, y


def _eigenbasis(a: Tensor) -> Tensor:
    return torch.linalg.eigh(a)[1].flip(1)


def _turn(a: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """One step of power iteration from a basis, and the order of its vectors, largest first."""
    image = a @ basis
    order = (basis * image).sum(0).argsort(descending=True)
    return torch.linalg.qr(image[:, order])[0], order
