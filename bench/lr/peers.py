"""The finders of other packages at their defaults, and short runs at equal cost, all on the same tasks and data.

Lightning, torch-lr-finder, ignite and fastai train at one learning rate that grows, as they always do, on the batches
that the seed gives. Where a tool begins at the optimizer's learning rate, that is 1e-7, as its manual has it. The grid
and Optuna's TPE have the steps of one whole run for ten short ones under the task's schedule, compressed; the mean
training loss over the last tenth of each decides.

    python bench/lr/peers.py mlp adamw 0    # all of them on one task, optimizer and seed
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import math
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from harness import trained
from optimizers import OPTIMIZERS, TYPED
from tasks import TASKS, Task
from torch.utils.data import DataLoader, IterableDataset

Found = tuple[float | None, int]  # learning rate, steps
LOW, HIGH, TRIALS = 1e-5, 10.0, 10  # of the searches at equal cost
BEGIN = 1e-7


class Stream(IterableDataset):
    """The batches of one run."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.seed = task, seed

    def __len__(self) -> int:
        return self.task.steps

    def __iter__(self) -> Iterator[Any]:
        yield from (batch for batch, _ in zip(self.task.batches(self.seed), range(len(self)), strict=False))


def loader(task: Task, seed: int) -> DataLoader:
    """Those batches as a DataLoader."""
    return DataLoader(Stream(task, seed), batch_size=None)


def lightning(name: str, rule: str, seed: int) -> Found:
    """Tuner.lr_find."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    task = TASKS[name]

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = task.build(seed), TYPED[rule]

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return task.loss(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return OPTIMIZERS[rule](self.model, self.lr)

    quiet: dict[str, Any] = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(accelerator="cpu", max_steps=task.steps, enable_checkpointing=False, **quiet)
    found: Any = Tuner(trainer).lr_find(Module(), train_dataloaders=loader(task, seed))
    return found.suggestion(), len(found.results["lr"])


def torch_lr_finder(name: str, rule: str, seed: int) -> Found:
    """LRFinder.range_test, and what plot() suggests."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from torch_lr_finder import LRFinder

    task = TASKS[name]
    model = task.build(seed)
    finder = LRFinder(model, OPTIMIZERS[rule](model, BEGIN), task.loss)
    finder.range_test(loader(task, seed))
    try:
        _, lr = finder.plot(ax=pyplot.subplots()[1])
    finally:
        pyplot.close("all")
    return float(lr), len(finder.history["lr"])


def ignite(name: str, rule: str, seed: int) -> Found:
    """FastaiLRFinder, over as many steps as the run has: its default."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    task = TASKS[name]
    model = task.build(seed)
    optimizer = OPTIMIZERS[rule](model, BEGIN)
    trainer = create_supervised_trainer(model, optimizer, task.loss)
    finder = FastaiLRFinder()
    with finder.attach(trainer, to_save={"model": model, "optimizer": optimizer}) as attached:
        attached.run(loader(task, seed), epoch_length=task.steps)
    suggested = finder.lr_suggestion()  # a list where there are groups, all of one learning rate here
    return float(suggested[0] if isinstance(suggested, list) else suggested), len(finder.get_results()["lr"])


def fastai(method: str) -> Callable[[str, str, int], Found]:
    """Learner.lr_find with one of its rules."""

    def find(name: str, rule: str, seed: int) -> Found:
        from fastai.callback import schedule

        learner = _learner(name, rule, seed)
        with learner.no_bar():
            suggested = learner.lr_find(show_plot=False, suggest_funcs=getattr(schedule, method))
        return float(suggested[0]), len(learner.recorder.lrs)

    return find


def _learner(name: str, rule: str, seed: int) -> Any:
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    task = TASKS[name]
    model = task.build(seed)
    batches = loader(task, seed)
    made = lambda params, lr, **kw: OptimWrapper(opt=OPTIMIZERS[rule](model, lr))  # noqa: E731
    both = DataLoaders(batches, batches, device="cpu")
    return Learner(both, model, task.loss, opt_func=made, lr=TYPED[rule], path=Path())


def short(name: str, rule: str, seed: int, lr: float) -> float:
    """What a short run ends at: the mean training loss over its last tenth; infinite where it diverged."""
    steps = TASKS[name].steps // TRIALS
    _, losses = trained(name, rule, lr, seed, steps)
    last = losses[-max(1, steps // 10) :]
    return statistics.fmean(last) if len(losses) == steps and all(map(math.isfinite, last)) else math.inf


def grid(name: str, rule: str, seed: int) -> Found:
    """Ten learning rates at equal ratios."""
    rates = [LOW * (HIGH / LOW) ** (i / (TRIALS - 1)) for i in range(TRIALS)]
    return min(rates, key=lambda lr: short(name, rule, seed, lr)), TRIALS * (TASKS[name].steps // TRIALS)


def optuna(name: str, rule: str, seed: int) -> Found:
    """Optuna's TPE with ten trials, the first five at random: by its default all ten would be."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(n_startup_trials=TRIALS // 2, seed=seed))
    ask = lambda trial: short(name, rule, seed, trial.suggest_float("lr", LOW, HIGH, log=True))  # noqa: E731
    study.optimize(lambda trial: min(ask(trial), 1e30), n_trials=TRIALS)
    return float(study.best_params["lr"]), TRIALS * (TASKS[name].steps // TRIALS)


PEERS: dict[str, Callable[[str, str, int], Found]] = {
    "lightning": lightning,
    "torch-lr-finder": torch_lr_finder,
    "ignite": ignite,
    **{f"fastai-{method}": fastai(method) for method in ("valley", "slide", "minimum", "steep")},
    "grid": grid,
    "optuna": optuna,
}
NEEDS = {"torch-lr-finder": "torch_lr_finder", "grid": "torch"}


def installed(peer: str) -> bool:
    """Whether its package is there."""
    return importlib.util.find_spec(NEEDS.get(peer, peer.partition("-")[0])) is not None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that a peer prints, its progress bars neither."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def ask(peer: str, name: str, rule: str, seed: int) -> dict[str, Any]:
    """One answer: the learning rate and the steps it took, or what was raised."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, _quiet():
        os.chdir(folder)  # some leave files where they are called
        try:
            lr, steps = PEERS[peer](name, rule, seed)
        except Exception as raised:  # what a peer raises is its answer
            return {"lr": None, "status": f"{type(raised).__name__}: {raised}"[:200], "steps": None}
        finally:
            os.chdir(here)
    if lr is None or not math.isfinite(lr) or lr <= 0:
        return {"lr": None, "status": f"no learning rate: {lr}", "steps": steps}
    return {"lr": lr, "status": "ok", "steps": steps}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for peer in filter(installed, PEERS):
        print(peer, ask(peer, sys.argv[1], sys.argv[2], int(sys.argv[3])))
