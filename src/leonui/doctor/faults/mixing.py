"""A network that mixes the samples of a batch."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark


def look(record: Record) -> Check | None:
    """Whether the outputs of other samples changed when one was replaced."""
    mixing = record.last("look").get("mixing")
    if not mixing:
        return None
    evidence = {"touched": mixing["touched"], "others": mixing["rows"] - 1}
    said = mark("samples are kept apart: replacing one changed the outputs of {touched} of {others} others")
    if not evidence["touched"]:
        return Check("MIXING", said, evidence)
    if not mixing["certain"]:
        return None  # the first axis may be time
    words = mark(
        "the network mixes the samples of a batch: replacing one, in eval mode, changed the outputs of {touched} of "
        "{others} others"
    )
    fix = mark(
        "keep samples on the first axis: batch_first=True, and transpose or permute instead of view or reshape where "
        "axes change places"
    )
    return Check("MIXING", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "BATCH-MIXING",
    About(
        mark("What the network says of one sample depends on the others, because axes were mistaken for each other."),
        mark(
            "One sample of a batch is replaced by another one, in eval mode and without dropout: the outputs of all "
            "others must stay."
        ),
        mark(
            "Batch normalisation in training mode; a contrastive loss, which mixes after the network; attention "
            "between samples, on purpose; networks whose first axis is time."
        ),
        mark("Keep samples on the first axis, and use transpose or permute where axes change places."),
        ("https://karpathy.github.io/2019/04/25/recipe/",),
    ),
    look,
    fixes=("torch.nn.LSTM(width, hidden, batch_first=True)",),
)
