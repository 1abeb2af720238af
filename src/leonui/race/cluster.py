"""The parts of a race on the nodes of a Ray cluster; what a lost node was doing is done again elsewhere.

Only lines that came here whole are noted, so that nothing is counted twice. Source: Moritz et al. 2018 (Ray).
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from leonui import __version__
from leonui.finder.guide import Guide, Silent
from leonui.race.crew import Note
from leonui.race.heat import Part
from leonui.record import Row
from leonui.trial.program import Program
from leonui.trial.runner import Runner
from leonui.words import mark

TRIES = 5  # so often a part is begun anew when its node or its process is lost
LEFT = ("/.git", "/.leonui", "/.venv", "/build", "__pycache__")  # of the working directory, which is shipped
JOINED, ENDED = mark("{parts} parts of the race on {nodes} nodes, {slots} side by side"), mark("{done} of {parts} done")


class Cluster:
    """Runs parts on a Ray cluster; use it in a ``with`` block.

    address: "ray" joins the cluster that RAY_ADDRESS names, or else starts one on this machine; "ray://host:port" is a
    client of one elsewhere. gpus: the share of a GPU that each part takes. Raises ValueError where Ray is missing,
    nobody answers, or a node has another Python, torch or leonui.
    """

    def __init__(self, program: Program, address: str, guide: Guide, gpus: float = 0.0, start: str = "auto"):
        if address != "ray" and not address.startswith("ray://"):
            raise ValueError(f"on={address!r} is not known; give ray, or ray://host:port")
        self.program, self.address, self.guide = _shipped(program), address, guide
        self.gpus, self.start = gpus, start

    def __enter__(self) -> Cluster:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # leonui sends nothing to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will have it, and does not warn
        try:
            import ray  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ValueError("a race on a cluster needs Ray: pip install 'leonui[cluster]' brings it") from error
        self._ray, client = ray, self.address.startswith("ray://")
        environment = {"working_dir": str(Path.cwd()), "excludes": list(LEFT)}
        options: dict[str, Any] = {} if client or "RAY_ADDRESS" in os.environ else {"include_dashboard": False}
        try:
            ray.init(
                self.address if client else None,
                runtime_env=environment,
                log_to_driver=False,
                logging_level="ERROR",
                **options,
            )
        except (ConnectionError, OSError, RuntimeError) as error:
            at = self.address if client else os.environ.get("RAY_ADDRESS", "this machine")
            raise ValueError(f"no Ray cluster can be used at {at}: {error}") from error
        try:
            self._same()
        except BaseException:
            ray.shutdown()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def each(self, parts: Iterable[Part], note: Note) -> None:
        """Run all of them, as many side by side as there is room for; a part's lines are noted when it has ended."""
        task = self._ray.remote(max_retries=TRIES, num_cpus=1, num_gpus=self.gpus)(at_node)
        waiting = [task.remote(part, self.program, self.start) for part in parts]
        count, done = len(waiting), 0
        if count:
            slots = int(self._ray.cluster_resources().get("CPU", 1))
            self.guide.say(JOINED, parts=count, nodes=len(self._nodes()), slots=min(slots, count))
        while waiting:
            ready, waiting = self._ray.wait(waiting)
            for line in self._lines(ready[0]):
                note(line)
            done += 1
            self.guide.say(ENDED, done=done, parts=count)

    def _lines(self, reference: Any) -> list[Row]:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise RuntimeError(f"a part of the race failed on the cluster: {error}; --resume goes on") from error

    def _nodes(self) -> list[str]:
        return [node["NodeID"] for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]

    def _same(self) -> None:
        """Raises ValueError for the first node that would not train as this machine does."""
        from ray.util.scheduling_strategies import (  # pyright: ignore[reportMissingImports]
            NodeAffinitySchedulingStrategy,
        )

        ours = versions()
        for node in self._nodes():
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            try:
                theirs = self._ray.get(self._ray.remote(versions).options(scheduling_strategy=there).remote())
            except self._ray.exceptions.RayError as error:
                raise ValueError(
                    f"node {node[:8]} cannot run leonui: {error}; install leonui {__version__} there"
                ) from error
            if others := different(ours, theirs):
                raise ValueError(f"node {node[:8]} has {others}; install the same there, or its losses will differ")


def versions() -> dict[str, str]:
    """What must be the same wherever a race runs."""
    import torch

    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "torch": torch.__version__.partition("+")[0],
        "leonui": __version__,
    }


def different(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What another place has in other versions, in words; nothing where all is the same."""
    return ", ".join(
        f"{name} {theirs.get(name)} (here: {version})" for name, version in ours.items() if theirs.get(name) != version
    )


def at_node(part: Part, program: Program, start: str) -> list[Row]:
    """Run one part where it was sent; a trial's files end with it."""
    with tempfile.TemporaryDirectory() as folder, Runner(program, Path(folder), workers=1, start=start) as runner:
        return [*part.lines(runner, runner.trailhead(part.seed), Silent())]


def _shipped(program: Program) -> Program:
    """The program as the nodes find it: by a path within the working directory, which goes to them."""
    path = Path(program.target)
    if program.kind != "script" or not path.is_absolute():
        return program
    if not path.is_relative_to(Path.cwd()):
        raise ValueError(f"{path} lies outside {Path.cwd()}, which is what the nodes get; start leonui in its folder")
    return replace(program, target=str(path.relative_to(Path.cwd())))
