"""What stands around the rules on the shelf: groups, steps in backward, SAM, averaged weights, the table of advice."""

import copy
import inspect

import pytest
import torch
from torch import nn

from leonui import optim
from leonui.optim.advice import advice


class Small(nn.Module):
    """An embedding, two blocks in a list, a norm, and a head tied to nothing."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(2))
        self.final = nn.LayerNorm(4)
        self.head = nn.Linear(4, 7)

    def forward(self, x):
        h = self.token(x)
        for block in self.blocks:
            h = h + block(h)
        return self.head(self.final(h))


def named(groups, **settings):
    """The names of all parameters whose group has those settings."""
    fits = [group for group in groups if all(group.get(k) == v for k, v in settings.items())]
    return [name for group in fits for name in group["param_names"]]


def test_groups_spare_biases_norms_and_embeddings():
    groups = optim.groups(Small(), weight_decay=0.1)
    assert named(groups, weight_decay=0.1) == ["blocks.0.0.weight", "blocks.1.0.weight", "head.weight"]
    assert len(named(groups, weight_decay=0.0)) == 10
    assert sum(len(group["params"]) for group in groups) == 13


@pytest.mark.parametrize(
    ("no_decay", "spared"),
    [("", 0), ("bias", 6), ("norm", 6), ("embedding", 1), ("head", 2), (r"blocks\.0, bias", 4 + 4)],
)
def test_what_is_spared_can_be_chosen(no_decay, spared):
    assert len(named(optim.groups(Small(), weight_decay=0.1, no_decay=no_decay), weight_decay=0.0)) == spared


def test_layers_that_come_earlier_walk_slower():
    groups = optim.groups(Small(), lr=1.0, layer_decay=0.5)
    rates = {name: group["lr"] for group in groups for name in group["param_names"]}
    assert rates["head.weight"] == rates["final.weight"] == 1.0
    assert rates["blocks.1.0.weight"] == 0.5
    assert rates["blocks.0.1.bias"] == 0.25
    assert rates["token.weight"] == 0.125


def test_muon_is_given_hidden_matrices_only():
    groups = optim.groups(Small(), muon=True)
    hidden = ["blocks.0.0.weight", "blocks.1.0.weight"]
    assert sorted(set(named(groups)) - set(named(groups, rule="adamw"))) == hidden
    model = Small()
    optimizer = optim.Muon(optim.groups(model, muon=True))
    assert "muon sees whole matrices): 2 tensors" in optimizer.engine


def test_shared_and_frozen_parameters_are_counted_right():
    model = Small()
    model.head.weight = model.token.weight
    model.final.requires_grad_(False)
    groups = optim.groups(model, weight_decay=0.1)
    assert sorted(named(groups)) == sorted(name for name, p in model.named_parameters() if p.requires_grad)
    assert "token.weight" in named(groups, weight_decay=0.0)


def test_the_table_says_what_was_done():
    lines = str(optim.groups(Small(), weight_decay=0.1)).splitlines()
    assert lines[0].split() == ["group", "tensors", "elements", "settings", "such", "as"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["0", "10", "67", "weight_decay=0"],
        ["1", "3", "60", "weight_decay=0.1"],
    ]


def test_groups_work_with_torch_too():
    model = Small()
    torch.optim.AdamW(optim.groups(model, lr=0.1, layer_decay=0.9))


def test_layer_decay_needs_a_rate():
    with pytest.raises(ValueError, match=r"layer_decay=0.5 needs lr and lies above 0"):
        optim.groups(Small(), layer_decay=0.5)


def losses(model, batches):
    for x in batches:
        yield nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten())


def batches(count):
    draw = torch.Generator().manual_seed(0)
    return [torch.randint(0, 7, (3, 5), generator=draw) for _ in range(count)]


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Lion", "LAMB", "Muon", "ScheduleFreeAdamW"])
@pytest.mark.parametrize("every", [1, 2])
def test_steps_in_backward_are_the_same_steps(name, every):
    torch.manual_seed(0)
    model = Small().double()
    twin = copy.deepcopy(model)
    inside, usual = (getattr(optim, name)(one.parameters(), lr=0.05) for one in (model, twin))
    optim.in_backward(inside, every=every)
    for i, (a, b) in enumerate(zip(losses(model, batches(6)), losses(twin, batches(6)), strict=True), 1):
        a.backward()
        b.backward()
        if i % every == 0:
            assert all(p.grad is None for p in model.parameters())
            usual.step()
            usual.zero_grad()
    assert inside.steps == usual.steps == 6 // every
    assert all(torch.allclose(p, q, rtol=1e-12) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_in_backward_clips_by_the_norm_of_the_step_before():
    weight = nn.Parameter(torch.zeros(1))
    optim.in_backward(optim.SGD([weight], lr=1.0, clip_norm=1.0))
    moves = []
    for slope in (4.0, 8.0, 2.0):
        before = float(weight.detach())
        (weight * slope).sum().backward()
        moves.append(round(before - float(weight.detach()), 4))
    assert moves == [1.0, 2.0, 0.25]  # 4/4, then 8/4, then 2/8


def test_in_backward_can_be_taken_off_and_refuses_others():
    weight = nn.Parameter(torch.ones(1))
    hooks = optim.in_backward(optim.SGD([weight], lr=1.0))
    hooks.remove()
    weight.sum().backward()
    assert weight.grad is not None
    with pytest.raises(ValueError, match=r"which SGD cannot; use leonui\.optim"):
        optim.in_backward(torch.optim.SGD([weight], lr=1.0))
    with pytest.raises(ValueError, match="every=0 backward passes make no step"):
        optim.in_backward(optim.SGD([weight], lr=1.0), every=0)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_sam_is_a_step_along_the_gradient_of_the_worst_point(rho, adaptive):
    slope = torch.tensor([1.0, 10.0], dtype=torch.float64)
    weight = nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64))
    optimizer = optim.SAM(optim.SGD([weight], lr=0.01), rho=rho, adaptive=adaptive)
    w = weight.detach().clone()
    for _ in range(5):
        optimizer.step(lambda: quadratic(weight, slope, optimizer))
        g = slope * w
        by = w.abs() if adaptive else torch.ones_like(w)
        worst = w + rho * by**2 * g / (by * g).norm()
        w = w - 0.01 * slope * worst
    assert torch.allclose(weight, w, rtol=1e-9)


def quadratic(weight, slope, optimizer):
    optimizer.zero_grad()
    loss = (slope * weight.square()).sum() / 2
    loss.backward()
    return loss


def test_sam_is_an_optimizer_like_others():
    weight = nn.Parameter(torch.ones(2))
    sam = optim.SAM(optim.AdamW([weight], lr=0.1))
    scheduler = torch.optim.lr_scheduler.StepLR(sam, 1, 0.5)
    assert float(sam.step(lambda: quadratic(weight, torch.ones(2), sam)).detach()) == 1.0
    scheduler.step()
    assert sam.param_groups[0]["lr"] == 0.05
    other = optim.SAM(optim.AdamW([weight], lr=0.3))
    other.load_state_dict(sam.state_dict())
    assert other.param_groups[0]["lr"] == 0.05
    assert copy.deepcopy(sam).rho == sam.rho
    with pytest.raises(ValueError, match="SAM looks at two points in a step; call step\\(closure\\)"):
        sam.step()
    with pytest.raises(ValueError, match="rho=-1 is no radius"):
        optim.SAM(optim.AdamW([weight]), rho=-1)


def test_averaged_weights_come_and_go_bit_for_bit():
    weight = nn.Parameter(torch.randn(5))
    optimizer = optim.ScheduleFreeSGD([weight], lr=0.1)
    for _ in range(3):
        weight.grad = torch.randn(5)
        optimizer.step()
    walking = weight.detach().clone()
    with optimizer.averaged():
        assert not torch.equal(weight, walking)
        with pytest.raises(RuntimeError, match=r"which do not walk; step\(\) after the averaged\(\) block"):
            optimizer.step()
    assert torch.equal(weight, walking)
    plain = optim.AdamW([weight])
    with plain.averaged():
        assert torch.equal(weight, walking)


@pytest.mark.parametrize("name", ["AdamW", "Muon"])
def test_a_compiled_training_step_is_the_same_step(name):
    def walk(compiled):
        torch.manual_seed(0)
        model = Small()
        optimizer = getattr(optim, name)(model.parameters(), lr=0.01, clip_norm=1.0)

        def step(x):
            optimizer.zero_grad()
            next(losses(model, [x])).backward()
            optimizer.step()

        run = torch.compile(step, backend="eager") if compiled else step
        for x in batches(3):
            run(x)
        return [p.detach() for p in model.parameters()]

    assert all(map(torch.equal, walk(True), walk(False)))


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("LAMB", {"decay": "coupled"}, "decay='coupled' cannot be had: this rule has its own"),
        ("Prodigy", {"decay": "independent"}, "decay='independent' cannot be had"),
        ("ScheduleFreeSGD", {"momentum": 0.0}, "momentum=0 leaves nothing to average"),
        ("ScheduleFreeAdamW", {"betas": (0.0, 0.9)}, "betas\\[0\\]=0 leaves nothing to average"),
    ],
)
def test_what_has_no_meaning_is_refused(name, settings, says):
    with pytest.raises(ValueError, match=says):
        getattr(optim, name)([nn.Parameter(torch.ones(1))], **settings)


@pytest.mark.parametrize("key", ["fused", "foreach", "clipnorm"])
def test_an_unknown_keyword_is_no_silent_wish(key):
    with pytest.raises(TypeError, match=rf"AdamW takes no '{key}'; beside its own it takes clip_norm, schedule"):
        optim.AdamW([nn.Parameter(torch.ones(1))], **{key: True})


def test_steps_are_those_of_the_optimizer_after_loading():
    a, b = (nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = optim.SGD([a, b], lr=0.1, momentum=0.9)
    for p in (a, a, b):
        p.grad = torch.ones(1)
        optimizer.step()
        p.grad = None
    other = optim.SGD([a, b], lr=0.1, momentum=0.9)
    other.load_state_dict(optimizer.state_dict())
    assert other.steps == optimizer.steps == 3


def test_advice_covers_the_shelf():
    table = {one.name: one for one in advice()}
    shelf = {name for name, kind in vars(optim).items() if inspect.isclass(kind)} - {"SAM"}
    assert set(table) == shelf
    assert {name: table[name].bytes for name in ("SGD", "AdamW", "Lion", "SignSGD")} == {
        "SGD": 8,
        "AdamW": 12,
        "Lion": 8,
        "SignSGD": 4,
    }
    assert table["AdamW"].default_lr == 1e-3
