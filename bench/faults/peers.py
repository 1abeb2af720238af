"""Other packages' diagnoses of the same runs, from the curves that `leonui watch` records; and the naive repair.

    python -m venv FOLDER && FOLDER/bin/pip install training-doctor==0.1.0 runmedic==0.1.1 sk-autod==0.1.1
    python bench/faults/peers.py --python FOLDER/bin/python     # what bench/results/faults-peers.json does not hold

The naive repair is what people try first: a tenth of the learning rate, and gradients clipped to 1.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1]))  # measure.py lies one folder up

import catalogue
import healthy
import oracle
from edits import Edit, NotOnce, below, each, times
from measure import RESULTS
from run import KEYS, chosen
from runs import Results, Row, measure, plain
from unseen_faults import BACKWARD, NETWORK

from leonui.record import Record, number

VIEWS = Path(__file__).with_name("peer_views.py").resolve()
PATIENCE = 300


def curves(workload: str, text: str, seed: int) -> Row:
    """Loss, rate and gradient norm of each step, and the validation losses, as a user would log them."""
    program = catalogue.launched(workload, Path("train.py"), seed)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(text, "utf-8")
        command = [sys.executable, "-m", "leonui", "watch", "--runs", folder, *program]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False)
        trials = sorted(Path(folder).glob("*/trials/watch"))
        return logged(Record.read(trials[-1]) if trials else Record())


def logged(record: Record) -> Row:
    """The main loop's rows: where several optimizers step, those of the one that stepped last."""
    last = record.rows[-1].get("optimizer") if record.rows else None
    rows = [row for row in record.rows if row.get("optimizer") == last]
    steps = [{"step": row["step"]} | {key: _given(row, key) for key in ("loss", "grad_norm", "lr")} for row in rows]
    return {"steps": steps, "validations": [list(pair) for pair in record.validations(record.validation_site)]}


def _given(row: Row, key: str) -> float | None:
    value = row.get(key)
    if isinstance(value, list):
        value = value[0]
    return None if value is None else number(value)


def views(python: str, told: Row) -> dict[str, list[str]]:
    """What the peers say."""
    done = subprocess.run(
        [python, str(VIEWS)], input=json.dumps(told), capture_output=True, text=True, timeout=PATIENCE
    )
    if done.returncode:
        raise RuntimeError(f"{VIEWS.name} failed: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def cautious(workload: str) -> Edit:
    """The naive repair of a script: what people try first."""
    name, line = NETWORK.get(workload, "model"), BACKWARD.get(workload, "loss.backward()")
    return each(times("lr", 0.1), below(line, f"torch.nn.utils.clip_grad_norm_({name}.parameters(), 1.0)  # naive"))


def naive(job: Row, text: str) -> float | None:
    """Where the naive repair of a faulty script ends; NaN, as None, where it diverges or cannot be made."""
    try:
        mended = cautious(job["workload"])(text)
    except NotOnce:
        return None
    return plain(job["workload"], mended, job["seed"])["final"]


def compare(python: str, job: Row) -> Row:
    """One run as the peers see it."""
    text = oracle.script(job["kind"], job["name"], job["workload"])
    told = curves(job["workload"], text, job["seed"])
    mended = naive(job, text) if job["kind"] == "fault" else None
    finite = mended if mended is not None and math.isfinite(mended) else None
    return job | {"peers": views(python, told), "naive": finite, "steps": len(told["steps"])}


def main() -> None:
    """Ask for all that is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="an interpreter that has the peers")
    parser.add_argument("--kind", default="healthy,fault")
    parser.add_argument("--only", help="names of faults and recipes")
    parser.add_argument("--workloads", default=",".join(catalogue.ALL))
    parser.add_argument("--seeds", default=",".join(map(str, healthy.SEEDS)))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="what the oracle does not count, or does not know, too")
    args = parser.parse_args()
    file = Results(RESULTS / "faults-peers.json", KEYS[:4])
    python = str(Path(args.python).absolute())  # not resolved: a venv's interpreter is a link
    measure(file, chosen(args), functools.partial(compare, python), args.workers, args.limit)


if __name__ == "__main__":
    main()
