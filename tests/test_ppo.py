"""PPO's functions against sums by hand, in float64: formulas, gradients, masks, padding, parts of a batch."""

import itertools
import math

import pytest
import torch

from leonui import ppo
from leonui.ppo.objective import observed

DRAW = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=DRAW, dtype=torch.float64)


def coin(*shape, p=0.5):
    return torch.rand(*shape, generator=DRAW) < p


# the objective


def lesson(old, new, advantage):
    """PPO's clipped objective as it is taught: the smaller of the two, over all samples, with the sign turned round."""
    total = 0.0
    for o, n, a in zip(old.tolist(), new.tolist(), advantage.tolist(), strict=True):
        ratio = math.exp(n - o)
        total += min(ratio * a, min(max(ratio, 0.8), 1.2) * a)
    return -total / len(old)


def gain(ratio, a, low, high, dual, kind):
    """One sample's part, by hand."""
    if kind == "spo":
        value = ratio * a - abs(a) * (ratio - 1) ** 2 / (2 * (high if ratio > 1 else low))
    else:
        value = min(ratio * a, min(max(ratio, 1 - low), 1 + high) * a)
    return max(value, dual * a) if dual and a < 0 else value


SETTINGS = [
    {},
    {"epsilon": 0.05},
    {"epsilon": (0.1, 0.4)},
    {"dual_clip": 1.5},
    {"kind": "spo"},
    {"kind": "spo", "epsilon": (0.1, 0.4)},
    {"kind": "gspo", "epsilon": 0.05},
    {"reduce": "sequence"},
    {"reduce": 7.0},
]


def by_hand(old, new, advantage, mask, epsilon=0.2, dual_clip=None, kind="clip", reduce="token"):
    low, high = epsilon if isinstance(epsilon, tuple) else (epsilon, epsilon)
    rows = []
    for o, n, a, m in zip(old.tolist(), new.tolist(), advantage.tolist(), mask.tolist(), strict=True):
        kept = [i for i in range(len(m)) if m[i]]
        ratios = {i: math.exp(n[i] - o[i]) for i in kept}
        if kind == "gspo":
            ratios = dict.fromkeys(kept, math.exp(sum(n[i] - o[i] for i in kept) / max(len(kept), 1)))
        rows.append([-gain(ratios[i], a[i], low, high, dual_clip, kind) for i in kept])
    every = [value for row in rows for value in row]
    if reduce == "sequence":
        return sum(sum(row) / len(row) for row in rows if row) / sum(map(bool, rows))
    return sum(every) / (len(every) if reduce == "token" else reduce)


def batch(rows=6, steps=5):
    old = normal(rows, steps).log_softmax(-1)
    mask = coin(rows, steps, p=0.7)
    mask[0] = False  # a sequence of which nothing counts
    return old, old + 0.5 * normal(rows, steps), normal(rows, steps), mask


def test_it_is_the_lessons_loss():
    old, advantage = normal(50), normal(50)
    new = old + 0.4 * normal(50)
    loss, _ = ppo.clipped_objective(old, new, advantage)
    assert loss.item() == pytest.approx(lesson(old, new, advantage), rel=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_objective_is_its_formula(settings):
    old, new, advantage, mask = batch()
    loss, _ = ppo.clipped_objective(old, new, advantage, mask=mask, **settings)
    assert loss.item() == pytest.approx(by_hand(old, new, advantage, mask, **settings), rel=1e-12)
    if settings:
        plain, _ = ppo.clipped_objective(old, new, advantage, mask=mask)
        assert loss.item() != pytest.approx(plain.item(), rel=1e-6)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_gradients_are_those_of_differences(settings, scale):
    old, new, advantage, mask = batch(3, 4)
    new = new.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: ppo.clipped_objective(old, x, scale * advantage, mask=mask, **settings)[0], (new,), eps=1e-7
    )


def test_the_gradient_of_a_sample_is_the_ratio_times_the_advantage_where_nothing_is_clipped():
    old, advantage = normal(8), normal(8)
    new = (old + 0.3 * normal(8)).requires_grad_()
    ppo.clipped_objective(old, new, advantage)[0].backward()
    ratio = (new.detach() - old).exp()
    cut = ((ratio > 1.2) & (advantage > 0)) | ((ratio < 0.8) & (advantage < 0))
    assert torch.allclose(new.grad, torch.where(cut, 0.0, -ratio * advantage / 8), rtol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("filling", [0.0, 1e4, math.nan, math.inf])
def test_what_is_masked_counts_nothing(settings, filling):
    old, new, advantage, mask = batch()
    told = ppo.clipped_objective(old, new, advantage, mask=mask, **settings)
    wide = [torch.cat([x.where(mask, filling), torch.full((6, 3), filling)], 1) for x in (old, new, advantage)]
    wide[1].requires_grad_()
    padded = torch.cat([mask, torch.zeros(6, 3, dtype=torch.bool)], 1)
    again = ppo.clipped_objective(*wide, mask=padded, **settings)
    assert again[0].item() == pytest.approx(told[0].item(), rel=1e-12)
    assert [x.item() for x in again[1]] == pytest.approx([x.item() for x in told[1]], rel=1e-12)
    again[0].backward()
    assert wide[1].grad.isfinite().all()
    assert not wide[1].grad[~padded].any()


def test_parts_of_a_batch_add_up_to_it():
    old, new, advantage, mask = batch()
    count = mask.sum()
    whole = ppo.clipped_objective(old, new, advantage, mask=mask)[0]
    parts = [
        ppo.clipped_objective(old[i : i + 2], new[i : i + 2], advantage[i : i + 2], mask=mask[i : i + 2], reduce=count)
        for i in range(0, 6, 2)
    ]
    assert sum(part[0] for part in parts).item() == pytest.approx(whole.item(), rel=1e-12)


def test_stats_say_what_was_cut_off():
    ratio = torch.tensor([0.5, 0.5, 1.0, 1.5, 1.5, 1.1], dtype=torch.float64)
    advantage = torch.tensor([-1.0, 1.0, 1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    old = torch.full((6,), -2.0, dtype=torch.float64)
    _, stats = ppo.clipped_objective(old, old + ratio.log(), advantage)
    expected = {
        "kl": (ratio - 1 - ratio.log()).mean().item(),
        "clip_low": 1 / 6,
        "clip_high": 1 / 6,
        "out_of_range": 4 / 6,
        "ratio_max": 1.5,
        "ess": (ratio.mean() ** 2 / (ratio**2).mean()).item(),
    }
    assert {name: value.item() for name, value in stats._asdict().items()} == pytest.approx(expected)
    assert not any(value.requires_grad for value in stats)


def test_stats_of_rows_are_those_of_each_row():
    ratios, advantage, lengths = 0.3 * normal(4, 9), normal(4, 9), torch.tensor([9, 9, 5, 1])
    mask = torch.arange(9) < lengths[:, None]
    together = observed(ratios, advantage, (0.1, 0.2), mask, rows=True)
    for row, length in enumerate(lengths.tolist()):
        its = ratios[row, :length], advantage[row, :length]
        _, alone = ppo.clipped_objective(torch.zeros(length), its[0], its[1], (0.1, 0.2))
        assert [x[row].item() for x in together] == pytest.approx([x.item() for x in alone], rel=1e-12)


def test_a_policy_that_has_not_moved_has_the_ratio_one():
    old = normal(20)
    _, stats = ppo.clipped_objective(old, old.clone(), normal(20))
    assert (stats.ratio_max.item(), stats.kl.item(), stats.ess.item()) == (1.0, 0.0, 1.0)
    assert stats.out_of_range.item() == 0.0


def test_the_critics_loss():
    value, returns, old, mask = normal(9), normal(9), normal(9), coin(9, p=0.7)
    errors = (value - returns).square()
    assert ppo.value_loss(value, returns, mask=mask).item() == pytest.approx(0.5 * errors[mask].mean().item())
    near = old + (value - old).clamp(-0.1, 0.1)
    expected = 0.5 * torch.maximum(errors, (near - returns).square())[mask].mean()
    assert ppo.value_loss(value, returns, old, 0.1, mask).item() == pytest.approx(expected.item())


# advantages


def brute(rewards, values, following, terminated, boundary, gamma, lam, mask):
    out = torch.zeros_like(rewards)
    for n in range(len(rewards)):
        carried = 0.0
        for t in reversed(range(rewards.shape[1])):
            if mask[n, t]:
                delta = rewards[n, t] + gamma * following[n, t] * (not terminated[n, t]) - values[n, t]
                carried = delta + gamma * lam * carried * (not (boundary[n, t] or terminated[n, t]))
            else:
                carried = 0.0
            out[n, t] = carried
    return out


@pytest.mark.parametrize(("steps", "gamma", "lam"), [(1, 0.9, 0.8), (2, 1.0, 1.0), (37, 0.99, 0.95), (64, 0.5, 0.0)])
@pytest.mark.parametrize("masked", [False, True])
def test_gae_is_the_sum_by_hand(steps, gamma, lam, masked):
    rewards, values, following = normal(5, steps), normal(5, steps), normal(5, steps)
    terminated, boundary = coin(5, steps, p=0.1), coin(5, steps, p=0.2)
    mask = coin(5, steps, p=0.8) if masked else torch.ones(5, steps, dtype=torch.bool)
    expected = brute(rewards, values, following, terminated, boundary, gamma, lam, mask)
    nans = [x.where(mask, math.nan) for x in (rewards, values, following)]
    advantage, returns = ppo.gae(*nans, terminated, boundary, gamma, lam, mask if masked else None)
    assert torch.allclose(advantage, expected, rtol=1e-12, atol=1e-12)
    assert torch.allclose(returns, (expected + values).where(mask, 0.0), rtol=1e-12, atol=1e-12)


def test_a_time_limit_has_a_value_after_it_and_an_end_has_none():
    one, no, yes = torch.ones(1, 1), torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool)
    limit, _ = ppo.gae(one, no, 10 * one, ~yes, yes, gamma=0.5, lam=0.9)
    end, _ = ppo.gae(one, no, 10 * one, yes, yes, gamma=0.5, lam=0.9)
    assert (limit.item(), end.item()) == (6.0, 1.0)


@pytest.mark.parametrize("masked", [False, True])
def test_normalised(masked):
    x, mask = 3 * normal(4, 7) + 5, coin(4, 7)
    told = ppo.normalize(x.where(mask, math.nan) if masked else x, mask if masked else None)
    some = told[mask] if masked else told
    assert some.mean().item() == pytest.approx(0.0, abs=1e-12)
    assert some.std(unbiased=False).item() == pytest.approx(1.0, abs=1e-6)
    assert not told[~mask].any() or not masked


@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_advantages_within_a_group(kind):
    rewards, group = normal(9), torch.tensor([0, 1, 0, 1, 1, 2, 2, 0, 3])
    expected = []
    for i in range(9):
        own = [rewards[j].item() for j in range(9) if group[j] == group[i]]
        average = sum(own) / len(own)
        if kind == "grpo":
            deviation = math.sqrt(sum((x - average) ** 2 for x in own) / len(own))
            expected.append((rewards[i].item() - average) / (deviation + 1e-6))
        else:
            others = [rewards[j].item() for j in range(9) if group[j] == group[i] and j != i]
            expected.append(rewards[i].item() - sum(others) / len(others) if others else 0.0)
    assert ppo.group_advantage(rewards, group, kind).tolist() == pytest.approx(expected, abs=1e-9)


# distances between policies


def test_estimates_have_the_mean_of_the_exact_kl():
    logits, ref = normal(12), normal(12)
    p, q = logits.log_softmax(-1), ref.log_softmax(-1)
    exact = ppo.exact_kl(logits, ref).item()
    assert exact == pytest.approx(sum(math.exp(a) * (a - b) for a, b in zip(p.tolist(), q.tolist(), strict=True)))
    means = {form: (p.exp() * ppo.kl(p, q, form)).sum().item() for form in ("k1", "k2", "k3")}
    assert means["k1"] == pytest.approx(exact)
    assert means["k3"] == pytest.approx(exact)
    assert means["k2"] == pytest.approx((p.exp() * (p - q) ** 2).sum().item() / 2)
    assert (ppo.kl(p, q, "k3") >= 0).all()
    assert ppo.kl(p, q).tolist() == ppo.kl(p, q, "k3").tolist()


def optimum(form, beta, seed):
    """KL(pi || pi*) for a table of logits after many exact steps; pi* is ref exp(reward / beta)."""
    draw = torch.Generator().manual_seed(seed)
    reward = torch.rand(16, generator=draw, dtype=torch.float64)
    ref = torch.randn(16, generator=draw, dtype=torch.float64).log_softmax(-1)
    best = (ref + reward / beta).log_softmax(-1)
    logits = ref.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for _ in range(400):
        log_prob = logits.log_softmax(-1)
        p = log_prob.detach().exp()
        cost, paid = torch.zeros(16, dtype=torch.float64), reward
        if form == "k1 in the reward":
            paid = reward - beta * ppo.kl(log_prob.detach(), ref, "k1")
        elif form == "exact":
            cost = ppo.exact_kl(logits, ref).expand(16)
        else:
            cost = ppo.kl(log_prob, ref, form)
        advantage = paid - (p * paid).sum()
        loss = (p * (beta * cost - log_prob * advantage)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return ppo.exact_kl(logits.detach(), best).item()


@pytest.mark.parametrize(
    ("form", "reaches"), [("k1 in the reward", True), ("k2", True), ("exact", True), ("k3", False), ("k1", False)]
)
def test_which_form_of_the_kl_leads_to_the_optimum(form, reaches):
    """Held by the closed form: k3 and k1 as losses lead elsewhere."""
    assert (optimum(form, 0.2, 0) < 1e-4) == reaches


def test_a_target_is_held():
    """On the family pi = ref exp(reward / beta) the KL at the price that is found is the target."""
    draw = torch.Generator().manual_seed(1)
    reward, ref = torch.rand(16, generator=draw), torch.randn(16, generator=draw)
    target = ppo.KLTarget(delta=0.3)
    for _ in range(400):
        held = ppo.exact_kl(ref + reward / target.beta, ref)
        target.update(held)
    assert held.item() == pytest.approx(0.3, rel=0.01)
    other = ppo.KLTarget(delta=1.0)
    other.load_state_dict(target.state_dict())
    assert (other.delta, other.beta) == (0.3, target.beta)
    before = other.beta
    assert other.update(1e9) == pytest.approx(before * math.exp(0.05))  # no further, whatever was measured


ONE = torch.zeros(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ppo.clipped_objective(ONE, ONE, ONE, kind="trpo"),
            "kind='trpo' is not known; choose one of clip, spo",
        ),
        (
            lambda: ppo.clipped_objective(ONE, ONE, ONE, reduce="all"),
            "reduce='all' is not known; choose token, sequence",
        ),
        (lambda: ppo.value_loss(ONE, ONE, clip=0.2), "clip=0.2 needs old_value"),
        (lambda: ppo.group_advantage(ONE, ONE.long(), "ppo"), "kind='ppo' is not known; choose one of grpo, rloo"),
        (lambda: ppo.kl(ONE, ONE, "k4"), "form='k4' is not known; choose one of k1, k2, k3"),
        (lambda: ppo.KLTarget(0.0), "delta=0.0 is not above 0"),
        (lambda: ppo.KLTarget(1.0, -1.0), "beta=-1.0 is not above 0"),
    ],
)
def test_what_cannot_be_asked_for(call, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        call()


def test_no_number_waits_for_the_device():
    """All of it runs on tensors that hold no numbers, so that nothing asks for one."""
    with torch.device("meta"):
        x, mask = torch.zeros(4, 6), torch.ones(4, 6, dtype=torch.bool)
        for kind, reduce in itertools.product(("clip", "spo", "gspo"), ("token", "sequence")):
            ppo.clipped_objective(x, x, x, kind=kind, reduce=reduce, mask=mask)
        ppo.gae(x, x, x, mask, mask, 0.9, 0.9, mask)
        ppo.value_loss(x, x, x, 0.2, mask)
        ppo.normalize(x, mask)
        ppo.group_advantage(x[:, 0], x[:, 0].long())
        ppo.exact_kl(x, x)
