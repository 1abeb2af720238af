"""Runs are folders: made, listed and found by name."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from leonui import runs


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def made(place: Path, *names: str) -> list[Path]:
    """Runs of these names, each a minute older than the one before."""
    for age, name in enumerate(names):
        (place / name).mkdir(parents=True)
        os.utime(place / name, (1e9 - 60 * age,) * 2)
    return [place / name for name in names]


def test_runs_live_where_the_environment_says(place, monkeypatch):
    assert runs.home() == place
    monkeypatch.delenv("LEONUI_RUNS")
    assert runs.home() == Path(".leonui")


def test_every_run_gets_a_folder_of_its_own(place):
    folders = [runs.create("climb") for _ in range(4)] + [runs.create("watch")]
    assert len(set(folders)) == 5
    assert all(folder.is_dir() and folder.parent == place for folder in folders)
    assert all(re.fullmatch(r"\d{8}-\d{6}-(climb|watch)(-\d)?", folder.name) for folder in folders)
    assert (place / ".gitignore").read_text() == "*\n"
    assert set(runs.every()) == set(folders)


def test_many_processes_at_once_get_a_folder_each(place):
    code = "from leonui import runs\nprint(*(runs.create('race').name for _ in range(20)))"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    names = [name for one in started for name in one.communicate()[0].split()]
    assert len(names) == len(set(names)) == 60
    assert {folder.name for folder in place.glob("*-race*")} == set(names)


def test_a_clock_that_is_set_back_or_stands_makes_no_name_twice_and_no_time_negative(place, monkeypatch):
    began = runs.Began()
    for name in ("20260102-000000", "20260101-000000", "20260101-000000"):
        monkeypatch.setattr("time.strftime", lambda form, name=name: name)
        monkeypatch.setattr("time.time", lambda: 0.0)
        runs.create("race")
    assert sorted(folder.name for folder in place.glob("*-race*")) == [
        "20260101-000000-race", "20260101-000000-race-2", "20260102-000000-race",
    ]  # fmt: skip
    assert 0 <= began.seconds < 60


def test_a_run_that_another_process_goes_on_with_is_refused(place):
    folder = runs.create("race")
    code = "import sys\nfrom pathlib import Path\nfrom leonui import runs\n"
    code += "with runs.claimed(Path(sys.argv[1])):\n    print('mine', flush=True)\n    sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    other = subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes)
    assert other.stdout.readline() == b"mine\n"
    refused = pytest.raises(ValueError, match=f"another leonui is at work on {folder}; wait for its end, or end it")
    with refused, runs.claimed(folder):
        pass
    other.kill()  # its claim ends with it
    other.communicate()
    with runs.claimed(folder):
        pass


def test_an_ignore_file_of_ones_own_is_kept(place):
    place.mkdir()
    (place / ".gitignore").write_text("mine\n")
    runs.create("climb")
    assert (place / ".gitignore").read_text() == "mine\n"


NAMES = ("20260102-000000-climb", "20260101-000000-watch", "20260101-000000-climb", "20260101-000000-climb-2")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last", NAMES[0]),
        ("20260102", NAMES[0]),
        ("20260101", NAMES[1]),
        ("20260101-000000-c", NAMES[2]),
        ("20260101-000000-climb", NAMES[2]),
        ("20260101-000000-climb-2", NAMES[3]),
    ],
)
def test_a_run_is_found(name, found, place):
    made(place, *NAMES)
    (place / "notes").mkdir()
    (place / "a-b-c").write_text("a file")
    assert [run.name for run in runs.every()] == list(NAMES)
    assert runs.find(name) == place / found


def test_a_run_is_found_by_its_whole_name_whatever_is_newer(place):
    made(place, "20260101-000000-climb-2", "20260101-000000-climb")
    assert runs.find("20260101-000000-climb") == place / "20260101-000000-climb"


def test_a_run_is_found_by_its_path(tmp_path):
    assert runs.find(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["last", "2027", "climb"])
def test_a_run_that_is_not_there_is_an_error_with_a_remedy(name, place):
    if name != "last":
        made(place, *NAMES)
    with pytest.raises(ValueError) as error:
        runs.find(name)
    assert str(error.value) == f"there is no run {name!r} in {place}; leonui runs lists them"


def test_no_runs_are_an_empty_list():
    assert runs.every() == []


def test_a_result_comes_back(tmp_path):
    assert runs.read_result(tmp_path) == {}
    result = {"verdict": "better", "program": "à 山.py", "lr": 0.1, "pairs": [{"seed": 0}], "none": None}
    runs.write_result(tmp_path, result)
    assert runs.read_result(tmp_path) == result
    runs.write_result(tmp_path, {"loss": math.nan})
    assert runs.read_result(tmp_path) == {"loss": "NaN"}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_torn_result_is_none(share, tmp_path):
    data = json.dumps({"verdict": "better", "program": "train.py"}).encode()
    (tmp_path / "result.json").write_bytes(data[: int(share * len(data))])
    assert runs.read_result(tmp_path) == {}
