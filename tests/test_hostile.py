"""Training scripts that fail, hang, flood, fork or are killed: leonui says what happened and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from leonui.record import Record
from leonui.trial.intervention import Intervention, scale
from leonui.trial.program import Program
from leonui.trial.runner import Runner
from tests.conftest import LEONUI, environment, left_over

signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it, and all that it starts
SCRIPTS = Path(__file__).parent / "hostile"
SIDE_BY_SIDE = 4  # rows at once: some of them sleep most of the time
LIMIT = 90.0  # seconds for a row on a busy machine, where it names none
MB = 1 << 20

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="these scripts need POSIX")


@dataclass(frozen=True)
class Row:
    """A program for ``leonui climb --json --seeds 1 --runs runs``, and what must come of it.

    codes: of all findings, in their order; says: fragments of what is said in findings, notes or errors; holds: fields
    of the result; meets: what happens to leonui meanwhile; before: a command that leonui is started by; sees: what must
    hold of the run's folder; within: seconds until it must have ended.
    """

    name: str
    argv: tuple[str, ...]
    code: int
    codes: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    holds: dict[str, Any] = field(default_factory=dict)
    meets: Callable[[subprocess.Popen[str], Path], None] | None = None
    before: tuple[str, ...] = ()
    sees: Callable[[Path], bool] | None = None
    variables: dict[str, str] = field(default_factory=dict)
    within: float = LIMIT


@dataclass(frozen=True)
class Outcome:
    """What came of a row: the exit code, both streams, the folder it ran in, its result, what it left running."""

    code: int | None
    out: str
    err: str
    place: Path
    left: list[str]

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def run(self) -> Path:
        """The one run's folder."""
        (run,) = (self.place / "runs").glob("*-climb")
        return run

    def said(self) -> str:
        """All words: each finding as ``file:line code message fix``, the notes filled in, the error stream."""
        result = self.result if self.out else {"findings": [], "notes": []}
        findings = [f"{f['file']}:{f['line']} {f['code']} {f['message']}; {f['fix']}" for f in result["findings"]]
        notes = [note["template"].format(**note["evidence"]) for note in result["notes"]]
        return "\n".join([*findings, *notes, self.err])


# what happens to leonui from outside


def when(pattern: str, number: int) -> Callable[[subprocess.Popen[str], Path], None]:
    """Send leonui itself, not its children, a signal once a file of its run is there and not empty."""

    def send(process: subprocess.Popen[str], place: Path) -> None:
        until = time.monotonic() + LIMIT / 2
        while not any(path.stat().st_size for path in place.glob(f"runs/*/trials/{pattern}")):
            if process.poll() is not None or time.monotonic() > until:
                return
            time.sleep(0.02)
        process.send_signal(number)

    return send


def shell(script: str) -> tuple[str, ...]:
    """Start leonui from a shell that has done something first."""
    return ("bash", "-c", f'{script} && exec "$0" "$@"')


BASELINE, SEARCH = "baseline/record.jsonl", "rung1-*/record.jsonl"
SLOW = ("--budget", "25", "endless.py", "0.05")
# a file system of its own, which goes with its processes; a folder of 48 KiB that leonui is to fill
SMALL_DISK = ("unshare", "-m", *shell("mkdir -p runs && mount -t tmpfs -o size=48k none runs"))


# what must hold of a run's folder


def skipped_one_step(run: Path) -> bool:
    rows = Record.read(run / "trials" / "baseline").rows
    return [row["phase"] for row in rows if "phase" in row] == ["skipped"]


def small(run: Path) -> bool:
    return sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) < 10 * MB


def reported(run: Path) -> bool:
    return json.loads((run / "result.json").read_bytes())["command"] == "climb" and (run / "report.html").exists()


DONE = {"complete": True}
CUT = {"complete": False}
FORKED = {"complete": True, "settings": {"branches start by": "fork"}}
RERUN = {"complete": True, "settings": {"branches start by": "rerun", "because": "worker processes are alive"}}

ROWS = [
    # wrong use: nothing is run
    Row("no_such_file", ("nowhere.py",), 2, says=("there is no file nowhere.py", "give the path of the script")),
    Row("a_folder", ("own",), 2, says=("own is a folder, not a script",)),
    Row("no_such_launcher", ("--", "nowhere-run", "one_step.py"), 2, says=("neither a file nor a command",)),
    # programs that do not come to train
    Row("launcher_fails", ("--", "bash", "-c", "echo no GPU >&2; exit 5"), 1, ("NO-STEP",), ("code 5", "no GPU"), CUT),
    Row("syntax_error", ("syntax_error.txt",), 1, ("NO-STEP",), ("exit code 1", "SyntaxError"), CUT),
    Row("no_such_module", ("-m", "nowhere.train"), 1, ("NO-STEP",), ("No module named 'nowhere'",), CUT),
    Row("no_such_function", ("json:nothing",), 1, ("NO-STEP",), ("json has no function nothing",), CUT),
    Row("no_torch", ("no_torch.py",), 1, ("NO-TRAINING",), ("without training anything with torch",), CUT),
    Row("no_step", ("no_step.py",), 1, ("NO-STEP",), ("without a single optimizer step",), CUT),
    Row("exits_before", ("exits_before.py",), 1, ("NO-STEP",), ("exit code 3", "no data"), CUT),
    Row("asks", ("asks.py",), 1, ("CRASH",), ("asks.py:3", "EOFError", "empty standard input"), CUT),
    Row("by_hand", ("by_hand.py",), 1, ("HAND-WRITTEN",), ("by_hand.py:9", "40 gradients"), CUT),
    # programs that end early
    Row("one_step", ("one_step.py",), 1, ("TOO-SHORT",), ("made 1 optimizer steps",), CUT),
    Row("raises", ("raises.py",), 1, ("CRASH",), ("raises.py:9", "step 7: ValueError: batch 7", "<b>it is</b>"), CUT),
    Row("kills_itself", ("kills_itself.py",), 1, ("KILLED",), ("SIGKILL after step 10", "smaller batch"), CUT),
    Row("leaves_at_once", ("leaves_at_once.py",), 1, ("TOO-SHORT",), ("made 17 optimizer steps",), CUT),
    Row("exits_after", ("exits_after.py",), 0, (), ("ended with exit code 3",), DONE),
    Row("child_stays", ("child_stays.py",), 1, ("TOO-SHORT",), (), CUT),
    # numbers that are not finite: from the start of every branch on, so that no rate can do
    Row("nan", ("nan.py",), 1, ("NON-FINITE", "ALL-BROKE"), ("first at step 3",), CUT),
    Row("scaler", ("scaler.py",), 0, (), (), FORKED, sees=skipped_one_step),
    # loops that do not end by themselves
    Row("swallows", ("--budget", "15", "swallows.py"), 1, ("TOO-SHORT",), ("budget ended", "15 steps"), CUT),
    Row("swallows_all", ("--budget", "15", "swallows_all.py"), 1, ("TOO-SHORT",), ("budget ended", "15 steps"), CUT),
    Row("endless_steps", ("--budget", "40", "endless.py"), 0, (), ("budget ended", "40 steps"), FORKED),
    Row("endless_time", ("--budget", "3s", "endless.py", "0.03"), 0, (), ("the budget ended the baseline",), FORKED),
    Row("hangs", ("--budget", "3s", "hangs.py"), 1, ("STALLED",), ("after step 0",), CUT, within=120),
    Row("hangs_later", ("--budget", "3s", "hangs.py", "30"), 1, ("STALLED",), ("after step 30",), CUT, within=120),
    # shapes of programs
    Row("floods", ("floods.py",), 0, (), (), FORKED, sees=small),
    Row("loader", ("loader.py",), 0, (), (), RERUN, within=300),
    Row("gan", ("gan.py",), 0, (), ("2 optimizers train here",), FORKED),
    Row("two_stages", ("two_stages.py",), 0, (), ("2 optimizers",), FORKED),
    Row("moves_away", ("moves_away.py",), 0, (), (), FORKED),
    Row("own_sitecustomize", ("needs_own.py",), 1, ("TOO-SHORT",), ("made 5",), CUT, variables={"PYTHONPATH": "own"}),
    # leonui itself is interrupted, ended or killed, or its disk is full
    Row("interrupted_in_baseline", SLOW, 1, (), (), CUT, when(BASELINE, signal.SIGINT)),
    Row("interrupted_in_search", SLOW, 1, (), (), CUT, when(SEARCH, signal.SIGINT)),
    Row("ended_in_search", SLOW, 1, (), (), CUT, when(SEARCH, signal.SIGTERM)),
    Row("killed_in_baseline", SLOW, -signal.SIGKILL, meets=when(BASELINE, signal.SIGKILL)),
    Row("killed_in_search", SLOW, -signal.SIGKILL, meets=when(SEARCH, signal.SIGKILL)),
    Row("disk_full", ("raises.py",), 1, (), ("cannot write the run", "free some space", "--runs"), before=SMALL_DISK),
    Row("files_limited", ("raises.py",), 1, (), ("cannot write the run", "--runs"), before=shell("ulimit -f 8")),
]  # fmt: skip


def perform(row: Row, place: Path) -> Outcome:
    """Run a row in a copy of all scripts, so that what it leaves running is known by its folder."""
    shutil.copytree(SCRIPTS, place, ignore=shutil.ignore_patterns("__pycache__"))
    options = ("climb", "--json", "--seeds", "1", "--runs", "runs")
    return _run((*row.before, *LEONUI, *options, *row.argv), place, row.meets, row.variables, row.within)


def _run(
    command: tuple[str, ...],
    place: Path,
    meets: Callable[[subprocess.Popen[str], Path], None] | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
    within: float = LIMIT,
    heard: str = "",
) -> Outcome:
    started = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    env = environment(**variables)
    with subprocess.Popen(command, cwd=place, env=env, start_new_session=True, **started) as process:
        if meets is not None:
            meets(process, place)
        try:
            out, err = process.communicate(heard, timeout=within)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            (out, err), code = process.communicate(), None
    return Outcome(code, out, err, place, left_over(place))


# rows whose kin are run every time; these are run with the proofs
KIN = {
    "no_such_module", "no_such_function", "no_step", "exits_before", "exits_after", "swallows", "hangs",
    "endless_steps", "endless_time", "ended_in_search", "scaler", "two_stages", "moves_away",
    "interrupted_in_baseline", "killed_in_baseline",
}  # fmt: skip


def cases() -> list[Any]:
    """A parameter for each row."""
    marks = {True: pytest.mark.slow, False: ()}
    return [pytest.param(row, id=row.name, marks=marks[row.name in KIN]) for row in ROWS]


@pytest.mark.parametrize("row", cases())
def test_climb(row: Row, begun: dict[str, Future]) -> None:
    if row.before is SMALL_DISK and not may_mount():
        pytest.skip("mounting is not permitted here")
    outcome = begun[row.name].result()
    assert outcome.left == []
    assert outcome.code == row.code, outcome.err
    assert "Traceback" not in outcome.err
    if row.holds:  # else it could not come to a result
        assert_holds(outcome.result, row.holds)
        assert tuple(finding["code"] for finding in outcome.result["findings"]) == row.codes
        assert reported(outcome.run)
    else:
        assert outcome.out == ""
    assert [words for words in row.says if words not in outcome.said()] == []
    assert row.sees is None or row.sees(outcome.run)


def assert_holds(found: Any, wanted: Any) -> None:
    """Every field that is wanted is found, at any depth."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            assert_holds(found[key], value)
    else:
        assert found == wanted


def may_mount() -> bool:
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", str(SCRIPTS)]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    return False


# programs whose branches alone are looked at


@dataclass(frozen=True)
class Branched:
    """A program; how its branches start, and why so; the optimizer rows of a step, and the backward passes of a row."""

    argv: tuple[str, ...]
    start: str
    why: str = ""
    per_step: int = 1
    micro: int = 1
    place: str = ""


STOP = 8
BRANCHED = [
    Branched(("lbfgs.py",), "fork"),
    Branched(("accumulates.py",), "fork", micro=4),
    Branched(("own_optimizer.py",), "fork"),
    Branched(("compiled.py",), "fork"),
    Branched(("one_per_layer.py",), "fork", per_step=3, micro=0),
    Branched(("executes.py",), "fork", place="executes.py:9"),
    Branched(("forks.py",), "fork"),
    Branched(("threads.py",), "rewind", "other threads are alive: keeper"),
    Branched(("spawns.py",), "rerun", "it trains in a process that it starts itself"),
    Branched(
        ("torchrun", "--standalone", "--nproc-per-node", "2", "ddp.py"),
        "rewind",
        "several processes train together",
    ),
]


def branch(case: Branched, place: Path) -> tuple[list, list[str]]:
    """Two branches of a program from its first step, at its own rate and at twice that."""
    shutil.copytree(SCRIPTS, place, ignore=shutil.ignore_patterns("__pycache__"))
    program = Program.parse([*case.argv[:-1], str(place / case.argv[-1])])
    with Runner(program, place / "run", workers=1) as runner:
        point = runner.trailhead(0)
        jobs = {"own": Intervention(stop=STOP), "double": scale(2) & Intervention(stop=STOP)}
        if case.start == "rerun":  # each of these is a start from the beginning
            del jobs["double"]
        trials = runner.branch(point, jobs)
    return trials, left_over(place)


@pytest.mark.parametrize("case", BRANCHED, ids=lambda case: case.argv[-1])
def test_branches(case: Branched, begun: dict[str, Future]) -> None:
    trials, left = begun[case.argv[-1]].result()
    assert left == []
    for trial in trials:
        record = trial.record
        assert (trial.start, trial.why) == (case.start, case.why) or (case.why and case.why in trial.why)
        assert record.steps == STOP, (trial.output("stderr"), record.events)
        assert len(record.rows) == STOP * case.per_step
        assert all(map(math.isfinite, record.losses()))
        assert case.micro == 0 or {row["micro"] for row in record.rows} == {case.micro}
        assert not record.last("exception")
        assert trial.output() == "", "a branch that is only measured keeps nothing of what the program prints"
    if case.start == "fork":  # they differ from the second step on
        own, double = (trial.record.losses() for trial in trials)
        assert own[0] == double[0] and own[1:] != double[1:]
    if case.place:
        made = Record.read(trials[0].folder.parent / "trailhead-0").last("optimizer")
        assert made["place"].endswith(case.place)


# watch


@dataclass(frozen=True)
class Watched:
    """How a script under ``leonui watch`` ends: its exit code, how many steps are recorded, the traceback it prints."""

    end: str
    code: int
    recorded: str = "3 steps recorded in runs"
    traceback: bool = False


WATCHED = [
    Watched("3", 3),
    Watched("at_once", 4),
    Watched("raises", 1, traceback=True),
    Watched("killed", 128 + signal.SIGTERM, recorded=" recorded in runs"),
]
INPUT = "Núi\nlines\n"


def watch(end: str, place: Path) -> Outcome:
    """The script that echoes its input, with an ending, under ``leonui watch``."""
    shutil.copytree(SCRIPTS, place, ignore=shutil.ignore_patterns("__pycache__"))
    return _run((*LEONUI, "watch", "--runs", "runs", "passes.py", end), place, heard=INPUT)


@pytest.mark.parametrize("watched", WATCHED, ids=lambda watched: f"watch_{watched.end}")
def test_watch_passes_all_through(watched: Watched, begun: dict[str, Future]) -> None:
    outcome = begun[f"watch_{watched.end}"].result()
    assert outcome.left == []
    assert (outcome.code, outcome.out) == (watched.code, INPUT)
    assert outcome.err.startswith(INPUT.upper())
    *said, last = outcome.err.removeprefix(INPUT.upper()).splitlines()
    assert last.startswith("leonui: ") and watched.recorded in last
    edges = ["Traceback (most recent call last):", "ValueError: enough"]
    assert [said[0], said[-1]] == edges if watched.traceback else said == []


# all of them are begun at once, so that no core is idle and no row waits for another


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """What comes of each program whose test was selected, the longest begun first."""
    base = tmp_path_factory.mktemp("hostile")
    rows = sorted(ROWS, key=lambda row: (-row.within, -len(row.holds)))
    jobs = {row.name: (perform, row) for row in rows}
    jobs |= {case.argv[-1]: (branch, case) for case in BRANCHED}
    jobs |= {f"watch_{watched.end}": (watch, watched.end) for watched in WATCHED}
    chosen = {name for name in jobs for item in request.session.items if item.name.endswith(f"[{name}]")}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {name: pool.submit(do, what, base / name) for name, (do, what) in jobs.items() if name in chosen}
