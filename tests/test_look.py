"""A close look at some steps: it changes no number, and says which unit, which axis, which operation."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from leonui.record import Record
from leonui.trial import probe
from leonui.trial.intervention import Intervention, Treat, treated
from leonui.trial.plan import Plan
from leonui.trial.probe.aligned import Aligned
from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.bounds import Bounds
from leonui.trial.probe.level import Level
from leonui.trial.probe.one_batch import OneBatch
from leonui.trial.probe.treat import Treatment

STEPS = (2, 3, 4)
X = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A network of which one thing is odd."""

    def __init__(self, odd: str):
        super().__init__()
        self.odd = odd
        sigmoids = [part for _ in range(9) for part in (nn.Linear(8, 8), nn.Sigmoid())]
        self.first, self.deep, self.last = nn.Linear(5, 8), nn.Sequential(*sigmoids), nn.Linear(8, 1)
        if odd == "dead":
            nn.init.constant_(self.first.bias, -20.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.odd == "mixes":
            x = x.reshape(x.shape[1], x.shape[0]).t()
        if self.odd == "time first":
            x = x.cumsum(0)
        h = torch.relu(self.first(x))
        h = self.deep(h) if self.odd == "deep" else h
        if self.odd == "logarithm":
            h = torch.log(h - h)
        if self.odd == "merges":
            h = nn.functional.layer_norm(h.unsqueeze(-1), (1,)).squeeze(-1)
        if self.odd == "root":
            h = torch.sqrt(h - h.detach())
        out = self.last(h)
        return out if self.odd in ("column", "time first") else out.squeeze(1)


def train(odd: str) -> list[float]:
    """Six steps."""
    torch.manual_seed(0)
    net = Net(odd)
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.01), []
    for step in range(6):
        x = X[8 * step : 8 * step + 8].clone()
        if odd == "sample" and step == 2:
            x[3, 1] = math.nan
        out, y = net(x), x.sum(1)
        loss = ((out - y) ** 2).mean() if odd != "time first" else out.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def looked(odd: str, folder, leg: Intervention = Intervention()) -> tuple[list[float], dict]:  # noqa: B008
    folder.mkdir(exist_ok=True)
    steps = (1,) if odd in ("logarithm", "root") else STEPS
    watching = probe.start(Plan(str(folder), (leg,), closely={"look": steps}))
    try:
        losses = train(odd)
    finally:
        probe.end(watching)
    return losses, Record.read(folder).last("end")["look"]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    ("odd", "part", "expected"),
    [
        ("", "units", [{"name": "", "function": "relu", "units": 8, "dead": 0, "samples": 24}]),
        ("", "pairs", {}),
        ("", "culprit", {}),
        ("", "mixing", {"rows": 8, "touched": 0, "certain": True}),
        ("dead", "units", [{"name": "", "function": "relu", "units": 8, "dead": 8, "samples": 24}]),
        ("column", "pairs", {"samples": 8, "count": 3}),
        ("mixes", "mixing", {"rows": 8, "touched": 4, "certain": True}),
        ("time first", "mixing", {"rows": 8, "touched": 7, "certain": True}),
        ("logarithm", "culprit", {"when": "forward", "operation": "log", "step": 1, "low": 0.0, "high": 0.0}),
        ("root", "culprit", {"when": "backward", "operation": "SqrtBackward0", "step": 1}),
        ("", "merged", {}),
        ("merges", "merged", {"operation": "layer_norm"}),
        ("sample", "culprit", {"when": "input", "samples": [3], "rows": 8, "step": 3}),
    ],
)
def test_what_it_sees(odd, part, expected, tmp_path):
    _, seen = looked(odd, tmp_path)
    found = seen[part]
    if part == "units":
        found = [layer | {"name": ""} for layer in found if layer["function"] == "relu"]
    else:
        found = {key: value for key, value in found.items() if key in expected} if expected else found
    assert found == expected
    if place := (seen[part].get("place") if isinstance(seen[part], dict) else ""):
        assert place.startswith(__file__)


def test_gradients_that_vanish_are_told_by_the_layers(tmp_path):
    _, plain = looked("", tmp_path / "plain")
    _, deep = looked("deep", tmp_path / "deep")
    assert plain["flow"]["ratio"] > 0.01
    assert deep["flow"]["ratio"] < 1e-3
    least, most = (deep["flow"][end].rsplit(":")[-1] for end in ("least", "most"))  # other tests' networks may live
    assert least in ("first.weight", "deep.0.weight")
    assert most == "last.weight"


@pytest.mark.parametrize("odd", ["", "deep", "dead"])
def test_no_number_is_changed(odd, tmp_path):
    losses, _ = looked(odd, tmp_path)
    assert losses == train(odd)
    assert nn.Module.__call__.__module__.startswith("torch")


def test_weights_along_the_gradient_are_left_for_branches(tmp_path):
    watching = probe.start(Plan(str(tmp_path), closely={"look": (2,), "slope": (2,)}))
    train("")
    probe.end(watching)
    slope = Record.read(tmp_path).last("end")["look"]["slope"]
    assert slope["expected"] > 0
    up, down = (torch.load(slope["files"][way])[0] for way in ("0.001", "-0.001"))
    assert len(up) == len(down) == len(list(Net("").parameters()))
    moved = [float((a - b).norm()) for a, b in zip(up, down, strict=True)]
    sizes = [float((a + b).norm()) / 2 for a, b in zip(up, down, strict=True)]
    reach = [way / 2e-3 / size for way, size in zip(moved, sizes, strict=True) if way]
    assert reach == pytest.approx([1.0] * len(reach), rel=1e-2)


def test_nothing_is_written_where_nobody_asked(tmp_path):
    watching = probe.start(Plan(str(tmp_path)))
    train("")
    probe.end(watching)
    assert "look" not in Record.read(tmp_path).last("end")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(5, 7), (64, 5)),
        (nn.Linear(5, 7, bias=False), (8, 8, 5)),
        (nn.Conv2d(5, 3, 3), (8, 5, 6, 6)),
        (nn.ConvTranspose1d(5, 3, 2), (8, 5, 6)),
    ],
)
def test_levelled_layers_give_unit_deviation_at_first(layer, shape):
    torch.manual_seed(0)
    x = 30.0 * torch.randn(shape) + 4.0
    level = Level(nn.Module.__call__)
    out = level(layer, x)
    kept = -1 if isinstance(layer, nn.Linear) else 1
    rows = out.detach().movedim(kept, -1).flatten(0, -2)
    assert rows.std(0, unbiased=False) == pytest.approx(torch.ones(rows.shape[1]), rel=1e-4)
    if layer.bias is not None:
        assert rows.mean(0) == pytest.approx(torch.zeros(rows.shape[1]), abs=1e-4)
    before = layer.weight.clone()
    level(layer, 2 * x)
    assert torch.equal(layer.weight, before)


def test_aligned_shapes_compare_one_by_one():
    torch.manual_seed(0)
    column, row, others = torch.randn(6, 1), torch.randn(6), torch.randn(3)
    with Aligned():
        assert torch.equal(column - row, column[:, 0] - row)
        assert torch.equal(row * column, column[:, 0] * row)
        assert (column - others).shape == (6, 3)
        assert (column - others[:1]).shape == (6, 1)


def test_batch_statistics_are_those_of_the_batch_and_are_not_kept():
    treatment = Treatment(Treat(("batch statistics",)), Anatomy())
    given = {"input": X, "running_mean": torch.zeros(5), "running_var": torch.ones(5), "training": False}
    with torch.no_grad():
        there = treatment.mode("batch_norm", given)
        assert torch.allclose(F.batch_norm(**there), F.batch_norm(X, None, None, training=True))
    assert torch.equal(given["running_mean"], torch.zeros(5))
    assert treatment.mode("batch_norm", given) == given


def test_a_network_that_is_shared_out_is_treated_whichever_way_it_is_called(monkeypatch):
    monkeypatch.setattr(nn.Module, "__call__", nn.Module.__call__)  # put back afterwards
    shared, anatomy = nn.DataParallel(nn.Linear(5, 2)), Anatomy()
    anatomy.find()
    Treatment(Treat(("standardised inputs",)), anatomy)
    told = shared(100 * X + 7)
    assert torch.equal(shared.module(100 * X + 7), told)
    assert torch.allclose(told, nn.Linear.forward(shared.module, (X - X.mean(0)) / X.std(0, unbiased=False)), atol=1e-4)


@pytest.mark.parametrize(
    ("inputs", "targets", "keeps"),
    [(2.0, 3.0, True), (20.0, 3.0, False), (2.0, 30.0, False), (math.nan, 3.0, False), (2.0, math.inf, False)],
)
def test_batches_beyond_their_bounds_are_left_out(inputs, targets, keeps):
    norm, anatomy = nn.BatchNorm1d(1), Anatomy()
    anatomy.find()
    bounds = Bounds((10.0, 20.0), anatomy)
    bounds.inputs((torch.tensor([0.0, inputs]), "no tensor"))
    bounds.targets(torch.tensor([targets]))
    norm.running_mean.fill_(7.0)
    assert bounds.keeps(4) is keeps
    assert norm.running_mean.item() == (7.0 if keeps else 0.0)
    assert bounds.summary() == ({} if keeps else {"left_out": {"count": 1, "step": 5}})
    assert bounds.keeps(5)


def test_one_batch_is_all_that_a_network_sees_in_training():
    one, (x, y), (later, other) = OneBatch(), X[:16].chunk(2), X[16:32].chunk(2)
    assert one.input(x, "net") is not x
    assert torch.equal(one.input(later, "net"), x)
    assert torch.equal(one.input(later, "another"), later)
    assert torch.equal(one.input(later[:3], "net"), later[:3])  # a shorter batch is one of its own
    one.target("mse_loss", (x, y), {})
    assert torch.equal(one.target("mse_loss", (x, other), {})[1], y)
    assert torch.equal((named := {"target": other}) and one.target("mse_loss", (x,), named)[0], x)
    assert torch.equal(named["target"], y)
    with torch.no_grad():
        assert one.input(later, "net") is later
        assert one.target("mse_loss", (x, other), {})[1] is other


@pytest.mark.parametrize("second", [False, True])
def test_what_no_optimizer_holds_is_held_from_the_second_step_on(second, tmp_path):
    leg = treated("all parameters")
    watching = probe.start(Plan(str(tmp_path), (leg,)))
    try:
        net = Net("")
        optimizers = [torch.optim.SGD(net.last.parameters(), lr=0.1)]
        optimizers += [torch.optim.SGD(net.first.parameters(), lr=0.1)] if second else []
        for _ in range(3):
            net(X[:8]).square().mean().backward()
            for optimizer in optimizers:
                optimizer.step()
    finally:
        probe.end(watching)
    held = [{id(p) for p in optimizer.param_groups[0]["params"]} for optimizer in optimizers]
    inner = {id(p) for p in net.first.parameters()}
    assert (inner <= held[0]) == (not second)
    assert sum(map(len, held)) >= 4
