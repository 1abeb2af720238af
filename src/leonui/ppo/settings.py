"""The numbers of a training by PPO, and those that were published for well-known environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Collect:
    """Where samples come from: environments side by side, steps of each between updates, discount, GAE's lambda.

    normalize: scale observations and returns by running moments, and cut them at 10 deviations.
    """

    envs: int = 4
    length: int = 128
    gamma: float = 0.99
    lam: float = 0.95
    normalize: bool = False


@dataclass(frozen=True)
class Learn:
    """How they are learned from: passes, in parts of ``minibatch`` samples, at ``lr``, to 0 where ``annealed``.

    entropy, value: weights of these parts of the loss; optimizer: one of leonui.optim by its name.
    """

    epochs: int = 4
    minibatch: int = 128
    lr: float = 2.5e-4
    annealed: bool = True
    entropy: float = 0.01
    value: float = 0.5
    optimizer: str = "Adam"


@dataclass(frozen=True)
class Bound:
    """How far at most: the ratio's range (to 0 where ``clip_annealed``), the critic's, None for none.

    max_norm: of the actor's and of the critic's gradient, each; target_kl: nats (k3) beyond 1.5 times which a
    minibatch is not learned from and the update ends; None for no end.
    """

    clip: float = 0.2
    clip_annealed: bool = False
    value_clip: float | None = None
    max_norm: float = 0.5
    target_kl: float | None = None


@dataclass(frozen=True)
class Network:
    """Actor and critic, each: widths of the hidden layers; "tanh" or "relu"; where a Gaussian's log_std begins."""

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    log_std: float = 0.0


@dataclass(frozen=True)
class Settings:
    """All numbers of a run, by what they are for; the defaults are CleanRL's for classic control.

    >>> Settings.of(envs=8, lr=1e-3).learn.lr
    0.001
    """

    collect: Collect = field(default_factory=Collect)
    learn: Learn = field(default_factory=Learn)
    bound: Bound = field(default_factory=Bound)
    network: Network = field(default_factory=Network)

    @classmethod
    def of(cls, **numbers: Any) -> Settings:
        """Settings with some numbers changed, each by its own name. Raises ValueError for an unknown one."""
        return cls().but(numbers)

    def but(self, numbers: Mapping[str, Any]) -> Settings:
        """These settings with some numbers changed. Raises ValueError for an unknown one."""
        known, every = self.flat(), self.flat() | dict(numbers)
        if unknown := sorted(set(every) - set(known)):
            raise ValueError(f"PPO has no setting {unknown[0]!r}; it has {', '.join(known)}")
        for name, value in numbers.items():
            if isinstance(value, str) != isinstance(known[name], str):
                raise ValueError(f"{name}={value!r} cannot be; it is {known[name]!r} by default, give another such")
        parts = {part.name: type(getattr(self, part.name)) for part in fields(self)}
        return Settings(**{name: kind(**{f.name: every[f.name] for f in fields(kind)}) for name, kind in parts.items()})

    def flat(self) -> dict[str, Any]:
        """All numbers by their names."""
        return {name: value for part in asdict(self).values() for name, value in part.items()}

    def __post_init__(self) -> None:
        for name in ("envs", "length", "epochs"):
            if (value := self.flat()[name]) < 1:
                raise ValueError(f"{name}={value} is below 1")
        most = self.collect.envs * self.collect.length
        if not 2 <= self.learn.minibatch <= most:
            raise ValueError(
                f"minibatch={self.learn.minibatch} is not from 2 to envs x length = {most}: "
                "advantages are normalised within it"
            )
        if self.network.activation not in ("tanh", "relu"):
            raise ValueError(f"activation={self.network.activation!r} is not known; choose tanh or relu")


_MUJOCO = Settings.of(
    envs=1, length=2048, epochs=10, minibatch=64, lr=3e-4, entropy=0.0, normalize=True
)  # CleanRL, ppo_continuous_action.py

# From RL Baselines3 Zoo (hyperparams/ppo.yml) where no other source is named. Departures: no gSDE for Pendulum.
PRESETS = {
    "CartPole-v1": Settings.of(
        envs=8, length=32, epochs=20, minibatch=256, lr=1e-3, gamma=0.98, lam=0.8, clip_annealed=True, entropy=0.0
    ),
    "Acrobot-v1": Settings.of(
        envs=16, length=256, minibatch=64, lr=3e-4, annealed=False, lam=0.94, entropy=0.0, normalize=True
    ),
    "LunarLander-v3": Settings.of(
        envs=16, length=1024, minibatch=64, lr=3e-4, annealed=False, gamma=0.999, lam=0.98, entropy=0.01
    ),
    "Pendulum-v1": Settings.of(
        envs=4, length=1024, epochs=10, minibatch=64, lr=1e-3, annealed=False, gamma=0.9, entropy=0.0
    ),
    "MountainCar-v0": Settings.of(
        envs=16, length=16, minibatch=64, lr=3e-4, annealed=False, lam=0.98, entropy=0.0, normalize=True
    ),
    "Hopper-v5": _MUJOCO,
    "HalfCheetah-v5": _MUJOCO,
    "Walker2d-v5": _MUJOCO,
    "InvertedPendulum-v5": _MUJOCO,
}
STEPS = {"CartPole-v1": 100_000, "Pendulum-v1": 100_000}  # that these were published for; the others for a million


def preset(name: str) -> Settings:
    """The published settings for an environment, else the defaults."""
    return PRESETS.get(name, Settings())
