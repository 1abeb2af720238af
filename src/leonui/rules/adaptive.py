"""Each coordinate by its own scale, from squared gradients alone."""

from __future__ import annotations

from leonui.rules.expression import maximum, sqrt
from leonui.rules.rule import Slot, rule, square


@rule(s=Slot("sum", start="initial_accumulator_value"))
def adagrad(g, s, t, lr_decay, eps):
    """s = s + g^2; d = g / (sqrt(s) + eps) / (1 + (t-1) lr_decay); eps outside the root. Duchi et al. (2011), eq. 1."""
    s = s + g * g
    return g / (sqrt(s) + eps) / (1 + (t - 1) * lr_decay), s


@rule(v=square("square_avg"))
def rmsprop(g, v, alpha, eps):
    """v = alpha v + (1-alpha) g^2; d = g / (sqrt(v) + eps); eps outside the root.

    Tieleman and Hinton (2012), lecture 6e, as torch has it.
    """
    v = alpha * v + (1 - alpha) * g * g
    return g / (sqrt(v) + eps), v


@rule(v=square("square_avg"), a="grad_avg")
def rmsprop_centered(g, v, a, alpha, eps):
    """RMSProp by the variance: a = alpha a + (1-alpha) g; d = g / (sqrt(v - a^2) + eps). Graves (2013), eq. 38-45.

    As torch: eps outside the root (Graves: inside). A variance that rounding made negative counts as 0.
    """
    v = alpha * v + (1 - alpha) * g * g
    a = a + (1 - alpha) * (g - a)
    return g / (sqrt(maximum(v - a * a, 0.0)) + eps), v, a


@rule(v=square("square_avg"), b="momentum_buffer")
def rmsprop_momentum(g, v, b, alpha, eps, momentum):
    """RMSProp, then b = momentum b + d; the direction is b, as in torch."""
    u, v = rmsprop(g, v, alpha, eps)
    b = momentum * b + u
    return b, v, b


@rule(v=square("square_avg"), a="grad_avg", b="momentum_buffer")
def rmsprop_centered_momentum(g, v, a, b, alpha, eps, momentum):
    """Centered RMSProp, then b = momentum b + d; the direction is b, as in torch."""
    u, v, a = rmsprop_centered(g, v, a, alpha, eps)
    b = momentum * b + u
    return b, v, a, b


@rule(v=square("square_avg"), a=square("acc_delta"))
def adadelta(g, v, a, rho, eps):
    """v = rho v + (1-rho) g^2; d = g sqrt(a + eps) / sqrt(v + eps); a = rho a + (1-rho) d^2. Zeiler (2012), alg. 1.

    eps inside both roots. The paper has no learning rate: lr = 1 is the paper.
    """
    v = rho * v + (1 - rho) * g * g
    d = g * sqrt(a + eps) / sqrt(v + eps)
    return d, v, rho * a + (1 - rho) * d * d
