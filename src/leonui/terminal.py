"""What a person sees in the terminal: progress with time left, then the verdict first."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from leonui.picture import draw
from leonui.record import Row
from leonui.trial.trial import Trial
from leonui.words import mark, translate

if TYPE_CHECKING:
    from leonui.finder import Search

VERDICTS = {
    "better": mark("Better"),
    "no_difference": mark("No difference found"),
    "worse": mark("Your own setting is the better one: keep it"),
}
UNFINISHED = mark("not finished: this is what is known")
CANDIDATE, EVENED = re.compile(r"rung\d-([0-9.e+-]+)$"), 8
QUANTITIES = {
    "metric": mark("metric"),
    "validation": mark("validation loss"),
    "training": mark("training loss"),
}


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
            chart = draw(seen["rungs"], seen["ramp"], dict(self._going), ends, not speaks_braille())
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
        if not self._console.is_terminal and not self.quiet:
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


def show_climb(result: dict[str, Any], lang: str) -> None:
    """Print the outcome of a climb."""
    console = Console(highlight=False)

    def say(text: str, **evidence: Any) -> str:
        return escape(translate(text, lang).format(**evidence))

    if not result["complete"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if result["verdict"]:
        colour = {"better": "green", "worse": "yellow"}.get(result["verdict"], "cyan")
        console.print(
            f"[bold {colour}]{say(VERDICTS[result['verdict']])}:[/] {escape(figures(result, lang))}", soft_wrap=True
        )
    for finding in result["findings"]:
        console.print(f"[red]✖ {escape(headline(finding, lang))}[/]")
        if fix := translate(finding["fix_template"], lang).format(**finding["evidence"]):
            console.print(f"  {escape(fix)}")
    for check in result["checks"]:
        if check["ok"]:
            console.print(f"[green]✔[/] {say(check['template'], **check['evidence'])}")
    if result["pairs"]:
        console.print(_table(result, lang))
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]")
    if result["changes"]:
        console.print(say(mark("What to change:")))
    for change in result["changes"]:
        console.print(f"  {escape(place(change))}")
        console.print(f"    [red]- {escape(change['from'])}[/]", soft_wrap=True)
        console.print(f"    [green]+ {escape(change['to'])}[/]", soft_wrap=True)
    steps = result["steps"]
    console.print(say(mark("Steps: baseline {baseline}, search {search}, final {final}."), **steps))
    if result.get("report"):
        console.print(say(mark("Report: {report}"), report=result["report"]), soft_wrap=True)


STATUSES = {
    "ok": ("green", mark("lr {lr}; with 80% probability the best one is between {low} and {high}")),
    "needs_warmup": ("yellow", mark("lr {lr} (between {low} and {high}), but a warm-up would train better")),
    "overfit_horizon": ("yellow", mark("lr {lr} (between {low} and {high}), as far as short trainings can see")),
    "flat": ("yellow", mark("no rate can be given: it makes no difference that can be measured")),
    "edge": ("yellow", mark("no rate can be given: the best one lies outside of what could be tried")),
    "not_learning": ("red", mark("no rate can be given: nothing was learned at any rate")),
}


def show_lr(result: dict[str, Any], lang: str) -> None:
    """Print what a search for the learning rate found."""
    console = Console(highlight=False)

    def say(text: str, **evidence: Any) -> str:
        return escape(translate(text, lang).format(**evidence))

    if not result["complete"] and not result["findings"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if result["rungs"] or not result["findings"]:
        colour, words = STATUSES[result["status"]]
        low, high = result["interval"] or (None, None)
        if result["lr"] and not result["interval"]:
            colour, words = "cyan", mark("lr {lr}, by the steepest point of a range test, divided by 10")
        console.print(f"[bold {colour}]{say(words, lr=number(result['lr']), low=number(low), high=number(high))}[/]")
    for name, lr in (result.get("suggestions") or {}).items():
        console.print(f"  {name:12} {number(lr)}")
    for finding in result["findings"]:
        console.print(f"[red]✖ {escape(headline(finding, lang))}[/]")
        if fix := translate(finding["fix_template"], lang).format(**finding["evidence"]):
            console.print(f"  {escape(fix)}")
    if result["lr"] and result["lost"]:
        console.print(_losses(result, lang))
    for row in result.get("contenders") or []:
        console.print(f"  {escape(row['name']):32} lr {number(row['lr']):10} loss {number(row['loss'])}")
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]")
    for line in result["patch"].splitlines():
        console.print(Text(line, {"-": "red", "+": "green"}.get(line[:1], "dim")), soft_wrap=True)
    if result["steps"]:
        words = mark("Steps: {steps}; a run has {horizon}.") if result["horizon"] else mark("Steps: {steps}.")
        console.print(say(words, steps=result["steps"], horizon=result["horizon"]))
    if result.get("report"):
        console.print(say(mark("Report: {report}"), report=result["report"]), soft_wrap=True)


def _losses(result: dict[str, Any], lang: str) -> Table:
    """What being off would cost."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(translate(mark("predicted share of progress lost"), lang))
    for row in result["lost"]:
        table.add_column(f"{row['factor']:g}x", justify="right")
    for side, words in (("low", mark("rate too low by")), ("high", mark("rate too high by"))):
        table.add_row(translate(words, lang), *(f"{row[side]:.1%}" for row in result["lost"]))
    return table


ADVICE = mark(
    "lr is the one to begin with, bytes those of weight and state for each float32 weight, a source without a name is "
    "on arXiv. AdamW when in doubt; leonui climb tells what your script gains by another lr."
)
MARKS = {True: "[green]✔[/]", False: "[red]✖[/]", None: "[dim]·[/]"}


def show_conformance(report: Any) -> None:
    """Print the table of a conformance report: a failure says what it breaks, the last line counts."""
    console = Console(highlight=False)
    table = Table("", "check", "measured", box=None, pad_edge=False, title=escape(report.target), title_justify="left")
    for row in report.rows:
        prefix = "not applicable: " if row.outcome == "not applicable" else ""
        detail = prefix + escape(row.detail)
        if row.ok is False:
            detail += f"\n[dim]{escape(row.breaks)}[/]"
        table.add_row(MARKS[row.ok], escape(row.name), detail)
    console.print(table)
    for note in report.notes:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    judged, failed = sum(row.ok is not None for row in report.rows), len(report.failures)
    console.print(f"{judged - failed} of {judged} checks passed, {failed} failed")


def show_optimizers(rows: list[dict[str, Any]], lang: str) -> None:
    """Print which optimizer to use when."""
    table = Table(box=None, pad_edge=False)
    table.add_column(translate(mark("optimizer"), lang), no_wrap=True)
    table.add_column(translate(mark("use it for"), lang), min_width=24)
    table.add_column("lr")
    table.add_column(translate(mark("bytes"), lang), justify="right")
    table.add_column(translate(mark("source"), lang), no_wrap=True)
    for row in rows:
        table.add_row(row["name"], translate(row["use"], lang), row["lr"], f"{row['bytes']:.3g}", row["source"])
    console = Console(highlight=False)
    console.print(table)
    console.print(translate(ADVICE, lang))


def show(chart: Text, path: str | None = None) -> None:
    """Print a drawn chart as it is, and where it was written to."""
    console = Console(highlight=False)
    console.print(chart, soft_wrap=True)
    if path:
        console.print(escape(path), soft_wrap=True)


def speaks_braille() -> bool:
    """Whether the terminal can print letters beyond ASCII."""
    return Console().encoding.lower().startswith("utf")


def figures(result: dict[str, Any], lang: str) -> str:
    """The judged quantity before and after, with the interval of the difference."""
    key = {"training": "loss"}.get(result["judged_by"], result["judged_by"])
    before, after = ((result[who] or {}).get(key) for who in ("baseline", "climb"))
    text = f"{translate(QUANTITIES[result['judged_by']], lang)} {number(before)} -> {number(after)}"
    if result["interval"]:
        low, high = result["interval"]
        words = translate(mark("difference {difference}, 95% interval {low} to {high}"), lang)
        text += ", " + words.format(difference=number(result["difference"]), low=number(low), high=number(high))
    return f"{text}; lr {number(result['base_lr'][0])} -> {number(result['lr'])}"


def headline(finding: dict[str, Any], lang: str) -> str:
    """A finding as a compiler would write it."""
    where = f"{place(finding)}: " if finding.get("file") else ""
    return f"{where}{finding['code']} {translate(finding['template'], lang).format(**finding['evidence'])}"


def place(what: dict[str, Any]) -> str:
    """``file:line``."""
    return f"{what['file']}:{what['line']}"


def number(value: float | None) -> str:
    """Four digits, or a word where there is no finite number."""
    return "-" if value is None else f"{value:.4g}"


def fail(message: str, code: int) -> int:
    """Say on the error stream why nothing was done; returns the exit code."""
    sys.stderr.write(f"leonui: {message}\n")
    return code


def _table(result: dict[str, Any], lang: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    shown = [
        key
        for key in ("metric", "validation", "loss")
        if any(pair["climb"][key] is not None for pair in result["pairs"])
    ]
    names = {"loss": "training", "metric": "metric", "validation": "validation"}
    table.add_column(translate(mark("seed"), lang))
    for key in shown:
        for who in (mark("baseline"), mark("climb")):
            table.add_column(f"{translate(QUANTITIES[names[key]], lang)}, {translate(who, lang)}", justify="right")
    for pair in result["pairs"]:
        cells = [number(pair[who][key]) for key in shown for who in ("baseline", "climb")]
        table.add_row(str(pair["seed"]), *cells)
    return table
