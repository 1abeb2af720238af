"""PPO on environments: what is learned from, the state it keeps, what it refuses."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from leonui.ppo import PPO, Settings, checkpoint, train, worlds

LENGTH = 3  # steps of an episode of Walk


class Walk(gymnasium.Env):
    """The observation counts the steps, a reward of 1 is given for the right action; a time limit ends it."""

    def __init__(self, action: spaces.Space, ends: bool = False, bad: tuple[str, int] = ("", 0)):
        self.observation_space, self.action_space = spaces.Box(-9, 9, (2,), np.float32), action
        self.ends, self.bad, self.total = ends, bad, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.seen(), {}

    def seen(self):
        broken = self.bad == ("observation", self.total)
        return np.array([self.count, np.nan if broken else 1.0], dtype=np.float32)

    def step(self, action):
        self.count += 1
        self.total += 1
        over = self.count == LENGTH
        reward = float(np.mean(np.abs(np.asarray(action, dtype=np.float64) - 1.0) < 0.6))
        if self.bad == ("reward", self.total):
            reward = np.inf
        return self.seen(), reward, over and self.ends, over and not self.ends, {}


def walks(action=None, count=4, mode=AutoresetMode.NEXT_STEP, **options):
    action = action or spaces.Discrete(3)
    return SyncVectorEnv([lambda: Walk(action, **options)] * count, autoreset_mode=mode)


SMALL = Settings.of(length=16, minibatch=16, hidden=(8,), lr=1e-2)
SPACES = {
    "discrete": spaces.Discrete(3),
    "from one": spaces.Discrete(3, start=1),
    "multi": spaces.MultiDiscrete([3, 2]),
    "box": spaces.Box(-2, 2, (2,), np.float32),
}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("action", SPACES)
def test_the_ratio_is_one_before_the_first_step(action, normalize):
    trainer = PPO(walks(SPACES[action]), SMALL.but({"normalize": normalize}))
    rows = [*trainer.rows(16 * 4 * 3)]
    assert {row["ratio_first"] for row in rows} == {0.0}
    assert all(row["kl"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("action", "normalize"),
    [
        pytest.param(action, normalize, marks=[pytest.mark.slow] * (action != "discrete" or not normalize))
        for action in SPACES
        for normalize in (False, True)
    ],
)
def test_the_reward_is_learned(action, normalize):
    settings = SMALL.but({"normalize": normalize, "annealed": False, "log_std": -1.0})
    trainer = PPO(walks(SPACES[action]), settings)
    rows = [*trainer.rows(16 * 4 * 60)]
    assert rows[-1]["return"] > max(0.7 * LENGTH, rows[0]["return"])
    best = trainer.evaluate(envs=walks(SPACES[action]))
    assert np.mean(best) > 0.8 * LENGTH


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_what_is_learned_from_are_real_steps_with_the_value_of_what_they_reached(mode, ends):
    trainer = PPO(walks(mode=mode, ends=ends), SMALL, seed=3)
    with torch.no_grad():
        for parameter in trainer.critic.parameters():
            parameter.zero_()
        trainer.critic[0].weight[0, 0], trainer.critic[0].bias[0] = 0.01, 0.0
        trainer.critic[2].weight[0, 0] = 100.0  # the value is the count of steps, nearly
    trainer.stage.begin(0)
    rollout = trainer._collect()
    seen = trainer._batch(rollout)
    assert rollout.real.all() == (mode is AutoresetMode.SAME_STEP)
    counts = seen["observations"][:, 0]
    assert counts.max() == LENGTH - 1  # what an episode ends with is where no action is taken
    assert len(counts) == rollout.real.sum()
    values = {count: 100 * np.tanh(0.01 * count) for count in range(LENGTH + 1)}
    s = trainer.settings
    rewards = torch.from_numpy(rollout.rewards)[torch.from_numpy(rollout.real)]
    last = counts == LENGTH - 1
    expected = rewards + s.collect.gamma * (0.0 if ends else values[LENGTH]) - values[LENGTH - 1]
    assert torch.allclose(seen["advantage"][last], expected[last].float(), atol=1e-4)


def test_a_run_that_resumes_is_the_run_that_went_on(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "EVERY", 64)
    settings = SMALL.but({"normalize": True, "target_kl": 0.05})
    whole = PPO("CartPole-v1", settings, seed=2)
    whole.train(2048)
    half = PPO("CartPole-v1", settings, seed=2, folder=tmp_path)
    for row in half.rows(2048):
        if row["update"] == 19:  # some updates after a checkpoint: killed here
            break
    other = PPO.resume(tmp_path)
    assert other.updates == 16
    last = other.train(2048)
    assert (other.steps, last["update"]) == (whole.steps, whole.updates)
    ours, theirs = (
        [*trainer.policy.state_dict().values(), *trainer.critic.state_dict().values()] for trainer in (other, whole)
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert np.array_equal(other.observed.moments.mean, whole.observed.moments.mean)


@pytest.mark.parametrize("what", ["reward", "observation"])
def test_a_number_that_is_not_finite_ends_it_and_the_checkpoint_is_whole(what, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "EVERY", 16)
    trainer = PPO(walks(bad=(what, 50)), SMALL, folder=tmp_path)
    with pytest.raises(FloatingPointError, match=rf"the {what} of environment 0 is not finite at step \d+"):
        trainer.train(10_000)
    assert PPO.resume(tmp_path, walks()).updates > 0


def test_a_checkpoint_that_is_cut_short_is_refused_and_the_one_before_offered(tmp_path):
    for number in (1, 2):
        checkpoint.save(tmp_path, {"number": number})
    assert checkpoint.load(tmp_path)["number"] == 2
    torn = tmp_path / checkpoint.NAME
    torn.write_bytes(torn.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"is cut short or damaged; the one before it is .*checkpoint-before.pt"):
        checkpoint.load(tmp_path)
    assert checkpoint.load(tmp_path / checkpoint.BEFORE)["number"] == 1
    with pytest.raises(ValueError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / "nowhere")


def test_the_policy_does_not_go_further_than_it_may():
    far = SMALL.but({"lr": 0.5, "target_kl": 0.01})
    row = PPO(walks(), far).train(16 * 4)
    assert row["stopped"]
    assert row["minibatches"] < 16


def missing(*_, **__):
    raise gymnasium.error.DependencyNotInstalled("Box2D is not installed")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PPO("CartPole-v9"), "Gymnasium has no environment 'CartPole-v9'; the nearest are CartPole-v"),
        (lambda: PPO("Lunarlander-v3"), "the nearest are LunarLander"),
        (lambda: PPO(walks(spaces.MultiBinary(3))), r"actions of MultiBinary\(3\) are not supported"),
        (lambda: worlds.inputs(spaces.Discrete(16)), r"observations of Discrete\(16\) are not supported"),
        (lambda: PPO(walks(mode=AutoresetMode.DISABLED)), "autoreset_mode=.* is not supported"),
        (lambda: PPO(walks(), Settings.of(optimizer="Adamm")), "optimizer='Adamm' is none of leonui.optim"),
        (lambda: Settings.of(minibatch=1024), "minibatch=1024 is not from 2 to envs x length = 512"),
        (lambda: Settings.of(rate=1.0), "PPO has no setting 'rate'; it has envs, length, gamma"),
        (lambda: Settings.of(epochs=0), "epochs=0 is below 1"),
        (lambda: Settings.of(activation="elu"), "activation='elu' is not known; choose tanh or relu"),
    ],
)
def test_what_cannot_be_trained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(gymnasium, "make_vec", missing)
    with pytest.raises(ValueError, match=r"LunarLander-v3 needs a package .*Box2D.*; pip install 'leonui\[rl\]'"):
        worlds.make("LunarLander-v3", 1)


def test_another_optimizer_learns_too():
    trainer = PPO(walks(), SMALL.but({"optimizer": "Lion", "lr": 3e-3}))
    rows = [*trainer.rows(16 * 4 * 40)]
    assert rows[-1]["return"] > rows[0]["return"] + 0.5


@pytest.mark.slow
def test_cartpole_is_solved():
    trainer = PPO("CartPole-v1", seed=1)
    trainer.train(100_000)
    assert trainer.evaluate(20) == [500.0] * 20
