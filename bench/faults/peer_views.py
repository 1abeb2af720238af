"""What other packages say of a run's curves; run by an interpreter that has them, the curves come in as JSON.

python bench/faults/peer_views.py < curves.json
"""

import json
import statistics
import sys
from importlib import import_module


def training_doctor(curves):
    """Its default detectors, asked after every step, as its manual has it; the first diagnosis of each."""
    doctor, validations = import_module("training_doctor").Doctor(), dict(curves["validations"])
    for row in curves["steps"]:
        known = {name: row[name] for name in ("loss", "lr", "grad_norm") if row.get(name) is not None}
        if row["step"] in validations:
            known["eval_loss"] = validations[row["step"]]
        doctor.log(row["step"], **known)
    found = {}
    for diagnosis in doctor.diagnoses:
        found.setdefault(_instability(diagnosis), diagnosis.confidence)
    return sorted(found, key=lambda name: -found[name])


def _instability(diagnosis):
    """Its word for unstable gradients stands for several faults, the explanation for one."""
    words = ("NaN", "Exploding", "Vanishing")
    kinds = [word.lower() for word in words if diagnosis.explanation.startswith(word)]
    return ":".join([diagnosis.detector_name or diagnosis.problem, *kinds])


def runmedic(curves):
    """All its checks, the most severe first; those that are for information only are marked."""
    checks, model, roles = (import_module(f"runmedic.{name}") for name in ("checks", "model", "roles"))
    run = model.Run("run", "jsonl", "run.jsonl")
    for row in curves["steps"]:
        for name in ("loss", "lr", "grad_norm"):
            if row.get(name) is not None:
                run.get(name).add(row["step"], row[name])
    for step, loss in curves["validations"]:
        run.get("val_loss").add(step, loss)
    run.finalize()
    return [
        ("info:" if one.severity == "info" else "") + one.check for one in checks.run_checks(run, roles.detect(run))
    ]


def sk_autod(curves):
    """Its rules on the mean training loss between validations, and the validation losses."""
    train, begin = [], 0
    for step, _ in curves["validations"]:
        losses = [row["loss"] for row in curves["steps"] if begin < row["step"] <= step and row.get("loss") is not None]
        train.append(statistics.fmean(losses) if losses else None)
        begin = step
    pairs = [(a, loss) for a, (_, loss) in zip(train, curves["validations"], strict=True) if a is not None]
    return [
        one.detector_name for one in import_module("sk_autod").diagnose(*map(list, zip(*pairs, strict=True))).findings
    ]


PEERS = {"training-doctor": training_doctor, "runmedic": runmedic, "sk-autod": sk_autod}


def ask(peer, curves):
    """What one of them says; what it raises is its answer."""
    try:
        return PEERS[peer](curves)
    except Exception as raised:
        return [f"raised:{raised}"[:100]]


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump({peer: ask(peer, given) for peer in PEERS}, sys.stdout)
