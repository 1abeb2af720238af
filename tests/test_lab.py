"""The lab without a browser: what is asked, what is answered, who may ask, and the command."""

import contextlib
import io
import re
import signal
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from leonui import schedule
from leonui.cli import cli
from leonui.lab import PRESETS, Wish, answer, rates
from leonui.lab.answer import AROUND
from leonui.lab.kinds import KINDS, SCHEDULE_TITLES, SCHEDULES
from leonui.lab.server import warm
from leonui.landscape import SURFACES, Climber, Conditions, climb, owned, train
from leonui.landscape.slope import compiled
from tests import lesson
from tests.conftest import LEONUI, environment
from tests.laboratory import Lab

RACE = {"surface": "bowl", "start": [2.0, 1.0], "steps": 20, "climbers": [{"kind": "sgd", "lr": 0.1}]}
NAMED = {preset.name: preset for preset in PRESETS}


@pytest.fixture(autouse=True, scope="module")
def alone():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# what is answered


def test_a_race_is_what_landscape_says():
    race = RACE | {"noise": 0.5, "batch": 4, "seed": 3, "climbers": [{"kind": "adam", "lr": 0.2, "momentum": 0.8}]}
    (found,) = answer(Wish.of(race))["climbers"]
    climber = Climber("Adam", 0.2, {"betas": (0.8, 0.999)})
    path = climb(SURFACES["bowl"], climber, (2.0, 1.0), Conditions(steps=20, noise=0.5, batch=4, seed=3))
    assert found["x"] == pytest.approx(path.points[:, 0], rel=1e-4)
    assert found["y"] == pytest.approx(path.points[:, 1], rel=1e-4)
    assert found["loss"] == pytest.approx(path.losses, rel=1e-4)
    assert found["limit"] == pytest.approx(path.limit, rel=1e-5)
    assert (found["verdict"], found["words"]["en"]) == (path.verdict.kind, str(path.verdict))
    assert found["words"]["vi"] != found["words"]["en"]


@pytest.mark.parametrize(
    ("kind", "momentum", "reach"),
    [("sgd", 0.9, 2.0), ("momentum", 0.9, 3.8), ("average", 0.5, 6.0), ("adam", 0.5, 6.0), ("lion", 0.9, None)],
)
def test_the_limit_is_told_as_a_multiple_of_the_curvature(kind, momentum, reach):
    (found,) = answer(Wish.of(RACE | {"climbers": [{"kind": kind, "lr": 0.01, "momentum": momentum}]}))["climbers"]
    assert found["reach"] == reach
    assert (found["limit"] is None) is (reach is None)
    if kind in ("sgd", "momentum", "average"):
        assert found["limit"] == reach  # the bowl's curvature is 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_an_optimizer_that_takes_its_settings(kind):
    def climbed(momentum: float) -> dict:
        climbers = [{"kind": kind, "lr": KINDS[kind].lr, "momentum": momentum}]
        return answer(Wish.of(RACE | {"noise": 2.0, "steps": 100, "climbers": climbers}))["climbers"][0]

    found = climbed(0.5)
    assert len(found["x"]) == 101
    assert min(found["loss"]) < found["loss"][0]
    assert (climbed(0.1)["x"] != found["x"]) is bool(KINDS[kind].momentum)


@pytest.mark.parametrize("steps", [1, 2, 7, 200])
@pytest.mark.parametrize("name", [name for name in SCHEDULES if name])
def test_every_schedule_is_one_for_any_number_of_steps(name, steps):
    plan = schedule.parse(SCHEDULES[name](steps))
    assert max(plan(step) for step in range(steps)) > 0
    assert set(SCHEDULES) == set(SCHEDULE_TITLES)


def test_batches_are_what_train_says():
    race = RACE | {"surface": "regression", "climbers": [{"kind": "sgd", "lr": 0.05, "batch": 64}]}
    (found,) = answer(Wish.of(race))["climbers"]
    told = train(Climber("SGD", 0.05), 64, 20_000, keep=1000)
    assert (found["seen"][-1], found["steps"], found["verdict"]) == (312 * 64, 312, "converged")
    assert found["loss"] == pytest.approx(told.losses, rel=1e-4)
    assert len(found["x"]) == len(found["y"]) == len(told.losses)


@pytest.mark.parametrize(
    ("lr", "batch", "kind"), [(0.005, 1, "converged"), (0.3, 1, "diverged"), (0.4, 10_000, "descending")]
)
def test_what_became_of_a_training(lr, batch, kind):
    race = RACE | {"surface": "regression", "climbers": [{"kind": "sgd", "lr": lr, "batch": batch}]}
    (found,) = answer(Wish.of(race))["climbers"]
    assert found["verdict"] == kind


def test_the_ends_over_rates_break_at_the_limit():
    wish = Wish.of(RACE | {"steps": 400, "climbers": [{"kind": "sgd", "lr": 0.2}]})
    (found,) = rates(wish)["climbers"]
    assert found["lr"] == pytest.approx(0.2 * AROUND, rel=1e-4)
    (now,) = answer(wish)["climbers"]
    middle = len(AROUND) // 2
    assert (found["lr"][middle], found["loss"][middle]) == (0.2, now["loss"][-1])
    assert all((loss is None) is (lr > 2.01) for lr, loss in zip(found["lr"], found["loss"], strict=True))


# presets

KINDS_OF = {
    "zigzag": "converged converged converged converged",
    "rates": "descending descending converged diverged",
    "parabola": "descending converged oscillates oscillates",
    "slope": "descending converged descending rising",
    "convex": "descending converged converged converged",
    "nonconvex": "local converged local",
    "saddle": "descending converged converged converged",
    "ridge": "saddle saddle saddle",
    "batch": "descending converged converged",
    "plateau": "descending converged converged converged",
    "valley": "descending converged descending oscillates oscillates",
    "four": "converged converged converged oscillates",
    "eggs": "local local local oscillates",
    "schedules": "",
    "cliff": "converged descending",
    "clip": "converged converged converged",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_preset_shows_what_it_says(name):
    found = answer(NAMED[name].wish())["climbers"]
    expected = KINDS_OF[name].split()
    assert not expected or [one["verdict"] for one in found] == expected
    if name == "schedules":
        constant, *falling = (one["loss"][-1] for one in found)
        assert all(loss < constant for loss in falling)
    if name == "saddle":  # who leaves the ridge first
        left = [next(i for i, loss in enumerate(one["loss"]) if loss < -0.2) for one in found]
        assert left[0] > left[1] > left[3] > left[2]
    if name == "clip":
        ends = [one["x"][-1] for one in found]
        assert 1.2 <= ends[0] < 1.24 < ends[2] < ends[1]


def test_every_picture_of_the_lesson_has_a_preset():
    pictured = {int(page.name[0]) for page in lesson.pages() if "pictures/" in page.read_text()}
    assert pictured == {preset.section for preset in PRESETS}
    assert len(NAMED) == len(PRESETS)


@pytest.mark.parametrize("name", ["zigzag", "saddle", "schedules", "cliff", "batch", "nonconvex"])
def test_what_is_copied_as_python_runs_and_says_the_same(name):
    found, out = answer(NAMED[name].wish()), io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(found["python"], {})
    lines = out.getvalue().splitlines()
    assert [float(line.split()[-1]) for line in lines] == pytest.approx(
        [one["loss"][-1] for one in found["climbers"]], rel=1e-4
    )
    if name != "batch":
        assert all(one["words"]["en"] in line for one, line in zip(found["climbers"], lines, strict=True))


MINE = """
import torch
def valley(x, y): return x ** 2 + 20 * y ** 2
def _hidden(x): return x
def strange(x): return torch.special.i0(x)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    return owned("mine.py")


def test_a_surface_of_ones_own_is_raced_and_copied(mine):
    assert sorted(mine) == ["mine.py:strange", "mine.py:valley"]
    found = answer(Wish.of(RACE | {"surface": "mine.py:valley", "climbers": [{"kind": "sgd", "lr": 0.01}]}), mine)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(found["python"], {})
    assert float(out.getvalue().split()[-1]) == pytest.approx(found["climbers"][0]["loss"][-1], rel=1e-4)
    assert list(owned("mine.py:valley")) == ["mine.py:valley"]


# what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surface": "moon"}, "no surface is called 'moon'; choose of bowl"),
        ({"surface": None}, "no surface is called 'None'"),
        ({"climbers": []}, "climbers must be a list of 1 to 6"),
        ({"climbers": [{"kind": "sgd"}] * 7}, "climbers must be a list of 1 to 6"),
        ({"climbers": "sgd"}, "climbers must be a list"),
        ({"climbers": [{"kind": "__init__"}]}, "no climber is called '__init__'; choose of sgd"),
        ({"climbers": [["sgd"]]}, "no climber is called"),
        ({"climbers": [{"kind": ["sgd"]}]}, "no climber is called"),
        ({"climbers": [{"kind": "sgd", "lr": -1}]}, "lr=-1 is out of bounds; give 0 to 10000"),
        ({"climbers": [{"kind": "sgd", "lr": "1e9**9"}]}, "lr='1e9.*9' is no number"),
        ({"climbers": [{"kind": "sgd", "lr": float("nan")}]}, "lr='nan' is no number"),
        ({"climbers": [{"kind": "sgd", "momentum": 1}]}, "momentum=1 is out of bounds"),
        ({"climbers": [{"kind": "sgd", "batch": 0}]}, "batch=0 is out of bounds; give 1 to 10000"),
        ({"climbers": [{"kind": "sgd", "schedule": "open()"}]}, r"no schedule is called 'open\(\)'; choose of cosine"),
        ({"climbers": [{"kind": "sgd", "clip": 1.0}], "steps": 1500}, "1 climbers take 1500 steps one by one"),
        ({"steps": 2001}, "steps=2001 is out of bounds; give 1 to 2000"),
        ({"steps": 1.5}, "steps=1.5 is no whole number"),
        ({"steps": True}, "steps='True' is no number"),
        ({"noise": 1e9}, "noise=1000000000.0 is out of bounds"),
        ({"start": [1.0]}, r"start=\(1.0,\) is no point of bowl; give 2 finite numbers"),
        ({"start": [1.0, 1e300]}, "start=1e.300 is out of bounds"),
        ({"start": {}}, "start must be a list of one or two numbers"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_a_remedy(change, message):
    with pytest.raises(ValueError, match=message):
        answer(Wish.of(RACE | change))


def test_the_rates_around_take_longer_and_are_refused_earlier():
    clipped = [{"kind": "sgd", "clip": 1.0}, {"kind": "sgd", "clip": 2.0}]
    with pytest.raises(ValueError, match=r"2 climbers take 101 steps one by one, .* take at most 100 steps"):
        rates(Wish.of(RACE | {"steps": 101, "climbers": clipped}))


@pytest.fixture(scope="module")
def lab():
    lab = Lab()
    yield lab
    lab.close()


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        ({"race": RACE}, 200, "climbers"),
        ({"race": RACE, "path": "/rates"}, 200, "climbers"),
        ({"race": RACE, "headers": {"Origin": "{own}"}}, 200, "climbers"),
        ({"race": RACE, "headers": {"Origin": "https://example.org"}}, 403, "another site may not ask"),
        ({"race": RACE, "headers": {"Origin": "null"}}, 403, "another site may not ask"),
        ({"race": RACE, "headers": {"Host": "example.org"}}, 421, "this lab is http://127.0.0.1"),
        ({"race": b"", "path": "/", "method": "GET", "headers": {"Host": "lab.example.org:1"}}, 421, "this lab is"),
        ({"race": RACE, "headers": {"Content-Type": "text/plain"}}, 415, "application/json"),
        ({"race": b" " * 20_000}, 413, "at most 16384 bytes"),
        ({"race": b"{"}, 400, "error"),
        ({"race": b"[" * 10_000}, 400, "error"),
        ({"race": RACE | {"steps": 10**9}}, 400, "out of bounds"),
        ({"race": b"", "method": "GET"}, 405, "Method Not Allowed"),
        ({"race": b"", "method": "GET", "path": "/etc"}, 404, "Not Found"),
    ],
    ids=str,
)
def test_who_may_ask_what(lab, request_, status, says):
    headers = {name: value.format(own=lab.url[:-1]) for name, value in request_.get("headers", {}).items()}
    found = lab.ask(**request_ | {"headers": headers})
    assert found[0] == status
    assert says in str(found[1])


def test_the_page_may_ask_nobody_else(lab):
    with urllib.request.urlopen(lab.url) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "unsafe-eval" not in policy
        assert response.headers["X-Frame-Options"] == "DENY"
        html = response.read().decode()
    assert len(html) < 3_500_000
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', html) == []


def test_a_hundred_at_once_are_answered_or_refused(lab):
    race = RACE | {"steps": 500, "climbers": [{"kind": kind} for kind in ("sgd", "momentum", "adam", "lion")]}
    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(lambda _: lab.ask(race), range(100)))
    assert {status for status, _ in found} <= {200, 503}
    assert sum(status == 200 for status, _ in found) >= 17
    refused = [said for status, said in found if status == 503]
    assert all(said == {"error": "too many races at once; try again in a moment"} for said in refused)
    assert lab.ask(race)[0] == 200


@pytest.mark.slow
def test_what_is_compiled_ahead_is_in_nobodys_way(lab):
    compiled.cache_clear()
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(warm)
        while not ahead.done():
            compiled.cache_clear()
            assert lab.ask(RACE)[0] == 200
        assert ahead.result() is None


# the command


def call(*args: str):
    return CliRunner().invoke(cli, ["lab", *args])


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["gone.py"], 2, "there is no file gone.py; give the path of a Python file"),
        (["mine.py:moon"], 2, "mine.py has no function 'moon'; write def moon"),
        (["empty.py"], 2, "empty.py defines no function; write one such as def valley"),
        (["broken.py"], 2, "broken.py cannot be run: ZeroDivisionError"),
        (["three.py"], 2, "three.py:far takes 3 arguments; a surface takes one or two"),
        (["--port", "70000"], 2, "70000 is not in the range"),
        (["mine.py", "--export", "out"], 2, "an exported page shows what was computed before"),
        (["--export", "empty.py/out"], 1, "cannot write empty.py/out"),
    ],
    ids=str,
)
def test_wrong_use(args, code, message, mine):
    for name, text in {"empty": "", "broken": "1 / 0", "three": "def far(x, y, z): return x"}.items():
        Path(f"{name}.py").write_text(text)
    found = call(*args)
    assert (found.exit_code, found.stdout) == (code, "")
    assert message in found.stderr


def test_a_port_that_is_taken(lab):
    found = call("--no-browser", "--port", str(lab.port))
    assert found.exit_code == 1
    assert f"port {lab.port} cannot be had: Address already in use; give another one with --port" in found.stderr


@pytest.mark.slow
def test_the_lab_as_a_process(mine):
    command = [*LEONUI, "lab", "mine.py", "--no-browser", "--port", "0", "--lang", "vi"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        said = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert url, process.stderr.read()
        assert "Phòng thí nghiệm" in said
        with urllib.request.urlopen(url[0]) as response:
            html = response.read().decode()
        assert "mine.py:valley" in html
        assert '<html lang="vi">' in html
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
