"""Loggers that people look at their runs in: rows go to them while a training runs. Each imports its own package."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from leonui.record import Row

PROJECT = "leonui"
UNTOLD = ("step", "optimizer", "update")  # of a row's numbers, those that are no measurement


class Logger(Protocol):
    """Takes the numbers of one training after the other."""

    def log(self, training: str, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """The numbers of some steps, in their order."""
        ...

    def close(self) -> None:
        """There is no more to come."""
        ...


class TensorBoard:
    """Event files, a folder for each training: ``tensorboard --logdir FOLDER/tensorboard``."""

    def __init__(self, folder: Path):
        self.folder, self._writers = folder / "tensorboard", {}

    def log(self, training: str, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Write a scalar for each number."""
        from tensorboard.summary import Writer

        if training not in self._writers:
            self._writers[training] = Writer(str(self.folder / training))
        for step, numbers in rows:
            for name, value in numbers.items():
                self._writers[training].add_scalar(name, value, step)
        self._writers[training].flush()

    def close(self) -> None:
        """Close all files."""
        for writer in self._writers.values():
            writer.close()


class WandB:
    """Runs of Weights & Biases, one for each training, a group for all: offline, unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path):
        self.folder, self._runs = folder, {}
        os.environ.setdefault("WANDB_MODE", "offline")
        os.environ.setdefault("WANDB_SILENT", "true")

    def log(self, training: str, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Log the numbers of each step."""
        import wandb  # pyright: ignore[reportMissingImports]

        if training not in self._runs:
            self._runs[training] = wandb.init(
                project=PROJECT, group=self.folder.name, name=training, dir=str(self.folder), reinit="create_new"
            )
        for step, numbers in rows:
            self._runs[training].log(dict(numbers), step=step)

    def close(self) -> None:
        """Finish all runs."""
        for run in self._runs.values():
            run.finish()


class MLflow:
    """Runs of an MLflow experiment, one a training: in FOLDER/mlflow.db, unless MLFLOW_TRACKING_URI names a place."""

    def __init__(self, folder: Path):
        self.folder, self._runs, self._client, self._experiment = folder, {}, None, ""

    def log(self, training: str, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Log the numbers of all steps in batches."""
        from mlflow.entities import Metric  # pyright: ignore[reportMissingImports]

        client, run, now = self._opened(), self._run(training), int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for step, numbers in rows for name, value in numbers.items()]
        for at in range(0, len(metrics), 1000):
            client.log_batch(run, metrics=metrics[at : at + 1000])

    def close(self) -> None:
        """Say that all runs are done."""
        for run in self._runs.values():
            self._opened().set_terminated(run)

    def _opened(self) -> Any:
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

        if self._client is None:
            place = f"sqlite:///{(self.folder / 'mlflow.db').absolute()}"
            self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", place))
            name = f"{PROJECT}-{self.folder.name}"
            known = self._client.get_experiment_by_name(name)
            self._experiment = known.experiment_id if known else self._client.create_experiment(name)
        return self._client

    def _run(self, training: str) -> str:
        if training not in self._runs:
            run = self._opened().create_run(self._experiment, run_name=training)
            self._runs[training] = run.info.run_id
        return self._runs[training]


class Trackio:
    """Runs of trackio, one for each training, in its own store on this machine: ``trackio show --project leonui``."""

    def __init__(self, folder: Path):
        self.folder, self._runs = folder, {}

    def log(self, training: str, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Log the numbers of each step."""
        import trackio  # pyright: ignore[reportMissingImports]

        if training not in self._runs:
            name = f"{self.folder.name}-{training}"
            self._runs[training] = trackio.init(project=PROJECT, name=name, group=self.folder.name, embed=False)
        for step, numbers in rows:
            self._runs[training].log(dict(numbers), step=step)

    def close(self) -> None:
        """Finish all runs."""
        import trackio  # pyright: ignore[reportMissingImports]

        *others, _ = self._runs.values()
        for run in others:
            run.finish()
        trackio.finish()  # the one that it holds for the process's own, and would end and announce at exit


LOGGERS: dict[str, Callable[[Path], Logger]] = {
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def missing(names: Sequence[str]) -> None:
    """Raises ValueError for a logger whose package is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise ValueError(f"--to {name} needs the package {name}: pip install {name} brings it")


def numbers(row: Row) -> dict[str, float]:
    """The measurements of a row: what is a finite number, and the first learning rate."""
    rates = row.get("lr")
    found = {"lr": rates[0]} if isinstance(rates, list) and rates else {}
    found |= {name: value for name, value in row.items() if name not in UNTOLD and isinstance(value, int | float)}
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}
