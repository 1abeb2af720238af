"""The numbers of a training by PPO, and those that were published for well-known environments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from leonui.schedule import parse


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # pyright: ignore[reportArgumentType]


def _whole(value: object) -> bool:
    return type(value) is int and value >= 1


# what a setting may be, by how its type is written
KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number of at least 1", _whole),
    "int | None": ("a whole number of at least 1, or null for none", lambda value: value is None or _whole(value)),
    "float": ("a number", _number),
    "float | None": ("a number, or null for none", lambda value: value is None or _number(value)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "str": ("a text", lambda value: isinstance(value, str)),
    "tuple[int, ...]": (
        "a list of widths, like [64,64]",
        lambda value: type(value) is tuple and all(map(_whole, value)),
    ),
}
SHARES = ("gamma", "lam")
AT_LEAST_0 = ("lr", "entropy", "value")
ABOVE_0 = ("clip", "value_clip", "max_norm", "target_kl")
SCHEDULES = ("schedule", "clip_schedule")


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
    """How they are learned from: passes, in parts of ``minibatch`` samples, at ``lr``.

    schedule: what ``lr`` is multiplied by, as leonui.schedule writes it, stretched over the whole run: "linear(1)"
    falls to 0, "warmup(1) > cosine(9)" rises for a tenth; entropy, value: weights of these parts of the loss;
    optimizer: one of leonui.optim by its name.
    """

    epochs: int = 4
    minibatch: int = 128
    lr: float = 2.5e-4
    schedule: str = "linear(1)"
    entropy: float = 0.01
    value: float = 0.5
    optimizer: str = "Adam"


@dataclass(frozen=True)
class Bound:
    """How far at most: the ratio's range, times what ``clip_schedule`` says; the critic's, None for none.

    max_norm: of the actor's and of the critic's gradient, each; target_kl: nats (k3) beyond 1.5 times which a
    minibatch is not learned from and the update ends; None for no end.
    """

    clip: float = 0.2
    clip_schedule: str = "constant"
    value_clip: float | None = None
    max_norm: float = 0.5
    target_kl: float | None = None


@dataclass(frozen=True)
class Network:
    """Actor and critic, each: widths of the hidden layers; "tanh" or "relu"; where a Gaussian's log_std begins.

    sde: a Gaussian's noise is a function of the state, drawn anew every so many steps; None for noise of each step.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    log_std: float = 0.0
    sde: int | None = None


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
        if isinstance(every["hidden"], list):
            every["hidden"] = tuple(every["hidden"])
        parts = {part.name: type(getattr(self, part.name)) for part in fields(self)}
        return Settings(**{name: kind(**{f.name: every[f.name] for f in fields(kind)}) for name, kind in parts.items()})

    def flat(self) -> dict[str, Any]:
        """All numbers by their names."""
        return {name: value for part in asdict(self).values() for name, value in part.items()}

    def __post_init__(self) -> None:
        for part in fields(self):
            for one in fields(getattr(self, part.name)):
                _check(one.name, str(one.type), getattr(getattr(self, part.name), one.name))
        most = self.collect.envs * self.collect.length
        if not 2 <= self.learn.minibatch <= most:
            raise ValueError(
                f"minibatch={self.learn.minibatch} is not from 2 to envs x length = {most}: "
                "advantages are normalised within it"
            )
        if self.network.activation not in ("tanh", "relu"):
            raise ValueError(f"activation={self.network.activation!r} is not known; choose tanh or relu")


def _check(name: str, kind: str, value: Any) -> None:
    """Raises ValueError where a setting is of another kind, or out of its range."""
    words, fits = KINDS[kind]
    if not fits(value):
        raise ValueError(f"{name}={value!r} is not {words}")
    if name in SHARES and not 0 <= value <= 1:
        raise ValueError(f"{name}={value} is not from 0 to 1")
    if name in AT_LEAST_0 and value < 0:
        raise ValueError(f"{name}={value} is below 0")
    if name in ABOVE_0 and value is not None and value <= 0:
        raise ValueError(f"{name}={value} is not above 0")
    if name in SCHEDULES:
        _stretchable(name, str(value))


def _stretchable(name: str, text: Any) -> None:
    try:
        endless = parse(text).endless
    except ValueError as error:
        raise ValueError(f"{name}={text!r}: {error}") from error
    if endless:
        raise ValueError(f"{name}={text!r} has no end, so it cannot be stretched over a run; give its last piece steps")


_MUJOCO = Settings.of(
    envs=1, length=2048, epochs=10, minibatch=64, lr=3e-4, entropy=0.0, normalize=True
)  # CleanRL, ppo_continuous_action.py

# From RL Baselines3 Zoo (hyperparams/ppo.yml) where no other source is named.
PRESETS = {
    "CartPole-v1": Settings.of(
        envs=8,
        length=32,
        epochs=20,
        minibatch=256,
        lr=1e-3,
        gamma=0.98,
        lam=0.8,
        clip_schedule="linear(1)",
        entropy=0.0,
    ),
    "Acrobot-v1": Settings.of(
        envs=16, length=256, minibatch=64, lr=3e-4, schedule="constant", lam=0.94, entropy=0.0, normalize=True
    ),
    "LunarLander-v3": Settings.of(
        envs=16, length=1024, minibatch=64, lr=3e-4, schedule="constant", gamma=0.999, lam=0.98, entropy=0.01
    ),
    "Pendulum-v1": Settings.of(
        envs=4, length=1024, epochs=10, minibatch=64, lr=1e-3, schedule="constant", gamma=0.9, entropy=0.0, sde=4
    ),
    "MountainCar-v0": Settings.of(
        envs=16, length=16, minibatch=64, lr=3e-4, schedule="constant", lam=0.98, entropy=0.0, normalize=True
    ),
    "Hopper-v5": _MUJOCO,
    "HalfCheetah-v5": _MUJOCO,
    "Walker2d-v5": _MUJOCO,
    "InvertedPendulum-v5": _MUJOCO,
}
# that these were published for, the others for a million; the last rollout that began was finished there
STEPS = {"CartPole-v1": 100_000, "Pendulum-v1": 102_400}


def preset(name: str) -> Settings:
    """The published settings for an environment, else the defaults."""
    return PRESETS.get(name, Settings())
