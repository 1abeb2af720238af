"""No schedule to choose, or no learning rate: averages of the path, and a distance that is estimated on the way."""

from __future__ import annotations

from leonui.rules.expression import absolute, maximum, minimum, sqrt, total, where
from leonui.rules.rule import Slot, rule, square


def _pull(p, z, u, s, top, lr, beta, power):
    """The move of y, the point where gradients are taken, for a move u of z: Defazio et al. (2024), equations 3 to 5.

    x is the average of the z's, each weighted by the largest lr so far to a power; y = beta x + (1-beta) z.
    """
    top = maximum(top, lr)
    weight = top**power
    s = s + weight
    share = weight / maximum(s, 1e-300)
    pull = where(lr > 0, share / maximum(lr, 1e-300), 0.0)
    return pull * (p - z) + (1 - beta * (1 - share)) * u, z - lr * u, s, top


def _averaged_by_momentum(p, z, momentum):
    return z + (p - z) / momentum


def _averaged_by_beta1(p, z, beta1):
    return z + (p - z) / beta1


@rule(
    _averaged_by_momentum,
    z=Slot("z", start="p"),
    s=Slot("weight_sum", uniform=True),
    top=Slot("lr_max", uniform=True),
)
def schedule_free_sgd(g, z, s, top, p, lr, momentum, power, weight_decay):
    """Schedule-Free SGD: z walks along g, the weights are y. Defazio et al. (2024, arXiv 2405.15682), algorithm 1.

    Decay is taken at y, as in the paper. Warm-up is the schedule's affair; ``averaged()`` shows x.
    """
    return _pull(p, z, g + weight_decay * p, s, top, lr, momentum, power)


@rule(
    _averaged_by_beta1,
    v=square("exp_avg_sq"),
    z=Slot("z", start="p"),
    s=Slot("weight_sum", uniform=True),
    top=Slot("lr_max", uniform=True),
)
def schedule_free_adamw(
    g,
    v,
    z,
    s,
    top,
    p,
    t,
    lr,
    beta1,
    beta2,
    eps,
    power,
    weight_decay,
):
    """Schedule-Free AdamW: z walks along g / (sqrt(v_hat) + eps) + weight_decay y. Defazio et al. (2024), section 4."""
    v = beta2 * v + (1 - beta2) * g * g
    u = g / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * p
    d, *rest = _pull(p, z, u, s, top, lr, beta1, power)
    return d, v, *rest


@rule(
    m="exp_avg",
    v=square("exp_avg_sq"),
    s="s",
    p0=Slot("p0", start="p"),
    d=Slot("d", start="d0", uniform=True, shared=True),
    top=Slot("d_max", start="d0", uniform=True, shared=True),
    r=Slot("d_numerator", uniform=True, shared=True),
)
def prodigy(
    g,
    m,
    v,
    s,
    p0,
    d,
    top,
    r,
    p,
    lr,
    beta1,
    beta2,
    eps,
    d0,
    d_coef,
    growth_rate,
    weight_decay,
):
    """Adam whose rate d grows to the distance travelled. Mishchenko and Defazio (2024, arXiv 2306.06101), algorithm 4.

    As the authors' code without its options: beta3 = sqrt(beta2), decoupled decay by d lr, no bias correction.
    """
    beta3 = sqrt(beta2)
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * (d * g) * (d * g)
    s = beta3 * s + d / d0 * d * lr * g
    r = beta3 * r + total(d / d0 * d * lr * g * (p0 - p))
    length = total(absolute(s))
    estimate = where(length > 0, d_coef * r / where(length > 0, length, 1.0), d)
    top = maximum(top, estimate)
    first = where(d > d0, d, maximum(d, estimate))
    after = minimum(top, first * growth_rate)
    return (
        d * where(length > 0, 1.0, 0.0) * (m / (sqrt(v) + after * eps) + weight_decay * p),
        m,
        v,
        s,
        p0,
        after,
        top,
        r,
    )
