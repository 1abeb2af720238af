"""The conformance suite over every class of leonui.optim and torch.optim, for docs/results.md."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch
from measure import section, table, write

from leonui import optim
from leonui.conformance import check_optimizer

WRAPPED = {"SAM": lambda params, lr=0.05, **settings: optim.SAM(optim.AdamW(params, lr=lr, **settings))}
TEXT = """## The contract of an optimizer

`leonui check MODULE:CLASS` holds an optimizer to what training code expects of it: groups, closures, saving and loading
in every way people do it, layouts, dtypes, GradScaler, schedulers. `python bench/contract.py` runs it over every
class of `leonui.optim` and of `torch.optim`, with default settings. SAM is checked around AdamW; it needs a closure.
"""


def shelf(module: Any) -> list[str]:
    """The optimizers of a module."""
    kinds = {name: kind for name, kind in vars(module).items() if inspect.isclass(kind)}
    return sorted(
        name for name, kind in kinds.items() if issubclass(kind, torch.optim.Optimizer) and name != "Optimizer"
    )


def judge(name: str, make: Any) -> dict[str, Any]:
    """One row: how many checks passed, and what failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = check_optimizer(make)
    judged = [row for row in report.rows if row.ok is not None]
    failed = [row.name for row in judged if not row.ok]
    row = {"optimizer": name, "passed": len(judged) - len(failed), "of": len(judged), "failed": failed}
    print(f"{name:32} {row['passed']:2} of {row['of']}  {'; '.join(failed)}", flush=True)
    return row | {"notes": list(report.notes)}


def main() -> None:
    """Judge all and write the section."""
    ours = [(f"leonui.optim.{name}", WRAPPED.get(name) or getattr(optim, name)) for name in shelf(optim)]
    theirs = [(f"torch.optim.{name}", getattr(torch.optim, name)) for name in shelf(torch.optim)]
    rows = [judge(*one) for one in ours + theirs]
    lines = [(f"`{row['optimizer']}`", f"{row['passed']} of {row['of']}", "; ".join(row["failed"])) for row in rows]
    section("contract", TEXT + "\n" + table(("optimizer", "checks passed", "failed"), lines))
    write("contract", rows)


if __name__ == "__main__":
    main()
