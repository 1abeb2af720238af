"""Samples of validation that are among those of training."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, split
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

LEAST = 16  # samples at a place of validation
NATURAL = 0.02  # of a pass may be there twice: beyond, inputs are such that two samples may well be equal
SHARE, COUNT = 0.1, 10  # of a pass, and samples: fewer may well be equal by chance
WHOLE = 0.9  # of the training samples: who validates on so many of them looks at training on purpose


def look(record: Record) -> Check | None:
    """Whether a validation without samples from training exists; one beside it may be on training samples."""
    walk = record.last("walk")
    sites = [site for site in walk.get("sites", []) if site["samples"] >= LEAST and not _collects(site)]
    if not sites or not walk.get("distinct") or any(_repeats(site) for site in sites):
        return None
    least = min(sites, key=lambda site: site["shared"] / site["samples"])
    evidence = {"shared": least["shared"], "samples": least["samples"], "distinct": walk["distinct"]}
    said = mark(
        "validation is on other samples than training: {shared} of {samples} are among the {distinct} trained on"
    )
    if least["shared"] < max(COUNT, SHARE * least["samples"]):
        return Check("LEAKAGE", said, evidence)
    fix = mark("split the data before anything else is done to them, and train on one part only")
    where = split(least["place"])
    if least["distinct"] >= WHOLE * walk["distinct"]:
        words = mark("the loss under no_grad is that of the training samples: it says nothing of other data")
        return Check("LEAKAGE", said, evidence, Finding(FAULT.code, "consistent with", words, evidence, fix, *where))
    words = mark("{shared} of {samples} samples of the validation are trained on, too: it looks better than it is")
    return Check("LEAKAGE", said, evidence, found(FAULT.code, words, evidence, fix, where))


def _repeats(site: dict[str, int]) -> bool:
    return site["samples"] - site["distinct"] > NATURAL * site["samples"]


def _collects(site: dict[str, int]) -> bool:
    """Whether samples are trained on only after they passed there: an agent acts under no_grad, then learns of it."""
    return bool(site["shared"]) and site.get("before", site["shared"]) < SHARE * site.get("asked", site["samples"])


FAULT = Fault(
    "LEAKAGE",
    About(
        mark("Validation is on samples that are trained on, so that learning by heart looks like learning."),
        mark(
            "The script is walked through without training, and every sample that a network is given leaves a number "
            "that is the same for equal samples."
        ),
        mark(
            "A loss on the training data beside one on other data; inputs so simple that two samples are often equal; "
            "a validation loss below the training loss because of dropout."
        ),
        mark("Split the data before anything else is done to them: before augmenting, balancing, windowing."),
        ("https://doi.org/10.1145/2382577.2382579",),
    ),
    look,
    fixes=("train_set, val_set = torch.utils.data.random_split(whole_set, [0.8, 0.2])",),
)
