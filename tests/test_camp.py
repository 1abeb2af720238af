"""The camp's word reaches all ranks, also one that comes late, and a trial has ended when all of them say so."""

import json
import os
import socket
from pathlib import Path

import pytest

from leonui.trial.camp import Camp
from leonui.trial.plan import Plan

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no sockets of this kind on this system")


class Rank:
    def __init__(self, camp: Camp, pid: int):
        self.pid, self._line = pid, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.connect(camp.address)
        self._line.settimeout(0.2)

    def holds(self, folder: str) -> None:
        self._line.sendall(json.dumps({"held": folder, "pid": self.pid, "step": 0, "unforkable": "x"}).encode() + b"\n")

    def heard(self) -> list[str]:
        try:
            return [json.loads(word)["rewind"] for word in self._line.recv(65536).splitlines()]
        except TimeoutError:
            return []

    def close(self) -> None:
        self._line.close()


def test_a_late_rank_is_told_what_the_others_were_and_waited_for(tmp_path):
    camp, trial = Camp(), str(tmp_path / "own")
    ranks = [Rank(camp, 0)]
    try:
        ranks[0].holds("trailhead")
        camp.listen()
        camp.tell_all("rewind", Plan(trial))
        ranks.append(Rank(camp, 0))
        ranks[1].holds("trailhead")
        camp.listen()
        camp.listen()
        assert [rank.heard() for rank in ranks] == [[str(tmp_path / "own" / "plan.json")]] * 2  # once each
        ranks[1].holds(trial)
        assert not camp.rests(trial)
        ranks[0].holds(trial)
        assert camp.rests(trial)
    finally:
        for rank in ranks:
            rank.close()
        camp.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are not told on this system")
def test_of_trials_that_are_over_nothing_is_kept(tmp_path):
    camp = Camp()
    before = len([*Path("/proc/self/fd").iterdir()])
    for trial in range(20):
        rank, folder = Rank(camp, 0), str(tmp_path / str(trial))
        rank.holds(folder)
        camp.listen()
        rank.close()
        camp.listen()
        assert camp.lines[folder].gone
        camp.forget(folder)
    assert (len([*Path("/proc/self/fd").iterdir()]), camp.lines) == (before, {})
    camp.close()
