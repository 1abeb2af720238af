"""Each tensor walks in proportion to its own size: for very large batches."""

from __future__ import annotations

from leonui.rules.adam import adam
from leonui.rules.expression import norm, where
from leonui.rules.rule import rule, square


@rule(m="exp_avg", v=square("exp_avg_sq"))
def lamb(
    g,
    m,
    v,
    p,
    t,
    beta1,
    beta2,
    eps,
    weight_decay,
):
    """u = Adam's direction + weight_decay p; d = u |p| / |u|. You et al. (2020, arXiv 1904.00962), algorithm 2.

    The ratio is 1 where one of the norms is 0; it is not bounded (phi is the identity).
    """
    u, m, v = adam(g, m, v, t, beta1, beta2, eps)
    u = u + weight_decay * p
    return u * _ratio(norm(p), norm(u)), m, v


@rule(v="momentum_buffer")
def lars(g, v, p, momentum, trust, eps, weight_decay):
    """v = momentum v + r (g + weight_decay p), r = trust |p| / (|g| + weight_decay |p| + eps).

    You et al. (2017, arXiv 1708.03888), algorithm 1, with lr outside of v, so that a change of lr acts at once.
    r is 1 where |p| or |g| is 0.
    """
    size, slope = norm(p), norm(g)
    r = where(size * slope > 0, trust * size / (slope + weight_decay * size + eps), 1.0)
    v = momentum * v + r * (g + weight_decay * p)
    return v, v


def _ratio(size, length):
    return where(size * length > 0, size / where(length > 0, length, 1.0), 1.0)
