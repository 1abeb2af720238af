"""Races: what paired results say, who is best by a journal, and a race that was broken off and went on."""

import json
import math
import os
import random
import re
import statistics
import sys
from itertools import product
from pathlib import Path

import cloudpickle
import pytest
from click.testing import CliRunner

import leonui
from leonui.cli import cli
from leonui.finder.guide import Silent
from leonui.landscape import SURFACES, Climber, Conditions, climb
from leonui.race import Plan, Race, RaceResult
from leonui.race.cluster import Cluster, different, versions
from leonui.race.crew import Crew
from leonui.race.heat import Due, Heat, _validation
from leonui.race.profile import profiles
from leonui.race.profile import share as share_within
from leonui.race.protocol import OWN, SHARES, default_rate
from leonui.race.reason import noted, reason, worst
from leonui.race.result import CLOCKS, result, standings
from leonui.race.statistics import holm, paired, reached
from leonui.race.surface import SurfaceRace, arrival, start
from leonui.record import Record
from leonui.report import document
from leonui.terminal.race import show_race
from leonui.trial.judge import Judge
from leonui.trial.program import Program
from leonui.trial.recipe import Recipe
from leonui.trial.runner import Runner
from leonui.words import LANGUAGES

SCRIPT = str(Path(__file__).parent / "hostile" / "rates.py")
INF = math.inf


@pytest.mark.parametrize(
    ("differences", "mean", "decides"),
    [
        ([1.0, 1.2, 0.9, 1.1, 1.0], 1.04, True),
        ([-1.0, -1.2, -0.9, -1.1, -1.0], -1.04, True),
        ([1.0, -1.2, 0.9, -1.1, 1.0], 0.12, False),
        ([1.0, 1.1, 1.2], 1.1, False),  # three pairs never decide
        ([1.0], 1.0, False),
        ([0.0, 0.0, 0.0], 0.0, False),
        ([INF] * 6, INF, True),
        ([INF, 0.1, 0.2, 0.1, 0.3], INF, False),
        ([INF, 0.1, 0.2, 0.1, 0.3, 0.2], INF, True),
        ([INF, -0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.1, 0.4], None, True),  # nine of ten
        ([INF, -0.1, 0.2, 0.1, 0.3], None, False),
    ],
)
def test_paired(differences, mean, decides):
    said = paired(differences)
    assert (math.isnan(said.difference) and mean is None) or said.difference == pytest.approx(mean)
    assert (said.p < 0.05) == decides
    if said.interval and said.p > 0:
        assert (said.interval[0] <= 0 <= said.interval[1]) == (not decides)


def test_equal_seeds_are_rarely_told_apart_and_different_ones_mostly():
    chance = random.Random(1)
    drawn = [[chance.gauss(0, 1) for _ in range(5)] for _ in range(200)]
    wrong = sum(paired(values).p < 0.05 for values in drawn) / 200
    right = sum(paired([value + 3 for value in values]).p < 0.05 for values in drawn) / 200
    assert wrong < 0.1
    assert right > 0.8


def test_more_seeds_than_can_be_counted_out_are_drawn_and_always_the_same():
    values = [0.1 * i for i in range(-3, 9)]
    assert paired(values) == paired(values)
    assert paired(values).interval[0] == pytest.approx(0.25 - 0.24, abs=0.05)


def test_holm_is_that_of_the_textbook():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "steps"),
    [
        ([3.0, 2.0, 1.0], 100 * 2**1.5),
        ([1.4, 1.3, 1.2], 100),  # there at its shortest: no more than that
        ([3.0, 2.0, 1.5], 400),
        ([3.0, 2.0, 1.6], INF),
        ([3.0, INF, 1.0], 100 * 4**0.75),
        ([INF, INF, 1.0], 400),
        ([INF, INF, INF], INF),
        ([2.0, 1.0, 3.0], 100 * 2**0.5),
    ],
)
def test_steps_to_a_target(losses, steps):
    assert reached([100, 200, 400], losses, 1.5) == pytest.approx(steps)


def journal(ends: dict[str, list[float]], spent: int = 90, shape=(1.3, 1.15, 1.0)) -> Record:
    """A race of 400 steps whose entrants came to these final losses, seed by seed."""
    kept = Record(events=[{"event": "walk", "steps": 400, "lr": [0.1]}])
    for name, losses in ends.items():
        kept.add({"event": "tuned", "entrant": name, "scale": 2.0, "lr": 0.2, "spent": spent})
        for (seed, loss), (share, higher) in product(enumerate(losses, 1), zip(SHARES, shape, strict=True)):
            steps = round(share * 400)
            row = {"entrant": name, "seed": seed, "share": share, "loss": loss * higher, "judged_by": "training"}
            took = {"steps": steps, "passes": 2 * steps, "seconds": steps / 100}
            took |= {"state_bytes": 84, "peak_bytes": round(1e6 * share) + seed}
            kept.add(json.loads(json.dumps(row | took)))
    return kept


GOOD, SAME, POOR = [1.0, 1.1, 1.2, 1.05, 1.15], [1.02, 1.08, 1.2, 1.07, 1.14], [1.5, 1.55, 1.8, 1.6, 1.7]
BROKE = [1.0, INF, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("ends", "verdict", "best", "tied"),
    [
        ({OWN: POOR, "lion": GOOD}, "winner", "lion", ["lion"]),
        ({OWN: SAME, "lion": GOOD}, "indistinguishable", "lion", ["lion", OWN]),
        ({OWN: POOR, "lion": GOOD, "adamw": SAME}, "indistinguishable", "lion", ["lion", "adamw"]),
        ({OWN: POOR[:1], "lion": GOOD[:1]}, "one_seed", "lion", []),
        ({OWN: POOR, "lion": BROKE}, "indistinguishable", OWN, [OWN, "lion"]),
        ({OWN: POOR[:2], "lion": GOOD[:2], "adamw": [INF] * 2}, "indistinguishable", "lion", ["lion", OWN]),
        ({OWN: [INF] * 2, "lion": GOOD[:2]}, "winner", "lion", ["lion"]),
        ({OWN: [INF] * 5, "lion": [INF] * 5}, "none", None, []),
        ({OWN: [INF] * 6, "lion": [1.0, 1.1, 1.0, 1.1, 1.0, 1.1]}, "winner", "lion", ["lion"]),
        ({OWN: [], "lion": []}, "none", None, []),
    ],
)
def test_who_is_best(ends, verdict, best, tied):
    said = standings(journal(ends), Plan(("lion", "adamw") if "adamw" in ends else ("lion",)))
    assert (said["verdict"], said["best"], said["tied"]) == (verdict, best, tied)
    assert said["seeds"] == min(map(len, ends.values()))
    json.dumps(said, allow_nan=False)


def test_what_it_takes_to_the_target():
    said = standings(journal({OWN: POOR, "lion": GOOD}), Plan(("lion",)))
    lion, own = said["entrants"]
    assert own["steps"] == pytest.approx(400, rel=0.02)
    assert lion["steps"] == pytest.approx(200)
    assert (lion["passes"], lion["seconds"]) == pytest.approx((400, 2.0))
    assert lion["faster"] == pytest.approx(2.0)
    assert (lion["arrived"], own["arrived"]) == (5, 3)
    assert (lion["state_bytes"], lion["peak_bytes"]) == (84, 1_000_003)
    auto = standings(journal({OWN: POOR, "lion": GOOD}), Plan(("lion",), track="auto"))["entrants"][0]
    assert auto["steps"] == pytest.approx(290)
    other = standings(journal({OWN: POOR, "lion": GOOD}), Plan(("lion",), reference="lion"))
    assert other["target"] == statistics.median(GOOD)


def test_a_row_that_is_there_twice_counts_once_and_a_seed_that_is_not_whole_does_not():
    kept = journal({OWN: POOR, "lion": GOOD})
    plain = standings(kept, Plan(("lion",)))
    kept.rows += [row | {"loss": 9.0} for row in kept.rows[:4]]
    kept.add(kept.rows[0] | {"seed": 6})
    assert standings(kept, Plan(("lion",)))["entrants"] == plain["entrants"]


STEP = {"step": 1, "loss": 2.0}
CRASH = {"event": "exception", "type": "RuntimeError", "message": "\n3 and 4 differ\n  see the manual\n", "step": 7}
END = {"event": "end", "reason": "done"}


@pytest.mark.parametrize(
    ("record", "stalled", "said"),
    [
        (Record([STEP], [CRASH, END]), False, "step 7: RuntimeError: 3 and 4 differ"),
        (Record([STEP], [CRASH | {"message": ""}]), True, "step 7: RuntimeError"),
        (Record([STEP]), True, "it made no progress any more after step 1"),
        (Record([STEP, STEP | {"step": 2, "loss": "NaN"}], [END]), False, "its loss was no finite number at step 2"),
        (Record([STEP, STEP | {"step": 2, "loss": INF, "phase": "coast"}], [END]), False, "it had no finite loss"),
        (Record([STEP]), False, "its process was gone after step 1"),
    ],
)
def test_why_a_training_broke(record, stalled, said):
    why = reason(record, stalled)
    row = {"entrant": "lion", "broke": 2, "losses": [1.0, None, None], "why": why}
    (note,) = noted([row, row | {"why": None}])
    words = note["template"].format(**note["evidence"])
    assert words.startswith("lion broke in 2 of 3 trainings; ")
    assert words.endswith(said)
    assert worst([{"kind": "unjudged", "step": 9}, why]) == (why if why["kind"] != "unjudged" else {**why, "step": 9})


def test_a_crash_is_told_in_terminal_json_and_report(tmp_path, capsys):
    job = Race(Program("script", "train.py", ()), tmp_path, Plan(("lion", "my.optim:Odd")))
    job.journal, why = journal({OWN: GOOD, "lion": BROKE}), reason(Record([STEP], [CRASH]))
    for row in job.journal.rows:
        if not math.isfinite(float(row["loss"])):
            row["why"] = why
    job.journal.add({"event": "tuned", "entrant": "my.optim:Odd", "scale": None, "lr": None, "spent": 0}
                    | {"why": why | {"broke": 12, "count": 13}})  # fmt: skip
    told = json.loads(json.dumps(result(job), allow_nan=False))
    assert [row["why"] and row["why"]["error"] for row in told["entrants"]] == [
        None,
        *["RuntimeError: 3 and 4 differ"] * 2,
    ]
    show_race(told | {"report": "here"}, "en")
    page, printed = document(told | {"leonui": "0.1.0"}), " ".join(capsys.readouterr().out.split())
    for said in ("lion broke in 1 of 5 trainings; step 7: RuntimeError: 3 and 4 differ",
                 "my.optim:Odd broke in 12 of 13 trainings; step 7: RuntimeError: 3 and 4 differ"):  # fmt: skip
        assert said in printed
        assert said in page


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("track", ["defaults", pytest.param("tuned", marks=pytest.mark.slow)])
def test_an_optimizer_that_breaks_says_why(track, tmp_path, monkeypatch):
    (tmp_path / "odd.py").write_text(
        "from torch.optim import SGD\n\n\nclass Odd(SGD):\n    def step(self, closure=None):\n        1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    job = Race(Program("script", SCRIPT, ("plain",)), tmp_path, Plan(("odd:Odd",), seeds=1, track=track))
    with Runner(job.program, tmp_path, workers=1) as runner:
        job.go(runner, Silent())
    odd = next(row for row in result(job)["entrants"] if row["entrant"] == "odd:Odd")
    assert odd["why"]["error"] == "ZeroDivisionError: division by zero"
    assert odd["mean"] is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"entrants": ("lionn",)}, "leonui.optim has no optimizer 'lionn'; the nearest are lion"),
        ({"entrants": ()}, "a race needs an optimizer beside the script's own; name some: -o adamw -o lion"),
        ({"seeds": 0}, "seeds=0 is below 1; give 5, or more"),
        ({"track": "slow"}, "track='slow' is not known; choose one of tuned, defaults, auto"),
        ({"reference": "sgd"}, "reference='sgd' does not race; choose one of own, lion"),
    ],
)
def test_what_cannot_be_raced(given, message):
    with pytest.raises(ValueError, match=message):
        Plan(**({"entrants": ("lion",)} | given))


def test_rates_of_constructors():
    assert (default_rate("adamw"), default_rate("torch.optim:SGD")) == (1e-3, 1e-3)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "ends", [{OWN: POOR, "lion": GOOD}, {OWN: POOR[:1], "lion": GOOD[:1]}, {OWN: BROKE, "lion": SAME}, {}]
)
def test_the_page(ends, lang, tmp_path):
    job = Race(Program("script", "train.py", ()), tmp_path, Plan(("lion",)))
    job.journal = journal(ends)
    page = document(result(job) | {"lang": lang, "leonui": "0.1.0"})
    assert "None" not in page.partition("<pre")[0].replace("display: none", "").replace("'none'", "")
    assert ('data-chart="lengths"' in page) == ('data-chart="ends"' in page) == bool(ends)
    assert repr(RaceResult(result(job))).startswith("RaceResult(")


def raced(**steps: float | None) -> dict:
    """What is told of a race in which each needed so many steps to the target."""
    rows = [{"entrant": name} | dict.fromkeys(CLOCKS, cost) for name, cost in steps.items()]
    return {"entrants": rows, "program": "train.py", "verdict": "one_seed", "best": OWN, "tied": [], "seeds": 1}


@pytest.mark.parametrize(
    ("races", "scripts", "ratios"),
    [
        ([raced(own=100, lion=50), raced(own=100, lion=400)], 2, {"lion": [1, 4], OWN: [2, 1]}),
        ([raced(own=100, lion=None), raced(own=90, lion=30)], 2, {"lion": [None, 1], OWN: [1, 3]}),
        ([raced(own=None, lion=None), raced(own=90, lion=30)], 1, {"lion": [1], OWN: [3]}),  # nobody there: no news
        ([raced(own=100, lion=50), raced(own=100, muon=40)], 2, {OWN: [2, 2.5]}),  # who raced everywhere
        ([raced(own=None)], 0, {}),
        ([], 0, {}),
    ],
)
def test_profiles(races, scripts, ratios):
    told = profiles(races)["steps"]
    assert (told["scripts"], {name: told["ratios"][name] for name in sorted(ratios)}) == (
        scripts, {name: ratios[name] for name in sorted(ratios)},
    )  # fmt: skip
    assert set(told["ratios"]) == set(ratios)


def test_who_is_near_the_cheapest_most_often_comes_first():
    races = [raced(own=30, lion=10, muon=19), raced(own=10, lion=70, muon=19), raced(own=10, lion=70, muon=19)]
    told = profiles(races)["steps"]["ratios"]
    assert [*told] == ["muon", OWN, "lion"]
    assert [share_within(ratios, 2.0) for ratios in told.values()] == pytest.approx([1.0, 2 / 3, 1 / 3])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("races", [[raced(own=100, lion=50), raced(own=100, lion=None)], [raced(own=None)], []])
def test_the_page_of_several(races, lang):
    told = {"command": "race", "program": "a.py, b.py", "races": races, "profiles": profiles(races), "complete": True}
    page = document(told | {"lang": lang, "leonui": "0.1.0", "findings": [], "notes": []})
    assert ('data-chart="profile"' in page) == (len(races) == 2)
    assert page.count("<td>") >= len(races)


@pytest.mark.slow
def test_several_scripts_race_one_after_the_other_and_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    common = ["--runs", str(tmp_path), "--json"]
    words = ["race", "-o", "lion", "--seeds", "1", "--track", "defaults", *common, "--also", f"{SCRIPT} plain"]
    done = CliRunner().invoke(cli, [*words, SCRIPT, "sum"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [Path(race["run"]).name for race in told["races"]] == ["1-rates", "2-rates"]
    assert told["profiles"]["steps"]["scripts"] >= 1
    (Path(told["run"]) / "2-rates" / "result.json").unlink()
    again = json.loads(CliRunner().invoke(cli, ["race", "--resume", told["run"], *common]).stdout)
    assert again["profiles"] == told["profiles"]


class Leaves(Silent):
    """Breaks a race off in its third stage of whole trainings."""

    seen = 0

    def stage(self, name, total):
        self.seen += name == "race"
        if self.seen == 2:
            raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_race(tmp_path):
    job = Race(Program("script", SCRIPT, ("plain",)), tmp_path, Plan(("lion",), seeds=1, track="defaults"))
    with Runner(job.program, tmp_path, workers=2) as runner:
        job.go(runner, Silent())
    assert {(row["entrant"], row["share"], row["steps"]) for row in job.journal.rows} == {
        (name, share, round(share * 60)) for name, share in product((OWN, "lion"), SHARES)
    }
    told = standings(job.journal, job.plan)
    assert told["verdict"] == "one_seed"
    held = {row["entrant"]: row["state_bytes"] for row in told["entrants"]}
    assert held == {OWN: 0, "lion": 4 * (8 * 16 + 16 + 16 + 1) + 4 * 4}  # an average, and a count of each tensor
    assert all(row["peak_bytes"] > 50e6 for row in told["entrants"])  # torch alone is that much


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_race_that_was_broken_off_goes_on_where_it_was(tmp_path):
    program, plan = Program("script", SCRIPT, ("plain",)), Plan(("lion",), seeds=2, track="defaults")
    with pytest.raises(KeyboardInterrupt), Runner(program, tmp_path, workers=2) as runner:
        Race(program, tmp_path, plan).go(runner, Leaves())
    before = [*Race(program, tmp_path, plan).journal.rows]
    assert len(before) == 6
    with (tmp_path / "race.jsonl").open("a") as file:
        file.write('{"entrant": "lion", "seed": 2, "sh')  # the line that was being written
    job = Race(program, tmp_path, plan)
    with Runner(program, tmp_path, workers=2) as runner:
        job.go(runner, Silent())
    rows = job.journal.rows
    assert rows[:6] == before
    assert {(row["entrant"], row["seed"], row["share"]) for row in rows} == {*product((OWN, "lion"), (1, 2), SHARES)}
    assert len(rows) == 12
    assert job.complete and standings(job.journal, plan)["seeds"] == 2
    longest = [row for row in rows if row["share"] == 1.0]
    assert {row["steps"] for row in longest} == {60}
    assert len({row["loss"] for row in longest}) == 4  # other seeds, other weights


class Writes(Crew):
    """Notes one line for each part that it is given."""

    def each(self, parts, note):
        for part in parts:
            note({"event": "tuned", "entrant": part.entrant, "scale": 1.0, "lr": 0.1, "spent": 0})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_is_full_ends_a_race_that_could_not_go_on(tmp_path):
    job = Race(Program("script", SCRIPT, ("plain",)), tmp_path, Plan(("lion",)), Writes())
    (tmp_path / "race.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"), Runner(job.program, tmp_path, workers=1) as runner:
        job.go(runner, Silent())


OLD = {"entrants": ["lion"], "seeds": 5, "track": "tuned"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (OLD, ""),
        (OLD | {"reference": "own", "steps": None, "budget": None, "metric": None, "goal": "min"}, ""),
        (OLD | {"wings": 2}, "the plan of this race has wings, of a newer leonui; go on with that one"),
    ],
)
def test_plans_of_other_versions(written, message):
    if not message:
        assert Plan.of(written) == Plan(("lion",))
        return
    with pytest.raises(ValueError, match=message):
        Plan.of(written)


def test_a_journal_of_a_version_without_memory_and_with_what_nobody_knows_is_read():
    kept = Record.read(Path(__file__).parent / "hostile" / "race-0.1.jsonl")
    told = standings(kept, Plan(("lion",)))
    assert (told["verdict"], told["seeds"], told["horizon"]) == ("winner", 5, 400)
    assert {row["state_bytes"] for row in told["entrants"]} == {None}
    page = document(told | {"command": "race", "program": "train.py", "complete": True, "findings": []})
    assert 'data-chart="ends"' in page


class Odd(Crew):
    """Runs the parts last to first, and each in a Runner of its own."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def each(self, parts, note):
        for part in reversed([*parts]):
            with Runner(self.program, self.folder / f"{type(part).__name__}-{part.seed}", workers=1) as runner:
                for line in part.lines(runner, runner.trailhead(part.seed), Silent()):
                    note(line)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_who_runs_the_parts_and_in_which_order_changes_nothing(tmp_path):
    program, plan = Program("script", SCRIPT, ("plain",)), Plan(("lion",), seeds=2, track="defaults")
    told = []
    for crew in (None, Odd(program, tmp_path / "odd")):
        job = Race(program, tmp_path / type(crew).__name__, plan, crew)
        with Runner(program, job.folder, workers=2) as runner:
            job.go(runner, Silent())
        told.append(sorted((row["entrant"], row["seed"], row["share"], row["loss"]) for row in job.journal.rows))
    assert told[0] == told[1]
    assert len(told[0]) == 12


def test_parts_can_be_sent():
    part = Heat(3, (Due("lion", Recipe(40), 0.5, (1.0,)),), 40, Judge(), None)
    assert cloudpickle.loads(cloudpickle.dumps(part)).due[0].entrant == "lion"


@pytest.mark.parametrize("site", ["/here/train.py:9", "/node/train.py:9"])
def test_a_validation_is_found_where_the_files_of_a_node_lie_elsewhere(site):
    record = Record(
        events=[{"event": "validation", "site": "/node/train.py:9", "step": s, "loss": 2.0 / s} for s in (1, 2)]
    )
    assert _validation(record, site) == 1.0


@pytest.mark.parametrize(
    ("target", "address", "message"),
    [
        (SCRIPT, "ray", "lies outside .*, which is what the nodes get; start leonui in its folder"),
        ("train.py", "slurm", "on='slurm' is not known; give ray, or ray://host:port"),
    ],
)
def test_what_no_cluster_can_run(target, address, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        Cluster(Program("script", target), address, Silent())


def test_without_ray_it_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'leonui[cluster]' brings it")):
        Cluster(Program("script", "train.py"), "ray", Silent()).__enter__()


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({}, ""),
        ({"torch": "2.6.0"}, f"torch 2.6.0 (here: {versions()['torch']})"),
        (
            {"torch": "2.6.0", "leonui": "0.0"},
            f"torch 2.6.0 (here: {versions()['torch']}), leonui 0.0 (here: {leonui.__version__})",
        ),
    ],
)
def test_nodes_with_other_versions_are_named(theirs, said):
    assert different(versions(), versions() | theirs) == said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["-o", "lion", "-o", "adamw"],
            "entrants=('lion', 'adamw') is not what {} was begun with, ('lion',); leave it",
        ),
        (["--seeds", "3"], "seeds=3 is not what {} was begun with, 5; leave it out to go on, or begin a new run"),
        (["--track", "tuned"], "track='tuned' is not what {} was begun with, 'auto'"),
        (["--goal", "max"], "goal='max' is not what {} was begun with, 'min'"),
        (["another.py"], "program=[['another.py']] is not what {} was begun with, [['{script}', 'plain']]"),
        (["--bench"], "program=[["),
        (["--gpus", "0.5"], "--gpus is what a part takes on a cluster: give --on ray, too"),
    ],
)
def test_a_race_goes_on_as_it_was_begun(words, message, tmp_path):
    plan = {"argv": [SCRIPT, "plain"], "plan": OLD | {"track": "auto"}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    done = CliRunner().invoke(cli, ["race", "--resume", str(tmp_path), *words])
    assert done.exit_code == 2
    assert message.format(tmp_path, script=SCRIPT) in " ".join(done.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]  # and nothing was begun


@pytest.mark.parametrize("plan", [None, {"environment": "CartPole-v1", "seeds": [1]}])
def test_what_is_no_race_is_left_as_it_is(plan, tmp_path):
    if plan:
        (tmp_path / "plan.json").write_text(json.dumps(plan))
    before = [*tmp_path.iterdir()]
    done = CliRunner().invoke(cli, ["race", "--resume", str(tmp_path)])
    assert done.exit_code == 2
    assert f"{tmp_path} is no run of leonui race: it has no plan of one; leonui runs lists them" in done.output
    assert [*tmp_path.iterdir()] == before


@pytest.mark.slow
def test_the_command_races_and_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    words = ["race", "-o", "adamw", "--seeds", "1", "--runs", str(tmp_path), "--json", SCRIPT, "plain"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["verdict"] == "one_seed"
    assert {row["entrant"] for row in told["entrants"]} == {OWN, "adamw"}
    assert all(row["spent"] > 0 and row["lr"] for row in told["entrants"])
    again = CliRunner().invoke(cli, [*words[:-2], "--resume", told["run"], *words[-2:]])  # as it was begun, once more
    assert json.loads(again.stdout)["entrants"] == told["entrants"]


# on surfaces


@pytest.mark.parametrize(
    ("surface", "lr", "begin", "steps"),
    [
        ("bowl", 0.5, (2.0, 0.0), 9),  # 2 / 2^9, whose square half is below 16e-6
        ("bowl", 2.5, (2.0, 0.0), INF),  # it diverges
        ("bowl", 0.001, (2.0, 0.0), INF),  # it is on its way
        ("rastrigin", 0.001, (-3.3, 2.2), INF),  # it rests in another minimum
        ("bowl", 0.5, (0.0, 0.0), 0),
    ],
)
def test_when_a_climb_has_arrived(surface, lr, begin, steps):
    path = climb(SURFACES[surface], Climber("SGD", lr), begin, Conditions(50))
    assert arrival(SURFACES[surface], path) == steps


def test_starts_are_in_the_window_and_those_of_the_search_are_others():
    starts = [start(SURFACES["ravine"], seed, search) for seed, search in product(range(9), (False, True))]
    assert len(set(starts)) == 18
    assert all(low <= x <= high for at in starts for x, (low, high) in zip(at, SURFACES["ravine"].window, strict=True))


@pytest.mark.parametrize("track", ["tuned", "defaults", "auto"])
def test_a_race_on_a_surface(track):
    job = SurfaceRace("bowl", Plan(("sgd", "lion"), own=False, seeds=6, steps=100, track=track))
    job.go(Silent())
    told = job.result()
    assert told["notes"] == []
    rows = {row["entrant"]: row for row in told["entrants"]}
    assert (told["verdict"], told["best"]) == ("none", None) if track == "defaults" else ("winner", "sgd")
    if track != "defaults":  # 0.001, and 100 steps: nobody arrives
        assert rows["sgd"]["lr"] == 1.0  # one step on this bowl
        assert rows["sgd"]["steps"] == 1 + (rows["sgd"]["spent"] if track == "auto" else 0)
        assert rows["lion"]["spent"] == rows["sgd"]["spent"] > 0
    page = document(json.loads(json.dumps(told, allow_nan=False)) | {"lang": "vi", "leonui": "0.1.0"})
    assert 'data-chart="ways"' in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--surface", "everest", "-o", "sgd"], "no surface is called 'everest'; choose of bowl, ravine"),
        (
            ["--surface", "bowl", "-o", "sgd", "train.py"],
            "a surface is no script: give it -o, --seeds, --steps, --track",
        ),
        (["--surface", "bowl", "-o", "sgd", "--on", "ray", "--goal", "min"], "track, and leave out --on, --goal"),
        (
            ["--surface", "bowl", "-o", "sgd", "--workers", "2", "--start", "auto", "--gpus", "1", "--to", "wandb"],
            "and leave out --gpus, --workers, --start, --to",
        ),
        (["--surface", "bowl"], "a race needs an optimizer; name some: -o adamw -o lion"),
        (["--surface", "bowl", "-o", "torch.optim:LBFGS"], "leonui.optim has no optimizer 'torch.optim:LBFGS'"),
    ],
)
def test_what_cannot_race_on_a_surface(words, message, tmp_path):
    done = CliRunner().invoke(cli, ["race", "--runs", str(tmp_path), *words])
    assert done.exit_code == 2
    assert message in done.output
