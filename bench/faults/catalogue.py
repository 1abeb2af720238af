"""The scripts that are made faulty, and how each is started."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "workloads"
DEVELOP = ("tabular", "cnn", "characters")
REPORT = ("regression", "rows", "autoencoder", "finetune", "parallel")
WORKLOADS = (*DEVELOP, *REPORT)
# written after the rules, in another style; run.py tells what was mended after them
UNSEEN = ("gru", "scanlines", "tokens")
ALL = (*WORKLOADS, *UNSEEN)
DIGITS = ("cnn", "rows", "parallel")
CLASSIFIERS = ("tabular", "cnn", "rows", "finetune", "parallel")
LABELLED = (*CLASSIFIERS, "regression")
SEEDS = (0, 1, 2)
# optimizer steps of one run as it is, pretraining included, of each process
STEPS = dict(zip(ALL, (300, 336, 320, 352, 336, 504, 388, 210, 336, 370, 320), strict=True))


def source(workload: str) -> str:
    """The script as its user wrote it."""
    return (FOLDER / f"{workload}.py").read_text("utf-8")


def ranks(workload: str) -> int:
    """In how many processes it trains."""
    return 2 if workload == "parallel" else 1


def command(workload: str, script: Path, seed: int) -> list[str]:
    """How the script is started, after the name of the interpreter, or after ``leonui doctor``'s ``--``."""
    argv = [str(script), "--seed", str(seed)]
    if ranks(workload) == 1:
        return argv
    rendezvous = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]  # a port of its own for every run
    return ["-m", "torch.distributed.run", *rendezvous, "--nproc-per-node", str(ranks(workload)), *argv]


def launched(workload: str, script: Path, seed: int) -> list[str]:
    """The program as leonui takes it: a script and its arguments, or a whole launcher's command."""
    argv = command(workload, script, seed)
    return argv if ranks(workload) == 1 else ["--", sys.executable, *argv]


def changed(workload: str, text: str) -> list[int]:
    """The lines of an edited script that are not the workload's, or that follow a deleted one."""
    matcher = difflib.SequenceMatcher(None, source(workload).split("\n"), text.split("\n"), autojunk=False)
    found: list[int] = []
    for kind, _, _, low, high in matcher.get_opcodes():
        if kind != "equal":
            found += range(low + 1, max(high, low + 1) + 1)
    return found
