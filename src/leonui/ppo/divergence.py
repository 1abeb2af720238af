"""How far one policy is from another, and the price that holds it at a distance."""

from __future__ import annotations

import math

from torch import Tensor

FORMS = ("k1", "k2", "k3")
PACE = 0.05  # of the logarithm of the price, at most, an update


def kl(log_prob: Tensor, ref_log_prob: Tensor, form: str = "k3") -> Tensor:
    """An estimate of KL(policy || reference) at each sample of the policy, in nats, of the shape of ``log_prob``.

    k1, the difference, has no bias and may be negative; k2, half its square, has little variance and the right
    gradient as a loss; k3 has neither bias nor negative values, and as a loss a gradient that leads elsewhere: use k1
    in the reward or k2 in the loss (Schulman 2020, "Approximating KL divergence"). Raises ValueError for another form.

    >>> import torch
    >>> round(kl(torch.tensor(0.5).log(), torch.tensor(0.25).log(), "k1").item(), 4)
    0.6931
    """
    apart = log_prob - ref_log_prob
    if form == "k1":
        return apart
    if form == "k2":
        return 0.5 * apart.square()
    if form == "k3":
        return (-apart).exp() - 1 + apart
    raise ValueError(f"form={form!r} is not known; choose one of {', '.join(FORMS)}")


def exact_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL(policy || reference) in nats over the last axis, that of the choices, from both policies' logits.

    >>> import torch
    >>> exact_kl(torch.zeros(2, 3), torch.zeros(2, 3))
    tensor([0., 0.])
    """
    log_prob = logits.log_softmax(-1)
    return (log_prob.exp() * (log_prob - ref_logits.log_softmax(-1))).sum(-1)


class KLTarget:
    """Holds a mean KL at ``delta`` nats: the price ``beta`` of a nat is raised above it and lowered below.

    Dual ascent on the logarithm of the price, by no more than 5% an update: beta *= exp(0.05 clip(KL / delta - 1, -1,
    1)). Departure from Ziegler et al. 2019, section 2.2: the logarithm, and the clipping at 1 and not at 0.2. Raises
    ValueError for a delta or beta that is not above 0.

    >>> target = KLTarget(delta=0.3, beta=1.0)
    >>> round(target.update(0.6), 4)
    1.0513
    """

    def __init__(self, delta: float, beta: float = 0.1):
        for name, value in (("delta", delta), ("beta", beta)):
            if not value > 0:
                raise ValueError(f"{name}={value} is not above 0; a KL has a target and a price that are")
        self.delta, self.beta = delta, beta

    def update(self, measured: float | Tensor) -> float:
        """Take in the mean KL of an iteration; returns the new price."""
        beyond = float(measured) / self.delta - 1
        self.beta *= math.exp(PACE * max(-1.0, min(1.0, beyond)))
        return self.beta

    def state_dict(self) -> dict[str, float]:
        """What a run needs to go on."""
        return {"delta": self.delta, "beta": self.beta}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from ``state_dict``."""
        self.delta, self.beta = state["delta"], state["beta"]
