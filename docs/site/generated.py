"""What pages say that the code knows: faults, optimizers, schedules, the staircase, the names; it cannot go stale.

A page has a place for it, ``<!-- leonui: faults -->``, and gets it in its own language when the site is built.
"""

from __future__ import annotations

import ast
import inspect
import re
from html import escape
from importlib import import_module
from pathlib import Path

import leonui
from leonui.doctor.explain import known
from leonui.optim import advice
from leonui.words import translate

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"<!-- leonui: (\w+) -->")
LABELS = {
    "en": ("How it is tested", "What looks alike", "How to mend it", "Sources"),
    "vi": ("Kiểm tra thế nào", "Điều gì trông giống vậy", "Sửa thế nào", "Nguồn"),
}
HEADS = {
    "en": ("optimizer", "use it for", "lr to begin with", "bytes a weight", "source"),
    "vi": ("bộ tối ưu", "dùng cho", "lr ban đầu", "byte mỗi trọng số", "nguồn"),
}


def filled(text: str, lang: str) -> str:
    """The text of a page with all that is generated for it."""
    return PLACE.sub(lambda found: PIECES[found[1]](lang), text)


def faults(lang: str) -> str:
    """Every code with what ``leonui explain`` tells of it."""
    return "\n".join(_fault(code, lang) for code in known())


def _fault(code: str, lang: str) -> str:
    about = known()[code]
    said = [translate(text, lang) for text in (about.test, about.alike, about.mend)]
    lines = [f"**{label}.** {text}\n" for label, text in zip(LABELS[lang], said, strict=False)]
    sources = ", ".join(f"<{source}>" for source in about.sources)
    lines += [f"**{LABELS[lang][-1]}.** {sources}\n"] if sources else []
    return "\n".join([f"## {code}\n", f"{translate(about.fault, lang)}\n", *lines])


def optimizers(lang: str) -> str:
    """The table of ``leonui optimizers``."""
    rows = [
        f"| `{one.name}` | {translate(one.use, lang)} | {one.lr} | {one.bytes:.3g} | {_source(one.source)} |"
        for one in advice()
    ]
    return "\n".join([f"| {' | '.join(HEADS[lang])} |", "|---|---|---|---|---|", *rows])


def _source(text: str) -> str:
    return f"[{text}](https://arxiv.org/abs/{text})" if re.fullmatch(r"\d{4}\.\d{5}", text) else text


def staircase(lang: str) -> str:
    """The architecture, drawn from the words by which a test holds it: a step a line, from the top down."""
    steps = [
        f'<li style="--step: {height}">{"".join(map(_room, line.split()))}</li>'
        for height, line in enumerate(stairs("STAIRCASE"))
    ]
    return "\n".join(['<ol class="stairs">', *steps, "</ol>"])


def stairs(name: str) -> list[str]:
    """The lines of a staircase as tests/test_architecture.py has it."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text())
    values = {node.targets[0].id: node.value for node in tree.body if _named(node)}
    return ast.literal_eval(values[name]).split("\n")[1:-1]


def _named(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def _room(name: str) -> str:
    return f'<code title="{escape(story(name))}">{name}</code>'


def story(name: str) -> str:
    """What a module says that it is, in one sentence; it is read, not imported."""
    place = ROOT / "src" / "leonui" / Path(*name.split("."))
    file = next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)
    told = ast.get_docstring(ast.parse(file.read_text())) if file else None
    return (told or "").partition("\n")[0]


def rooms(lang: str) -> str:
    """Each word of the staircase with the sentence in which it says what it is."""
    words = [word for line in stairs("STAIRCASE") for word in line.split()]
    return "\n".join(["| | |", "|---|---|", *(f"| `{word}` | {story(word)} |" for word in words if story(word))])


def names(lang: str) -> str:
    """The public surface for autodoc: all names of leonui, then the rooms and what is in them."""
    classes = [_documented("leonui", name) for name in leonui._HOMES]
    return "\n".join([*classes, *(f"\n## leonui.{room}\n\n{_room_of(room)}" for room in leonui._ROOMS)])


def _room_of(room: str) -> str:
    module = import_module(f"leonui.{room}")
    held = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    public = [name for name in held if _ours(getattr(module, name), module)]
    opening = f"```{{eval-rst}}\n.. automodule:: leonui.{room}\n   :no-members:\n```\n"
    return "\n".join([opening, *(_documented(f"leonui.{room}", name) for name in public)])


def _ours(it: object, module: object) -> bool:
    """Whether a page is to tell of it: classes and functions of this room, not what it imports from elsewhere."""
    home = str(getattr(it, "__module__", ""))
    documented = getattr(it, "__name__", "") in leonui._HOMES
    known = inspect.isclass(it) or inspect.isfunction(it)
    return known and not documented and home.startswith(str(getattr(module, "__name__", "?")))


def _documented(home: str, name: str) -> str:
    it = getattr(import_module(home), name)
    kind, members = ("autoclass", "\n   :members:") if inspect.isclass(it) else ("autofunction", "")
    return f"```{{eval-rst}}\n.. {kind}:: {home}.{name}{members}\n```\n"


def plain(app: object, what: str, name: str, it: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain sentences with ``code`` and examples in them: no other mark of RST is meant."""
    lines[:] = [line if line.lstrip().startswith((">>>", "...")) else _unmarked(line) for line in lines]


def _unmarked(line: str) -> str:
    parts = re.split(r"(``.*?``)", line)
    return "".join(
        part if part.startswith("``") else re.sub(r"([*|`\\]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts
    )


PIECES = {piece.__name__: piece for piece in (faults, optimizers, staircase, rooms, names)}
