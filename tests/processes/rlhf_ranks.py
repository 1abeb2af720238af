"""Two processes of RLHF: each writes the batch that it made, the weights after one step, and the row."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from leonui.ppo.ranks import joined
from tests.test_rlhf import PROMPTS, SHARED, reader, trainer, weights


def main():
    with joined():
        work, seen = trainer(reader(seed=dist.get_rank()).double(), **SHARED), {}
        improve = work._improve
        work._improve = lambda batch, tally: (seen.update(batch._asdict()), improve(batch, tally))
        row = work.step(PROMPTS)
        told = {"batch": seen, "weights": weights(work.policy), "row": row}
        torch.save(told, Path(sys.argv[1]) / f"{dist.get_rank()}.pt")


if __name__ == "__main__":
    main()
