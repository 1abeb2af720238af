"""Whole visits of one small script: what is wrong is named, its line shown, its cause proved by replay."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import leonui
from leonui.doctor.faults import gradient
from leonui.doctor.labels import best_validation
from leonui.doctor.mend import mend
from leonui.finding import Finding
from leonui.record import Record

SCRIPT = Path(__file__).parent / "hostile" / "faults.py"
SLOW = pytest.mark.slow


def line(text: str) -> int:
    """The number of the only line of the script that holds this text."""
    (found,) = [at for at, one in enumerate(SCRIPT.read_text().splitlines(), 1) if text in one]
    return found


UNPROVED = {"LEAKAGE", "BATCH-MIXING", "NON-FINITE", "COLLAPSED"}  # nothing to replay: these are facts
ADAM = "torch.optim.Adam(model.parameters()"


@pytest.mark.parametrize(
    ("fault", "code", "kind", "where"),
    [
        ("healthy", None, None, None),
        pytest.param("sgd high", "LR-HIGH", "caused by", "lr=40.0", marks=SLOW),
        pytest.param("leaks", "LEAKAGE", "is", "F.cross_entropy(model(held)", marks=SLOW),
        pytest.param("mixes", "BATCH-MIXING", "is", "# the step", marks=SLOW),
        pytest.param("dead", "DEAD-UNITS", "caused by", ADAM, marks=SLOW),
        pytest.param("collapses", "COLLAPSED", "is", "F.layer_norm(", marks=SLOW),
        pytest.param("zero", "INIT", "caused by", ADAM, marks=SLOW),
        pytest.param("vanishes", "VANISHING", "caused by", ADAM, marks=SLOW),
        pytest.param("norm", "NORM-STATISTICS", "caused by", "F.cross_entropy(model(held)", marks=SLOW),
        pytest.param("nan sample", "NON-FINITE", "caused by", "# the step", marks=SLOW),
        pytest.param("logarithm", "NON-FINITE", "is", "torch.log(", marks=SLOW),
        pytest.param("high", "LR-HIGH", "caused by", ADAM, marks=SLOW),
        pytest.param("breaks late", "LR-HIGH", "caused by", "lr=0.5", marks=SLOW),
        pytest.param("bias only", "WRONG-PARAMETERS", "caused by", "[model.last.bias]", marks=SLOW),
        pytest.param("low", "LR-LOW", "caused by", ADAM, marks=SLOW),
        pytest.param("overfits", "OVERFITTING", "caused by", "F.cross_entropy(model(held)", marks=SLOW),
        pytest.param("large", "INIT", "caused by", ADAM, marks=SLOW),
        pytest.param("decay", "UNDERFITTING", "caused by", ADAM, marks=SLOW),
        pytest.param("accumulates", "ACCUMULATION", "caused by", "lr=0.15", marks=SLOW),
        pytest.param("fast schedule", "SCHEDULE", "caused by", ADAM, marks=SLOW),
        pytest.param("tiny clip", "CLIPPING", "caused by", ADAM, marks=SLOW),
        pytest.param("random labels", "LABELS", "caused by", "F.cross_entropy(model(points[part])", marks=SLOW),
    ],
)
def test_a_visit(fault, code, kind, where, tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    found = leonui.diagnose([str(SCRIPT), fault])
    said = json.loads(json.dumps(found.to_json(), allow_nan=False, default=str))
    assert found.verdict == said["verdict"] == ("faults" if code else "healthy")
    assert found.steps <= 4 * found.run
    if code is None:
        assert said["findings"] == []
        assert len(said["checklist"]) > 10
        return
    first = said["findings"][0]
    assert (first["code"], first["class"], Path(first["file"]).name) == (code, kind, "faults.py")
    assert first["line"] == line(where)
    assert bool(first["proof"] and first["proof"]["changed"]) or code in UNPROVED


def test_faults_that_hide_each_other_are_mended_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    found = leonui.diagnose([str(SCRIPT), "two faults"])
    assert [finding.code for finding in found.findings[:2]] == ["STALE-GRADIENT", "SOFTMAX-TWICE"]
    first, second = (finding.proof for finding in found.findings[:2])
    assert first is not None
    assert second is not None
    assert (first.change, second.change) == ("cleared gradients", "cleared gradients, raw loss")
    assert second.control == first.changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "codes", "mended"),
    [
        ("stale and high", ["STALE-GRADIENT", "LR-HIGH"], "cleared gradients"),
        ("softmax and low", ["SOFTMAX-TWICE", "LR-LOW"], "raw loss"),
    ],
)
def test_a_rate_is_proved_with_what_hides_it_mended(fault, codes, mended, tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    found = leonui.diagnose([str(SCRIPT), fault]).findings
    assert [finding.code for finding in found] == codes
    assert found[1].verdict == "caused by"
    assert found[1].proof is not None
    rate, others = found[1].proof.change.split(", ")
    assert rate.startswith("lr x ")
    assert others == mended


@pytest.mark.slow
def test_a_gradient_that_is_not_that_of_the_loss(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    (finding,) = leonui.diagnose([str(SCRIPT), "wrong gradient"]).findings
    assert (finding.code, finding.verdict) == ("WRONG-GRADIENT", "consistent with")
    assert finding.evidence["ratio"] == pytest.approx(-1.0, abs=0.02)


@pytest.mark.slow
def test_a_script_that_begins_otherwise_each_time_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    found = leonui.diagnose([str(SCRIPT), "unseeded"])
    assert found.verdict == "healthy"
    assert "begins otherwise each time" in str(found.notes)


@pytest.mark.slow
def test_ranks_that_go_on_with_other_data_are_proved_from_their_beginning(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    script = Path(__file__).parents[1] / "bench" / "faults" / "workloads" / "parallel.py"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    found = leonui.diagnose([*torchrun, str(script), "--lr", "0.5"])
    assert [(finding.code, finding.verdict) for finding in found.findings] == [("LR-HIGH", "caused by")]
    assert found.notes == ()


def test_the_command_shows_the_fault_its_proof_and_the_fix(tmp_path):
    command = [sys.executable, "-m", "leonui", "doctor", "--fix", "--json", str(SCRIPT), "stale"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    (finding,) = said["findings"]
    assert (finding["code"], finding["class"]) == ("STALE-GRADIENT", "is")
    assert finding["proof"]["change"] == "cleared gradients"
    assert said["fixed"]["after"] < said["fixed"]["before"]
    assert "+        optimizer.zero_grad()" in said["patch"]
    assert "-" not in {text[:1] for text in said["patch"].splitlines()[2:]}
    page = (tmp_path / said["report"]).read_text()
    assert "STALE-GRADIENT" in page
    assert 'id="chart-proof0"' in page


@pytest.mark.parametrize(
    ("code", "evidence", "text", "expected"),
    [
        ("LR-HIGH", {"lr": 0.1, "better": 0.01}, "opt = SGD(model.parameters(), lr=0.1)\n", "lr=0.01)"),
        ("STALE-GRADIENT", {}, "    opt.step()\n", "+    opt.zero_grad()"),
        ("EXPLODING", {"clip": 0.5}, "opt.step()\n", "+torch.nn.utils.clip_grad_norm_([p for group in opt.param_"),
        ("STALE-GRADIENT", {}, "trainer.fit()\n", None),
        ("ORDER", {}, "opt.step()\n", None),
    ],
)
def test_the_change_to_the_file(code, evidence, text, expected, tmp_path):
    file = tmp_path / "train.py"
    file.write_text(text)
    change = mend(Finding(code, "is", "", evidence, "", str(file), 1), f"{file}:1")
    assert (expected in change) if expected else change == ""
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("measured", "loss", "found"),
    [
        ((2.0, 2.0), 0.5, None),
        ((2.2, 2.1), 0.5, None),
        ((-2.0, -2.0), 0.5, "WRONG-GRADIENT"),
        ((1.0, 1.0), 0.5, None),  # it learns: a detached target
        ((1.0, 1.0), 3.0, "WRONG-GRADIENT"),
        ((4.0, 4.0), 3.0, "WRONG-GRADIENT"),
        ((4.0, 1.0), 3.0, None),  # too rough to tell
        ((), 3.0, None),
    ],
)
def test_the_slope_of_the_loss(measured, loss, found):
    rows = [{"step": i, "loss": 3.0 if i < 10 else loss + 0.01 * (i % 2)} for i in range(60)]
    check = gradient.look(Record(rows, [{"event": "slope", "expected": 2.0, "measured": list(measured)}]))
    assert (check.finding.code if check and check.finding else None) == found
    if check:
        assert "{" not in check.say("en") + check.say("vi")


def test_the_best_validation_of_none_is_no_number():
    assert best_validation(Record()) != best_validation(Record())


@pytest.mark.parametrize(("lang", "text"), [("en", "How to mend it"), ("vi", "Sửa thế nào")])
def test_explain(lang, text):
    done = subprocess.run(
        [sys.executable, "-m", "leonui", "explain", "--lang", lang, "loss-sign"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert text in done.stdout


def test_explain_names_what_there_is():
    done = subprocess.run([sys.executable, "-m", "leonui", "explain", "what"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "'what' is no code of a finding" in done.stderr
