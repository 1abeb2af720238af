"""Adam and its kin: an average of the gradient over the root of an average of its square."""

from __future__ import annotations

from leonui.rules.expression import absolute, maximum, sqrt, where
from leonui.rules.rule import Slot, rule, square


@rule(m="exp_avg", v=square("exp_avg_sq"))
def adam(g, m, v, t, beta1, beta2, eps):
    """m, v = averages of g, g^2; d = m_hat / (sqrt(v_hat) + eps). Kingma and Ba (2015, arXiv 1412.6980), algorithm 1.

    eps is added to the root of the corrected v, as in the algorithm; not to the uncorrected one (their section 2).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps), m, v


@rule(m="exp_avg", v=square("exp_avg_sq"), w=square("max_exp_avg_sq"))
def amsgrad(g, m, v, w, t, beta1, beta2, eps):
    """Adam with w = max(w, v) in place of v. Reddi et al. (2018, arXiv 1904.09237), algorithm 2.

    As torch: the maximum is taken of v before its bias is corrected, and both biases are corrected (paper: neither).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    w = maximum(w, v)
    return m / (1 - beta1**t) / (sqrt(w / (1 - beta2**t)) + eps), m, v, w


@rule(m="exp_avg", v=square("exp_avg_sq"), mu=Slot("mu_product", start=1.0, uniform=True))
def nadam(g, m, v, mu, t, beta1, beta2, eps, momentum_decay):
    """Adam with Nesterov's look ahead: d = (a g + b m) / (sqrt(v_hat) + eps). Dozat (2016), algorithm 1.

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), a = (1-mu_t) / (1 - prod mu), b = mu_t+1 / (1 - prod mu mu_t+1).
    """
    now, next_ = (beta1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
    mu = mu * now
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    ahead = g * ((1 - now) / (1 - mu)) + m * (next_ / (1 - mu * next_))
    return ahead / (sqrt(v / (1 - beta2**t)) + eps), m, v, mu


@rule(m="exp_avg", v=square("exp_avg_sq"))
def radam(g, m, v, t, beta1, beta2, eps):
    """Adam, rectified while v is uncertain: d = r m_hat sqrt(1-beta2^t) / (sqrt(v) + eps).

    Liu et al. (2020, arXiv 1908.03265), algorithm 2. As torch: where the length rho_t of the average
    is at most 5, d = m_hat (paper: 4); eps on the uncorrected root.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    last = 2 / (1 - beta2) - 1
    rho = last - 2 * t * beta2**t / (1 - beta2**t)
    r = sqrt(maximum((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * maximum(rho, 1.0)), 0.0))
    scale = where(rho > 5, r * sqrt(1 - beta2**t) / (sqrt(v) + eps), 1.0)
    return m / (1 - beta1**t) * scale, m, v


@rule(m="exp_avg", u=square("exp_inf"))
def adamax(g, m, u, t, beta1, beta2, eps):
    """Adam by the largest magnitude: u = max(beta2 u, |g| + eps); d = m_hat / u. Kingma and Ba (2015), algorithm 2.

    As torch: eps is added to |g| (paper: none).
    """
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, absolute(g) + eps)
    return m / (1 - beta1**t) / u, m, u


@rule(m="exp_avg", c="exp_avg_diff", v=square("exp_avg_sq"), q=Slot("previous_grad"))
def adan(
    g,
    m,
    c,
    v,
    q,
    p,
    t,
    lr,
    beta1,
    beta2,
    beta3,
    eps,
    weight_decay,
):
    """Adam on the gradient and its change; d = (m_hat + beta2 c_hat) / (sqrt(v_hat) + eps).

    Xie et al. (2022, arXiv 2208.06677), algorithm 1. Averages m of g, c of g - q, v of
    (g + beta2 (g - q))^2, q the last gradient. Decay is proximal, as in the paper: p = (p - lr d) /
    (1 + lr weight_decay). As in the authors' code the betas are weights of the past.
    """
    change = where(t > 1, g - q, 0.0)
    m = beta1 * m + (1 - beta1) * g
    c = beta2 * c + (1 - beta2) * change
    v = beta3 * v + (1 - beta3) * (g + beta2 * change) * (g + beta2 * change)
    ahead = m / (1 - beta1**t) + beta2 * c / (1 - beta2**t)
    u = ahead / (sqrt(v / (1 - beta3**t)) + eps)
    return (u + weight_decay * p) / (1 + lr * weight_decay), m, c, v, g
