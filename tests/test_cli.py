"""The command line: light to start, and helpful where it is used wrongly."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import leonui
from leonui import runs
from leonui.cli import cli
from leonui.cli.program import divided
from leonui.cli.scripts import _budget
from leonui.report import PAGES

HEAVY = ("torch", "numpy", "plotly")


def imported(code: str, *args: str) -> tuple[str, set[str]]:
    """What a fresh interpreter prints that runs some code, and which heavy libraries it has imported by its end."""
    tell = f"print('imported:', *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    watched = f"import atexit, sys\natexit.register(lambda: {tell})\n{code}"
    command = [sys.executable, "-c", watched, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, set(done.stderr.rpartition("imported:")[2].split())


MAIN = "from leonui.cli import main; main()"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--help"], "Usage: leonui"),
        (["-h"], "Usage: leonui"),
        (["--version"], f"leonui, version {leonui.__version__}"),
        (["climb", "--help"], "--budget STEPS|TIME"),
        (["watch", "--help"], "leave a Record"),
        (["report", "--help"], "--output"),
        (["runs"], ""),
        (["schedule", "warmup(10) > cosine(90)"], "step"),
        (["schedule", "noam(512, 4000)", "--json"], '"schedule": "noam(512, 4000)"'),
        (["check", "--help"], "MODULE:CLASS"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_starts_without_anything_heavy(args, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, heavy = imported(MAIN, *args)
    assert says in out
    assert heavy == set()


@pytest.mark.parametrize("code", ["import numpy", "import leonui; leonui.watch", "import torch"])
def test_what_is_imported_is_seen(code):
    expected = {"import numpy": {"numpy"}, "import torch": {"torch", "numpy"}}.get(code, set())
    assert imported(code)[1] == expected


def call(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path / "runs"))
    (tmp_path / "train.py").write_text("")
    (tmp_path / "package").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["climb", "gone.py"], r"there is no file gone.py in .*; give the path of the script"),
        (["climb", "package"], r"package is a folder, not a script; name the file"),
        (["climb", "--epochs", "3"], r"--epochs is neither a file nor a command; give a script"),
        (["climb", "-m"], r"Option '-m' requires an argument"),
        (["climb", "--budget", "soon", "train.py"], r"'soon' is neither steps nor a time; give 500, 90s, 5m or 1h"),
        (["climb", "--budget", "0", "train.py"], r"'0' is neither steps nor a time"),
        (["climb", "--seeds", "0", "train.py"], r"0 is not in the range x>=1"),
        (["climb", "--goal", "up", "train.py"], r"'up' is not one of 'min', 'max'"),
        (["climb", "--start", "now", "train.py"], r"'now' is not one of 'auto', 'fork', 'rewind', 'rerun'"),
        (["climb", "--lang", "fr", "train.py"], r"'fr' is not one of 'en', 'vi'"),
        (["climb", "--metric", "acc (", "train.py"], r"--metric.*acc \("),
        (["watch"], r"no program was given; name a script"),
        (["watch", "gone.py"], r"there is no file gone.py"),
        (["report", "2020"], r"there is no run '2020' in .*; leonui runs lists them"),
        (["report", "last"], r"there is no run 'last' in .*; leonui runs lists them"),
        (["descend"], r"No such command 'descend'"),
        (["runs", "--fast"], r"No such option.*--fast"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_exit_code_2_with_a_remedy(args, message, place):
    result = call(*args)
    assert result.exit_code == 2
    assert re.search(message, result.stderr, re.DOTALL), result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, None)),
        ("500", (500, None)),
        ("1", (1, None)),
        ("90s", (None, 90.0)),
        ("1.5s", (None, 1.5)),
        ("5m", (None, 300.0)),
        ("5min", (None, 300.0)),
        ("5 min", (None, 300.0)),
        ("0.5h", (None, 1800.0)),
        ("1h", (None, 3600.0)),
    ],
)
def test_a_budget_is_steps_or_seconds(text, expected):
    assert _budget(text) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "0.0h", "1.5", "-5", "5d", "s", "1e3", "5 5", "5S", "١٢x", "nan", "inf"]
)
def test_what_is_no_budget(text):
    with pytest.raises(click.BadParameter, match="is neither steps nor a time; give 500, 90s, 5m or 1h"):
        _budget(text)


@pytest.mark.parametrize("command", ["climb", "lr", "doctor", "landscape", "race -o lion", "race -o lion --bench"])
def test_an_example_whose_data_are_not_here_says_what_brings_them(command, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    said = call(*command.split())
    assert said.exit_code == 2
    words = "takes its data from scikit-learn, which is not here: pip install 'leonui[examples]', or name a script"
    assert words in " ".join(said.stderr.split())
    assert not (place / "runs").exists()


def test_runs_are_listed_newest_first(place):
    for name, result in {
        "20260101-000000-climb": {"verdict": "better", "program": "a.py"},
        "20260102-000000-watch": {},
    }.items():
        folder = place / "runs" / name
        folder.mkdir(parents=True)
        if result:
            runs.write_result(folder, result)
    names = [run.name for run in runs.every()]
    lines = call("runs").stdout.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert sorted(lines)[0].split() == ["20260101-000000-climb", "better", "a.py"]
    assert sorted(lines)[1].split() == ["20260102-000000-watch", "-"]
    listed = json.loads(call("runs", "--json").stdout)
    assert [run["run"] for run in listed] == names
    assert {"run": "20260101-000000-climb", "verdict": "better", "program": "a.py"} in listed


@pytest.mark.parametrize(("args", "out"), [(["runs"], ""), (["runs", "--json"], "[]\n")])
def test_no_runs(args, out, place):
    result = call(*args)
    assert (result.exit_code, result.stdout, result.stderr) == (0, out, "")


@pytest.mark.parametrize(("result", "text"), [({}, None), ({"command": "watch"}, None), ({}, '{"command": "cli')])
def test_a_run_without_a_result_has_no_report(result, text, place):
    folder = place / "runs" / "20260101-000000-climb"
    folder.mkdir(parents=True)
    if result:
        runs.write_result(folder, result)
    if text:
        (folder / "result.json").write_text(text)
    said = call("report")
    assert said.exit_code == 1
    assert "has no result to report; leonui climb, lr, doctor, race, landscape, ppo and rlhf leave one" in said.stderr
    assert list(folder.glob("*.html")) == []


@pytest.mark.parametrize("command", PAGES)
def test_what_an_older_version_left_is_reported_as_far_as_it_goes(command, place):
    folder = place / "runs" / f"20260101-000000-{command}"
    folder.mkdir(parents=True)
    runs.write_result(folder, {"command": command, "program": "old.py"})  # each version has told more than the last
    said = call("report")
    assert said.exit_code == 0, said.stderr
    assert "<!doctype html>" in (folder / "report.html").read_text()


def test_the_place_of_runs_is_an_option(place, monkeypatch):
    folder = place / "elsewhere" / "20260101-000000-climb"
    folder.mkdir(parents=True)
    assert call("runs", "--runs", str(place / "elsewhere")).stdout.split()[0] == folder.name


def test_the_bundled_example_is_there():
    from leonui.cli.program import example

    assert Path(example()).is_file()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("leonui do", {"doctor"}),
        ("leonui climb --see", {"--seeds"}),
        ("leonui race --track ", {"tuned", "defaults", "auto"}),
        ("leonui climb tra", {"tra"}),  # of type file: the shell looks for it
        ("leonui xyz", set()),
    ],
)
def test_a_shell_completes(words, offered):
    asked = {"_LEONUI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", MAIN], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert {line.partition(",")[2] for line in done.stdout.split()} == offered


PARSES = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('-o', '--out')\n"


@pytest.mark.parametrize(
    ("text", "behind", "kept", "taken"),
    [
        ("", "--json", "--json", ""),  # nothing can be known of an empty script
        ("train()", "", "", ""),
        ("train()", "-o sgd -o lion --seeds 3", "", "-o sgd -o lion --seeds 3"),
        ("train()", "--epochs 3 --json 7", "--epochs 3 7", "--json"),
        ("train()", "--seeds=3 --unknown", "--unknown", "--seeds=3"),
        (PARSES, "-o model.pt --json", "-o model.pt", "--json"),
        (PARSES + "parser.add_argument('--seeds')", "--seeds=3 -o x", "--seeds=3 -o x", ""),
        ('"""Usage: train.py [--seeds=N]"""', "--seeds 3", "--seeds 3", ""),
        ("import tyro\ntyro.cli(main)", "--seeds 3 --json", "--seeds 3 --json", ""),
    ],
)
def test_options_behind_a_script_are_leonuis_where_it_does_not_name_them(text, behind, kept, taken, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(text)
    race = cli.commands["race"]
    options = {name: option for option in race.params for name in option.opts}
    assert divided([str(script), *behind.split()], options) == ([str(script), *kept.split()], taken.split())


@pytest.mark.parametrize(
    ("args", "program", "seeds"),
    [
        (["train.py", "--seeds", "3"], ("train.py",), 3),
        (["--seeds", "2", "train.py", "--epochs", "1"], ("train.py", "--epochs", "1"), 2),
        (["--", "train.py", "--seeds", "3"], ("train.py", "--seeds", "3"), None),
        (["-m", "train", "--seeds", "3"], (), 3),
        ([], (), None),
    ],
)
def test_where_an_option_may_stand(args, program, seeds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("train()")
    params = cli.commands["race"].make_context("race", list(args)).params
    assert (params["program"], params["seeds"]) == (program, seeds)
    told = "leonui takes --seeds 3, which train.py does not name; all behind -- is the script's"
    assert (told in capsys.readouterr().err) == (args[:1] == ["train.py"])
