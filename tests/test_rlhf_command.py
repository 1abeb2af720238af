"""``leonui rlhf``: what a file defines, what the run leaves, what its judges say, what the page shows."""

import json
import re
import signal
import subprocess
import time
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from leonui.cli import cli
from leonui.doctor.explain import explain
from leonui.doctor.policy.language import JUDGES, judge_language
from leonui.ppo.rlhf_job import load
from leonui.record import Record
from leonui.report import document
from leonui.words import translate
from tests.conftest import LEONUI, environment

ROOT = Path(__file__).parents[1]
TRAIN = """
import torch
from types import SimpleNamespace
from torch import nn
from leonui.ppo import Advantage, KLPenalty, Sampling, Update

class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(8))

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.table.expand(*input_ids.shape, 8))

def encode(text):
    return [ord(letter) - 97 for letter in text]

def decode(ids):
    return "".join(chr(97 + i) for i in ids)

def reward(prompts, completions, token_ids):
    return [text.count("a") / 4 for text in completions]

model, prompts = Table(), ["a", "bc<b>"[:2]]
sampling = Sampling(batch=32, length=4, per_prompt=8, eos=())
advantage, penalty, update = Advantage("rloo"), KLPenalty(beta=0.1), Update(lr=0.05)
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("LEONUI_LANG", "en")
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    return path


# what a file defines


def test_a_file_is_read(file):
    job = load("train.py")
    assert job["prompts"] == ["a", "bc"]
    assert job["tokenizer"].decode(job["tokenizer"].encode("cab")) == "cab"
    assert (job["sampling"].batch, job["advantage"].kind, job["penalty"].beta, job["update"].lr) == (
        32,
        "rloo",
        0.1,
        0.05,
    )
    assert "optimizer" not in job


@pytest.mark.parametrize(("target", "name"), [("train.py", "job"), ("train.py:make", "make"), ("train:make", "make")])
def test_a_function_may_give_it(target, name, file):
    body = TRAIN.replace("model, prompts = Table()", "net, prompts = Table()")
    file.write_text(body + f"def {name}():\n    return {{'model': net, 'prompts': ['a'], 'reward': reward}}\n")
    assert load(target)["prompts"] == ["a"]


@pytest.mark.parametrize(
    ("target", "change", "words"),
    [
        ("gone.py", ("", ""), "there is no file gone.py; a file for leonui rlhf defines model, prompts and reward"),
        ("nowhere:job", ("", ""), "there is no module 'nowhere' here"),
        ("train.py:make", ("", ""), "train.py has no function 'make'"),
        ("train.py:decode", ("def decode(ids):", "def decode(ids=()):"), "train.py:decode gave str"),
        ("train.py", ("def reward", "def score"), "train.py lacks reward; a file for leonui rlhf defines"),
        ("train.py", ("model, prompts", "net, texts"), "train.py lacks model, prompts;"),
        ("train.py", ('["a", "bc<b>"[:2]]', "[]"), "train.py has no prompts; give one at least"),
        ("train.py", ("KLPenalty(beta=0.1)", "0.1"), "train.py: penalty is float; it must be a KLPenalty"),
    ],
)
def test_a_file_that_lacks_something_says_what(target, change, words, file):
    file.write_text(TRAIN.replace(*change))
    with pytest.raises(ValueError) as told:
        load(target)
    assert words in str(told.value)
    assert CliRunner().invoke(cli, ["rlhf", target]).exit_code == 2


# the command


def call(*args):
    return CliRunner().invoke(cli, ["rlhf", *args], catch_exceptions=False)


def test_a_run_leaves_its_record_its_result_and_its_report(file):
    done = call("train.py", "--steps", "12", "--kl", "1", "--json")
    said = json.loads(done.stdout)
    (folder,) = file.parent.glob("runs/*-rlhf")
    record = Record.read(folder)
    assert done.exit_code == (1 if said["findings"] else 0)
    assert record.column("step") == list(range(1, 13))
    assert record.last("rlhf")["penalty"] == {"form": "k1", "beta": 0.1, "target": 1.0}
    assert said["reward"]["before"] == record.rows[0]["reward"] < 0.3 < said["reward"]["after"]
    assert said["kl"]["before"] == 0.0
    assert (said["target"], said["complete"], said["steps"]) == (1.0, True, 12)
    assert [row["prompt"] for row in said["samples"]] == ["a", "bc"]
    assert json.loads((folder / "result.json").read_text())["samples"] == said["samples"]
    assert said["samples"][0]["after"]["reward"] == said["samples"][0]["after"]["completion"].count("a") / 4
    page = (folder / "report.html").read_text()
    written = CliRunner().invoke(cli, ["report", "last", "-o", "again.html"])
    assert written.exit_code == 0
    assert Path("again.html").read_text() == page


def test_it_is_told_in_words(file):
    said = " ".join(call("train.py", "--steps", "12").stdout.split())
    assert re.search(r"Reward 0\.\d+ -> 0\.\d+, [\d.]+ nats from where it began", said)
    assert "✔ one policy samples, scores and learns: its ratios were off 1 by 0 and" in said
    assert "reward before reward after" in said
    assert "Phần thưởng" in call("train.py", "--steps", "2", "--lang", "vi").stdout


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "train.py:23 raised ZeroDivisionError: division by zero"),
        ("open('nowhere')", "train.py:23 raised FileNotFoundError"),
        ("[]", "the reward function gave shape (32, 0) for 32 completions"),
    ],
)
def test_a_reward_that_breaks_later_is_told_with_its_place_and_what_was_learned_is_kept(code, message, file):
    file.write_text(
        TRAIN.replace('text.count("a") / 4 for', f'text.count("a") / 4 if len(seen) < 4 else {code} for').replace(
            "    return [text", "    seen.append(1)\n    return [text"
        )
        + "seen = []\n"
    )
    done = call("train.py", "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    (failure,) = said["failures"]
    assert failure.startswith("iteration 3: ") and message in failure
    assert (said["complete"], said["steps"]) == (False, 2)
    assert Path(said["weights"]).exists()
    assert failure in unescape(Path(said["report"]).read_text())
    assert ("Traceback" in done.stderr) == ("raised" in message)


def test_a_prompt_that_is_too_long_is_told_before_anything_starts(file):
    file.write_text(
        TRAIN + "model.config = SimpleNamespace(max_position_embeddings=6)\nprompts = ['a'] * 20 + ['abc']\n"
    )
    done = call("train.py")
    assert done.exit_code == 2
    assert "prompt 20 has 3 tokens; with 4 more that is beyond the model's context of 6" in done.stderr
    assert not (file.parent / "runs").exists()


def test_a_missing_package_is_named(file):
    file.write_text("import nowhere_at_all\n" + TRAIN)
    done = call("train.py")
    assert done.exit_code == 1
    assert "train.py needs the package nowhere_at_all, which is not here: install it" in done.stderr


@pytest.mark.slow
def test_a_stopped_run_tells_what_it_knows(file):
    file.write_text(
        TRAIN.replace("text.count", "pause() or text.count") + "import time\ndef pause(): time.sleep(0.01)\n"
    )
    running = subprocess.Popen(
        [*LEONUI, "rlhf", "train.py", "--steps", "100000", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(LEONUI_RUNS=str(file.parent / "runs"), PYTHONPATH=str(ROOT / "src")),
    )
    record = None
    while record is None or len(Record.read(record).rows) < 2:
        assert running.poll() is None
        time.sleep(0.1)
        record = next(file.parent.glob("runs/*-rlhf/record.jsonl"), None)
    running.send_signal(signal.SIGINT)
    said = json.loads(running.communicate(timeout=60)[0])
    assert (running.returncode, said["complete"]) == (1, False)
    assert said["steps"] >= 2
    assert Path(file.parent, said["report"]).exists()


def test_the_bundled_example_is_a_job():
    code = compile((ROOT / "examples" / "rlhf_stdlib.py").read_text(), "rlhf_stdlib.py", "exec")
    space = {"__name__": "example", "__doc__": ""}
    pytest.importorskip("transformers")
    exec(code, space)
    space["language_model"] = lambda: space["GPT2LMHeadModel"].__name__
    job = space["job"]()
    assert job["model"] == "GPT2LMHeadModel"
    score = space["reward"](["\ndef ", "\nx = ", "\nif "], ["f(x):", "1", "while"], [])
    assert score == [9 / 20, 5 / 20, 0.0]
    assert job["tokenizer"].decode(job["tokenizer"].encode("\ndef ")) == "\ndef "


@pytest.mark.slow
def test_the_bundled_example_learns(tmp_path):
    done = subprocess.run(
        [*LEONUI, "rlhf", "--steps", "30", "--json"],
        capture_output=True,
        text=True,
        timeout=1200,
        env=environment(LEONUI_RUNS=str(tmp_path), PYTHONPATH=str(ROOT / "src")),
        cwd=ROOT,
    )
    said = json.loads(done.stdout)
    assert said["reward"]["after"] > said["reward"]["before"] + 0.1
    assert said["kl"]["after"] < 2 * said["target"]


# the judges

HEALTHY = {
    "kl": 1.0,
    "kl_k3": 1.1,
    "entropy": 2.0,
    "reward": 0.5,
    "reward_std": 0.2,
    "length": 20.0,
    "no_eos": 0.1,
    "duplicates": 0.0,
    "first_ratio": 0.0,
    "sampling_ratio": 1e-6,
    "ratio_max": 2.0,
    "beta": 0.1,
}
SETTINGS = {"event": "rlhf", "dtype": "float32", "target": 1.0, "eos": [0]}


def record(rows=40, settings=None, **columns):
    """A healthy Record, but for columns that are functions of the row, or numbers."""
    made = Record(events=[SETTINGS | (settings or {})])
    for at in range(rows):
        own = {name: value(at) if callable(value) else value for name, value in columns.items()}
        made.add({"step": at + 1, **HEALTHY, **own})
    return made


def found(made):
    return [check.finding.code for check in judge_language(made) if check.finding]


def late(value, other, begin=20):
    return lambda at: value if at >= begin else other


@pytest.mark.parametrize(
    ("code", "bad", "good"),
    [
        ("RATIO", {"first_ratio": late(2e-3, 0.0, 39)}, {"first_ratio": 9e-4}),
        ("RATIO", {"sampling_ratio": 3e-2}, {"sampling_ratio": 9e-4}),
        ("RATIO", {"first_ratio": 3e-2, "settings": {"dtype": "bfloat16"}},
         {"first_ratio": 1e-2, "settings": {"dtype": "bfloat16"}}),
        ("KL-NEGATIVE", {"kl": late(-0.1, 1.0)}, {"kl": lambda at: -0.1 if at % 5 else 0.0}),
        ("KL-NEGATIVE", {"kl": -0.2, "kl_k3": 0.06}, {"kl": -0.02, "kl_k3": 0.04}),
        ("KL-HIGH", {"kl": late(2.1, 1.0)}, {"kl": late(1.9, 1.0)}),
        ("KL-HIGH", {"kl": late(2.1, 1.0)}, {"kl": 2.1, "settings": {"target": None}}),
        ("REWARD-HACKING", {"kl": late(11.0, 1.0), "reward": late(0.9, 0.5), "settings": {"target": None}},
         {"kl": late(11.0, 1.0), "reward": late(0.4, 0.5), "settings": {"target": None}}),
        ("LENGTH-DRIFT", {"length": lambda at: 10.0 + at}, {"length": lambda at: 10.0 + at / 5}),
        ("LENGTH-DRIFT", {"length": lambda at: 50.0 - at}, {"length": lambda at: 50.0 - at / 5}),
        ("NO-EOS", {"no_eos": late(0.4, 0.0)}, {"no_eos": late(0.0, 0.9)}),
        ("NO-EOS", {"no_eos": 0.4}, {"no_eos": 1.0, "settings": {"eos": []}}),
        ("REWARD-FLAT", {"reward_std": late(0.0, 0.2)}, {"reward_std": lambda at: 0.2 * (at % 5 == 0)}),
        ("DUPLICATES", {"duplicates": late(0.6, 0.1)}, {"duplicates": 0.5}),
        ("RATIO-MAX", {"ratio_max": late(11.0, 1.0, 35)}, {"ratio_max": late(11.0, 1.0, 36)}),
        ("ENTROPY-NEGATIVE", {"entropy": late(-0.1, 1.0, 39)}, {"entropy": 0.0}),
    ],
)  # fmt: skip
def test_a_fault_is_named_and_its_neighbour_is_not(code, bad, good):
    assert found(record(**good)) == []
    assert code in found(record(**bad))
    assert set(found(record(**bad))) <= {code, "KL-HIGH"}


def test_a_healthy_run_gets_the_checklist():
    checks = judge_language(record())
    assert len(checks) == len(JUDGES)
    assert all(check.ok for check in checks)
    for check in checks:
        for lang in ("en", "vi"):
            assert "{" not in check.say(lang)


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.code)
def test_every_code_is_explained(judge):
    about = explain(judge.code.lower())
    for text in (about.fault, about.test, about.alike, about.mend):
        assert text and translate(text, "vi") != text
    assert about.sources


def test_every_finding_says_what_to_do_with_its_figures():
    for bad in ({"first_ratio": 0.2}, {"kl": -0.2}, {"kl": 9.0}, {"no_eos": 0.5}, {"reward_std": 0.0}):
        (finding, *_) = [check.finding for check in judge_language(record(**bad)) if check.finding]
        for lang in ("en", "vi"):
            assert "{" not in finding.say(lang) + finding.remedy(lang)
            assert finding.remedy(lang)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_short_record_is_no_fault(rows):
    assert found(record(rows)) == []


# the page

RESULT = {
    "command": "rlhf",
    "program": "<train>.py",
    "complete": True,
    "reward": {"before": 0.2, "after": 0.7},
    "kl": {"before": 0.0, "after": 5.9},
    "entropy": {"before": 2.0, "after": 1.0},
    "length": {"before": 20.0, "after": 18.0},
    "steps": 40,
    "target": 6.0,
    "beta": 0.08,
    "seconds": 75.0,
    "samples": [
        {
            "prompt": "x<b>",
            "before": {"completion": "<script>alert(1)</script>", "reward": 0.0},
            "after": {"completion": "after", "reward": 1.0},
        }
    ],
    "findings": [],
    "checks": [{"code": "RATIO", "ok": True, "template": "ratio {first}", "evidence": {"first": 0}}],
    "lang": "en",
}


def text_of(page):
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_page_says_what_was_gained_and_at_what_price():
    page = document(RESULT, record())
    said = text_of(page)
    assert "The reward went from 0.2 to 0.7, 5.9 nats from where the model began." in said
    assert "Phần thưởng đi từ 0.2 đến 0.7" in said
    assert "6 nats were the target · beta 0.08 at the end" in said
    assert "x<b> <script>alert(1)</script>" in said
    assert "<script>alert" not in page
    specs = {name: json.loads(unescape(body)) for name, body in re.findall(
        r'data-chart="(\w+)">(.*?)</script>', page, re.DOTALL)}  # fmt: skip
    assert set(specs) == {"reward", "kl", "entropy"}
    assert specs["kl"]["figure"]["data"][-1]["y"] == [6.0, 6.0]
    assert len(specs["reward"]["figure"]["data"]) == 2


def test_the_page_of_a_run_without_an_iteration():
    empty = RESULT | dict.fromkeys(("reward", "kl", "entropy", "length"), None) | {"complete": False, "steps": 0}
    said = text_of(document(empty, Record()))
    assert "Interrupted before the first iteration was done." in said
