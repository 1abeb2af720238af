"""The signatures of a policy that learns by reward: each alone on a made-up Record, then on trainings with a fault."""

import math

import gymnasium
import numpy as np
import pytest
import torch
from torch import nn

from bench.ppo.injections import INJECTIONS, SOUND, injected, record
from leonui import ppo
from leonui.doctor.explain import explain, known
from leonui.doctor.live import LiveWatch
from leonui.doctor.policy.judge import SIGNATURES, judge_policy
from leonui.doctor.policy.rows import gained, settled, sustained
from leonui.record import Record

ROWS = 40
ABOUT = {
    "event": "ppo",
    "uniform": math.log(2),
    "dtype": "float32",
    "target_kl": 0.02,
    "epochs": 4,
    "minibatches": 4,
    "bootstrap": True,
}
HEALTHY = {
    "ratio_first": 0.0,
    "ratio_acted": 1e-7,
    "kl": 0.01,
    "clipped": 0.05,
    "ess": 0.98,
    "entropy": 0.5,
    "std": 0.8,
    "explained_variance": 0.4,
    "value_moved": 0.3,
    "end_error": 1e-7,
    "truncated": 0.1,
    "advantage_mean": 1e-8,
    "advantage_std": 1.0,
    "advantage_raw": 3.0,
    "advantage_match": 1.0,
    "grad_policy": 0.2,
    "grad_clipped": 0.4,
    "resets_kept": 0,
    "observations_cut": 0.001,
    "shared_policy": 0.01,
    "shared_value": 1.0,
    "stopped": 0,
    "minibatches": 16,
}


def made(about=(), **changed):
    """A Record of a healthy run whose return rises, with some figures changed: numbers, or functions of the row."""
    rows = []
    for at in range(ROWS):
        row = {"step": 100 * (at + 1), "return": 20 + 10.0 * at} | HEALTHY | changed
        rows.append({name: value(at) if callable(value) else value for name, value in row.items() if value is not None})
    return Record(rows, [ABOUT | dict(about)])


def codes(record):
    return {check.finding.code for check in judge_policy(record) if check.finding}


def flat(at):
    return 20.0 + at % 3


CASES = {
    "a ratio that is off": ({"ratio_first": 0.03}, {"PPO-RATIO"}),
    "a ratio that is no number": ({"ratio_first": math.nan}, {"PPO-RATIO"}),
    "once off": ({"ratio_first": lambda at: 0.03 * (at == 20)}, {"PPO-RATIO"}),
    "acted otherwise": ({"ratio_acted": 0.03}, {"PPO-RATIO"}),
    "half precision": ({"ratio_first": 3e-3, "about": {"dtype": "bfloat16"}}, set()),
    "half precision, off": ({"ratio_first": 3e-2, "about": {"dtype": "bfloat16"}}, {"PPO-RATIO"}),
    "far": ({"kl": lambda at: 0.05 if at % 5 == 0 else 0.01, "return": flat}, {"PPO-KL"}),
    "far and down again": ({"kl": 0.05, "return": lambda at: 20.0 + 10 * min(at, 36 - at)}, {"PPO-KL"}),
    "far and good": ({"kl": 0.05}, set()),
    "far without returns": ({"kl": 0.05, "return": None}, {"PPO-KL"}),
    "far now and then": ({"kl": lambda at: 0.05 if at == 20 else 0.01}, set()),
    "very far once": ({"kl": lambda at: 0.3 if at == 20 else 0.01}, {"PPO-KL"}),
    "a KL that is no number": ({"kl": lambda at: math.nan if at == 20 else 0.01}, {"PPO-KL"}),
    "stopped at once": ({"stopped": 1, "minibatches": 2}, {"PPO-STOP"}),
    "stopped later": ({"stopped": 1, "minibatches": 9}, set()),
    "never near the bound": ({"kl": 1.5e-3}, {"PPO-STOP"}),
    "no bound": ({"kl": 1.5e-3, "about": {"target_kl": None}}, set()),
    "clipped": ({"clipped": 0.4}, {"PPO-CLIP"}),
    "clipped at first": ({"clipped": lambda at: 0.4 if at < 4 else 0.1}, set()),
    "still": ({"clipped": 0.0, "kl": 5e-5, "about": {"target_kl": None}}, {"PPO-CLIP"}),
    "one step a batch": (
        {"clipped": 0.0, "kl": 0.0, "about": {"target_kl": None, "epochs": 1, "minibatches": 1}},
        set(),
    ),
    "still at the end": (
        {"clipped": lambda at: 0.0 if at > 30 else 0.1, "kl": lambda at: 0.0 if at > 30 else 0.01},
        set(),
    ),
    "few samples": ({"ess": 0.4}, {"PPO-ESS"}),
    "collapsed": ({"entropy": lambda at: 0.7 if at < 4 else 0.01, "return": flat}, {"PPO-ENTROPY"}),
    "sure and good": ({"entropy": lambda at: 0.7 if at < 4 else 0.01}, set()),
    "by chance": ({"entropy": math.log(2), "return": flat}, {"PPO-ENTROPY"}),
    "narrow": ({"std": 0.01, "return": flat}, {"PPO-ENTROPY"}),
    "narrow and good": ({"std": 0.01}, set()),
    "wide": ({"std": lambda at: 1.0 + at}, {"PPO-ENTROPY"}),
    "worse than a constant": ({"explained_variance": -0.3}, {"PPO-VALUE"}),
    "as good as a constant": ({"explained_variance": -0.01}, set()),
    "much worse": ({"explained_variance": -2.0}, {"PPO-VALUE"}),
    "worse at first": ({"explained_variance": lambda at: -1.0 if at < 5 else 0.1}, set()),
    "a critic that stands still": ({"value_moved": 0.0}, {"PPO-VALUE"}),
    "beyond the end": ({"end_error": 0.5}, {"PPO-END"}),
    "cut is ended": ({"truncated": 0.9, "about": {"bootstrap": False}}, {"PPO-END"}),
    "cut is cut": ({"truncated": 0.9}, set()),
    "crowded": ({"shared_value": 150.0}, {"PPO-SHARED"}),
    "not normalised": ({"advantage_std": 3.0}, {"PPO-ADVANTAGE"}),
    "not centred": ({"advantage_mean": 0.2}, {"PPO-ADVANTAGE"}),
    "all alike": ({"advantage_raw": 0.0}, {"PPO-ADVANTAGE"}),
    "no numbers": ({"advantage_std": math.nan}, {"PPO-ADVANTAGE"}),
    "turned round": ({"advantage_match": -1.0}, {"PPO-SIGN"}),
    "falls while sure": (
        {"return": lambda at: 30 - at / 2 + at % 3, "entropy": lambda at: 0.7 / (1 + at)},
        {"PPO-SIGN", "PPO-ENTROPY"},
    ),
    "resets": ({"resets_kept": lambda at: at == 3}, {"PPO-RESET"}),
    "out of scale": ({"observations_cut": 0.05}, {"PPO-NORMALISER"}),
    "a gradient that breaks": ({"grad_policy": lambda at: math.inf if at == 7 else 0.2}, {"PPO-GRADIENT"}),
    "always clipped": ({"grad_clipped": 1.0}, {"PPO-GRADIENT"}),
}


def test_a_healthy_record_passes_every_signature():
    checks = judge_policy(made())
    assert len(checks) == len(SIGNATURES)
    assert [check.say() for check in checks if not check.ok] == []
    assert all(check.say("vi") != check.say() for check in checks)


@pytest.mark.parametrize("case", CASES)
def test_each_signature_alone(case):
    changed, expected = CASES[case]
    about = changed.get("about", {})
    found = made(about, **{name: value for name, value in changed.items() if name != "about"})
    assert codes(found) == expected
    for check in judge_policy(found):
        if check.finding:
            assert check.say() and check.finding.remedy() and check.finding.remedy("vi") != check.finding.remedy()


@pytest.mark.parametrize("name", HEALTHY)
def test_what_was_not_measured_is_not_judged(name):
    assert codes(made(**{name: None})) == set()


def test_an_empty_record_says_nothing():
    assert judge_policy(Record()) == []


def test_a_normaliser_that_learns_while_it_evaluates():
    found = made()
    found.add({"event": "evaluation", "normaliser_moved": True})
    assert codes(found) == {"PPO-NORMALISER"}


def test_every_code_is_explained():
    for signature in SIGNATURES:
        assert explain(signature.code.lower()) is known()[signature.code]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [([True] * 9 + [False] * 9, 2), ([False] * 5 + [True] * 5, 5), ([False] * 6 + [True] * 4, None), ([], None)],
)
def test_sustained(bad, expected):
    assert sustained(bad) == expected


def test_the_beginning_is_left_out():
    assert settled(list(range(20))) == list(range(2, 20))
    assert settled([1.0] * 4) == []


def test_what_was_gained_is_told_in_deviations_of_the_beginning():
    rows = [{"return": value} for value in [1.0, 3.0, 1.0, 3.0, 2.0] + [6.0] * 5]
    assert gained(Record(rows)) == pytest.approx(4 / math.sqrt(0.8))
    assert gained(Record(rows[:9])) is None


# figures and the watch


def batch():
    draw = torch.Generator().manual_seed(0)
    old, advantage, values = (torch.randn(4, 6, generator=draw) for _ in range(3))
    terminated = torch.zeros(4, 6, dtype=torch.bool)
    terminated[1, 3] = terminated[2, 5] = True
    mask = torch.rand(4, 6, generator=draw) < 0.8
    mask[1, 3] = True
    returns = values + 2 * advantage
    return old, advantage, values, returns, torch.where(terminated, returns, 0 * returns), terminated, mask


def test_figures_of_a_sound_batch():
    old, advantage, values, returns, rewards, terminated, mask = batch()
    scaled = ppo.normalize(advantage, mask)
    told = ppo.figures(old, old, scaled, values, returns, rewards, terminated, mask)
    expected = {"ratio_first": 0, "advantage_mean": 0, "advantage_std": 1, "advantage_match": 1, "end_error": 0}
    assert {name: told[name].item() for name in expected} == pytest.approx(expected, abs=1e-6)
    kept = [x[mask].double().numpy() for x in (returns, values)]
    assert told["explained_variance"].item() == pytest.approx(1 - np.var(kept[0] - kept[1]) / np.var(kept[0]), rel=1e-4)


def test_figures_of_faults():
    old, advantage, values, returns, rewards, terminated, mask = batch()
    told = ppo.figures(old + 0.1, old, -3 * advantage, values, returns, rewards + 1, terminated, mask)
    assert told["ratio_first"].item() == pytest.approx(math.exp(0.1) - 1, rel=1e-4)
    assert told["advantage_match"].item() == pytest.approx(-1, rel=1e-4)
    assert told["end_error"].item() == pytest.approx(1 / returns[mask].std(unbiased=False).item(), rel=1e-4)


def test_what_the_mask_leaves_out_changes_no_figure():
    *tensors, terminated, mask = batch()
    plain = ppo.figures(tensors[0], *tensors, terminated, mask)
    for x in tensors:
        x[~mask] = math.nan
    told = ppo.figures(tensors[0], *tensors, terminated, mask)
    assert {name: value.item() for name, value in told.items()} == {name: value.item() for name, value in plain.items()}


def test_a_loop_of_ones_own_is_told_of_its_fault(tmp_path, capsys):
    net = nn.Linear(3, 2)
    with LiveWatch(tmp_path) as seen:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for update in range(20):
            x, actions, advantage = torch.randn(32, 3), torch.randint(2, (32, 1)), torch.randn(32)
            log_prob = net(x).log_softmax(-1).gather(1, actions).squeeze(1)
            old = log_prob.detach() - 0.2  # as if a temperature had been forgotten
            loss, stats = ppo.clipped_objective(old, log_prob, ppo.normalize(advantage))
            told = ppo.figures(log_prob, old, ppo.normalize(advantage), 0 * advantage, advantage)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.policy(32 * (update + 1), [stats], **told, entropy=0.5)
    assert "PPO-RATIO" in {finding.code for finding in seen.findings}
    assert "PPO-RATIO" in capsys.readouterr().err
    rows = Record.read(tmp_path / "policy.jsonl").rows
    assert [row["step"] for row in rows] == [32 * (update + 1) for update in range(20)]
    assert rows[0]["kl"] == pytest.approx(math.exp(0.2) - 1 - 0.2, rel=1e-3)


# trainings


@pytest.mark.parametrize("name", [name for name, one in INJECTIONS.items() if one.code not in ("PPO-KL", "PPO-SIGN")])
def test_a_fault_in_the_trainer_is_named(name):
    with injected(INJECTIONS[name], "CartPole-v1", 1) as trainer:
        assert INJECTIONS[name].code in codes(record(trainer, 8 * 1024))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lr x100", "advantage negated"])
def test_a_fault_that_shows_late_is_named(name):
    with injected(INJECTIONS[name], "CartPole-v1", 1) as trainer:
        assert INJECTIONS[name].code in codes(record(trainer, 40_000))


def test_a_sound_trainer_raises_no_alarm():
    trainer = ppo.PPO(gymnasium.make_vec("CartPole-v1", 8), SOUND, seed=3)
    found = record(trainer, 12 * 1024)
    assert codes(found) == set()
    assert {signature.code for signature in SIGNATURES} >= {"PPO-RATIO", "PPO-END"}
    assert found.rows[-1]["ratio_first"] == 0.0
    assert found.rows[-1]["ratio_acted"] < 1e-5
