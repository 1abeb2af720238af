"""Healthy look-alikes: what looks like a fault and is none, made from the workloads in the same way.

    python bench/faults/healthy.py                      # names and workloads
    python bench/faults/healthy.py warm-restarts cnn    # that script

Whether one is healthy indeed is for the oracle to say; no recipe may count before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import healthy_data
import healthy_rate
import unseen_faults
from catalogue import ALL
from edits import same
from recipe import Recipe

PLAIN = Recipe("plain", dict.fromkeys(ALL, same))
RECIPES: dict[str, Recipe] = {
    one.name: replace(one, edits=one.edits | unseen_faults.HEALTHY.get(one.name, {}))
    for one in (PLAIN, *healthy_rate.RECIPES, *healthy_data.RECIPES)
}
SEEDS = range(8)


def pairs() -> Iterator[tuple[Recipe, str]]:
    """Every recipe with every workload that it applies to."""
    for recipe in RECIPES.values():
        for workload in recipe.edits:
            yield recipe, workload


def main() -> None:
    """List the recipes, or print one script."""
    if len(sys.argv) == 3:
        print(RECIPES[sys.argv[1]].script(sys.argv[2]), end="")
        return
    for recipe in RECIPES.values():
        print(f"{recipe.name:22} {' '.join(recipe.edits)}")
    count = sum(1 for _ in pairs())
    print(f"{len(RECIPES)} recipes, {count} scripts, {count * len(SEEDS)} runs over {len(SEEDS)} seeds")


if __name__ == "__main__":
    main()
