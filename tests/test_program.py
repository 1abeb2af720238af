"""Words of a command line become a Program, or an error that says what to give instead."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from leonui.trial.program import Program, search_path


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a script, one that may be executed, a command on the PATH and a package."""
    for name, mode in (("train.py", 0o644), ("run.py", 0o755), ("script", 0o644), ("tool", 0o755), ("bin/tune", 0o755)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
    (tmp_path / "package").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


PYTHON = sys.executable


@pytest.mark.parametrize(
    ("argv", "kind", "command"),
    [
        (["train.py"], "script", [PYTHON, "train.py"]),
        (["train.py", "--lr", "0.1", "-m", "x"], "script", [PYTHON, "train.py", "--lr", "0.1", "-m", "x"]),
        (["./train.py"], "script", [PYTHON, "./train.py"]),
        (["run.py"], "script", [PYTHON, "run.py"]),
        (["script", "a b"], "script", [PYTHON, "script", "a b"]),
        (["-m", "package.train"], "module", [PYTHON, "-m", "package.train"]),
        (["-m", "package.train", "--x"], "module", [PYTHON, "-m", "package.train", "--x"]),
        (["package.train:main"], "function", [PYTHON, "-m", "leonui.trial.call", "package.train:main"]),
        (["train:main", "3"], "function", [PYTHON, "-m", "leonui.trial.call", "train:main", "3"]),
        (["tune", "train.py"], "launcher", ["bin/tune", "train.py"]),
        (["./tool", "--n", "2"], "launcher", ["./tool", "--n", "2"]),
    ],
)
def test_what_is_run(argv, kind, command):
    program = Program.parse(argv)
    found = program.command()
    assert program.kind == kind
    assert [str(Path(found[0]).resolve()), *found[1:]] == [str(Path(command[0]).resolve()), *command[1:]]
    assert str(program) == " ".join(argv)
    assert Program.parse(tuple(argv)) == program


def test_a_launcher_is_found_beside_this_python():
    name = Path(PYTHON).name
    assert shutil.which(name) is None
    assert Program.parse([name]).command() == [shutil.which(name, path=search_path())]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no program was given; name a script: leonui climb train.py"),
        (["-m"], "-m needs the name of a module: leonui climb -m package.train"),
        (["package"], "package is a folder, not a script; name the file in it that trains"),
        (["gone.py"], "there is no file gone.py in {here}; give the path of the script that trains"),
        (
            ["no-such-tool"],
            "no-such-tool is neither a file nor a command; give a script, -m module, or module:function",
        ),
        (["--epochs"], "--epochs is neither a file nor a command; give a script, -m module, or module:function"),
        (["a:1b"], "a:1b is neither a file nor a command; give a script, -m module, or module:function"),
        (["a b:main"], "a b:main is neither a file nor a command; give a script, -m module, or module:function"),
        ([":main"], ":main is neither a file nor a command; give a script, -m module, or module:function"),
        ([""], "no program was given; name a script: leonui climb train.py"),
    ],
)
def test_errors_say_what_and_what_instead(argv, message, tmp_path):
    with pytest.raises(ValueError) as error:
        Program.parse(argv)
    assert str(error.value) == message.format(here=tmp_path)


def trains():
    """A function that another process can import."""


def nested(word):
    def train():
        print(word, sys.argv[1:])

    return train


def unfit():
    lock = threading.Lock()
    return lambda: lock


def test_a_function_that_can_be_imported_is_named():
    program = Program.of(trains)
    assert (program.kind, program.target) == ("function", f"{__name__}:trains")


def test_any_other_function_is_kept_with_what_it_uses():
    program = Program.of(nested("higher"))
    assert (program.kind, str(program)) == ("function", "train()")
    done = subprocess.run([*program.command(), "7"], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "higher ['7']\n"
    assert Program.of(nested("higher")) == program != Program.of(nested("lower"))


@pytest.mark.parametrize(
    "given", ["train.py --lr 0.1", ["train.py", "--lr", "0.1"], Program.parse(["-m", "x"]), ("-m", "x")]
)
def test_what_a_caller_may_give(given):
    program = Program.of(given)
    assert str(program) in ("train.py --lr 0.1", "-m x")
    assert Program.of(program) is program


def test_a_function_that_cannot_be_kept_says_why():
    with pytest.raises(ValueError, match=r"lambda uses what no other process can have: .*lock.*; make it inside"):
        Program.of(unfit())
