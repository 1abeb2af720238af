"""Only the sign counts: every coordinate moves by the same distance."""

from __future__ import annotations

from leonui.rules.expression import sign
from leonui.rules.rule import rule


@rule()
def sign_sgd(g):
    """d = sign(g). Bernstein et al. (2018, arXiv 1802.04434), algorithm 1."""
    return sign(g)


@rule(m="exp_avg")
def lion(g, m, beta1, beta2):
    """d = sign(beta1 m + (1-beta1) g); m = beta2 m + (1-beta2) g. Chen et al. (2023, arXiv 2302.06675), algorithm 2."""
    d = sign(beta1 * m + (1 - beta1) * g)
    return d, beta2 * m + (1 - beta2) * g
