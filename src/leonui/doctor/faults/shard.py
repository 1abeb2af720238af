"""Processes that train together, each on the same samples as the others."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark

LEAST = 4  # batches that are compared


def look(record: Record) -> Check | None:
    """Whether the ranks, which all have the same weights, were given different batches on the walk."""
    walk = record.last("walk")
    ours, ranks = walk.get("batches", []), walk.get("ranks", [])
    steps = min(map(len, [ours, *ranks]), default=0)
    if not ranks or steps < LEAST or len(set(ours[:steps])) == 1:
        return None
    evidence: dict[str, object] = {"ranks": len(ranks) + 1, "steps": steps}
    said = mark("each of the {ranks} processes trains on samples of its own")
    if any(rank[:steps] != ours[:steps] for rank in ranks):
        return Check("SAME-SHARD", said, evidence)
    words = mark(
        "all {ranks} processes train on the same samples: the first {steps} batches of all of them are equal, so that "
        "together they learn no more than one of them"
    )
    fix = mark("give each process a part of the data: DistributedSampler(dataset), and sampler.set_epoch(epoch)")
    return Check("SAME-SHARD", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "SAME-SHARD",
    About(
        mark("Processes that train together are given the same samples, so that all but one of them work in vain."),
        mark(
            "The script is walked through without training, and the samples of each process's first batches are "
            "compared."
        ),
        mark(
            "Tensor and pipeline parallelism, where several processes share one batch on purpose; their weights differ."
        ),
        mark("Use torch's DistributedSampler, or let each rank take every so many-th sample, from its own number on."),
        ("https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler",),
    ),
    look,
    fixes=("sampler = torch.utils.data.distributed.DistributedSampler(dataset)",),
)
