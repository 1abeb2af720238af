"""The surfaces, the climbs of real rules on them, their limits, and what became of each climb."""

import math

import numpy as np
import pytest
import torch

from leonui import optim
from leonui.landscape import SURFACES, Climber, Conditions, climb, own, owned, train
from leonui.landscape.climb import step_by_step
from leonui.landscape.slope import compiled
from leonui.schedule import parse

NONE = np.zeros((1, 1))  # data that no surface reads


def points_of(kind: str) -> list:
    return [(name, point) for name, one in SURFACES.items() for point in getattr(one, kind)]


@pytest.mark.parametrize(("name", "point"), [row for row in points_of("minima") if row[0] != "ackley"])
def test_a_minimum_is_level_and_curves_upwards_and_nothing_near_is_lower(name, point):
    surface, at = SURFACES[name], torch.tensor(point, dtype=torch.float64)
    assert float(surface.gradient(at).norm()) < 1e-6 * surface.height
    assert float(torch.linalg.eigvalsh(surface.hessian(point))[0]) > 0
    assert surface.floor == pytest.approx(float(surface.value(at)), abs=1e-9)
    assert float(surface.grid(301)[1].min()) >= surface.floor - 1e-9


@pytest.mark.parametrize(("name", "point"), points_of("saddles"))
def test_a_saddle_is_level_and_not_a_minimum(name, point):
    surface, at = SURFACES[name], torch.tensor(point, dtype=torch.float64)
    assert float(surface.gradient(at).norm()) < 1e-6 * surface.height
    near = at + 1e-2 * torch.randn(
        200, surface.dimensions, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    losses, here = surface.value(near), float(surface.value(at))
    assert float(losses.min()) < here < float(losses.max())


def test_ackleys_lowest_point():
    near = 1e-6 * torch.tensor([[1.0, 0.0], [0.6, -0.8]], dtype=torch.float64)
    assert SURFACES["ackley"].floor == pytest.approx(0, abs=1e-12)
    assert bool((SURFACES["ackley"].value(near) > 0).all())


@pytest.mark.parametrize("name", SURFACES)
def test_gradient_and_hessian_against_differences(name):
    surface, h = SURFACES[name], 1e-5
    at = torch.tensor(surface.start, dtype=torch.float64) + 0.123
    steps = h * torch.eye(surface.dimensions, dtype=torch.float64)
    slopes = torch.stack([(surface.value(at + s) - surface.value(at - s)) / (2 * h) for s in steps])
    curves = torch.stack([(surface.gradient(at + s) - surface.gradient(at - s)) / (2 * h) for s in steps])
    assert surface.gradient(at).numpy() == pytest.approx(slopes.numpy(), rel=1e-5, abs=1e-6 * surface.height)
    assert surface.hessian(at.tolist()).numpy() == pytest.approx(curves.numpy(), rel=1e-5, abs=1e-6 * surface.height)


@pytest.mark.parametrize("name", SURFACES)
def test_the_compiled_slope_is_autograds(name):
    surface = SURFACES[name]
    slope = compiled(surface)
    assert slope is not None
    (low, high), *_ = surface.window
    random = np.random.default_rng(0)
    for point in random.uniform(low, high, (20, surface.dimensions)):
        at, g = torch.from_numpy(point), np.empty(surface.dimensions)
        assert slope(point, g, 0, NONE) == pytest.approx(float(surface.value(at)), rel=1e-12, abs=1e-12)
        assert g == pytest.approx(surface.gradient(at).numpy(), rel=1e-10, abs=1e-10)


CLIMBERS = [
    Climber("SGD", 0.01),
    Climber("SGD", 0.01, {"momentum": 0.9, "nesterov": True}),
    Climber("Momentum", 0.05, {"beta": 0.8}),
    Climber("AdamW", 0.05, {"betas": (0.8, 0.95)}),
    Climber("Lion", 0.01),
    Climber("Prodigy", 1.0),
    Climber("Muon", 0.05),
    Climber("AdamW", 0.05, {"schedule": parse("warmup(7) > cosine(60)")}),
]


@pytest.mark.parametrize("climber", CLIMBERS, ids=str)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_climb_is_what_the_optimizer_does_step_by_step(climber, noise):
    surface, how = SURFACES["himmelblau"], Conditions(steps=60, noise=noise, batch=4, every=2)
    path = climb(surface, climber, conditions=how)
    point = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    optimizer, drawn, expected = climber.make(point), how.drawn(2), []
    for step in range(61):
        if step % 2 == 0:
            expected.append(point.detach().numpy().copy())
        point.grad = surface.gradient(point) + torch.from_numpy(drawn[step % 60 % len(drawn)])
        optimizer.step()
    assert path.points == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9)
    assert path.losses == pytest.approx(surface.value(torch.from_numpy(path.points)).numpy(), rel=1e-9, abs=1e-9)


def test_what_cannot_be_compiled_is_walked_by_step_and_goes_the_same_way():
    plain = climb(SURFACES["beale"], Climber("SGD", 1e-3), conditions=Conditions(steps=50))
    clipped = climb(SURFACES["beale"], Climber("SGD", 1e-3, {"clip_norm": 1e9}), conditions=Conditions(steps=50))
    short = climb(SURFACES["beale"], Climber("SGD", 1e-3, {"clip_norm": 0.1}), conditions=Conditions(steps=50))
    assert clipped.points == pytest.approx(plain.points, rel=1e-9)
    assert np.hypot(*np.diff(short.points, axis=0).T) == pytest.approx(1e-4, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ({"lr": 0.02}, {}), ({"settings": {"momentum": 0.5}}, {}), ({}, {"noise": 1.0}),
        ({}, {"noise": 1.0, "seed": 1}), ({}, {"noise": 1.0, "batch": 4}), ({}, {"steps": 30}),
    ],
)  # fmt: skip
def test_every_setting_matters(change, settings):
    def end(change, settings):
        climber = Climber(**({"optimizer": "SGD", "lr": 0.01} | change))
        return tuple(climb(SURFACES["ravine"], climber, conditions=Conditions(**{"steps": 20} | settings)).points[-1])

    assert len({end({}, {}), end({}, {"noise": 2.0}), end(change, settings)}) == 3


# limits: just below the path comes down, just above it grows; to a millionth


def grows(climber: Climber, lam: float, share: float) -> bool:
    """Whether a climb along one direction of curvature ``lam`` grows at a share of its limit."""
    surface = SURFACES["line"]
    bent = type(surface)(f"line{lam:g}", "", "", lambda x: lam * x * x / 2, surface.window, (1.0,), ((0.0,),))
    known = climb(bent, climber, conditions=Conditions(steps=1)).limit
    at = Climber(climber.optimizer, share * known, climber.settings)
    losses = climb(bent, at, conditions=Conditions(steps=2_000_000, every=1000)).losses
    return bool(losses[-1] > losses[len(losses) // 2])


@pytest.mark.parametrize("lam", [1.0, 50.0])
@pytest.mark.parametrize(
    "climber",
    [
        Climber("SGD", 0.1),
        Climber("SGD", 0.1, {"momentum": 0.9}),
        Climber("SGD", 0.1, {"momentum": 0.5, "dampening": 0.3}),
        Climber("SGD", 0.1, {"momentum": 0.9, "nesterov": True}),
        Climber("Momentum", 0.1, {"beta": 0.9}),
    ],
    ids=str,
)
def test_the_limit_is_where_the_rule_begins_to_grow(climber, lam):
    assert [grows(climber, lam, share) for share in (1 - 1e-6, 1 + 1e-6)] == [False, True]


@pytest.mark.parametrize(
    ("name", "key", "settings"),
    [
        ("Adam", "exp_avg_sq", {"betas": (0.9, 1 - 1e-16), "eps": 1e-3}),
        ("RMSprop", "square_avg", {"alpha": 1 - 1e-16, "eps": 1e-3}),
    ],
)
@pytest.mark.parametrize("squares", [4.0, 0.01])
def test_the_limit_of_a_rule_that_divides_while_what_it_divides_by_stays(name, key, settings, squares):
    from leonui.engine.march import begin, march
    from leonui.landscape import limit

    def grown(share: float) -> bool:
        point = torch.ones(2, dtype=torch.float64, requires_grad=True)
        optimizer = getattr(optim, name)([point], lr=0.1, **settings)
        begin(optimizer, point)
        optimizer.state[point][key].fill_(squares)
        optimizer.state[point]["step"].fill_(1e30)  # so that no bias is left to be corrected
        hessian = torch.diag(torch.tensor([1.0, 50.0], dtype=torch.float64))
        optimizer.param_groups[0]["lr"] = share * limit(optimizer, hessian)
        point.data[:] = 1e-3
        losses = march(optimizer, compiled(SURFACES["ravine"]), NONE, np.zeros((1, 2)), 50_000, 500, 1e9)[1]
        return bool(losses[-1] > losses[len(losses) // 2])

    assert [grown(share) for share in (1 - 1e-6, 1 + 1e-6)] == [False, True]


@pytest.mark.parametrize("name", ["Lion", "Prodigy"])
def test_a_limit_that_is_not_known_is_not_given(name):
    path = climb(SURFACES["bowl"], Climber(name, 0.01), conditions=Conditions(steps=3))
    assert math.isnan(path.limit)


VERDICTS = [
    ("bowl", Climber("SGD", 0.1), None, "converged"),
    ("bowl", Climber("SGD", 2.01), None, "oscillates"),
    ("bowl", Climber("SGD", 2.5), None, "diverged"),
    ("bowl", Climber("SGD", 1e-3), None, "descending"),
    ("ravine", Climber("Lion", 0.5), None, "oscillates"),
    ("saddle", Climber("SGD", 0.1), (-1.5, 0.0), "saddle"),
    ("saddle", Climber("SGD", 0.1), (-1.5, 0.1), "converged"),
    ("monkey", Climber("SGD", 0.05), (1.2, 0.1), "fell"),
    ("plateau", Climber("SGD", 0.01), None, "flat"),
    ("plateau", Climber("Adam", 0.1), None, "converged"),
    ("hills", Climber("SGD", 0.01), None, "local"),
    ("hills", Climber("SGD", 0.03, {"momentum": 0.9}), None, "converged"),
    ("rastrigin", Climber("SGD", 1e-3), None, "local"),
    ("ackley", Climber("SGD", 0.01), (0.0, 0.0), "nowhere"),
    ("rosenbrock", Climber("SGD", 0.01), None, "diverged"),
]


@pytest.mark.parametrize(("name", "climber", "start", "kind"), VERDICTS)
def test_what_became_of_it(name, climber, start, kind):
    path = climb(SURFACES[name], climber, start, Conditions(steps=300))
    if name == "ackley":
        kind = "converged"  # at the very bottom there is nothing left to do
    assert path.verdict.kind == kind
    assert str(path.verdict)
    if "step" in path.verdict.figures:
        assert 0 <= path.verdict.figures["step"] <= 300


def test_who_ends_higher_than_the_start_is_not_descending():
    path = climb(SURFACES["line"], Climber("SGD", 2.1), (1.0,), Conditions(steps=1))
    assert str(path.verdict) == "higher than at the start, at a loss of 0.605"


def test_converged_says_since_when():
    path = climb(SURFACES["line"], Climber("SGD", 0.5), (1.0,), Conditions(steps=50))
    assert path.verdict.figures == {"step": 5}  # 4^-5 < 1e-3 < 4^-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: climb(SURFACES["bowl"], Climber("SDG", 0.1)), "leonui.optim has no optimizer 'SDG'"),
        (lambda: climb(SURFACES["bowl"], Climber("groups", 0.1)), "leonui.optim has no optimizer 'groups'"),
        (lambda: climb(SURFACES["bowl"], Climber("SGD", 0.1, {"betas": 1})), "SGD does not take these settings"),
        (lambda: climb(SURFACES["bowl"], Climber("SGD", -0.1)), "lr=-0.1 is below 0"),
        (lambda: climb(SURFACES["bowl"], Climber("SGD", 0.1), (1.0,)), "give 2 finite numbers"),
        (lambda: climb(SURFACES["line"], Climber("SGD", 0.1), (math.nan,)), "give 1 finite numbers"),
        (lambda: Conditions(steps=0), "steps=0 is no count"),
        (lambda: Conditions(noise=-1.0), "noise=-1.0 is no standard deviation"),
    ],
)
def test_wrong_wishes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


OWN = """
import torch
def cliff(x, y):
    "A cliff."
    return torch.where(x > 0, 5 * x, -x) + y ** 2
cliff.window = ((-2, 2), (-1, 1))
cliff.start = (1.0, 0.5)
def valley(x): return torch.special.i0(x)
def third(x, y, z): return x
def flat(x, y): return 3.0
def rooted(x, y): return torch.sqrt(x) + y
def reads(x, y): return x * float(y.sum()) if y.dim() else x * float(y)
number = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    return path


def test_a_surface_of_ones_own(file):
    surface = own(f"{file}:cliff")
    assert (surface.title, surface.words, surface.dimensions, surface.start) == ("cliff", "A cliff.", 2, (1.0, 0.5))
    path = climb(surface, Climber("SGD", 0.01), conditions=Conditions(steps=10))
    assert path.points[1] == pytest.approx([0.95, 0.49])
    assert compiled(surface) is not None


def test_a_surface_without_a_compiled_form_is_climbed_too(file):
    surface = own(f"{file}:valley")
    assert compiled(surface) is None
    path = climb(surface, Climber("SGD", 0.5), (2.0,), Conditions(steps=40))
    assert path.points[1, 0] == pytest.approx(2 - 0.5 * float(torch.special.i1(torch.tensor(2.0, dtype=torch.float64))))
    assert path.verdict.kind == "converged"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("third", "takes 3 arguments; a surface takes one or two"),
        ("flat", "is no surface in torch operations"),
        ("rooted", "has no finite gradient at its start"),
        ("nothing", "has no function 'nothing'"),
        ("number", "has no function 'number'"),
    ],
)
def test_what_is_no_surface(file, name, message):
    with pytest.raises(ValueError, match=message):
        own(f"{file}:{name}")


@pytest.mark.parametrize("place", ["nowhere.py:f", "bowl", "x.py"])
def test_what_is_no_place(place):
    with pytest.raises(ValueError, match=r"give it as file\.py:function"):
        own(place)


def test_all_surfaces_of_a_file(tmp_path):
    path = tmp_path / "some.py"
    path.write_text("from math import sin\ndef valley(x): return x * x\ndef _hidden(x): return x\nnumber = 1\n")
    assert list(owned(str(path))) == list(owned(f"{path}:valley")) == [f"{path}:valley"]
    path.write_text("number = 1")
    with pytest.raises(ValueError, match="defines no function; write one such as def valley"):
        owned(str(path))
    with pytest.raises(ValueError, match=r"there is no file .*gone\.py; give the path of a Python file"):
        owned(str(tmp_path / "gone.py"))


def test_a_file_that_breaks(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    with pytest.raises(ValueError, match="cannot be run: ZeroDivisionError"):
        own(f"{path}:f")


def test_the_march_counts_as_steps_do():
    from leonui.engine.march import begin, march

    point = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = optim.AdamW([point], lr=0.1)
    begin(optimizer, point)
    slope, none = compiled(SURFACES["bowl"]), np.zeros((1, 2))
    first = march(optimizer, slope, NONE, none, 7, 1, 1e9)
    assert (optimizer.steps, first[2], len(first[0])) == (7, 7, 8)
    march(optimizer, slope, NONE, none, 3, 1, 1e9)
    point.grad = torch.zeros_like(point)
    optimizer.step()
    assert optimizer.steps == 11 == int(optimizer.state[point]["step"])
    whole = climb(SURFACES["bowl"], Climber("AdamW", 0.1), (1.0, 2.0), Conditions(steps=7))
    assert whole.points[-1] == pytest.approx(first[0][-1], rel=1e-14)


def test_step_by_step_ends_where_there_is_no_gradient():
    surface, point = SURFACES["ackley"], torch.zeros(2, dtype=torch.float64, requires_grad=True)
    points, _, steps = step_by_step(
        surface, optim.SGD([point], lr=0.1), point, Conditions(steps=9), np.zeros((1, 2)), 1e9
    )
    assert (len(points), steps) == (1, 0)


# batches


def test_the_slope_of_a_batch_is_autograds():
    from leonui.landscape import regression

    data, batch = regression.regression(), 7
    rows = regression._batches(data, batch, 3, seed=1)
    weights = torch.linspace(-1, 1, 50, dtype=torch.float64, requires_grad=True)
    block = torch.from_numpy(rows[2]).reshape(batch, 51)
    loss = (block[:, :-1] @ weights - block[:, -1]).square().mean()
    (expected,) = torch.autograd.grad(loss, weights)
    g = np.empty(50)
    assert regression.slope()(weights.detach().numpy(), g, 2, rows) == pytest.approx(loss.item())
    assert g == pytest.approx(expected.numpy())


def test_the_data_are_the_lessons():
    from leonui.landscape.regression import regression

    data = regression()
    assert data.x.shape == (10_000, 50)
    assert data.loss(data.best).item() == pytest.approx(0.01, rel=0.05)  # the noise's own square
    weights = torch.randn(3, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert data.losses(weights).tolist() == pytest.approx([data.loss(w).item() for w in weights])


def test_a_training_is_what_the_optimizer_does():
    from leonui.landscape import regression

    found = train(Climber("AdamW", 0.01), 100, budget=2000, keep=100)
    rows = regression._batches(regression.regression(), 100, 20, seed=0)
    weights = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    optimizer = optim.AdamW([weights], lr=0.01)
    for row in rows:
        block = torch.from_numpy(row).reshape(100, 51)
        optimizer.zero_grad()
        (block[:, :-1] @ weights - block[:, -1]).square().mean().backward()
        optimizer.step()
    assert found.points[-1] == pytest.approx(weights.detach().numpy(), rel=1e-9)
    assert (found.steps, found.seen[-1], found.diverged) == (20, 2000, False)


def test_the_same_budget_is_few_large_steps_or_many_small_ones():
    full, mini, single = (train(Climber("SGD", lr), batch) for lr, batch in ((0.4, 10_000), (0.05, 64), (0.005, 1)))
    assert (full.steps, mini.steps, single.steps) == (1, 156, 10_000)
    assert mini.losses[-1] < single.losses[-1] < full.losses[-1] / 100
    assert full.limit == pytest.approx(0.88, rel=0.05)
    assert train(Climber("SGD", 0.05), 1).diverged
    with pytest.raises(ValueError, match="batch=0 is no batch of 10000 samples"):
        train(Climber("SGD", 0.05), 0)
    with pytest.raises(ValueError, match="cannot be compiled"):
        train(Climber("SGD", 0.05, {"clip_norm": 1.0}), 64)
