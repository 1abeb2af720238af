"""What is saved and loaded: torch's own state both ways, runs that go on bit for bit, other dtypes and layouts."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

from leonui import optim
from leonui.engine import machines
from tests.rules import FULL, ROWS, gap, start, walk

TORCHS = [row for row in ROWS if row.torch]
WHOLE = ("muon", "adafactor", "soap")
SOME = ((7,), (5, 3), ())
LARGE = ((65, 64), (9,))


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(machines, "LADDER", ("eager.Eager",))


def again(params, to=lambda x: x):
    """Weights of their own with the same values."""
    return [nn.Parameter(to(p.detach().clone())) for p in params]


def carried(optimizer):
    """Its state after a way through a file."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def resumed(make, params, other=None, to=lambda x: x):
    """Three steps, and three more of a new optimizer that loaded what the first saved; with that of a third."""
    first = make(params)
    walk(first, params, 3)
    theirs = again(params, to)
    second = (other or make)(theirs)
    second.load_state_dict(carried(first))
    return walk(second, theirs, range(3, 6)), walk(first, params, range(3, 6)), second


def makers(row):
    """Constructors: ours and torch's."""
    return (lambda p: row.make(p, **row.settings)), (lambda p: row.torch(p, **row.settings))


@pytest.mark.parametrize("row", TORCHS, ids=str)
def test_torch_goes_on_where_we_stopped(row, eager):
    went_on, straight, _ = resumed(makers(row)[0], start(FULL), makers(row)[1])
    assert gap(went_on, straight) < row.close


@pytest.mark.parametrize("row", TORCHS, ids=str)
def test_we_go_on_where_torch_stopped(row, eager):
    went_on, straight, _ = resumed(makers(row)[1], start(FULL), makers(row)[0])
    assert gap(went_on, straight) < row.close


@pytest.mark.parametrize("row", TORCHS, ids=str)
def test_state_is_named_as_torchs(row, eager):
    saved = []
    for make in (row.make, row.torch):
        params = start(FULL)
        optimizer = make(params, **row.settings)
        walk(optimizer, params, 2)
        saved.append(optimizer.state_dict())
    ours, theirs = saved
    for i, state in theirs["state"].items():
        wanted = {key: x for key, x in state.items() if x is not None}
        found = {key: x for key, x in ours["state"][i].items() if key in wanted or key != "step"}
        shapes = [{key: torch.as_tensor(x).shape for key, x in one.items()} for one in (found, wanted)]
        assert shapes[0] == shapes[1]
    assert [group["params"] for group in ours["param_groups"]] == [group["params"] for group in theirs["param_groups"]]
    shared = set(ours["param_groups"][0]) & set(theirs["param_groups"][0]) - {"params"}
    assert set(row.settings) - {"decoupled_weight_decay", "nesterov", "amsgrad", "centered"} <= shared


def test_torchs_muon_lends_its_state(eager):
    params = start(((6, 4),))
    torchs = torch.optim.Muon(params, lr=0.02)
    walk(torchs, params, 3)
    ours = optim.Muon(again(params), lr=0.02)
    ours.load_state_dict(torchs.state_dict())
    (mine,), (theirs,) = ours.state.values(), torchs.state.values()
    assert torch.equal(mine["momentum_buffer"], theirs["momentum_buffer"])


def test_before_the_first_step_there_is_nothing():
    params = start(SOME)
    optimizer = optim.AdamW(params, lr=0.3)
    saved = optimizer.state_dict()
    assert saved["state"] == {} and optimizer.steps == 0
    other = optim.AdamW(again(params), lr=0.1)
    other.load_state_dict(saved)
    assert other.param_groups[0]["lr"] == 0.3 and not other.state


def test_a_load_in_the_middle_forgets_what_was():
    params, straight = start(SOME), start(SOME)
    optimizer, fresh = optim.AdamW(params), optim.AdamW(straight)
    empty = copy.deepcopy(optimizer.state_dict())
    walk(optimizer, params, 3)
    for p, old in zip(params, start(SOME), strict=True):
        p.data.copy_(old)
    optimizer.load_state_dict(empty)
    assert all(map(torch.equal, walk(optimizer, params, 2), walk(fresh, straight, 2)))


# a run goes on bit for bit


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_run_goes_on_bit_for_bit(row):
    def make(params):
        return row.make(params, **row.settings, clip_norm=5.0, schedule=lambda step: 1 / (1 + step))

    went_on, straight, second = resumed(make, start(row.shapes, torch.float32))
    assert all(map(torch.equal, went_on, straight))
    assert second.steps == 6
    if row.rule not in WHOLE:
        assert second.engine.startswith("numba")


@pytest.mark.parametrize("kept", [("bf16", "nearest"), ("8bit", "nearest"), ("8bit", "stochastic"), ("bf16", "kahan")])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_run_in_short_numbers_goes_on_bit_for_bit(row, kept, eager):
    state, rounding = kept
    shapes = ((8, 9), (9,)) if row.rule in WHOLE else LARGE
    dtype = torch.float32 if rounding == "nearest" else torch.bfloat16

    def make(params):
        return row.make(params, **row.settings, state=state, rounding=rounding)

    went_on, straight, _ = resumed(make, start(shapes, dtype))
    assert all(map(torch.equal, went_on, straight))
    assert all(bool(p.isfinite().all()) for p in straight)


@pytest.mark.parametrize("kept", [("float32", "8bit", "nearest"), ("bfloat16", "fp32", "kahan")])
def test_a_run_of_the_kernels_in_short_numbers_goes_on_bit_for_bit(kept):
    dtype, state, rounding = kept
    make = lambda params: optim.AdamW(params, lr=0.05, state=state, rounding=rounding)  # noqa: E731
    went_on, straight, second = resumed(make, start(LARGE, getattr(torch, dtype)))
    assert second.engine.startswith("numba")
    assert all(map(torch.equal, went_on, straight))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_copies_walk_on_alike(row, copied, eager):
    a = start()
    optimizer = row.make(a, **row.settings)
    walk(optimizer, a, 3)
    twin, b = copied((optimizer, a))
    assert twin.stats == optimizer.stats and twin.steps == 3
    assert all(map(torch.equal, walk(optimizer, a, range(3, 5)), walk(twin, b, range(3, 5))))


# into something else


def test_bfloat16_weights_keep_their_state_in_full(eager):
    params = start(SOME, torch.bfloat16)
    make = lambda params: optim.AdamW(params, lr=0.1, weight_decay=0.0)  # noqa: E731
    _, _, second = resumed(make, params)
    assert {x.dtype for state in second.state.values() for x in state.values()} == {torch.float32}
    torchs = torch.optim.AdamW(again(params, torch.Tensor.float), lr=0.1)
    walk(torchs, torchs.param_groups[0]["params"], 2)
    second.load_state_dict(torchs.state_dict())  # torch itself would round it
    for mine, theirs in zip(second.state.values(), torchs.state.values(), strict=True):
        assert torch.equal(mine["exp_avg"], theirs["exp_avg"]) and torch.equal(mine["exp_avg_sq"], theirs["exp_avg_sq"])


@pytest.mark.parametrize("state", ["fp32", "8bit"])
def test_a_checkpoint_fits_another_layout(state):
    params = start(((16, 17, 4, 4), (5,)), torch.float32)
    last = lambda x: x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x  # noqa: E731
    went_on, straight, second = resumed(lambda p: optim.AdamW(p, lr=0.05, state=state), params, to=last)
    assert went_on[0].is_contiguous(memory_format=torch.channels_last)
    assert second.engine.startswith("numba")
    assert gap(went_on, straight) < (1e-6 if state == "fp32" else 2e-2)


def test_short_state_becomes_full_and_short_again():
    params = start(LARGE, torch.float32)
    full = optim.AdamW(params, lr=0.05)
    walk(full, params, 5)
    short = optim.AdamW(again(params), lr=0.05, state="8bit")
    short.load_state_dict(full.state_dict())
    back = optim.AdamW(again(params), lr=0.05)
    back.load_state_dict(short.state_dict())
    kept = [next(iter(one.state.values())) for one in (full, short, back)]
    assert [state["exp_avg_sq"].dtype for state in kept] == [torch.float32, torch.uint8, torch.float32]
    assert set(kept[0]) == set(kept[2])
    for key, grain in (("exp_avg", 4 / 127), ("exp_avg_sq", 4 / 255)):
        block = kept[0][key].flatten().abs()[:4160].reshape(-1, 260).amax()
        assert float((kept[0][key] - kept[2][key]).abs().max()) < grain * float(block)
    assert int(kept[2]["step"]) == 5


def test_parameters_that_came_later_begin_anew():
    params = start(SOME)
    optimizer = optim.AdamW(params[:2])
    walk(optimizer, params[:2], 2)
    more = again(params)
    other = optim.AdamW(more[:2])
    other.load_state_dict(optimizer.state_dict())
    other.add_param_group({"params": more[2:]})
    walk(other, more, 1)
    assert [int(state["step"]) for state in other.state.values()] == [3, 3, 1]


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="parameter group that doesn't match the size"):
        optim.AdamW(start(SOME)).load_state_dict(optim.AdamW(start(SOME[:1])).state_dict())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_distributed_checkpoints_leave_the_weights_alone(row, eager):
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5))
        params = list(model.parameters())
        made.append((model, params, row.make(params, **row.settings)))
    (model, params, optimizer), (other, theirs, fresh) = made
    walk(optimizer, params, 3)
    saved = get_optimizer_state_dict(model, optimizer)
    other.load_state_dict(model.state_dict())
    before = [p.detach().clone() for p in theirs]
    set_optimizer_state_dict(other, fresh, saved)
    assert all(map(torch.equal, theirs, before))
    assert all(map(torch.equal, walk(optimizer, params, range(3, 5)), walk(fresh, theirs, range(3, 5))))
