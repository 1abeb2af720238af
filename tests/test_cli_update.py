"""The commands of the update half: schedules drawn, optimizers listed and checked."""

import json

import pytest
from click.testing import CliRunner, Result

from leonui.cli import cli


def call(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def test_a_schedule_is_drawn_and_written(tmp_path):
    page, rows = tmp_path / "drawn.html", tmp_path / "drawn.json"
    assert max(call("schedule", "warmup(10) > cosine(90)", "--lr", "0.1", "-o", str(page)).output) >= "\u2800"
    assert "<svg" in page.read_text()
    call("schedule", "warmup(10) > cosine(90)", "--lr", "0.1", "-o", str(rows))
    said = json.loads(rows.read_text())
    assert (said["lr"], said["schedule"]) == (0.1, "warmup(10) > cosine(90)")
    assert [row["lr"] for row in said["rows"]][:10] == pytest.approx([0.01 * k for k in range(1, 11)])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["schedule", "cosin(100)"], "cosin"),
        (["schedule", "cosine(100)", "--lr", "nan"], "--lr nan is no learning rate"),
        (["schedule", "cosine(100)", "-o", "drawn.bmp"], "name a file that ends in .html or .json"),
        (["check", "torch.optim"], "torch.optim"),
        (["check", "torch.optim:Adamm"], "Adamm"),
        (["check", "no.such.module:Class"], "there is no module"),
    ],
)
def test_wrong_use_is_exit_code_2_with_a_remedy(args, says):
    done = call(*args)
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(("lang", "head"), [("en", "use it for"), ("vi", "d\u00f9ng cho")])
def test_optimizers_are_listed(lang, head):
    out = call("optimizers", "--lang", lang).output
    assert head in out
    assert "ScheduleFreeAdamW" in out
    assert "1711.05101" in out


def test_optimizers_as_json():
    rows = {row["name"]: row for row in json.loads(call("optimizers", "--json").output)}
    assert rows["AdamW"]["bytes"] == 12
    assert rows["SGD"]["default_lr"] == 1e-3


@pytest.mark.parametrize(
    ("target", "code", "says"), [("leonui.optim:Lion", 0, "0 failed"), ("torch.optim:Rprop", 1, "LambdaLR")]
)
def test_a_check_ends_with_what_it_found(target, code, says):
    done = call("check", target)
    assert done.exit_code == code
    assert says in done.output


def test_a_check_as_json():
    said = json.loads(call("check", "leonui.optim:SGD", "--json").output)
    assert all(row["ok"] is not False for row in said["rows"])
    assert len(said["rows"]) > 40
