"""Down the gradient, and down an average of it."""

from __future__ import annotations

from leonui.rules.expression import where
from leonui.rules.rule import rule


@rule()
def sgd(g):
    """Steepest descent: d = g. Robbins and Monro (1951)."""
    return g


@rule(v="momentum_buffer")
def heavy_ball(g, v, t, momentum, dampening):
    """Classical momentum: v = momentum v + (1 - dampening) g; d = v. Polyak (1964).

    As in torch the first step is not dampened: v_1 = g. Sutskever et al. (2013) scale v by lr; here v is free of it.
    """
    v = momentum * v + (1 - where(t > 1, dampening, 0.0)) * g
    return v, v


@rule(v="momentum_buffer")
def nesterov(g, v, momentum):
    """Nesterov momentum: v = momentum v + g; d = g + momentum v. Sutskever et al. (2013), as torch writes it."""
    v = momentum * v + g
    return g + momentum * v, v


@rule(v="momentum_buffer")
def averaged_gradient(g, v, beta):
    """Momentum as an exponential average: v = beta v + (1 - beta) g; d = v.

    lr / (1 - beta) here is lr in classical momentum. There is no bias correction, so the first steps are small.
    """
    v = beta * v + (1 - beta) * g
    return v, v
