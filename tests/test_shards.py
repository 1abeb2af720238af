"""Sharded over processes (FSDP2), replicated (DDP), saved and loaded across world sizes: the weights of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parent / "processes" / "shards.py"
TOLERANCE = 3e-6  # float32, a few steps of lr 0.01; the sum of gradients is taken in another order


def launch(processes, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*command, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def two_then_four(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("checkpoints"))
    return launch(2, "save", folder), launch(4, "load", folder)


def test_two_processes_walk_as_one(two_then_four):
    rows, _ = two_then_four
    assert len(rows) == 10
    assert {name: row["fsdp"] for name, row in rows.items() if row["fsdp"] > TOLERANCE} == {}
    assert {name: row["ddp"] for name, row in rows.items() if row["ddp"] > TOLERANCE} == {}


def test_a_checkpoint_of_two_goes_on_with_four(two_then_four):
    _, rows = two_then_four
    assert {name: row["fsdp"] for name, row in rows.items() if row["fsdp"] > TOLERANCE} == {}
    assert {row["steps"] for row in rows.values()} == {4}


def test_norms_are_those_of_the_whole(two_then_four):
    for rows in two_then_four:
        assert {name: row["norms"] for name, row in rows.items() if max(row["norms"]) > 1e-5} == {}


def test_shards_of_element_wise_rules_are_walked_by_the_kernel(two_then_four):
    for rows in two_then_four:
        assert rows["AdamW"]["engine"] == "numba: 6 tensors, 766 elements"
        assert rows["Muon"]["engine"].startswith("eager (muon sees whole matrices): 2 tensors")
