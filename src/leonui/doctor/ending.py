"""How a run ended, and whether there is a training in what it left."""

from __future__ import annotations

import signal

from leonui.doctor.fault import About, split
from leonui.finding import Finding
from leonui.trial.trial import Trial
from leonui.words import mark

SHORTEST = 20
GROWN = 3.0  # so many times its first loss is a run's last one where a failure may be the rate's
ABOUT = {
    "CRASH": About(
        mark("An exception ended the script."),
        mark("The probe notes the exception that nobody caught, and the step at which it came."),
        mark("A script that ends itself by sys.exit, or by Ctrl-C."),
        mark("Run the script alone, and mend this first."),
    ),
    "KILLED": About(
        mark("A signal ended the script."),
        mark("Its exit status names the signal."),
        mark("A cluster that ends a job at its time limit."),
        mark("SIGKILL is often sent where memory runs out: try a smaller batch."),
    ),
    "STALLED": About(
        mark("The script is still there, and makes no step any more."),
        mark("No line came to its record for a long time."),
        mark("A long validation, a download, a compilation before the first step."),
        mark("Run it alone and see where it waits."),
    ),
    "HAND-WRITTEN": About(
        mark("Gradients are computed, and no optimizer of torch makes a step: the update is written by hand."),
        mark("Backward passes and optimizer steps are counted."),
        mark("A script that forgets optimizer.step() looks the same."),
        mark("Use torch.optim.SGD, or call optimizer.step() after backward()."),
    ),
    "NO-TRAINING": About(
        mark("Nothing was trained with torch."),
        mark("There was no optimizer and no backward pass."),
        mark("A script that trains in a process that was started without its environment."),
        mark("Name the script that trains."),
    ),
}


def trouble(trial: Trial) -> Finding | None:
    """Why there is no training to work with; None if there is one."""
    record, error = trial.record, trial.record.last("exception")
    if error and error.get("type") != "KeyboardInterrupt":
        return _crashed(trial)
    if trial.stalled:
        words = mark("the script made no progress any more after step {steps} and was ended")
        fix = mark("run it alone and see where it waits; what it said is in {folder}/stderr")
        return Finding("STALLED", "is", words, {"steps": record.steps, "folder": str(trial.folder)}, fix)
    if (trial.returncode or 0) < 0:
        return _killed(trial)
    if not record.steps:
        return _no_step(trial)
    return None


def too_short(steps: int) -> Finding | None:
    """Why a run of so many steps cannot be searched; None if it can: there must be something to compress."""
    if steps >= SHORTEST:
        return None
    words = mark("the script made {steps} optimizer steps; a search needs at least {least}")
    fix = mark("give it more steps or epochs; leonui watch shows what a short run did")
    return Finding("TOO-SHORT", "is", words, {"steps": steps, "least": SHORTEST}, fix)


def _crashed(trial: Trial) -> Finding:
    error = trial.record.last("exception")
    evidence = {
        "type": error["type"],
        "error": error["message"],
        "step": error["step"],
        "folder": str(trial.folder),
    }
    fix = mark("run the script alone and mend this first; its whole output is in {folder}/stderr")
    if grown := _grown(trial.record.losses()):
        evidence |= grown
        fix = mark(
            "before that its loss went from {first:.3g} to {last:.3g}: try a lower rate first; leonui lr finds one"
        )
    if error["type"] == "EOFError":
        fix = mark("trials run with an empty standard input: give the script what it asks for as arguments")
    words = mark("the script failed at step {step}: {type}: {error}")
    return Finding("CRASH", "is", words, evidence, fix, *split(error["place"]))


def _grown(losses: list[float]) -> dict[str, float]:
    """The first loss and the last, where a training left a sound beginning far behind, for worse."""
    if len(losses) < SHORTEST or not losses[0] > 0 or losses[-1] < GROWN * losses[0]:
        return {}
    return {"first": losses[0], "last": losses[-1]}


def _killed(trial: Trial) -> Finding:
    number = -(trial.returncode or 0)
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    return Finding(
        "KILLED",
        "is",
        mark("the script was ended by signal {signal} after step {steps}"),
        {"signal": name, "steps": trial.record.steps},
        mark("SIGKILL often means that memory ran out: try a smaller batch, or --workers 1"),
    )


def _no_step(trial: Trial) -> Finding:
    end, code = trial.record.last("end"), trial.returncode or 0
    evidence = {"code": code, "backwards": end.get("backwards", 0), "error": _last_line(trial)}
    if code:
        words = mark("the script ended with exit code {code} before its first optimizer step: {error}")
        return Finding("NO-STEP", "is", words, evidence, mark("run it alone and mend this first"))
    if evidence["backwards"] and (made := trial.record.last("optimizer")):
        words = mark("{name} never makes a step: the script computed {backwards} gradients, and nobody used them")
        fix = mark("call its step() after backward(), once for each batch")
        where = split(made.get("place", ""))
        return Finding("NO-STEP", "is", words, evidence | {"name": made["name"]}, fix, *where, ("optimizer.step()",))
    if evidence["backwards"]:
        words = mark("the script computed {backwards} gradients, but no optimizer of torch made a step")
        fix = mark("leonui acts where an optimizer steps: replace the update written by hand by torch.optim.SGD")
        return Finding("HAND-WRITTEN", "is", words, evidence, fix, *split(end.get("backward", "")))
    if not end and not trial.record.events:
        words = mark("the script ended without training anything with torch")
        fix = mark("name the script that trains; if it starts Python with -I, -S or -E, leave that out")
        return Finding("NO-TRAINING", "is", words, evidence, fix)
    words = mark("the script ended without a single optimizer step")
    return Finding("NO-STEP", "is", words, evidence, mark("check that its training loop is reached, with data in it"))


def _last_line(trial: Trial) -> str:
    lines = trial.output("stderr").strip().splitlines()
    return lines[-1] if lines else "-"
