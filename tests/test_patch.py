"""The line where a learning rate stands, and what to write there instead: applied, it is Python with another rate."""

import ast
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.patch import patch

CALM = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def applied(text: str, diff: str) -> str:
    """The text after a unified diff, by its own numbers; every line of it must fit."""
    lines, out, at = io.StringIO(text, newline="").readlines(), [], 0
    said = io.StringIO(diff, newline="").readlines()
    assert [line[:4] for line in said[:2]] == ["--- ", "+++ "]
    for line in said[2:]:
        if line.startswith("@@"):
            first = int(line.split()[1].lstrip("-").split(",")[0]) - 1
            out, at = out + lines[at:first], first
        elif line.startswith("+"):
            out.append(line[1:])
        else:
            assert line[0] in " -"
            assert lines[at] == line[1:]
            out, at = out + [line[1:]] * (line[0] == " "), at + 1
    return "".join(out + lines[at:])


def made(text: str) -> list[dict]:
    """What the optimizers and schedulers in a script were made with, call by call."""
    calls: list[dict] = []

    def make(*args, **kwargs):
        calls.append({"args": args, **kwargs})
        return SimpleNamespace(make=make)

    args = SimpleNamespace(lr=0.1, ours=[0.1, 0.2])
    exec(
        compile(text, "train.py", "exec"), {"make": make, "wrap": lambda *a, **k: a, "args": args, "rate": 0.1, "p": 1}
    )
    return calls


BEFORE = "import math\n\n\n"


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("make(p, lr=0.1)", "make(p, lr=0.03)"),
        ("make(p, lr=1e-1, momentum=0.9)", "make(p, lr=0.03, momentum=0.9)"),
        ("make(p, lr=1)", "make(p, lr=0.3)"),
        ("make(p, lr=0)", "make(p, lr=0)"),
        ("make(p, lr=args.lr)", "make(p, lr=args.lr * 0.3)"),
        ("make(p, lr=rate)", "make(p, lr=rate * 0.3)"),
        ("make(p, lr=float(rate))", "make(p, lr=float(rate) * 0.3)"),
        ("make(p, lr=args.ours[0])", "make(p, lr=args.ours[0] * 0.3)"),
        ("make(p, lr=rate + 0.5)", "make(p, lr=(rate + 0.5) * 0.3)"),
        ("make(p, lr=rate if p else 1.0)", "make(p, lr=(rate if p else 1.0) * 0.3)"),
        ("make(p, learning_rate=0.1)", "make(p, learning_rate=0.03)"),
        ("make(p, max_lr=0.1, total_steps=9)", "make(p, max_lr=0.03, total_steps=9)"),
        ("make([{'params': p, 'lr': 0.1}])", "make([{'params': p, 'lr': 0.03}])"),
        (
            "make([{'params': p, 'lr': 0.1}, {'params': p, 'lr': args.lr}, {'params': p}], lr=1.0)",
            "make([{'params': p, 'lr': 0.03}, {'params': p, 'lr': args.lr * 0.3}, {'params': p}], lr=0.3)",
        ),
        ("make([dict(params=p, lr=0.1)])", "make([dict(params=p, lr=0.03)])"),
        ("wrap(p, make(p, lr=0.1))", "wrap(p, make(p, lr=0.03))"),
        ("é = 'größe'; make('đường', lr=0.1, name='日本')", "é = 'größe'; make('đường', lr=0.03, name='日本')"),
        ("if p: make(p, lr=0.1)  # lr=0.1", "if p: make(p, lr=0.03)  # lr=0.1"),
        ("make(p,   lr = 0.1 )", "make(p,   lr = 0.03 )"),
    ],
)
def test_a_line_with_a_rate(call, wanted, tmp_path):
    file = tmp_path / "train.py"
    file.write_text(f"{BEFORE}{call}\nprint(1)\n", encoding="utf-8")
    found = patch(str(file), 4, 0.3)
    same = call == wanted
    assert bool(found) is not same
    assert same or applied(file.read_text(encoding="utf-8"), found) == f"{BEFORE}{wanted}\nprint(1)\n"


LONG = """\
optimizer = make(
    [
        {"params": p, "lr": args.lr},
        {"params": p},
    ],
    momentum=0.9,
    lr=0.1,
)
"""


@pytest.mark.parametrize("line", range(1, 9))
def test_a_call_over_many_lines_is_one_place(line, tmp_path):
    file = tmp_path / "train.py"
    file.write_text(LONG)
    wanted = LONG.replace("args.lr", "args.lr * 2").replace("lr=0.1", "lr=0.2")
    assert applied(LONG, patch(str(file), line, 2.0)) == wanted


HF = """\
arguments = transformers.TrainingArguments("out", learning_rate=1e-3)
trainer = Trainer(model, arguments, lr=7)
trainer.train()
"""


def test_the_rate_of_hf_stands_where_its_arguments_are_made(tmp_path):
    file = tmp_path / "train.py"
    file.write_text(HF)
    assert applied(HF, patch(str(file), 3, 2.0)) == HF.replace("1e-3", "0.002")
    assert applied(HF, patch(str(file), 2, 2.0)) == HF.replace("lr=7", "lr=14")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("make(p, 0.1)\n", 1),  # by place: it might be anything
        ("make(p)\n", 1),
        ("make(p, **settings)\n", 1),
        ("lr = 0.1\nmake(p, lr)\n", 2),
        ("lr = 0.1\n", 1),
        ("x = 1\nmake(p, lr=0.1)\n", 1),  # another line
        ("make(p, lr=0.1)\n", 7),
        ("make(p, lr=0.1\n", 1),  # no Python
        ("print 'two'\nmake(p, lr=0.1)\n", 2),
        ("make(p, lr=rate\n    + 0.1)\n", 1),  # over two lines
        ("", 1),
    ],
)
def test_a_line_that_shows_no_rate(text, line, tmp_path):
    file = tmp_path / "train.py"
    file.write_text(text)
    assert patch(str(file), line, 2.0) == ""


@pytest.mark.parametrize(
    ("file", "line", "scale"),
    [
        (None, 1, 2.0),
        ("", 1, 2.0),
        ("train.py", None, 2.0),
        ("train.py", 0, 2.0),
        ("train.py", 1, None),
        ("train.py", 1, 1.0),  # nothing to change
        ("missing.py", 1, 2.0),
        (".", 1, 2.0),
    ],
)
def test_nothing_to_show(file, line, scale, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("make(p, lr=0.1)\n")
    assert patch(file, line, scale) == ""
    assert patch("train.py", 1, 2.0)


def test_the_diff_has_the_files_name_and_the_lines_beside(tmp_path):
    file = tmp_path / "train.py"
    file.write_text("a = 1\nb = 2\nmake(p, lr=0.1)\nc = 3\nd = 4\n")
    assert patch(str(file), 3, 2.0) == (
        f"--- {file}\n+++ {file}\n@@ -2,3 +2,3 @@\n b = 2\n-make(p, lr=0.1)\n+make(p, lr=0.2)\n c = 3\n"
    )


def test_a_file_that_is_no_utf_8_is_read_as_far_as_it_goes(tmp_path):
    file = tmp_path / "train.py"
    file.write_bytes(b"# gr\xf6\xdfe\n\nmake(p, lr=0.1)\n")
    assert "+make(p, lr=0.2)\n" in patch(str(file), 3, 2.0)


RATES = ["0.1", "3e-4", "1", "2.5", "args.lr", "rate", "rate * 2", "rate / 4 + 0.1", "min(rate, 0.5)", "args.ours[1]"]


@CALM
@given(
    rates=st.lists(st.sampled_from(RATES), min_size=1, max_size=3),
    indent=st.sampled_from(["", "if p:\n    "]),
    prefix=st.sampled_from(["", "é = 'ü日'; "]),
    scale=st.floats(1e-3, 1e3),
    name=st.sampled_from(["lr", "max_lr", "learning_rate"]),
)
def test_with_the_patch_the_script_has_scale_times_its_rates(rates, indent, prefix, scale, name, tmp_path):
    groups = ", ".join(f"{{'params': p, 'lr': {rate}}}" for rate in rates[1:])
    text = f"x = 1\n{indent}{prefix}make([{groups}], momentum=0.9, {name}={rates[0]})\ny = 2\n"
    file = tmp_path / "train.py"
    file.write_text(text, encoding="utf-8")
    line = text[: text.index("make")].count("\n") + 1
    found = patch(str(file), line, scale)
    after = applied(text, found) if found else text  # a factor of nearly 1 changes no third digit
    ast.parse(after)
    (was,), (now,) = made(text), made(after)
    assert now[name] == pytest.approx(was[name] * scale, rel=0.011)
    olds, news = ([group["lr"] for group in call["args"][0]] for call in (was, now))
    assert news == pytest.approx([old * scale for old in olds], rel=0.011)
    assert now["momentum"] == was["momentum"]
    assert after.count("\n") == text.count("\n")


@pytest.mark.parametrize("rate", ["0.1", "args.lr"])
def test_a_group_in_a_call_within_a_call_is_changed_once(rate, tmp_path):
    text = f"wrap(make([{{'params': p, 'lr': {rate}}}]))\n"
    file = tmp_path / "train.py"
    file.write_text(text)
    (now,) = made(applied(text, patch(str(file), 1, 0.123)))
    assert now["args"][0][0]["lr"] == pytest.approx(0.0123)


@pytest.mark.parametrize("odd", ["\f", "\x1c", "\x85", "\u2028"], ids=ascii)
def test_what_ends_no_line_in_python_ends_none_here(odd, tmp_path):
    text = f"x = 1  # {odd}y\n{BEFORE}make(p, lr=0.1)\n"
    file = tmp_path / "train.py"
    file.write_text(text, encoding="utf-8", newline="")
    assert applied(text, patch(str(file), 5, 2.0)) == text.replace("0.1", "0.2")


def test_a_last_line_without_its_end(tmp_path):
    file = tmp_path / "train.py"
    file.write_text("x = 1\nmake(p, lr=0.1)")
    assert "\n+make(p, lr=0.2)" in patch(str(file), 2, 2.0)
