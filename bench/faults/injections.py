"""All faults of the bench, by name, and the scripts that have them.

    python bench/faults/injections.py                          # names, codes, workloads
    python bench/faults/injections.py zero-grad-missing cnn    # that script

A fault may apply to some workloads only: a learning rate can be wrong in all of them, a missing warm-up in one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import data_faults
import loop_faults
import model_faults
import rate_faults
import unseen_faults
from fault import Fault

GROUPS = (rate_faults, loop_faults, data_faults, model_faults)
FAULTS: dict[str, Fault] = {
    fault.name: replace(fault, edits=fault.edits | unseen_faults.EDITS.get(fault.name, {}))
    for group in GROUPS
    for fault in group.FAULTS
}


def pairs() -> Iterator[tuple[Fault, str]]:
    """Every fault with every workload that it applies to."""
    for fault in FAULTS.values():
        for workload in fault.edits:
            yield fault, workload


def main() -> None:
    """List the faults, or print one script."""
    if len(sys.argv) == 3:
        print(FAULTS[sys.argv[1]].script(sys.argv[2]), end="")
        return
    for fault in FAULTS.values():
        print(f"{fault.name:27} {' '.join(fault.codes):45} {' '.join(fault.edits)}")
    print(f"{len(FAULTS)} faults, {sum(1 for _ in pairs())} faulty scripts")


if __name__ == "__main__":
    main()
