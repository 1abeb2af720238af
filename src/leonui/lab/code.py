"""A race as Python that runs: what the page copies."""

from __future__ import annotations

import json

from leonui.lab.kinds import KINDS
from leonui.lab.wish import MOST_SAMPLES, REGRESSION, Entry, Wish


def python(wish: Wish) -> str:
    """The race in the words of leonui.landscape; it prints each climber's verdict, or its last loss."""
    return _training(wish) if wish.surface == REGRESSION else _climbing(wish)


def _climbing(wish: Wish) -> str:
    how, own = wish.conditions, ":" in wish.surface
    place = f"own({_quoted(wish.surface)})" if own else f"SURFACES[{_quoted(wish.surface)}]"
    lines = _imports(wish, ["Climber", "Conditions", "climb", "own" if own else "SURFACES"])
    lines += [f"how = Conditions(steps={how.steps}, noise={how.noise:g}, batch={how.batch}, seed={how.seed})"]
    lines += ["for climber in ("]
    lines += [f"    {_climber(entry, how.steps)}," for entry in wish.entries]
    lines += ["):", f"    path = climb({place}, climber, {wish.start!r}, how)"]
    return "\n".join([*lines, "    print(climber.optimizer, climber.lr, path.verdict, path.losses[-1])", ""])


def _training(wish: Wish) -> str:
    lines = _imports(wish, ["Climber", "train"])
    for entry in wish.entries:
        climber = _climber(entry, max(1, MOST_SAMPLES // entry.batch))
        lines += [f"found = train({climber}, batch={entry.batch}, budget={MOST_SAMPLES}, seed={wish.conditions.seed})"]
        lines += ["print(found.steps, found.losses[-1])"]
    return "\n".join([*lines, ""])


def _imports(wish: Wish, names: list[str]) -> list[str]:
    scheduled = any(entry.schedule for entry in wish.entries)
    parse = ["from leonui.schedule import parse"] if scheduled else []
    order = sorted(names, key=lambda name: (not name.isupper(), name.islower(), name))
    return [f"from leonui.landscape import {', '.join(order)}", *parse, ""]


def _climber(entry: Entry, steps: int) -> str:
    given = [
        f"{_quoted(name)}: parse({_quoted(value)})" if name == "schedule" else f"{_quoted(name)}: {value!r}"
        for name, value in entry.settings(steps).items()
    ]
    more = f", {{{', '.join(given)}}}" if given else ""
    return f'Climber("{KINDS[entry.kind].optimizer}", {entry.lr!r}{more})'


def _quoted(text: str) -> str:
    """A text as this project writes it: in double quotes."""
    return json.dumps(text, ensure_ascii=False)
