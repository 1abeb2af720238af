"""What the first checks and the ending say of a run, from what it left behind, in every language."""

import json
import math
import string
from pathlib import Path

import pytest

from leonui.doctor.case import AS_IT_IS, Case, Outcome
from leonui.doctor.ending import too_short, trouble
from leonui.doctor.faults import collapse, idle, nonfinite, shard, sign
from leonui.doctor.first import first_checks
from leonui.doctor.gain import backed, validation
from leonui.doctor.labels import by_heart, unlearned
from leonui.doctor.panel import Panel
from leonui.doctor.remarks import leftover, undecayed, unheard
from leonui.finding import CLASSES, Check, Finding
from leonui.record import Record, encode
from leonui.trial.intervention import Intervention
from leonui.trial.trial import Trial
from leonui.words import LANGUAGES, translate

MADE = {"event": "optimizer", "name": "SGD", "place": "train.py:14", "lr": [0.1]}


def record(losses: list, end: dict | None = None, **columns: list) -> Record:
    """A run of one optimizer: its losses, other columns, and what its end said."""
    rows = [{"step": step, "loss": loss} for step, loss in enumerate(losses, 1)]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row |= {} if value is None else {name: value}
    return Record(rows, [MADE] + ([{"event": "end"} | end] if end is not None else []))


DOWN = [2.0 - 0.1 * step for step in range(20)]
FLAT = [1.0, 1.1, 0.9, 1.0] * 5
TWO = [row | {"optimizer": one} for row in record(DOWN).rows for one in (0, 1)]
COASTED = [{"step": 30 + step, "phase": "coast", "loss": 0.1, "stale": True} for step in range(30)]

CHECKS = {
    "a healthy run": (
        record(DOWN, {"constant_loss": 1.5}, update_ratio=[0.01] * 20),
        {"FINITE": None, "LEARNED": None, "CLEARED": None, "MOVED": None},
        {"loss": 0.2, "bar": 1.5, "stale": 0, "steps": 20, "ratio": 0.01, "count": 20},
    ),
    "nothing but losses": (
        record(DOWN),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"loss": 0.2, "bar": 1.9},
    ),
    "too short to have learned": (record(DOWN[:9]), {"FINITE": None, "CLEARED": None}, {"steps": 9}),
    "no losses": (Record([{"step": 1}], [MADE]), {"FINITE": None, "CLEARED": None}, {"steps": 1}),
    "the first step not finite": (
        record(["NaN"] * 20, nonfinite=[True] * 20),
        {"FINITE": "NON-FINITE", "CLEARED": None},
        {"step": 1, "count": 20, "steps": 20},
    ),
    "three steps not finite": (
        record([*DOWN[:5], "NaN", "Infinity", "NaN", *DOWN[8:]], nonfinite=[*[None] * 5, *[True] * 3, *[None] * 12]),
        {"FINITE": "NON-FINITE", "LEARNED": None, "CLEARED": None},
        {"step": 6, "count": 3, "steps": 20},
    ),
    "at the constant's loss": (
        record(FLAT, {"constant_loss": 1.0}),
        {"FINITE": None, "LEARNED": "NOT-LEARNING", "CLEARED": None},
        {"bar": 1.0},
    ),
    "above the constant's loss": (
        record(DOWN[::-1], {"constant_loss": 1.0}),
        {"FINITE": None, "LEARNED": "NOT-LEARNING", "CLEARED": None},
        {"loss": 1.9, "bar": 1.0},
    ),
    "far below its beginning, yet above the constant": (
        record([100.0 - step for step in range(20)], {"constant_loss": 1.0}),
        {"FINITE": None, "LEARNED": "NOT-LEARNING", "CLEARED": None},
        {"bar": 1.0},
    ),
    "no better than its beginning": (
        record(FLAT),
        {"FINITE": None, "LEARNED": "NOT-LEARNING", "CLEARED": None},
        {"bar": 1.0},
    ),
    "a beginning that explodes, and an end above the first loss": (
        record([2.0, 1e9, 1e12, *[5.0] * 17]),
        {"FINITE": None, "LEARNED": "NOT-LEARNING", "CLEARED": None},
        {"loss": 5.0, "bar": 2.0},
    ),
    "a lucky first batch among losses that vary as much at the end": (
        record([0.1, 3.0, 2.0, *[1.0, 0.2] * 8, 0.1]),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"bar": 1.7},
    ),
    "a constant that is not known": (
        record(DOWN, {"constant_loss": "NaN"}),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"bar": 1.9},
    ),
    "never cleared": (
        record(DOWN, stale=[None] + [True] * 19),
        {"FINITE": None, "LEARNED": None, "CLEARED": "STALE-GRADIENT"},
        {"stale": 19, "steps": 20},
    ),
    "half of them not cleared": (
        record(DOWN, stale=[True, None] * 10),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"stale": 10, "steps": 20},
    ),
    "coasted batches do not count": (
        Record(record(DOWN).rows + COASTED, [MADE]),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"stale": 0, "steps": 20, "loss": 0.2},
    ),
    "two optimizers, each with a loss of its own": (
        Record(TWO, [MADE]),
        {"FINITE": None, "CLEARED": None},
        {"steps": 40},
    ),
    "two optimizers and one loss": (
        Record([row if row["optimizer"] == 0 else {"step": row["step"], "optimizer": 1} for row in TWO], [MADE]),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"loss": 0.2},
    ),
    "one optimizer trains first, the other one later": (
        Record([row for row in TWO if row["step"] in (range(1, 11), range(10, 21))[row["optimizer"]]], [MADE]),
        {"FINITE": None, "LEARNED": None, "CLEARED": None},
        {"loss": 0.2},
    ),
    "nothing moved": (
        record(DOWN, update_ratio=[0.0, None, 0.0, *[None] * 17]),
        {"FINITE": None, "LEARNED": None, "CLEARED": None, "MOVED": "NOT-MOVING"},
        {"ratio": 0.0, "count": 2},
    ),
    "moved once": (
        record(DOWN, update_ratio=[0.0, 1e-9, "NaN", *[None] * 17]),
        {"FINITE": None, "LEARNED": None, "CLEARED": None, "MOVED": None},
        {"ratio": 1e-9, "count": 2},
    ),
}


@pytest.mark.parametrize(("given", "expected", "figures"), CHECKS.values(), ids=CHECKS)
def test_first_checks(given, expected, figures):
    checks = first_checks(given)
    assert {check.code: check.finding and check.finding.code for check in checks} == expected
    evidence = {key: value for check in checks for key, value in check.evidence.items()}
    assert {key: evidence[key] for key in figures} == pytest.approx(figures)
    for check in checks:
        assert check.ok == (check.finding is None)
        assert_said(check)
        if check.finding:
            assert (check.finding.verdict, check.finding.place) == ("is", "train.py:14")
            assert_said(check.finding)


def assert_said(it: Check | Finding) -> None:
    """It says itself in every language, with its own figures, and as plain JSON."""
    for lang in LANGUAGES:
        for said in (it.say(lang), it.remedy(lang) if isinstance(it, Finding) else "-"):
            assert said
            assert "{" not in said
    data = it.to_json()
    assert json.loads(encode(data)) == json.loads(json.dumps(data))
    assert data["message"] == it.say() == data["template"].format(**data["evidence"])
    if isinstance(it, Finding):
        assert data["fix"] == data["fix_template"].format(**data["evidence"])
        assert data["class"] in CLASSES


def crashed(kind: str, message: str = "it", place: str = "train.py:7") -> dict:
    return {"event": "exception", "type": kind, "message": message, "place": place, "step": 3}


ROWS = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]
END = {"event": "end", "reason": "done"}
ENDINGS = {
    "a training": ([*ROWS, END], {}, None, {}),
    "a training, then exit code 3": ([*ROWS, END], {"returncode": 3}, None, {}),
    "a training, then Ctrl-C": ([*ROWS, crashed("KeyboardInterrupt")], {"returncode": 1}, None, {}),
    "an exception": (
        [*ROWS, crashed("RuntimeError", "shapes {a} differ")],
        {"returncode": 1},
        "CRASH",
        {"message": "the script failed at step 3: RuntimeError: shapes {a} differ", "file": "train.py", "line": 7},
    ),
    "an exception nowhere": (
        [crashed("ValueError", place="")],
        {"returncode": 1},
        "CRASH",
        {"file": None, "line": None},
    ),
    "a question to the terminal": (
        [crashed("EOFError")],
        {"returncode": 1},
        "CRASH",
        {"fix": "trials run with an empty standard input: give the script what it asks for as arguments"},
    ),
    "an exception after the loss went up": (
        [*({"step": at, "loss": 2.0 * at} for at in range(1, 25)), crashed("OverflowError")],
        {"returncode": 1},
        "CRASH",
        {"fix": "before that its loss went from 2 to 48: try a lower rate first; leonui lr finds one"},
    ),
    "an exception after it went down": (
        [*({"step": at, "loss": 2.0 / at} for at in range(1, 25)), crashed("OverflowError")],
        {"returncode": 1},
        "CRASH",
        {"fix_template": "run the script alone and mend this first; its whole output is in {folder}/stderr"},
    ),
    "an exception wins over what followed": ([crashed("ValueError")], {"stalled": True, "returncode": -9}, "CRASH", {}),
    "stalled": (ROWS, {"stalled": True, "returncode": -15}, "STALLED", {"steps": 2}),
    "killed": (ROWS, {"returncode": -9}, "KILLED", {"signal": "SIGKILL", "steps": 2}),
    "killed by a signal without a name": (ROWS, {"returncode": -250}, "KILLED", {"signal": "250"}),
    "failed before its first step": (
        [END],
        {"returncode": 2, "stderr": "usage: x\ntrain.py: error: --lr is missing\n"},
        "NO-STEP",
        {"message": "the script ended with exit code 2 before its first optimizer step: train.py: error: "
                    "--lr is missing"},
    ),
    "failed without a word": ([], {"returncode": 2}, "NO-STEP", {"error": "-"}),
    "failed with braces": ([], {"returncode": 1, "stderr": "{x} {0} }{"}, "NO-STEP", {"error": "{x} {0} }{"}),
    "updates by hand": (
        [END | {"backwards": 9, "backward": "train.py:7"}],
        {"returncode": 0},
        "HAND-WRITTEN",
        {"backwards": 9, "file": "train.py", "line": 7},
    ),
    "no torch": ([], {"returncode": 0}, "NO-TRAINING", {}),
    "forgets to step": ([MADE, END | {"backwards": 9}], {"returncode": 0}, "NO-STEP", {"backwards": 9, "name": "SGD"}),
    "no step": ([MADE, END | {"backwards": 0}], {"returncode": 0}, "NO-STEP", {}),
    "only coasted": ([{"step": 1, "phase": "coast"}, END], {"returncode": 0}, "NO-STEP", {}),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "how", "code", "expected"), ENDINGS.values(), ids=ENDINGS)
def test_trouble(lines, how, code, expected, tmp_path):
    how = dict(how)
    (tmp_path / "record.jsonl").write_bytes(b"".join(map(encode, lines)))
    (tmp_path / "stderr").write_text(how.pop("stderr", ""))
    finding = trouble(Trial("baseline", tmp_path, Intervention(), "straight", **how))
    assert (finding and finding.code) == code
    if finding:
        assert finding.verdict == "is"
        said = finding.evidence | finding.to_json()
        assert {key: said[key] for key in expected} == expected
        for lang in LANGUAGES:
            assert finding.say(lang)
            assert finding.remedy(lang)


SOURCES = Path(__file__).parents[1] / "src" / "leonui" / "doctor"


LENGTHS = {0: "TOO-SHORT", 19: "TOO-SHORT", 20: "", 10**6: ""}


@pytest.mark.parametrize(("steps", "code"), LENGTHS.items())
def test_a_run_that_is_too_short_to_search(steps, code):
    fault = too_short(steps)
    assert (fault.code if fault else "") == code
    assert not fault or fault.say() == f"the script made {steps} optimizer steps; a search needs at least 20"


def test_the_tables_reach_every_code_of_the_doctor():
    reached = {code for _, expected, _ in CHECKS.values() for code in expected.values() if code}
    reached |= {code for _, _, code, _ in ENDINGS.values() if code} | {code for code in LENGTHS.values() if code}
    written = {code for name in ("first.py", "ending.py") for code in codes((SOURCES / name).read_text())}
    assert reached == written


def codes(text: str) -> set[str]:
    """The first arguments of all Findings in a source."""
    return {piece.split('"')[1] for piece in text.split("Finding(")[1:] if piece.lstrip().startswith('"')}


def test_a_finding_has_one_of_three_classes():
    with pytest.raises(ValueError, match="verdict='likely' is not a class; choose one of is, caused by, consistent"):
        Finding("X", "likely", "words")


@pytest.mark.parametrize(
    ("file", "line", "place"), [("a.py", 3, "a.py:3"), (None, None, ""), ("a b.py", 1, "a b.py:1")]
)
def test_a_place_is_written_as_a_compiler_would(file, line, place):
    assert Finding("X", "is", "words", file=file, line=line).place == place


def test_figures_are_filled_in():
    finding = Finding("X", "is", "{a:.3g} of {b}", {"a": math.pi, "b": "{c}"}, "try {b}")
    assert (finding.say(), finding.remedy()) == ("3.14 of {c}", "try {c}")
    assert [name for _, name, _, _ in string.Formatter().parse(finding.message) if name] == ["a", "b"]
    assert Finding("X", "is", "words").remedy("vi") == ""
    check = Check("C", "{n} steps", {"n": 3})
    assert (check.say(), check.ok) == ("3 steps", True)
    failed = Check("C", "{n} steps", {"n": 3}, finding)
    assert (failed.say(), failed.ok, failed.to_json()["template"]) == ("3.14 of {c}", False, finding.message)


BATCHES = [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("ours", "others", "found"),
    [
        (BATCHES, [], None),  # one process
        (BATCHES, [BATCHES], "SAME-SHARD"),
        (BATCHES, [BATCHES, BATCHES], "SAME-SHARD"),
        (BATCHES, [BATCHES, BATCHES[::-1]], ""),
        (BATCHES[:3], [BATCHES[:3]], None),  # too few to say
        ([1.0] * 4, [[1.0] * 4], None),  # one batch again and again
    ],
)
def test_ranks_with_the_same_samples(ours, others, found):
    walk = {"event": "walk", "batches": ours, "ranks": others}
    check = shard.look(Record(events=[{"event": "trailhead", "place": "train.py:7"}, walk]))
    assert (check and (check.finding.code if check.finding else "")) == found
    if found:
        assert (check.finding.file, check.finding.line) == ("train.py", 7)
        assert f"all {len(others) + 1} processes" in check.say("en")


@pytest.mark.parametrize(
    ("negated", "numbers", "calls", "found"),
    [(30, 30, 30, True), (10, 10, 30, True), (4, 10, 30, False), (0, 0, 9, False)],
)
def test_losses_that_are_no_numbers_say_nothing_of_the_sign(negated, numbers, calls, found):
    losses = {"function": "mse_loss", "place": "train.py:7", "calls": calls, "numbers": numbers, "negated": negated}
    check = sign.look(Record(events=[{"event": "end", "losses": losses}]))
    assert bool(check.finding) == found


def collapsed(spread: object, losses: list[float]) -> Record:
    """A run whose last predictions differ by ``spread``; a constant prediction would lose 1.5."""
    seen = {"function": "mse_loss", "place": "train.py:7", "calls": 9, "spread": spread}
    return record(losses, {"constant_loss": 1.5, "losses": seen})


@pytest.mark.parametrize(
    ("run", "found"),
    [
        (collapsed(1e-5, [1.5, 1.6, 1.4, 1.5] * 5), True),
        (collapsed(0.2, [1.5, 1.6, 1.4, 1.5] * 5), False),  # wrong, but not all the same
        (collapsed(1e-5, DOWN), False),  # nearly all of the loss is gone: the batch was of one class
        (collapsed("NaN", [1.5] * 20), None),
        (record([1.5] * 20, {"constant_loss": 1.5}), None),
    ],
)
def test_a_network_that_says_the_same_to_everything(run, found):
    check = collapse.look(run)
    assert (check and bool(check.finding)) == found
    if found:
        assert check.finding.place == "train.py:7"
        assert "the same answer" in check.finding.say("en")
        assert "{" not in check.finding.say("vi") + check.say("vi")


@pytest.mark.parametrize(
    ("spread", "losses", "verdict"),
    [
        (1e-5, [1.5, 1.6, 1.4, 1.5] * 5, "is"),
        (0.2, [1.5, 1.6, 1.4, 1.5] * 5, "consistent with"),  # dropout after it
        (0.2, DOWN, None),  # there is another way around it
    ],
)
def test_the_operation_that_makes_all_samples_alike_is_named(spread, losses, verdict):
    run = collapsed(spread, losses)
    merged = {"operation": "layer_norm", "module": "norm", "place": "train.py:3"}
    run.events.append({"event": "look", "merged": merged})
    finding = collapse.look(run).finding
    assert (finding and finding.verdict) == verdict
    if finding:
        assert finding.place == "train.py:3"
        assert "layer_norm makes all samples alike" in finding.say("en")
        assert "{" not in finding.say("vi") + finding.remedy("vi")


@pytest.mark.parametrize(
    ("unused", "made", "aside", "found"),
    [
        (60, (0, 1), [], "train.py:14"),
        (60, (0,), [], None),  # gradients of a network that has been trained, for another end
        (60, (0, 1), [1], None),  # it makes its steps inside of another one
        (3, (0, 1), [], None),  # accumulation leaves some
        (60, (0, 1, 2), [], "train.py:14"),  # the larger one
    ],
)
def test_an_optimizer_that_never_steps(unused, made, aside, found):
    rows = [{"step": step, "loss": 1.0, "optimizer": 0} for step in range(1, 41)]
    events = [MADE | {"optimizer": n, "place": f"train.py:{13 + n}", "parameters": 10 * (3 - n)} for n in made]
    end = {"event": "end", "reason": "done", "backwards": 40 + unused, "unused": unused, "aside": aside}
    check = idle.look(Record(rows, [*events, end]))
    assert (check.finding and check.finding.place) == found


@pytest.mark.parametrize(
    ("losses", "gains"),
    [
        ({AS_IT_IS: 1.0, "a": 0.5, "b": 0.75}, {"a": 0.5 / 1.5, "b": 0.25 / 1.5}),
        ({AS_IT_IS: 3000.0, "a": 2.1, "b": 500.0}, {"a": 1.0, "b": 0.0}),  # down to the bar of 2, and not below it yet
        ({AS_IT_IS: 3000.0, "a": 1.0, "b": 2.1}, {"a": 1.0, "b": 0.0}),
        ({AS_IT_IS: 3000.0, "a": 21.0, "b": 20.0}, {"a": 0.994, "b": 0.994}),  # on the way down
        ({AS_IT_IS: math.inf, "a": 21.0, "b": 20.0}, {"a": 1.0, "b": 1.0}),
        ({AS_IT_IS: math.inf, "a": math.inf, "b": math.inf}, {"a": 0.0, "b": 0.0}),
        ({AS_IT_IS: 40.0, "a": 39.0, "b": 38.0}, {AS_IT_IS: 0.0, "a": 0.026, "b": 0.053}),  # all begin far above it
        ({AS_IT_IS: 2.1, "a": 2.05, "b": 2.2}, {"a": 0.0, "b": 0.0}),  # nothing has begun to learn
    ],
)
def test_what_a_change_gains_in_a_short_training(losses, gains):
    tried = {name: Outcome(Intervention(), (loss,), (loss,)) for name, loss in losses.items()}
    panel = Panel(tried, {}, 2.0)
    assert {name: panel.gain(tried[name]) for name in gains} == pytest.approx(gains, abs=1e-3)


BROKEN = record([*DOWN[:5], *["NaN"] * 15], nonfinite=[*[None] * 5, *[True] * 15])


@pytest.mark.parametrize(
    ("when", "cured", "follows"),
    [
        ("forward", record(DOWN), True),  # a rate that is too high, say, and an overflow after it
        ("backward", record(DOWN), True),
        ("forward", BROKEN, False),
        ("forward", Record(), False),
        ("forward", None, False),  # nothing was found that it could follow from
        ("input", record(DOWN), False),
    ],
)
def test_numbers_that_are_not_finite_as_what_follows_from_a_fault(when, cured, follows):
    seen = {"event": "post-mortem", "when": when, "step": 6, "operation": "exp", "module": "", "place": "train.py:3"}
    told = nonfinite.look(Record([], [seen]))
    note = nonfinite.consequence(told.finding, cured)
    assert bool(note) == follows
    if note:
        assert_told(note)
        assert "from step 6 on (exp made the first)" in note["template"].format(**note["evidence"])


NOISE = [1.0 + 0.3 * (-1) ** step for step in range(400)]
FALLING = [4.0 * 0.99**step for step in range(400)]
HELD, DECAYED = [[0.1]] * 400, [[0.1 * (1 - step / 400)] for step in range(400)]


@pytest.mark.parametrize(
    ("micro", "says"),
    [
        ([4] * 5 + ([5] + [4] * 5) * 3, {"usual": 4, "odd": 5, "count": 3, "rest": 1}),
        ([4] * 5 + [5] + [4] * 10, None),  # once is no habit
        ([4] * 5 + ([2] + [4] * 5) * 3, None),  # a step at the end of each epoch
        ([4] * 5 + ([8] + [4] * 5) * 3, None),  # a step that was left out
        ([4, 5] * 10, None),
        ([4] * 10 + [5, 6] * 2 + [4] * 10, None),
        ([1] * 10 + [2] * 2, None),
    ],
)
def test_batches_that_accumulation_leaves_over(micro, says):
    said = leftover(record([1.0] * len(micro), micro=micro))
    assert (said and {key: said["evidence"][key] for key in says}) == says
    if said:
        assert_told(said)


@pytest.mark.parametrize(
    ("losses", "rates", "says"),
    [
        (NOISE, HELD, True),
        (NOISE, DECAYED, False),
        (FALLING, HELD, False),
        ([1.0 + 0.001 * (-1) ** step for step in range(400)], HELD, False),
        (NOISE[:100], HELD[:100], False),
        ([*NOISE[:-1], "NaN"], HELD, False),
    ],
)
def test_a_rate_that_is_held_to_the_end_of_a_noisy_run(losses, rates, says):
    said = undecayed(record(losses, lr=rates))
    assert bool(said) == says
    if said:
        assert said["evidence"] == pytest.approx({"lr": 0.1, "scatter": 0.3}, rel=0.02)
        assert_told(said)


@pytest.mark.parametrize(
    ("steps", "events", "says"),
    [(250, [], True), (50, [], False), (250, [{"event": "validation", "site": "a.py:1", "step": 9}], False)],
)
def test_a_long_training_without_validation(steps, events, says):
    said = unheard(Record(record([1.0] * steps).rows, events))
    assert bool(said) == says
    if said:
        assert_told(said)


@pytest.mark.parametrize(
    ("losses", "constant", "expected"),
    [
        ((1.0, 0.7, 0.5), None, False),
        ((1.0, 0.97, 0.98), None, True),
        ((1.0, 0.88, 0.86), 0.87, True),  # what is held out is easier to foretell than what is trained on
        ((1.0, 0.88, *[1.05] * 3), None, True),  # low once, and not at the end
        ((1.0, 0.7, math.inf), None, True),
    ],
)
def test_validation_that_shows_no_learning(losses, constant, expected):
    run = held_out(*losses)
    run.events[-1]["held_out"] = {} if constant is None else {"train.py:9": constant}
    assert unlearned(run, 1.0) == expected


def assert_told(note: dict) -> None:
    """A note can be said in every language."""
    for lang in LANGUAGES:
        assert "{" not in translate(note["template"], lang).format(**note["evidence"])


def held_out(*losses: float, bar: float = 1.0) -> Record:
    """A run whose constant prediction would lose ``bar``, with these validation losses, and the last one on and on."""
    passes = [
        {"event": "validation", "step": step, "site": "train.py:9", "loss": loss, "batches": 1}
        for step, loss in enumerate([*losses, *losses[-1:] * 5], 1)
    ]
    return Record(record(DOWN).rows, [MADE | {"optimizer": 0}, *passes, {"event": "end", "constant_loss": bar}])


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        (held_out(0.9, 0.5), held_out(0.9, 0.4), 0.1 / 0.6),
        (held_out(0.52, 0.5), held_out(0.52, 0.49), 0.01 / 0.51),  # most was learned by the first
        (held_out(3.0, 1.9, bar=2.0), held_out(3.0, 1.8, bar=2.0), 0.1 / 1.2),
        (held_out(0.9, math.inf), held_out(0.9, 0.25), 1.0),
        (held_out(0.9, 0.5), held_out(0.9, 0.55), -0.05 / 0.45),
        (held_out(0.9, *[0.5, 0.8] * 5, 0.6), held_out(0.9, *[0.45, 0.75] * 5, 0.5), 0.0),  # by accident
    ],
)
def test_what_is_gained_in_validation_is_a_share_of_what_can_be_learned(before, after, share):
    assert validation(Case(None, before), after) == pytest.approx(share, abs=0.02)


NOISY = held_out(0.9, *[0.5, 0.8] * 5, 0.6), held_out(0.9, *[0.45, 0.75] * 5, 0.5)


@pytest.mark.parametrize(
    ("before", "after", "trained", "share"),
    [
        (*NOISY, 1.0, 0.0),
        (*NOISY, 0.5, 0.1 / 0.5),  # both gain, and training surely
        (*NOISY, 2.0, 0.0),
        (held_out(0.9, 0.5), held_out(0.9, 0.4), 1.0, 0.1 / 0.6),
        (*reversed(NOISY), 0.5, -0.1 / 0.4),
    ],
)
def test_a_validation_that_jumps_about_is_backed_by_training(before, after, trained, share):
    rows = [row | {"loss": trained * row["loss"]} for row in after.rows]
    assert backed(Case(None, before), Record(rows, after.events)) == pytest.approx(share, abs=0.02)


RISEN = (1.38, 1.4, 1.5, 1.6, 1.8)


@pytest.mark.parametrize(
    ("losses", "samples", "expected"),
    [
        (RISEN, 3000, True),
        (RISEN, 2000, False),  # not so often that they are known by heart: the labels may be wrong
        (RISEN[::-1], 3000, False),
        (RISEN, None, False),
    ],
)
def test_samples_that_are_known_by_heart(losses, samples, expected):
    run = held_out(*losses)
    seen = {} if samples is None else {"samples": samples, "distinct": 100}
    assert by_heart(Record(run.rows, [*run.events, {"event": "walk", **seen}])) == expected
