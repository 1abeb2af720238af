"""PPO on environments: what is learned from, the state it keeps, what it refuses."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from leonui.ppo import PPO, Settings, checkpoint, seed, train, worlds
from leonui.ppo.objective import gains
from leonui.ppo.policy import LEAST
from leonui.record import Record

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
    "box, sde": spaces.Box(-2, 2, (2,), np.float32),
}
MORE = {"box, sde": {"sde": 4}}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("action", SPACES)
def test_the_ratio_is_one_before_the_first_step(action, normalize):
    trainer = PPO(walks(SPACES[action]), SMALL.but({"normalize": normalize, **MORE.get(action, {})}))
    rows = [*trainer.rows(16 * 4 * 3)]
    assert {row["ratio_first"] for row in rows} == {0.0}
    assert all(row["ratio_acted"] < 1e-5 for row in rows)
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
    more = {"normalize": normalize, "schedule": "constant", "log_std": -1.0, **MORE.get(action, {})}
    settings = SMALL.but(more)
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


@pytest.mark.parametrize(("name", "more"), [("CartPole-v1", {"target_kl": 0.05}), ("Pendulum-v1", {"sde": 3})])
def test_a_run_that_resumes_is_the_run_that_went_on(name, more, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "EVERY", 64)
    settings = SMALL.but({"normalize": True, **more})
    whole = PPO(name, settings, seed=2)
    whole.train(2048)
    half = PPO(name, settings, seed=2, folder=tmp_path)
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


@pytest.mark.parametrize(
    ("error", "message"), [(FloatingPointError("a reward is nan"), "a reward is nan"), (KeyError("k"), "KeyError: 'k'")]
)
def test_a_seed_that_breaks_keeps_what_it_learned_and_says_why(error, message, tmp_path, monkeypatch):
    monkeypatch.setattr(seed.signal, "signal", lambda *_: None)
    threads, collect = torch.get_num_threads(), PPO._collect

    def broken(self):
        if self.updates == 2:
            raise error
        return collect(self)

    monkeypatch.setattr(PPO, "_collect", broken)
    plan = {"environment": "CartPole-v1", "settings": SMALL.flat(), "steps": 16 * 4 * 5}
    try:
        seed.train(str(tmp_path), plan, 1)
    except KeyError:
        assert error.args == ("k",)
    torch.set_num_threads(threads)
    record = Record.read(tmp_path / seed.RECORD)
    assert (len(record.rows), record.last("failed")["message"]) == (2, message)
    assert PPO.resume(tmp_path).updates == 2


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


def test_schedules_are_stretched_over_the_run():
    settings = SMALL.but({"epochs": 1, "lr": 1.0, "schedule": "warmup(1) > linear(4, 0.2)"})
    rows = [*PPO(walks(), settings).rows(16 * 4 * 10)]
    rates = [0.5, 1.0, *(1 - 0.8 * at / 8 for at in range(8))]
    assert [row["lr"][0] for row in rows] == pytest.approx(rates)


def test_the_range_of_the_ratio_follows_its_schedule(monkeypatch):
    seen = []

    def noted(log_ratio, advantage, clip):
        seen.append(clip)
        return gains(log_ratio, advantage, clip)

    monkeypatch.setattr(train, "gains", noted)
    PPO(walks(), SMALL.but({"epochs": 1, "minibatch": 64, "clip_schedule": "linear(1, 0.5)"})).train(16 * 4 * 4)
    assert seen == pytest.approx([0.2, 0.175, 0.15, 0.125])


def test_a_wait_of_zero_is_an_action_like_others():
    class Zero:
        def standard_exponential(self, shape, dtype):
            return np.zeros(shape, dtype)

    actor = PPO(walks(), SMALL).actor
    assert actor.draw(np.zeros((4, 2), np.float32), Zero())[0].shape == (4,)


def test_noise_of_the_state_is_held_and_its_density_is_that_of_the_dense_gaussian():
    settings = Settings.of(hidden=(5,), sde=3, log_std=-0.5)
    actor = PPO(walks(SPACES["box"]), settings, seed=1).actor
    policy, chance = actor.policy, np.random.default_rng(0)
    with torch.no_grad():
        policy.log_std += 0.3 * torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    rows = np.array([[0.5, -1.0], [0.5, -1.0], [2.0, 0.3]], dtype=np.float32)
    drawn = [actor.draw(rows, chance, step)[0] for step in range(4)]
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[0], drawn[2])
    assert not np.isclose(drawn[0], drawn[3]).any()
    assert not np.isclose(drawn[0][0], drawn[0][1]).any()  # each environment has noise of its own

    policy = policy.double()
    x = torch.from_numpy(rows).double()
    features, mean = policy.net[:-1](x), policy.net(x)
    log_prob, entropy = policy.score(x, torch.from_numpy(drawn[0]).double())
    for i in range(3):
        jacobian = torch.kron(features[i : i + 1], torch.eye(2, dtype=torch.float64))  # of actions to all weights
        covariance = jacobian @ (2 * policy.log_std.flatten()).exp().diag() @ jacobian.T
        dense = torch.distributions.MultivariateNormal(mean[i], covariance + LEAST * torch.eye(2))
        assert log_prob[i].item() == pytest.approx(dense.log_prob(torch.from_numpy(drawn[0][i])).item(), rel=1e-9)
        assert entropy[i].item() == pytest.approx(dense.entropy().item(), rel=1e-9)
    assert policy.deviation(dense.entropy().item()) == pytest.approx(covariance.det().item() ** 0.25, rel=1e-4)


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
        (lambda: PPO(""), "Gymnasium cannot make '': Malformed environment ID"),
        (lambda: PPO("Nowhere/Pong-v5"), r"no environments called Nowhere/.*: put its module before the name"),
        (lambda: PPO("nowhere:Pong-v5"), "nowhere:Pong-v5 cannot be made: No module named 'nowhere'"),
        (lambda: worlds.inputs(spaces.Box(0, 255, (96, 96, 3), np.uint8)), r"of shape \(96, 96, 3\) are images"),
        (lambda: Settings.of(lr=None), "lr=None is not a number"),
        (lambda: Settings.of(lr=-1e-3), "lr=-0.001 is below 0"),
        (lambda: PPO(walks(), Settings.of(sde=4)), r"sde=4 is noise for actions of a Box, and these are Discrete\(3\)"),
        (lambda: Settings.of(sde=0), "sde=0 is not a whole number of at least 1, or null for none"),
        (lambda: Settings.of(epochs=2.5), "epochs=2.5 is not a whole number of at least 1"),
        (lambda: Settings.of(hidden=8), r"hidden=8 is not a list of widths, like \[64,64\]"),
        (lambda: Settings.of(gamma=2), "gamma=2 is not from 0 to 1"),
        (lambda: Settings.of(target_kl=0.0), "target_kl=0.0 is not above 0"),
        (lambda: Settings.of(normalize=1), "normalize=1 is not true or false"),
        (lambda: Settings.of(schedule="linaer(1)"), r"schedule='linaer\(1\)': column 1: 'linaer' is not known"),
        (lambda: Settings.of(clip_schedule="step(3)"), r"clip_schedule='step\(3\)' has no end"),
        (lambda: Settings.of(minibatch=1024), "minibatch=1024 is not from 2 to envs x length = 512"),
        (lambda: Settings.of(rate=1.0), "PPO has no setting 'rate'; it has envs, length, gamma"),
        (lambda: Settings.of(epochs=0), "epochs=0 is not a whole number of at least 1"),
        (lambda: Settings.of(activation="elu"), "activation='elu' is not known; choose tanh or relu"),
    ],
)
def test_what_cannot_be_trained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(gymnasium, "make_vec", missing)
    with pytest.raises(
        ValueError, match=r"LunarLander-v3 cannot be made: Box2D is not installed; pip install 'leonui\[rl\]' brings it"
    ):
        worlds.make("LunarLander-v3", 1)


def test_another_optimizer_learns_too():
    trainer = PPO(walks(), SMALL.but({"optimizer": "Lion", "lr": 3e-3}))
    rows = [*trainer.rows(16 * 4 * 40)]
    assert rows[-1]["return"] > rows[0]["return"] + 0.5


@pytest.mark.parametrize("name", ["AdamW", "ScheduleFreeAdamW"])
def test_a_trained_policy_acts_by_the_averaged_weights(name):
    trainer = PPO(walks(SPACES["box"]), SMALL.but({"optimizer": name}))
    trainer.train(16 * 4 * 4)
    seen, before = np.zeros((1, 2), np.float32), [w.clone() for w in trainer.policy.parameters()]
    walking = trainer.actor.draw(trainer.observed.scale(seen), None)[0]
    with trainer.optimizers[0].averaged():
        averaged = trainer.actor.draw(trainer.observed.scale(seen), None)[0]
    assert np.array_equal(trainer.act(seen), trainer.actor.fitted(averaged))
    assert np.array_equal(averaged, walking) == (name == "AdamW")
    assert all(map(torch.equal, before, trainer.policy.parameters()))


@pytest.mark.slow
def test_cartpole_is_solved():
    trainer = PPO("CartPole-v1", seed=1)
    trainer.train(100_000)
    assert trainer.evaluate(20) == [500.0] * 20
