"""The numbers of RLHF: how to sample, how near to stay, how to credit, how to update."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

WHY_NOT = {
    "k1": "the gradient of k1 at samples of the policy is -grad log pi, whose mean is 0: as a loss it is no penalty "
    "at all; KLPenalty('k1') puts it in the reward, where it is right",
    "k3": "the gradient of k3 at samples of the policy has the mean of grad KL(ref || pi), the other KL, so it does "
    "not converge to pi_ref exp(r / beta); use 'k1' (in the reward), 'k2' or 'exact' (in the loss); k3 is "
    "among the metrics",
}


def _above(owner: object, least: float, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if value is not None and not value > least:
            raise ValueError(f"{type(owner).__name__}: {name}={value!r} must be above {least:g}")


def _among(owner: object, name: str, choices: Collection[str]) -> None:
    if getattr(owner, name) not in choices:
        raise ValueError(
            f"{type(owner).__name__}: {name}={getattr(owner, name)!r} is not known; choose one of {', '.join(choices)}"
        )


@dataclass(frozen=True)
class Sampling:
    """How completions are made: from the policy itself, with no top-k, no top-p, no penalty.

    ``batch`` completions an iteration and a process, ``per_prompt`` of each prompt, of at most ``length`` tokens.
    ``eos`` ends one: a token id, several, or () for none; None asks the tokenizer, then the model's config. What
    does not end loses ``missing_eos`` of its score. Each process of a group draws with a seed of its own.
    """

    batch: int = 64
    length: int = 48
    temperature: float = 1.0
    per_prompt: int = 1
    eos: int | tuple[int, ...] | None = None
    missing_eos: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _above(self, 0, "batch", "length", "temperature", "per_prompt")
        if self.batch % self.per_prompt:
            raise ValueError(
                f"Sampling: batch={self.batch} is no multiple of per_prompt={self.per_prompt}; "
                f"give {self.batch // self.per_prompt * self.per_prompt or self.per_prompt}"
            )


@dataclass(frozen=True)
class KLPenalty:
    """How near the policy stays to its reference, by a price ``beta`` on KL(pi || ref), in reward per nat.

    ``form``: "k1" takes it off the reward of each token, "k2" and "exact" (over the whole vocabulary) add it to the
    loss; all three converge to pi_ref exp(r / beta). ``target``: the KL of a whole completion, in nats, that is held by
    moving the price, which begins at ``beta``; None: the price is fixed.
    """

    form: str = "k1"
    beta: float = 0.1
    target: float | None = None

    def __post_init__(self) -> None:
        if self.form == "k3":
            raise ValueError(f"KLPenalty: form='k3' is refused: {WHY_NOT['k3']}")
        _among(self, "form", ("k1", "k2", "exact"))
        _above(self, 0, "target")
        if self.beta < 0 or (self.target is not None and not self.beta):
            raise ValueError(f"KLPenalty: beta={self.beta!r} must not be negative, nor 0 where a target moves it")


@dataclass(frozen=True)
class Advantage:
    """How tokens get credit: "gae" by a critic, "rloo" and "grpo" by comparison with completions of the same prompt.

    ``gamma`` and ``lam`` are those of GAE; ``critic`` weighs the critic's loss, ``critic_clip`` bounds its steps.
    """

    kind: str = "gae"
    gamma: float = 1.0
    lam: float = 0.95
    critic: float = 0.1
    critic_clip: float | None = None

    def __post_init__(self) -> None:
        _among(self, "kind", ("gae", "rloo", "grpo"))
        _above(self, 0, "gamma", "critic_clip")


@dataclass(frozen=True)
class Update:
    """How a batch changes the policy: ``epochs`` passes over it, ``minibatch`` completions a step (None: all at once).

    ``micro_batch`` completions go through the model at a time: it bounds memory and changes nothing else. ``epsilon``,
    ``kind`` and ``dual_clip`` are those of ``clipped_objective``; ``lr`` and ``clip_norm`` are AdamW's, where no
    optimizer was given.
    """

    lr: float = 1e-5
    epochs: int = 4
    minibatch: int | None = None
    micro_batch: int | None = None
    epsilon: float | tuple[float, float] = 0.2
    kind: str = "clip"
    dual_clip: float | None = None
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        _above(self, 0, "lr", "epochs", "minibatch", "micro_batch", "clip_norm")


def check_together(penalty: KLPenalty, advantage: Advantage, sampling: Sampling) -> None:
    """Raises ValueError for settings that are each right and together wrong."""
    if advantage.kind != "gae" and sampling.per_prompt < 2:
        raise ValueError(
            f"Advantage({advantage.kind!r}) compares completions of one prompt, and there is "
            f"per_prompt={sampling.per_prompt}; give Sampling(per_prompt=4)"
        )
    if advantage.kind == "grpo" and penalty.form != "k1" and penalty.target is None:
        raise ValueError(
            f"Advantage('grpo') divides by the spread of each prompt's rewards and would rescale beta={penalty.beta} "
            f"of KLPenalty({penalty.form!r}) in the loss; use form='k1', give a target, or use Advantage('rloo')"
        )
