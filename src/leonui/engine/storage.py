"""How numbers are kept between steps, apart from what is done with them: each kind is a pair of load and store.

Stochastic rounding (Gupta et al. 2015, arXiv 1502.02551) rounds up with the probability of the part that is cut off,
so that small updates count on average. The noise is a hash of step, parameter and place: no generator is touched, and
a resumed run draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 256  # elements that share a scale in 8-bit state
SMALL = 4096  # tensors with fewer elements are not worth 8 bits
STATES = ("fp32", "bf16", "8bit")
ROUNDINGS = ("nearest", "stochastic", "kahan")
_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Storage:
    """How averages are kept ("fp32", "bf16", "8bit") and how bfloat16 parameters are rounded.

    "kahan" keeps beside each bfloat16 what it is short of, a second bfloat16, so that no update is lost.
    """

    state: str = "fp32"
    rounding: str = "nearest"

    def __post_init__(self) -> None:
        for name, value, known in (("state", self.state, STATES), ("rounding", self.rounding, ROUNDINGS)):
            if value not in known:
                raise ValueError(f"{name}={value!r} is not known; choose one of {', '.join(known)}")


def seed_of(step: int, number: int, slot: int) -> int:
    """The salt (32 bits) for a step, a parameter's number, and a slot of its state (0: the parameter itself)."""
    return (step * 0x9E3779B1 ^ (number + 1) * 0x85EBCA6B ^ slot_salt(slot)) & _MASK


def slot_salt(slot: int) -> int:
    """The part of a salt that tells the slots of one parameter apart."""
    return (slot + 1) * 0xC2B2AE35 & _MASK


def noise(count: int, seed: int, device: torch.device | None = None) -> Tensor:
    """``count`` numbers of 32 bits (int64): the finaliser of MurmurHash3 (Appleby, 2011) over places, salted."""
    x = (torch.arange(count, device=device) * 0x9E3779B1 + seed) & _MASK
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _MASK
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _MASK
    return x ^ (x >> 16)


def flat(x: Tensor) -> Tensor:
    """A dense tensor as one line, in the order of its memory."""
    return x.as_strided((x.numel(),), (1,))


def is_dense(x: Tensor) -> bool:
    """Whether a tensor fills one stretch of memory, in whatever order of dimensions."""
    expected = 1
    for stride, size in sorted((stride, size) for stride, size in zip(x.stride(), x.shape, strict=True) if size != 1):
        if stride != expected:
            return x.numel() == 0
        expected *= size
    return True


def load(x: Tensor, scale: Tensor | None = None, signed: bool = True) -> Tensor:
    """The values of a stored tensor, in float32 or more."""
    if x.dtype is torch.uint8:
        assert scale is not None
        return _decode(flat(x), scale, signed).as_strided(x.shape, x.stride())
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def store(new: Tensor, x: Tensor, seed: int, scale: Tensor | None = None, signed: bool = True) -> None:
    """Put values into a stored tensor: what is shorter than float32 is rounded stochastically."""
    if x.dtype is torch.uint8:
        assert scale is not None
        _encode(flat(torch.empty_like(x, dtype=torch.float32).copy_(new)), flat(x), scale, signed, seed)
    elif x.dtype is torch.bfloat16:
        store_stochastic(new, x, seed)
    else:
        x.copy_(new)


def store_stochastic(new: Tensor, x: Tensor, seed: int) -> None:
    """Round float32 to bfloat16 up or down by chance; what is not finite stays so."""
    like = torch.empty_like(x, dtype=torch.float32).copy_(new)
    bits = (flat(like) if is_dense(like) else like).view(torch.int32).to(torch.int64) & _MASK
    up = (bits + (noise(bits.numel(), seed, x.device).reshape(bits.shape) & 0xFFFF)) & 0xFFFF0000
    bits = torch.where((bits & 0x7F800000) == 0x7F800000, bits & 0xFFFF0000, up)
    signed = torch.where(bits >= 2**31, bits - 2**32, bits).to(torch.int32)
    x.copy_(signed.view(torch.float32).as_strided(like.shape, like.stride()))


def load_pair(x: Tensor, rest: Tensor) -> Tensor:
    """A bfloat16 and what it is short of, as float32."""
    return x.float() + rest.float()


def store_pair(new: Tensor, x: Tensor, rest: Tensor) -> None:
    """Put float32 into the nearest bfloat16 and what that is short of."""
    x.copy_(new)
    rest.copy_(new - x.float())


def blocks(count: int) -> int:
    """The number of scales for so many elements."""
    return -(-count // BLOCK)


def _decode(codes: Tensor, scales: Tensor, signed: bool) -> Tensor:
    """A code c stands for scale (c/127) |c/127| or, without a sign, scale (c/255)^4, which reaches down to 2e-10."""
    by = scales.repeat_interleave(BLOCK)[: codes.numel()]
    if signed:
        c = codes.view(torch.int8).float() / 127
        return c * c.abs() * by
    c = codes.float() / 255
    return c * c * c * c * by


def _encode(x: Tensor, codes: Tensor, scales: Tensor, signed: bool, seed: int) -> None:
    n, top = x.numel(), 127 if signed else 255
    scales.copy_(pad(x.abs(), (0, -n % BLOCK)).reshape(-1, BLOCK).amax(1))
    share = x.abs() * (1 / scales.clamp(min=torch.finfo(torch.float32).tiny)).repeat_interleave(BLOCK)[:n]
    low = ((share.sqrt() if signed else share.sqrt().sqrt()) * top).floor().clamp(max=top)
    a, z = ((c * c if signed else c * c * c * c) for c in (low / top, (low + 1) / top))
    up = (noise(n, seed, x.device) >> 8).float() * 2**-24 < (share - a) / (z - a)
    c = (low + up).clamp(max=top)
    codes.copy_((c * torch.where(x < 0, -1, 1)).to(torch.int8).view(torch.uint8) if signed else c.to(torch.uint8))
