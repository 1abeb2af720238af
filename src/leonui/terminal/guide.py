"""While something runs: a progress bar with the time left, and the picture of a search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from leonui.record import Row
from leonui.terminal.picture import draw
from leonui.terminal.text import speaks_braille
from leonui.trial.trial import Trial
from leonui.words import mark, translate

if TYPE_CHECKING:
    from leonui.finder import Search

CANDIDATE, EVENED = re.compile(r"rung\d-([0-9.e+-]+)$"), 8


class TerminalGuide:
    """A progress bar a stage on a terminal, and a picture of a search; elsewhere a plain line a stage; or nothing."""

    def __init__(self, lang: str, quiet: bool = False):
        self.lang, self.quiet = lang, quiet
        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:14}"),
            BarColumn(32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]:>14}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task: Any = None
        self._seen: tuple[dict[str, Any], list[float] | None, float] | None = None
        self._going: dict[float, float] = {}
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._look)

    @classmethod
    def where_seen(cls, lang: str) -> TerminalGuide:
        """One that is quiet unless there is a terminal or a notebook to see it in."""
        guide = cls(lang)
        guide.quiet = not (guide._console.is_terminal or guide._console.is_jupyter)
        guide._progress.disable = guide.quiet
        return guide

    def __enter__(self) -> TerminalGuide:
        if not self._progress.disable:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._going = {}
        if not self._progress.disable:
            self._live.stop()

    def _look(self) -> Group:
        chart = None
        if self._seen is not None:
            seen, ends, _ = self._seen
            trains = seen["judged_by"] == "training"  # else the ramp and what is under way have losses of another kind
            more = (seen["ramp"], dict(self._going)) if trains else (None, {})
            chart = draw(seen["rungs"], *more, ends, not speaks_braille())
        return Group(*filter(None, (chart, self._progress)))

    def picture(self, search: Search) -> None:
        """There is more to see of a search."""
        from leonui.finder import told

        found = None if self._progress.disable else search.estimate()
        ends = [end * search.rate for end in found.interval] if found else None
        self._seen, self._going = (told(search, search.rate), ends, search.rate), {}

    def say(self, template: str, **evidence: Any) -> None:
        """One line, above what moves."""
        if not self.quiet:
            self._console.print(translate(template, self.lang).format(**evidence), highlight=False)

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins."""
        self._finish()
        text = translate(name, self.lang)
        if self._progress.disable and not self.quiet:
            steps = "" if total is None else translate(mark(", about {total} steps"), self.lang).format(total=total)
            self._console.print(f"{text}{steps} ...", highlight=False)
        self._task = self._progress.add_task(text, total=total, loss="")

    def rows(self, trial: Trial, rows: list[Row]) -> None:
        """Steps were made: move the bar, show the newest loss."""
        if self._task is not None:
            loss = next((f"loss {float(row['loss']):.4g}" for row in reversed(rows) if "loss" in row), "")
            self._progress.update(self._task, advance=len(rows), loss=loss)
        if candidate := CANDIDATE.search(trial.name):
            self._follow(float(candidate[1]), [float(row["loss"]) for row in rows if "loss" in row])

    def _follow(self, scale: float, losses: list[float]) -> None:
        """Move a candidate's mark: where its loss, evened out over some steps, is now."""
        lr = scale * (self._seen[2] if self._seen else 1.0)
        for loss in losses:
            self._going[lr] = self._going.get(lr, loss) + (loss - self._going.get(lr, loss)) / EVENED

    def _finish(self) -> None:
        if self._task is not None:
            task = self._progress.tasks[self._task]
            self._progress.update(self._task, total=task.completed, completed=task.completed)
