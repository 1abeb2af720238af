"""What the CPU kernels stand on: memory by address, and the loads and stores of each storage, compiled by numba.

The stores are those of ``storage``, bit for bit; a test compares them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding
from numba import carray, njit, types
from numba.extending import intrinsic

from leonui.engine.storage import BLOCK

F, U = np.float32, np.uint32
PLAIN: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
# sums may be reordered, which vectors need; what is infinite or nan keeps its meaning
FAST: dict[str, Any] = {**PLAIN, "fastmath": {"reassoc", "contract", "nsz"}}

# a rule with six tensors needs more checks for overlap than LLVM allows by default before it gives up vectors
binding.set_option("leonui", "-runtime-memory-check-threshold=128")
binding.set_option("leonui", "-memory-check-merge-threshold=1024")


def _pointer_to(kind: types.Type) -> Any:
    @intrinsic
    def pointer(typing: Any, address: Any) -> Any:
        signature = types.CPointer(kind)(types.int64)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return signature, generate

    return pointer


def _bitcast(before: types.Type, after: types.Type) -> Any:
    @intrinsic
    def cast(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], context.get_value_type(signature.return_type))

        return after(before), generate

    return cast


float_at, double_at = _pointer_to(types.float32), _pointer_to(types.float64)
half_at, byte_at, signed_at = _pointer_to(types.uint16), _pointer_to(types.uint8), _pointer_to(types.int8)
bits_of, float_of = _bitcast(types.float32, types.uint32), _bitcast(types.uint32, types.float32)


@njit(**PLAIN)
def floats(address, n):
    """``n`` float32 from an address on."""
    return carray(float_at(address), n)


@njit(**PLAIN)
def doubles(address, n):
    """``n`` float64 from an address on."""
    return carray(double_at(address), n)


@njit(**PLAIN)
def seed_of(step, number):
    """The part of a salt that stands for the step and the parameter (32 bits)."""
    return U(U(step * U(0x9E3779B1)) ^ U((number + U(1)) * U(0x85EBCA6B)))


@njit(**PLAIN)
def hashed(i, seed):
    """The noise of one place (32 bits)."""
    x = U(U(i) * U(0x9E3779B1) + U(seed))
    x = U((x ^ (x >> U(16))) * U(0x85EBCA6B))
    x = U((x ^ (x >> U(13))) * U(0xC2B2AE35))
    return U(x ^ (x >> U(16)))


@njit(**PLAIN)
def load_half(address, n, out):
    """bfloat16 to float32."""
    x = carray(half_at(address), n)
    for i in range(n):
        out[i] = float_of(U(x[i]) << U(16))


@njit(**PLAIN)
def nearest(x):
    """The upper 16 bits of a float32, rounded to nearest, ties to even; nan stays nan."""
    b = bits_of(x)
    up = U(b + U(0x7FFF) + ((b >> U(16)) & U(1))) >> U(16)
    return U(0x7FC0) if x != x else up


@njit(**PLAIN)
def store_half(x, address, n):
    """float32 to bfloat16, to nearest; how many stay as they were."""
    out, same = carray(half_at(address), n), 0
    for i in range(n):
        b = np.uint16(nearest(x[i]))
        same += b == out[i]
        out[i] = b
    return same


@njit(**PLAIN)
def store_half_stochastic(x, address, n, place, seed):
    """float32 to bfloat16, stochastically; how many stay as they were."""
    out, same = carray(half_at(address), n), 0
    for i in range(n):
        b = bits_of(x[i])
        cut = U(0) if (b & U(0x7F800000)) == U(0x7F800000) else U(hashed(place + i, seed) & U(0xFFFF))
        h = np.uint16(U(b + cut) >> U(16))
        same += h == out[i]
        out[i] = h
    return same


@njit(**PLAIN)
def load_pair(address, rest, n, out):
    """A bfloat16 and what it is short of, to float32."""
    x, y = carray(half_at(address), n), carray(half_at(rest), n)
    for i in range(n):
        out[i] = float_of(U(x[i]) << U(16)) + float_of(U(y[i]) << U(16))


@njit(**PLAIN)
def store_pair(x, address, rest, n):
    """float32 to the nearest bfloat16 and what that is short of; how many pairs stay as they were."""
    high, low, same = carray(half_at(address), n), carray(half_at(rest), n), 0
    for i in range(n):
        h = nearest(x[i])
        r = nearest(x[i] - float_of(U(h) << U(16)))
        same += (np.uint16(h) == high[i]) & (np.uint16(r) == low[i])
        high[i] = np.uint16(h)
        low[i] = np.uint16(r)
    return same


@njit(**PLAIN)
def load_signed(address, scales, n, out):
    """8-bit codes with a sign to float32."""
    c, s = carray(signed_at(address), n), carray(float_at(scales), (n + BLOCK - 1) // BLOCK)
    for b in range(s.size):
        scale = s[b]
        for i in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
            x = F(c[i]) / F(127)
            out[i] = x * abs(x) * scale


@njit(**PLAIN)
def load_unsigned(address, scales, n, out):
    """8-bit codes without a sign to float32."""
    c, s = carray(byte_at(address), n), carray(float_at(scales), (n + BLOCK - 1) // BLOCK)
    for b in range(s.size):
        scale = s[b]
        for i in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
            x = F(c[i]) / F(255)
            out[i] = x * x * x * x * scale


@njit(**PLAIN)
def _largest(x, first, last):
    top = F(0)
    for i in range(first, last):
        top = max(top, abs(x[i]))
    return top


@njit(**PLAIN)
def store_signed(x, address, scales, n, place, seed):
    """float32 to 8-bit codes with a sign, stochastically."""
    c, s = carray(signed_at(address), n), carray(float_at(scales), (n + BLOCK - 1) // BLOCK)
    for b in range(s.size):
        first, last = b * BLOCK, min(n, (b + 1) * BLOCK)
        s[b] = _largest(x, first, last)
        rcp = F(1) / max(s[b], F(1.1754943508222875e-38))
        for i in range(first, last):
            share = abs(x[i]) * rcp
            low = min(np.floor(np.sqrt(share) * F(127)), F(127))
            a, z = low / F(127), (low + F(1)) / F(127)
            chance = (share - a * a) / (z * z - a * a)
            up = F(hashed(place + i, seed) >> U(8)) * F(2**-24) < chance
            code = np.int32(min(low + F(up), F(127)))
            c[i] = np.int8(-code if x[i] < F(0) else code)


@njit(**PLAIN)
def store_unsigned(x, address, scales, n, place, seed):
    """float32 to 8-bit codes without a sign, stochastically."""
    c, s = carray(byte_at(address), n), carray(float_at(scales), (n + BLOCK - 1) // BLOCK)
    for b in range(s.size):
        first, last = b * BLOCK, min(n, (b + 1) * BLOCK)
        s[b] = _largest(x, first, last)
        rcp = F(1) / max(s[b], F(1.1754943508222875e-38))
        for i in range(first, last):
            share = abs(x[i]) * rcp
            low = min(np.floor(np.sqrt(np.sqrt(share)) * F(255)), F(255))
            a, z = low / F(255), (low + F(1)) / F(255)
            a, z = a * a * a * a, z * z * z * z
            up = F(hashed(place + i, seed) >> U(8)) * F(2**-24) < (share - a) / (z - a)
            c[i] = np.uint8(min(low + F(up), F(255)))


@njit(**FAST)
def squares(x, n):
    """The sum of squares, in float64."""
    total = 0.0
    for i in range(n):
        y = np.float64(x[i])
        total += y * y
    return total
