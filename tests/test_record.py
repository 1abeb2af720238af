"""A Record survives whatever ends the process that wrote it: all whole lines are read, and nothing else is."""

import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.record import Record, Tail, Writer, chief, complete_lines, encode, number, read_all

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

TEXT = st.text(max_size=6)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(TEXT, LEAVES, max_size=2)
LINE = st.dictionaries(st.sampled_from(["step", "loss", "lr", "event", "phase"]) | TEXT, VALUES, max_size=4)
LINES = st.lists(LINE, max_size=4)


def written(path: Path, *lines: dict) -> Path:
    writer = Writer(path)
    for line in lines:
        writer.add(line)
    writer.close()
    return path


@settings(CALM, max_examples=20)
@given(lines=LINES)
def test_a_file_cut_at_any_byte_is_a_prefix_of_its_lines(lines, tmp_path_factory):
    path = written(tmp_path_factory.mktemp("cut") / "record.jsonl", *lines)
    data = path.read_bytes() if lines else b""
    for size in range(len(data), -1, -1):
        if lines:
            os.truncate(path, size)
        whole = lines[: data[:size].count(b"\n")]
        read = Record.read(path)
        assert read.rows == [line for line in whole if "event" not in line]
        assert read.events == [line for line in whole if "event" in line]


@settings(CALM, max_examples=20)
@given(lines=LINES, tear=st.binary(max_size=8))
def test_what_is_appended_after_a_tear_costs_one_line_at_most(lines, tear):
    data = b"".join(map(encode, lines))
    for cut in range(len(data) + 1):
        torn = data[:cut] + tear.replace(b"\n", b"") + encode({"step": 0}) + encode({"step": 1})
        read = list(complete_lines(torn))
        assert read[: data[:cut].count(b"\n")] == lines[: data[:cut].count(b"\n")]
        assert read[-1] == {"step": 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n",
        b"not json",
        b"[1, 2]",
        b"3",
        b"null",
        b'"event"',
        b'{"step": 1',
        b"\0" * 64,
        b"\xff\xfe{",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf",
        b"[" * 100_000,
    ],
    ids=lambda garbage: ascii(garbage[:8]),
)
def test_garbage_is_passed_over(garbage, tmp_path):
    path = tmp_path / "record.jsonl"
    path.write_bytes(encode({"step": 1}) + garbage + b"\n" + encode({"step": 2}))
    assert Record.read(path).column("step") == [1.0, 2.0]


def test_no_file_and_no_folder_are_an_empty_record(tmp_path):
    assert Record.read(tmp_path / "none.jsonl") == Record()
    assert Record.read(tmp_path) == Record()


@CALM
@given(values=st.lists(st.floats(), max_size=6))
def test_every_number_comes_back(values):
    line = {"loss": values[0] if values else None, "lr": values, "deep": {"of": tuple(values)}}
    (read,) = complete_lines(encode(line))
    back = [*map(number, read["lr"]), *map(number, read["deep"]["of"])]
    assert list(map(repr, back)) == list(map(repr, map(abs_nan, values * 2)))
    assert repr(number(read["loss"])) == repr(abs_nan(values[0] if values else math.nan))


def abs_nan(value: float) -> float:
    return math.nan if math.isnan(value) else value


@pytest.mark.parametrize(
    ("value", "word"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (1.5, 1.5)]
)
def test_a_line_is_strict_json(value, word):
    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    line = encode({"loss": value, "place": Path("a/b")})
    assert json.loads(line, parse_constant=refuse) == {"loss": word, "place": str(Path("a/b"))}


@settings(CALM, max_examples=40)
@given(lines=LINES, cuts=st.lists(st.integers(0, 400), max_size=8))
def test_a_tail_gives_every_line_once_and_whole(lines, cuts, tmp_path_factory):
    path = tmp_path_factory.mktemp("tail") / "record.jsonl"
    data = b"".join(map(encode, lines))
    tail, seen = Tail(path), []
    assert tail.new() == []
    edges = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    for begin, end in pairwise(edges):
        with path.open("ab") as file:
            file.write(data[begin:end])
        seen += tail.new()
        assert seen == lines[: data[:end].count(b"\n")]
    assert seen == lines
    assert tail.new() == []


# writers


@pytest.mark.parametrize(
    ("place", "why"),
    [("missing/record.jsonl", FileNotFoundError), (".", IsADirectoryError), ("/dev/full", OSError)],
)
def test_a_writer_that_cannot_write_falls_silent(place, why, tmp_path):
    if place == "/dev/full" and not Path(place).exists():
        pytest.skip("no /dev/full on this system")
    writer = Writer(tmp_path / place)
    for step in range(3):
        writer.add({"step": step})
        writer.flush()
    writer.close()
    assert isinstance(writer.failed, why)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "lines"),
    [(b"", 1), (b'{"step":1}\n', 2), (b'{"step":1}\n{"st', 2), (b'{"st', 1)],
    ids=["nothing", "whole", "torn", "torn at once"],
)
def test_what_is_appended_does_not_go_on_with_a_torn_line(before, lines, tmp_path):
    path = tmp_path / "record.jsonl"
    path.write_bytes(before)
    writer = Writer(path)
    writer.add({"step": 2})
    writer.close()
    assert [row["step"] for row in Record.read(path).rows] == [1, 2][-lines:]


FULL = """
import resource, sys
from leonui.record import Writer
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
writer = Writer(sys.argv[1])
for step in range(30):
    writer.add({"step": step})
    writer.flush()
writer.close()
print(type(writer.failed).__name__, writer.failed.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of a file there")
def test_a_full_disk_ends_the_record_and_not_the_process(tmp_path):
    path = tmp_path / "record.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[0] == "OSError"
    assert path.stat().st_size == 100
    assert Record.read(path).column("step") == [float(step) for step in range(path.read_bytes().count(b"\n"))]


def test_two_writers_append_to_one_file(tmp_path):
    path = tmp_path / "record.jsonl"
    writers = [Writer(path), Writer(path)]
    for step in range(6):
        writers[step % 2].add({"step": step, "text": "x" * 5000})
        writers[step % 2].flush()
    for writer in writers:
        writer.close()
        assert writer.failed is None
    assert Record.read(path).column("step") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_closed_writer_goes_on_where_it_was(tmp_path):
    writer = Writer(tmp_path / "record.jsonl")
    for step in range(3):
        writer.add({"step": step})
        writer.close()
    assert Record.read(writer.path).column("step") == [0.0, 1.0, 2.0]


# what is asked of a record

GAN = [
    {"step": 1, "optimizer": 0, "loss": 1.0, "lr": [0.1]},
    {"step": 1, "optimizer": 1, "loss": 3.0},
    {"step": 2, "optimizer": 0, "loss": "NaN"},
    {"step": 2, "optimizer": 1},
    {"step": 3, "optimizer": 0, "phase": "skipped"},
    {"step": 3, "optimizer": 0, "phase": "coast", "loss": 0.5},
    {"step": 4, "optimizer": 0, "phase": "coast", "loss": 0.25},
]


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda r: r.losses(), [2.0, math.nan]),
        (lambda r: r.losses("coast"), [0.5, 0.25]),
        (lambda r: r.losses("skipped"), []),
        (lambda r: r.column("loss"), [1.0, 3.0, math.nan, math.nan, math.nan, 0.5, 0.25]),
        (lambda r: r.column("loss", "coast"), [0.5, 0.25]),
        (lambda r: r.column("optimizer", "train"), [0.0, 1.0, 0.0, 1.0]),
        (lambda r: r.column("none", "skipped"), [math.nan]),
        (lambda r: [r.steps], [2]),
        (lambda r: [Record().steps], [0]),
    ],
)
def test_columns_phases_and_losses(ask, expected):
    assert ask(Record(GAN)) == pytest.approx(expected, nan_ok=True)


def test_events_by_name():
    record = Record()
    for line in [{"event": "a", "n": 1}, {"step": 1}, {"event": "b", "n": 2}, {"event": "a", "n": 3}]:
        record.add(line)
    assert [row["n"] for row in record.named("a")] == [1, 3]
    assert record.last("a") == {"event": "a", "n": 3}
    assert record.last("c") == {}
    assert record.rows == [{"step": 1}]


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ({}, None),
        ({"record.jsonl": 2}, "record.jsonl"),
        ({"record.jsonl": 0, "record-7.jsonl": 2, "record-8.jsonl": 1}, "record-7.jsonl"),
        ({"record-8.jsonl": 2, "record-7.jsonl": 2}, "record-7.jsonl"),
        ({"record-rank0.jsonl": 1, "record-rank1.jsonl": 9, "record-7.jsonl": 5}, "record-rank0.jsonl"),
    ],
)
def test_the_chief_is_rank_0_or_who_made_most_steps(sizes, chosen, tmp_path):
    for name, count in sizes.items():
        written(tmp_path / name, {"event": name}, *({"step": step} for step in range(count)))
    written(tmp_path / "other.jsonl", *({"step": step} for step in range(99)))
    assert set(read_all(tmp_path)) == set(sizes)
    record = Record.read(tmp_path)
    assert record == chief(read_all(tmp_path))
    assert [event["event"] for event in record.events] == ([chosen] if chosen else [])
