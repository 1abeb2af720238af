"""RLHF against closed forms, and against itself: padding, micro-batches, processes and restarts change nothing."""

import math
import os
import subprocess
import sys
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from leonui.ppo import RLHF, Advantage, KLPenalty, Sampling, Update
from leonui.ppo import rlhf as loop
from leonui.ppo.completion import complete, pad_left
from leonui.ppo.credit import token_rewards
from leonui.ppo.logprobs import LanguagePolicy, logprobs, positions
from leonui.ppo.ranks import Means

V = 16


class Table(nn.Module):
    """The smallest language model: the same distribution whatever was said."""

    def __init__(self, logits):
        super().__init__()
        self.table = nn.Parameter(logits.clone())

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.table.expand(*input_ids.shape, -1))


class Reader(nn.Module):
    """A tiny causal model that hears everything: tokens, mask, positions; dropout; a hidden state."""

    def __init__(self, vocabulary=V, width=8, context=24, dropout=0.1):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=width, max_position_embeddings=context, eos_token_id=0)
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.query, self.head = nn.Linear(width, width), nn.Linear(width, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids, attention_mask=None, position_ids=None, **_):
        length = input_ids.shape[1]
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        places = torch.arange(length).expand_as(input_ids) if position_ids is None else position_ids
        x = self.dropout(self.token(input_ids) + self.place(places))
        seen = torch.ones(length, length).tril().bool() & mask[:, None, :].bool()
        weights = (self.query(x) @ x.mT).masked_fill(~seen, -1e9).softmax(2)
        x = x + torch.tanh(weights @ x)
        return SimpleNamespace(logits=3 * self.head(x), hidden_states=(x,))


class Mute(Reader):
    """A model that keeps its hidden states to itself."""

    def forward(self, *given, **named):
        return SimpleNamespace(logits=super().forward(*given, **named).logits, hidden_states=None)


def reader(seed=0, **settings):
    torch.manual_seed(seed)
    return Reader(**settings)


def low(prompts, completions, ids):
    """A reward of small tokens."""
    return torch.stack([(one < V // 2).double().mean() for one in ids])


PROMPTS = [[1], [2, 3, 4], [5, 6], [7, 8, 9, 10, 11]]


def trainer(model=None, reward=low, **settings):
    settings = {
        "sampling": Sampling(batch=8, length=6),
        "penalty": KLPenalty(),
        "update": Update(lr=0.01, epochs=2),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    } | settings
    return RLHF(model or reader(), reward, **settings)


# the closed form: pi_ref exp(r / beta) / Z


def bandit(form, kind="rloo", target=None, iterations=100):
    """A policy over one token, trained; its KL by the end, and its regret against the closed form, both exact."""
    torch.manual_seed(1)
    ref, score = torch.randn(V), 0.3 * torch.randn(V)
    model, beta, count = Table(ref), 0.2, 384
    work = RLHF(
        model,
        lambda prompts, completions, ids: score[torch.cat(ids)],
        sampling=Sampling(batch=count, length=1, per_prompt=count, eos=()),
        penalty=KLPenalty(form, beta, target),
        advantage=Advantage(kind),
        update=Update(epochs=2),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.1),
    )
    logs, found = ref.log_softmax(0), []
    for at in range(iterations):
        work.optimizer.param_groups[0]["lr"] = 0.1 * (1 - at / iterations)
        work.step([[0]])
        new = model.table.detach().log_softmax(0)
        found.append(float((new.exp() * (new - logs)).sum()))

    def value(these):
        return float((these.exp() * (score - beta * (these - logs))).sum())

    return found, value((logs + score / beta).log_softmax(0)) - value(new), work


@pytest.mark.parametrize("form", ["k1", "k2", "exact"])
def test_it_converges_to_the_closed_form(form):
    _, regret, _ = bandit(form)
    assert 0 <= regret < 1e-3


@pytest.mark.parametrize("form", ["k1", "exact"])
def test_it_holds_a_kl_target(form):
    found, _, work = bandit(form, target=0.3)
    assert sum(found[-40:]) / 40 == pytest.approx(0.3, rel=0.05)
    assert work.beta != 0.2


def test_grpo_keeps_the_closed_form_where_the_price_is_in_the_reward():
    assert bandit("k1", "grpo")[1] < 1e-3


def test_without_a_price_it_goes_elsewhere(monkeypatch):
    monkeypatch.setattr(loop, "kl", lambda new, ref, form: torch.zeros_like(new))
    assert bandit("k1")[1] > 0.1


# one log-probability


def by_hand(model, tokens, mask, length, temperature):
    """Each text alone, without padding; NaN where there is no token."""
    out = torch.full((len(tokens), length), math.nan, dtype=torch.float64)
    for row, real in enumerate(mask.bool()):
        text = tokens[row][real]
        logs = (model(text[None]).logits[0] / temperature).log_softmax(1)
        count = int(mask[row, -length:].sum())
        for at in range(count):
            place = len(text) - count + at
            out[row, at] = logs[place - 1, text[place]]
    return out


def texts(padding=0, token=0):
    """Prompts and completions of several lengths in one tensor."""
    tokens, mask = pad_left([[3], [4, 5, 6], [7, 8]])
    tokens, mask = torch.cat([tokens, torch.tensor([[1, 2], [3, 0], [0, 0]])], 1), mask
    mask = torch.cat([mask, torch.tensor([[1, 1], [1, 0], [1, 1]])], 1)
    tokens = torch.where(mask.bool(), tokens, token)
    return nn.functional.pad(tokens, (padding, 0), value=token), nn.functional.pad(mask, (padding, 0))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize(("padding", "token"), [(0, 0), (4, 0), (0, 9), (4, 9)])
def test_padding_changes_no_log_probability(padding, token, temperature):
    model = reader().double().eval()
    tokens, mask = texts(padding, token)
    with torch.no_grad():
        found = logprobs(model, tokens, mask, 2, temperature).log_prob
        expected = by_hand(model, tokens, mask, 2, temperature)
    real = mask[:, -2:].bool()
    assert torch.allclose(found[real], expected[real], rtol=0, atol=1e-12)


def test_half_a_batch_says_what_the_whole_says():
    policy, (tokens, mask) = LanguagePolicy(reader().eval()), texts()
    whole = policy(tokens, mask, 2, 1.0)
    for rows in (slice(0, 2), slice(2, 3)):
        assert torch.allclose(policy(tokens[rows], mask[rows], 2, 1.0).log_prob, whole.log_prob[rows], atol=1e-6)


def test_the_critic_begins_with_nothing_and_lives_on_the_last_hidden_state():
    policy, (tokens, mask) = LanguagePolicy(reader().eval()), texts()
    assert policy(tokens, mask, 2, 1.0).value.abs().max() == 0
    nn.init.ones_(policy.head.weight)
    hidden = policy.model(tokens, mask, positions(mask)).hidden_states[-1]
    assert torch.allclose(policy(tokens, mask, 2, 1.0).value, hidden[:, -3:-1].sum(2))


def test_half_precision_is_widened():
    policy, (tokens, mask) = LanguagePolicy(reader().eval().bfloat16()), texts()
    assert {x.dtype for x in policy(tokens, mask, 2, 1.0)} == {torch.float32}


# faults of the log-probability, in the update alone or in both passes


def without_positions(model):
    return lambda position_ids, **given: model(**given)


FAULTS = {
    "dropout": lambda model, tokens, mask, length, t: logprobs(model.train(), tokens, mask, length, t),
    "temperature": lambda model, tokens, mask, length, t: logprobs(model, tokens, mask, length, 1.0),
    "mask": lambda model, tokens, mask, length, t: logprobs(model, tokens, torch.ones_like(mask), length, t),
    "positions": lambda model, tokens, mask, length, t: logprobs(without_positions(model), tokens, mask, length, t),
    "gather": lambda model, tokens, mask, length, t: logprobs(model, tokens.roll(1, 1), mask, length, t),
}


def ratios(fault, where, monkeypatch):
    """The row of a first iteration in which a fault is in the update alone ("new"), or in the scoring too ("both")."""
    work = trainer(reader(dropout=0.3), sampling=Sampling(batch=8, length=6, temperature=0.7, eos=()))
    right = LanguagePolicy.forward

    def forward(policy, *given):
        if fault is None or (where == "new" and not torch.is_grad_enabled()):
            return right(policy, *given)
        scored = FAULTS[fault](policy.model, *given)
        return scored._replace(value=torch.zeros_like(scored.log_prob))

    monkeypatch.setattr(LanguagePolicy, "forward", forward)
    return work.step(PROMPTS * 2)


@pytest.mark.parametrize(("where", "name"), [("new", "first_ratio"), ("both", "sampling_ratio")])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_log_probability_is_told_by_its_ratio(fault, where, name, monkeypatch):
    assert ratios(fault, where, monkeypatch)[name] > 3e-2


def test_the_ratio_is_exactly_1_before_the_first_step(monkeypatch):
    row = ratios(None, "", monkeypatch)
    assert row["first_ratio"] == 0.0
    assert row["sampling_ratio"] < 1e-6


# completing


def follow(*script):
    """A model that says one token after the other whatever it hears; with a cache like that of transformers."""
    script = torch.tensor(script)

    class Parrot(nn.Module):
        def forward(self, input_ids, attention_mask, position_ids, past_key_values=None, **_):
            done = (past_key_values or 0) + input_ids.shape[1]
            at = script[(done - 2) % len(script)].expand(len(input_ids), input_ids.shape[1])
            return SimpleNamespace(logits=100.0 * nn.functional.one_hot(at, V), past_key_values=done)

    return Parrot()


@pytest.mark.parametrize(
    ("eos", "expected", "ended"),
    [((), [4, 5, 6, 7], False), ((5,), [4, 5], True), ((9,), [4, 5, 6, 7], False), ((7, 6), [4, 5, 6], True)],
)
def test_a_completion_ends_where_it_says_so(eos, expected, ended):
    tokens, mask = pad_left([[1, 2], [3]])
    made = complete(follow(4, 5, 6, 7), tokens, mask, 4, 1.0, torch.tensor(eos), torch.Generator())
    assert [one.tolist() for one in made.ids()] == [expected] * 2
    assert made.ended.tolist() == [ended] * 2
    assert not made.tokens.is_inference()


def test_what_comes_after_the_end_is_hidden():
    class Either(nn.Module):
        def forward(self, input_ids, **_):
            logits = torch.full((*input_ids.shape, V), -100.0)
            logits[..., :2] = 0.0
            return SimpleNamespace(logits=logits)

    made = complete(Either(), *pad_left([[2]] * 64), 8, 1.0, torch.tensor([0]), torch.Generator().manual_seed(0))
    for row, real in zip(made.tokens[:, 1:], made.real, strict=True):
        assert row[real].tolist() in ([1] * (int(real.sum()) - 1) + [0], [1] * 8)
        assert row[~real].abs().sum() == 0
    assert 0 < made.ended.sum() <= 64
    assert made.log_prob[made.real].exp().sub(0.5).abs().max() < 1e-6


def test_samples_are_those_of_the_policy_at_its_temperature():
    logits = torch.linspace(-1, 1, V)
    made = complete(
        Table(logits), *pad_left([[0]] * 20_000), 1, 0.5, torch.tensor([]), torch.Generator().manual_seed(0)
    )
    shares = torch.cat(made.ids()).bincount(minlength=V) / 20_000
    assert (shares - (logits / 0.5).softmax(0)).abs().max() < 4 * math.sqrt(0.2 * 0.8 / 20_000)


# the loop


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def trained(iterations=2, **settings):
    work = trainer(reader().double(), **settings)
    rows = [work.step(PROMPTS * 2) for _ in range(iterations)]
    return weights(work.policy), rows


@pytest.mark.parametrize("kind", ["gae", "rloo"])
@pytest.mark.parametrize("form", ["k1", "k2", "exact"])
@pytest.mark.parametrize("micro", [1, 3])
def test_micro_batches_change_nothing(kind, form, micro):
    same = {
        "penalty": KLPenalty(form),
        "advantage": Advantage(kind),
        "sampling": Sampling(batch=8, length=6, per_prompt=2),
    }
    whole, rows = trained(update=Update(minibatch=8), **same)
    parts, others = trained(update=Update(minibatch=8, micro_batch=micro), **same)
    assert torch.allclose(whole, parts, rtol=0, atol=1e-9)
    assert [row["kl"] for row in rows] == pytest.approx([row["kl"] for row in others], abs=1e-6)


FIRM = {
    "sampling": Sampling(batch=8, length=6, seed=3),
    "penalty": KLPenalty("k1", 0.1, target=0.5),
    "advantage": Advantage(critic_clip=0.2),
    "update": Update(lr=0.01, epochs=3, minibatch=4, epsilon=0.1, clip_norm=0.5),
}


@pytest.mark.parametrize(
    ("group", "change"),
    [
        ("sampling", {"length": 5}),
        ("sampling", {"temperature": 0.8}),
        ("sampling", {"per_prompt": 2}),
        ("sampling", {"eos": tuple(range(8))}),
        ("sampling", {"missing_eos": 1.0}),
        ("sampling", {"seed": 4}),
        ("penalty", {"form": "k2"}),
        ("penalty", {"form": "exact"}),
        ("penalty", {"beta": 0.3}),
        ("penalty", {"target": 0.1}),
        ("advantage", {"gamma": 0.9}),
        ("advantage", {"lam": 0.5}),
        ("advantage", {"critic": 0.5}),
        ("advantage", {"critic_clip": 0.01}),
        ("update", {"lr": 0.02}),
        ("update", {"epochs": 2}),
        ("update", {"minibatch": None}),
        ("update", {"epsilon": 0.001}),
        ("update", {"epsilon": (0.1, 0.001)}),
        ("update", {"kind": "spo"}),
        ("update", {"dual_clip": 1.001}),
        ("update", {"clip_norm": 0.05}),
    ],
)
def test_every_number_matters(group, change):
    adam = {"optimizer": None}
    before = trained(3, **FIRM | adam)[0]
    after = trained(3, **FIRM | adam | {group: type(FIRM[group])(**{**vars(FIRM[group]), **change})})[0]
    assert before.shape != after.shape or (before - after).abs().max() > 1e-9


def test_what_is_left_out_is_not_needed():
    assert trained(**FIRM)[1] == trained(**FIRM)[1]


@pytest.mark.parametrize("kind", ["gae", "rloo", "grpo"])
def test_it_learns_and_stays_near(kind):
    work = trainer(
        reader(),
        sampling=Sampling(batch=64, length=6, per_prompt=8, eos=()),
        penalty=KLPenalty(target=2.0),
        advantage=Advantage(kind, critic=0.5),
    )
    rows = list(work.train(PROMPTS, 20))
    assert rows[0]["reward"] < 0.5 < 0.65 < sum(row["reward"] for row in rows[-10:]) / 10
    assert 1.0 < sum(row["kl"] for row in rows[-10:]) / 10 < 3.0
    assert work.record.column("step") == list(range(1, 21))
    assert (sum(p.requires_grad for p in work.reference.copy.parameters()), work.model.training) == (0, False)


@pytest.mark.parametrize("kind", ["gae", "rloo"])
def test_a_continuation_is_the_same_training_bit_for_bit(kind):
    settings = FIRM | {"advantage": Advantage(kind), "sampling": Sampling(batch=8, length=6, per_prompt=2)}
    through = trainer(reader(), **settings)
    rows = list(through.train(PROMPTS, 4))
    first = trainer(reader(), **settings)
    list(first.train(PROMPTS, 2))
    second = trainer(reader(seed=5), **settings)
    second.load_state_dict(deepcopy(first.state_dict()))
    assert list(second.train(PROMPTS, 2)) == rows[2:]
    assert torch.equal(weights(second.policy), weights(through.policy))


def test_asking_for_samples_changes_no_training():
    quiet, asked = trainer(reader()), trainer(reader())
    for _ in range(2):
        asked.sample(PROMPTS)
        assert quiet.step(PROMPTS) == asked.step(PROMPTS)
    assert asked.sample(PROMPTS) == asked.sample(PROMPTS) != asked.sample(PROMPTS, seed=1)


class Letters:
    eos_token_id = 1

    def encode(self, text):
        return [ord(letter) - 97 for letter in text]

    def decode(self, ids):
        return "".join(chr(97 + i) for i in ids)


def test_a_reward_hears_texts_where_there_is_a_tokenizer():
    heard = []

    def reward(*given):
        heard.append(given)
        return [0.0, 1.0]

    trainer(reader(), reward, tokenizer=Letters()).step(["ab", "cde"])
    (prompts, completions, ids), *_ = heard
    assert prompts == ["ab", "cde"]
    for text, one in zip(completions, ids, strict=True):
        ended = int(one[-1] == Letters.eos_token_id)
        assert text == Letters().decode(one[: len(one) - ended].tolist())


def test_a_module_can_be_the_reward():
    class Score(nn.Module):
        def forward(self, prompts, completions, ids):
            assert not self.training
            return torch.tensor([float(len(text)) for text in completions], requires_grad=True)

    row = trainer(reader(), Score()).step(PROMPTS)
    assert row["reward"] == row["length"]


def broken(prompts, completions, ids):
    raise ZeroDivisionError("no reward today")


@pytest.mark.parametrize(
    ("reward", "error", "words"),
    [
        (broken, ZeroDivisionError, "no reward today"),
        (
            lambda *_: torch.zeros(4, 1),
            ValueError,
            "the reward function gave shape (4, 1) for 4 completions; return one",
        ),
        (lambda *_: [1.0], ValueError, "the reward function gave shape (1,) for 4 completions; return one number a"),
        (lambda *_: None, ValueError, "the reward function gave NoneType 'None', which is no row of numbers; return"),
        (lambda *_: ["a"] * 4, ValueError, "the reward function gave list"),
        (lambda *_: [0.0, math.nan, 0.0, 0.0], ValueError, "the reward function gave nan for completion 1, ["),
    ],
)
def test_a_reward_that_cannot_be_used_changes_nothing(reward, error, words):
    work = trainer(reader(), reward)
    before = weights(work.policy)
    with pytest.raises(error) as told:
        work.step(PROMPTS)
    assert words in str(told.value)
    assert torch.equal(weights(work.policy), before)
    work.reward = low
    assert work.step(PROMPTS)["step"] == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: KLPenalty("k3"), "form='k3' is refused: the gradient of k3 at samples of the policy has the mean of"),
        (lambda: KLPenalty("k4"), "form='k4' is not known; choose one of k1, k2, exact"),
        (lambda: KLPenalty(beta=0.0, target=1.0), "beta=0.0 must not be negative, nor 0 where a target moves it"),
        (lambda: KLPenalty(target=0.0), "target=0.0 must be above 0"),
        (lambda: Sampling(temperature=0), "temperature=0 must be above 0"),
        (lambda: Sampling(batch=10, per_prompt=4), "batch=10 is no multiple of per_prompt=4; give 8"),
        (lambda: Advantage("ppo"), "kind='ppo' is not known; choose one of gae, rloo, grpo"),
        (lambda: Update(epochs=0), "epochs=0 must be above 0"),
        (lambda: trainer(advantage=Advantage("rloo")), "there is per_prompt=1; give Sampling(per_prompt=4)"),
        (
            lambda: trainer(
                sampling=Sampling(per_prompt=4), advantage=Advantage("grpo"), penalty=KLPenalty("exact", beta=0.3)
            ),
            "and would rescale beta=0.3 of KLPenalty('exact') in the loss",
        ),
        (lambda: trainer(Table(torch.zeros(V))), "Table tells no config.hidden_size, so a critic cannot be put on it"),
        (
            lambda: trainer(Mute()).step([[1]]),
            "Mute gives no hidden_states, so its critic has nothing to judge by",
        ),
        (lambda: trainer().step([[1], []]), "prompt 1 is empty; begin it with one token at least"),
        (
            lambda: trainer().step([[1], [2] * 19]),
            "prompt 1 has 19 tokens; with 6 more that is beyond the model's context of 24: shorten the prompt or",
        ),
    ],
)
def test_wrong_use_says_what_to_do(make, words):
    with pytest.raises(ValueError) as told:
        make()
    assert words in str(told.value)


def test_a_prompt_may_fill_the_context():
    assert trainer().step([[1], [2] * 18])["step"] == 1


class Adapted(nn.Module):
    """A model with an adapter that can be switched off, as peft's."""

    def __init__(self, model):
        super().__init__()
        self.inner, self.config, self.on = model.requires_grad_(False), model.config, True
        self.extra = nn.Parameter(torch.zeros(V))

    @contextmanager
    def disable_adapter(self):
        self.on = False
        yield
        self.on = True

    def forward(self, **given):
        out = self.inner(**given)
        out.logits = out.logits + self.extra * self.on
        return out


def test_an_adapter_that_is_switched_off_is_the_reference():
    model = Adapted(reader())
    work = trainer(model, sampling=Sampling(batch=8, per_prompt=2, length=6), advantage=Advantage("rloo"))
    before = weights(model.inner)
    rows = [work.step(PROMPTS) for _ in range(3)]
    assert work.reference.copy is None
    assert model.extra.abs().max() > 0
    assert torch.equal(weights(model.inner), before)
    assert (rows[0]["kl_k3"], rows[2]["kl_k3"] > 0) == (0.0, True)
    with work.reference.opened() as ref:
        tokens, mask = texts()
        assert torch.equal(logprobs(ref, tokens, mask, 2).log_prob, logprobs(model.inner, tokens, mask, 2).log_prob)


def test_a_reference_may_be_given():
    other = reader(seed=9)
    row = trainer(reference=other).step(PROMPTS * 4)
    assert row["kl_k3"] > 0.1
    assert not any(p.requires_grad for p in other.parameters())


def test_the_score_stands_on_the_last_real_token_and_the_price_on_each():
    real = torch.tensor([[True, True, True], [True, False, False]])
    price = torch.tensor([[0.1, 0.2, 0.3], [0.4, 9.0, 9.0]])
    found = token_rewards(torch.tensor([1.0, 2.0]), price, real)
    assert torch.allclose(found, torch.tensor([[-0.1, -0.2, 0.7], [1.6, 0.0, 0.0]]))


def test_what_did_not_end_loses():
    scores = []

    class Seen(RLHF):
        def _credited(self, made, score, means):
            scores.append((made.ended, score))
            return super()._credited(made, score, means)

    Seen(reader(), lambda p, c, ids: [1.0] * len(ids), sampling=Sampling(length=3, missing_eos=0.25)).step(PROMPTS * 8)
    (ended, score), *_ = scores
    assert 0 < ended.sum() < len(ended)
    assert torch.equal(score, torch.where(ended, 1.0, 0.75))


def test_transformers_models_are_sampled_with_a_cache_and_padded_prompts():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=V, n_positions=24, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    work = trainer(transformers.GPT2LMHeadModel(config))
    rows = [work.step(PROMPTS * 2) for _ in range(3)]
    assert rows[0]["first_ratio"] < 1e-6
    assert max(row["sampling_ratio"] for row in rows) < 1e-5
    assert rows[-1]["kl_k3"] > 0


# several processes

SHARED = {
    "sampling": Sampling(batch=8, length=6, per_prompt=2),
    "advantage": Advantage("rloo"),
    "penalty": KLPenalty("k2"),
    "update": Update(epochs=1, micro_batch=3, clip_norm=1e9),
    "optimizer": lambda parameters: torch.optim.SGD(parameters, lr=1.0),
}


def joint(parts):
    """The batches of several processes as one: short completions padded on the right."""
    length = max(part["real"].shape[1] for part in parts)
    fields = {}
    for name in parts[0]:
        wide = [nn.functional.pad(part[name], (0, length - part["real"].shape[1])) for part in parts]
        fields[name] = torch.cat(wide)
    return loop.Batch(**fields)


@pytest.mark.slow
def test_two_processes_learn_as_one_with_both_batches(tmp_path):
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    script = root / "tests" / "processes" / "rlhf_ranks.py"
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}", "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(script), str(tmp_path)], check=True, timeout=240, env=environment)
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert torch.equal(one["weights"], other["weights"])
    assert one["row"] == other["row"]
    tails = [told["batch"]["tokens"][:, 5:].tolist() for told in (one, other)]
    assert tails[0] != tails[1]
    counts = [int(told["batch"]["real"].sum()) for told in (one, other)]
    assert counts[0] != counts[1]
    assert one["row"]["length"] == pytest.approx(sum(counts) / 16)
    alone, batch = trainer(reader(seed=0).double(), **SHARED), joint([one["batch"], other["batch"]])
    alone._descend(batch, torch.arange(16), Means(), first=True)
    assert torch.allclose(weights(alone.policy), one["weights"], rtol=0, atol=1e-12)
    assert not torch.allclose(weights(alone.policy), weights(reader(seed=0).double()), atol=1e-4)
