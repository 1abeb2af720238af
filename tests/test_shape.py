"""The shape of a network's loss: eigenvalues and trace against the whole Hessian, slices against recorded losses."""

import math

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from leonui.landscape import (
    Plane,
    between,
    lanczos,
    losses_at,
    noise_scale,
    principal,
    products,
    random_direction,
    shape,
    slice_line,
    slice_plane,
)


def network(seed: int = 0, hidden: int = 4):
    """A small network in float64, its loss on fixed data, and its parameters."""
    random = torch.Generator().manual_seed(seed)
    x, y = torch.randn(40, 3, generator=random).double(), torch.randn(40, 1, generator=random).double()
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1)).double()
    parameters = list(model.parameters())
    return (lambda: (model(x) - y).square().mean()), parameters, (model, x, y)


def dense(loss, parameters) -> torch.Tensor:
    """The whole Hessian, column by column."""
    product, _ = products(loss(), parameters)
    columns = []
    for p in parameters:
        for i in range(p.numel()):
            vector = [torch.zeros_like(q) for q in parameters]
            next(v for v, q in zip(vector, parameters, strict=True) if q is p).view(-1)[i] = 1.0
            columns.append(torch.cat([h.reshape(-1) for h in product(vector)]))
    return torch.stack(columns)


@pytest.mark.parametrize("seed", range(3))
def test_eigenvalues_and_trace_against_the_whole_hessian(seed):
    loss, parameters, _ = network(seed)
    matrix = dense(loss, parameters)
    assert matrix.numpy() == pytest.approx(matrix.T.numpy(), abs=1e-12)
    true = torch.linalg.eigvalsh(matrix)
    found = shape(loss, parameters, count=len(true), signs=400)
    assert found.lambda_max == pytest.approx(float(true[-1]), rel=1e-6)
    assert found.lambda_min == pytest.approx(float(true[0]), rel=1e-5, abs=1e-8)
    assert abs(found.trace - float(matrix.trace())) < 4 * found.trace_error
    assert 0 < found.trace_error < 0.2 * abs(float(matrix.trace()))
    assert found.slope == pytest.approx(
        float(torch.cat([g.reshape(-1) for g in products(loss(), parameters)[1]]).norm())
    )


@pytest.mark.parametrize("count", [3, 6, 10])
def test_a_ritz_value_is_within_its_residual_and_inside_the_spectrum(count):
    loss, parameters, _ = network(1)
    true = torch.linalg.eigvalsh(dense(loss, parameters))
    product, gradient = products(loss(), parameters)
    ritz = lanczos(product, gradient, count)
    for value, residual in zip(ritz.values, ritz.residuals, strict=True):
        assert float((true - value).abs().min()) <= float(residual) + 1e-9
        assert float(true[0]) - 1e-9 <= float(value) <= float(true[-1]) + 1e-9
    assert float(ritz.residuals[-1]) > 0


def test_more_products_come_closer():
    loss, parameters, _ = network(2, hidden=8)
    found = [shape(loss, parameters, count=count, signs=1) for count in (2, 8, 30)]
    assert found[0].lambda_max < found[1].lambda_max <= found[2].lambda_max + 1e-12
    assert found[0].max_error > found[1].max_error > found[2].max_error
    assert math.isinf(found[0].trace_error)


@pytest.mark.parametrize(
    ("curvatures", "at", "kind"),
    [
        ((2.0, 1.0), 0.0, "minimum"),
        ((2.0, -1.0), 0.0, "saddle"),
        ((2.0, 0.0), 0.0, "unclear"),
        ((2.0, 1.0), 1.0, "slope"),
    ],
)
def test_what_a_point_is(curvatures, at, kind):
    weight = torch.full((2,), at, dtype=torch.float64, requires_grad=True)
    found = shape(lambda: (torch.tensor(curvatures, dtype=torch.float64) * weight.square()).sum(), [weight])
    assert found.critical() == kind
    assert found.critical(level=10.0) != "slope"


def test_the_weights_and_their_gradients_stay():
    loss, parameters, _ = network()
    before = parameters_to_vector(parameters).clone()
    shape(loss, parameters)
    plane = Plane([p.detach().clone() for p in parameters], (random_direction(parameters),))
    slice_line(loss, parameters, plane, [-1.0, 0.0, 1.0])
    with pytest.raises(ZeroDivisionError):
        slice_line(lambda: 1 / 0, parameters, plane, [1.0])  # type: ignore[arg-type,return-value]
    assert torch.equal(parameters_to_vector(parameters), before)
    assert all(p.grad is None for p in parameters)


def test_a_direction_is_filter_normalised():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(3, 2)
    )
    parameters = list(model.parameters())
    direction = random_direction(parameters, seed=1)
    for p, d in zip(parameters, direction, strict=True):
        if p.dim() > 1:
            assert torch.allclose(d.flatten(1).norm(dim=1), p.flatten(1).norm(dim=1))
        else:
            assert not bool(d.any())
    again, other = random_direction(parameters, seed=1), random_direction(parameters, seed=2)
    assert torch.equal(direction[0], again[0])
    assert not torch.equal(direction[0], other[0])


def trained(steps: int):
    """Snapshots on the way of a short training, and the losses recorded at them."""
    loss, parameters, _ = network(3)
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    snapshots, losses = [], []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        snapshots.append([p.detach().clone() for p in parameters])
        losses.append(value.item())
        value.backward()
        optimizer.step()
    return loss, parameters, snapshots, losses


def test_a_plane_through_three_snapshots_shows_their_losses():
    loss, parameters, snapshots, losses = trained(3)
    plane = principal(snapshots)
    assert plane.places is not None
    assert plane.explained is not None
    assert float(plane.explained.sum()) == pytest.approx(1.0)
    assert losses_at(loss, parameters, plane, plane.places.tolist()).tolist() == pytest.approx(losses, rel=1e-9)


def test_a_plane_through_many_snapshots_holds_most_of_the_way():
    _, _, snapshots, _ = trained(40)
    plane = principal(snapshots)
    assert plane.explained is not None
    assert plane.places is not None
    assert 0.8 < float(plane.explained.sum()) <= 1.0
    assert float(plane.explained[0]) >= float(plane.explained[1])
    flat = [torch.cat([p.reshape(-1) for p in direction]) for direction in plane.directions]
    assert float(flat[0] @ flat[1]) == pytest.approx(0, abs=1e-10)
    assert [float(f.norm()) for f in flat] == pytest.approx([1, 1])
    assert plane.places[-1].tolist() == pytest.approx([0, 0])


def test_from_one_set_of_weights_to_another():
    loss, parameters, snapshots, losses = trained(10)
    way = Plane(snapshots[0], (between(snapshots[0], snapshots[-1]),))
    line = slice_line(loss, parameters, way, [0.0, 0.5, 1.0])
    assert [float(line[0]), float(line[2])] == pytest.approx([losses[0], losses[-1]])


def test_a_grid_has_a_row_for_each_place_upwards():
    weight = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    x, y = [torch.tensor([1.0, 0.0])], [torch.tensor([0.0, 1.0])]
    plane = Plane([torch.tensor([1.0, 1.0])], (x, y))
    grid = slice_plane(lambda: weight[0] + 10 * weight[1], [weight], plane, [0, 1, 2], [0, 1])
    assert grid.tolist() == [[11, 12, 13], [21, 22, 23]]


@pytest.mark.parametrize(
    ("snapshots", "message"), [(2, "2 snapshots span no plane"), (3, "the snapshots are all the same")]
)
def test_no_plane(snapshots, message):
    with pytest.raises(ValueError, match=message):
        principal([[torch.ones(3)]] * snapshots)


# the noise of gradients


def samples(count: int, signal: float, spread: float, seed: int = 0):
    """Losses of batches whose gradients are known: signal in each of 5 directions, and noise around it."""
    weight = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    random = torch.Generator().manual_seed(seed)
    drawn = signal + spread * torch.randn(count, 8, 5, dtype=torch.float64, generator=random)
    return [(lambda rows=rows: (rows @ weight).mean()) for rows in drawn], [weight]


@pytest.mark.parametrize(("signal", "spread"), [(1.0, 3.0), (0.5, 1.0)])
def test_the_noise_scale_of_known_noise(signal, spread):
    losses, weights = samples(4000, signal, spread)
    found = noise_scale(losses, weights, batch=8)
    true = 5 * spread**2 / (5 * signal**2)
    assert abs(found.scale - true) < 4 * found.error
    assert 0 < found.error < 0.1 * true
    assert found.noise == pytest.approx(5 * spread**2, rel=0.05)
    assert found.signal == pytest.approx(5 * signal**2, rel=0.05)


def test_no_signal_is_no_scale():
    losses, weights = samples(3, 0.0, 1.0, seed=2)
    assert math.isinf(noise_scale(losses, weights, batch=8).scale) or noise_scale(losses, weights, 8).signal > 0
    with pytest.raises(ValueError, match="2 batches are too few"):
        noise_scale(losses[:2], weights, batch=8)
