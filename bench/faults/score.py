"""What the visits are worth, by the oracle: tables in Markdown.

A visit's answer is its first finding. Asserted is one of class "is" or "caused by"; a visit that failed has found
nothing. Faults that the oracle does not call harmful, and recipes that it refused, are counted apart or not at all.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable

import catalogue
import healthy
import injections
import pointing
from measure import table
from oracle import CAP, Cell, Oracle
from peer_codes import CODES, TOOLS, alarms
from runs import Row

COUNTS = 0.1  # the doctor's own constant, written here because the bench asks it nothing
ASSERTED = ("is", "caused by")
SPLITS = (("development", catalogue.DEVELOP), ("reported", catalogue.REPORT), ("unseen", catalogue.UNSEEN))
Answer = tuple[Row, list[str]]  # a row, and the codes of what was said of it, the first first


def cell(row: Row) -> Cell:
    """Which script a row is of."""
    return row["kind"], row["name"], row["workload"]


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95% interval of a share."""
    share, middle = hits / count, z * z / (2 * count)
    half = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    scale = 1 + z * z / count
    return max(0.0, (share + middle - half) / scale), min(1.0, (share + middle + half) / scale)


def share(hits: int, count: int) -> str:
    """A share with its interval."""
    if not count:
        return "-"
    low, high = wilson(hits, count)
    return f"{hits}/{count} = {hits / count:.1%} ({low:.1%} to {high:.1%})"


def asserted(row: Row) -> list[str]:
    """The codes that a visit asserts."""
    return [one["code"] for one in row["findings"] if one["class"] in ASSERTED]


def said(row: Row) -> list[str]:
    """The codes of all that a visit found."""
    return [one["code"] for one in row["findings"]]


def first_asserted(row: Row) -> list[str]:
    """The code of the first finding, if that is asserted."""
    return said(row)[:1] if row["findings"] and row["findings"][0]["class"] in ASSERTED else []


def went_right(row: Row) -> bool:
    """Whether the first finding names the fault and asserts it; of a healthy script, whether nothing is asserted."""
    if row["kind"] == "healthy":
        return not _alarmed(row, asserted(row))
    return right(row, first_asserted(row))


def anew(before: list[Row], after: list[Row]) -> str:
    """What became of scripts that were visited once more after rules had been mended: right or wrong, then and now."""
    was = {_run(row): went_right(row) for row in diagnosed(before)}
    lines = []
    for split, workloads in SPLITS:
        for kind in ("fault", "healthy"):
            some = [row for row in after if row["kind"] == kind and row["workload"] in workloads]
            counts = Counter((was[_run(row)], went_right(row)) for row in some)
            if some:
                wrong, fine = (
                    f"{counts[then, True]} of {counts[then, True] + counts[then, False]}" for then in (False, True)
                )
                lines.append([split, kind, len(some), wrong, fine, _named(some)])
    head = ("workloads", "scripts", "visits", "were wrong, now right", "were right, still right", "wrong now")
    return table(head, lines)


def _named(rows: list[Row]) -> str:
    """Those that are wrong now, with what is said of them."""
    bad = [row for row in rows if not went_right(row)]
    told = (f"{row['name']} ({row['workload']}): {' '.join(said(row)[:1]) or 'nothing'}" for row in bad)
    names = Counter(told)
    return ", ".join(f"{name} {count}" if count > 1 else name for name, count in names.items()) or "-"


def answers(visits: list[Row], peers: list[Row]) -> dict[str, list[Answer]]:
    """What every tool said: ours in two readings, the peers in theirs."""
    plain = diagnosed(visits)
    found = {"leonui, asserted": [(row, first_asserted(row)) for row in plain]}
    found["leonui, any class"] = [(row, said(row)) for row in plain]
    return found | {tool: [(row, alarms(tool, row["peers"])) for row in peers] for tool in TOOLS}


def diagnosed(visits: list[Row]) -> list[Row]:
    """One visit of each run: one that mended nothing, or, where there is none, what was said before mending."""
    runs = {_run(row): row for row in sorted(visits, key=lambda row: not row["fix"])}
    return list(runs.values())


def right(row: Row, codes: list[str]) -> bool:
    """Whether the first thing said names the fault; a peer's word may stand for several codes."""
    accepted = injections.FAULTS[row["name"]].codes
    return bool(codes) and bool(CODES.get(codes[0], {codes[0]}) & set(accepted))


def false_alarms(visits: list[Row], every: dict[str, list[Answer]], oracle: Oracle) -> str:
    """Alarms on healthy runs: ours of an asserting class at any place of the list."""
    ours = {"leonui, asserted": [(row, asserted(row)) for row in diagnosed(visits)]}
    lines = []
    for tool, given in (every | ours).items():
        some = [pair for pair in given if pair[0]["kind"] == "healthy" and oracle.counts(cell(pair[0]))]
        bad = [pair for pair in some if _alarmed(*pair)]
        names = Counter(f"{row['name']} ({row['workload']})" for row, _ in bad)
        where = ", ".join(f"{name} {count}" for name, count in names.most_common(4))
        lines.append([tool, share(len(bad), len(some)), where or "-"])
    return table(("tool", "healthy runs alarmed (95% interval)", "most often"), lines)


def _alarmed(row: Row, codes: list[str]) -> bool:
    return bool(set(codes) - set(healthy.RECIPES[row["name"]].notes))


def causes(every: dict[str, list[Answer]], oracle: Oracle) -> str:
    """Recall and precision of the first cause named, on harmful faults."""
    lines = []
    for split, workloads in SPLITS:
        for tool, given in every.items():
            some = [pair for pair in _harmful(given, oracle) if pair[0]["workload"] in workloads]
            named = [pair for pair in some if pair[1]]
            hits = sum(right(*pair) for pair in named)
            lines.append([split, tool, share(hits, len(some)), share(hits, len(named)), len(some) - len(named)])
    return table(("workloads", "tool", "recall", "precision", "nothing said"), lines)


def serious(visits: list[Row], oracle: Oracle) -> str:
    """A line on the faults that lose as much as a change must gain to be called a cause."""
    some = _harmful([(row, first_asserted(row)) for row in diagnosed(visits)], oracle)
    some = [(row, codes) for row, codes in some if oracle.lost(cell(row)) >= COUNTS]
    named = [pair for pair in some if pair[1]]
    hits = sum(right(*pair) for pair in some)
    return (
        f"A change is called a cause where it wins {COUNTS:.0%} of the progress at least. Of the faults that lose as "
        f"much, on all workloads, {share(hits, len(some))} were named first and asserted, with a precision of "
        f"{share(hits, len(named))}."
    )


def _harmful(given: Iterable[Answer], oracle: Oracle) -> list[Answer]:
    return [pair for pair in given if pair[0]["kind"] == "fault" and oracle.counts(cell(pair[0]))]


def confusion(visits: list[Row], oracle: Oracle) -> str:
    """What was said first of each harmful fault, how often."""
    lines = []
    some = _harmful([(row, said(row)) for row in diagnosed(visits)], oracle)
    for name, fault in injections.FAULTS.items():
        counts = Counter((codes or ["nothing"])[0] for row, codes in some if row["name"] == name)
        if counts:
            told = ", ".join(f"{code} {count}" for code, count in counts.most_common())
            lines.append([name, " ".join(fault.codes), told])
    return table(("fault", "accepted", "said first"), lines)


def recovered(row: Row, after: float | None, oracle: Oracle) -> float | None:
    """The share of the lost loss that a repair wins back; None where what was lost is not known."""
    base, cap = oracle.healthy_final(row["workload"]), CAP * oracle.starts[row["workload"]]
    before = next((run["final"] for run in oracle.runs(cell(row)) if run["seed"] == row["seed"]), None)
    before = cap if before is None else min(before, cap)
    if before <= base:
        return None
    return 0.0 if after is None else max(-1.0, min(1.0, (before - after) / (before - base)))


def efficacy(visits: list[Row], peers: list[Row], oracle: Oracle) -> str:
    """What the doctor's repair wins back, and what a tenth of the rate with clipping does, on the same runs."""
    mended = {_run(row): (row.get("fixed") or {}).get("after") for row in visits if row["fix"]}
    naive = {_run(row): row["naive"] for row in peers}
    both = [row for row in visits if row["fix"] and _run(row) in naive and _curable(row, oracle)]
    alone = [row for row in visits if row["fix"] and _curable(row, oracle)]
    suffices = sum(bool((row.get("fixed") or {}).get("suffices")) for row in alone)
    lines = [
        _worth("leonui doctor --fix", alone, mended, oracle),
        _worth("the same, where the naive repair was run", both, mended, oracle),
        _worth("a tenth of the rate, clipped to 1", both, naive, oracle),
    ]
    head = ("repair", "runs", "median recovered", "mean recovered", "at least 90%", "none or worse")
    return f"{table(head, lines)}\n\nIt says of {share(suffices, len(alone))} of its repairs that they suffice."


def _run(row: Row) -> tuple[object, ...]:
    return (*cell(row), row["seed"])


def _curable(row: Row, oracle: Oracle) -> bool:
    """Whether it is a harmful fault of the model; there is no loss to win back where only the validation is wrong."""
    return row["kind"] == "fault" and oracle.counts(cell(row)) and not injections.FAULTS[row["name"]].misleads


def _worth(told: str, rows: list[Row], after: dict[tuple[object, ...], float | None], oracle: Oracle) -> list[object]:
    every = (recovered(row, after[_run(row)], oracle) for row in rows)
    shares = [one for one in every if one is not None]
    if not shares:
        return [told, 0, "-", "-", "-", "-"]
    middles = (f"{mean(shares):.0%}" for mean in (statistics.median, statistics.fmean))
    return [told, len(shares), *middles, _part(shares, lambda x: x >= 0.9), _part(shares, lambda x: x <= 0)]


def _part(shares: list[float], test: Callable[[float], bool]) -> str:
    return f"{statistics.fmean(map(test, shares)):.0%}"


def costs(visits: list[Row]) -> str:
    """What a visit costs: its steps over those of one run of the unedited script, and seconds."""
    lines = []
    for kind in ("healthy", "fault"):
        some = [row for row in diagnosed(visits) if row["kind"] == kind]  # to mend takes no more steps
        steps = sorted(row["steps"] / catalogue.STEPS[row["workload"]] for row in some if row["steps"] is not None)
        seconds = [row["seconds"] for row in some]
        if steps:
            figures = (statistics.median(steps), steps[int(0.9 * (len(steps) - 1))], steps[-1])
            failed = sum(row["error"] is not None for row in some)
            median = statistics.median(seconds)
            lines.append([kind, len(some), *(f"{one:.2f}" for one in figures), f"{median:.0f}", failed])
    return table(("scripts", "visits", "steps, of a run: median", "p90", "max", "seconds, median", "failed"), lines)


def inert(visits: list[Row], oracle: Oracle) -> str:
    """One line on faults that are there, and do no harm."""
    some = [row for row in diagnosed(visits) if row["kind"] == "fault" and oracle.known(cell(row))]
    some = [row for row in some if not oracle.counts(cell(row))]
    hits = sum(right(row, said(row)) for row in some)
    return f"Of faults that do no harm {share(hits, len(some))} were named." if some else "None was visited."


def pointed(visits: list[Row], oracle: Oracle) -> str:
    """Where the findings that name a fault point: a line may be edited, or the statement that the fault is about."""
    some = _harmful([(row, said(row)) for row in diagnosed(visits)], oracle)
    places = Counter(pointing.place(row) for row, codes in some if right(row, codes))
    count = sum(places.values())
    told = (f"{share(places['edited'], count)} point to a line that was edited", _part_of(places["meant"], count))
    return f"Of the faults that were named, {' and '.join(told)}; {places['nowhere']} have no line."


def _part_of(meant: int, count: int) -> str:
    return (
        f"{share(meant, count)} to the statement that the fault is about (the optimizer's construction for a rate, the "
        "step or backward for the loop, the call of the loss, the schedule, the clipping), where another line was "
        "edited: a default on the command line, a line that is gone, data"
    )


def tables(visits: list[Row], again: list[Row], peers: list[Row], oracle: Oracle) -> str:
    """All of them."""
    every = answers(visits, peers)
    parts = {
        "False alarms": false_alarms(visits, every, oracle),
        "Causes": "\n\n".join(
            [causes(every, oracle), serious(visits, oracle), pointed(visits, oracle), inert(visits, oracle)]
        ),
        "Visited once more": anew(visits, again),
        "Repairs": efficacy(visits, peers, oracle),
        "Cost": costs(visits),
        "What was said of each fault": confusion(visits, oracle),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items())
