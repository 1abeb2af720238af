"""The staircase: imports go only downward, files on one step are strangers; and the rules of the house."""

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "leonui"

# from the top down; one word is one file, or one package that keeps house inside
STAIRCASE = """
__main__
cli
command
preview terminal
ascent lab race integrations
rate survey
conformance doctor finder report
trial.walk
trial.live trial.runner trial.inject trial.judge
trial.camp trial.trial trial.probe trial.recipe
trial.snapshot
trial.process
trial.plan
trial.intervention trial.program trial.call
landscape ppo
optim
engine
rules schedule clip
finding runs
record words machine range_test patch
"""
PROBE = """
__init__
probe
hooks meter track
exam act memory
look moved modes losses treat
flow culprit merged aligned bounds one_batch guest
pairs mixing units level slope targets stale order anatomy ledger seeds crew glide aside curvature rewind guard scaled
samples
course tensors compiled place
"""
# packages whose files may know each other
KEEPS_HOUSE = (
    "cli",
    "command",
    "terminal",
    "landscape",
    "lab",
    "ppo",
    "ascent",
    "race",
    "rate",
    "survey",
    "finder",
    "doctor",
    "report",
    "schedule",
    "conformance",
    "optim",
    "rules",
)
ENGINE = """
__init__
march
optimizer
machines averages saved caution
cpu gpu eager
numba_source triton_source
printer arrays kernels native shards
graph seat
storage stats
"""
INSIDE = {"trial.probe": PROBE, "engine": ENGINE}
# what may know fewer than everything below it
ONLY = {"report": {"record", "finding", "words"}, "trial.call": set(), "machine": set()}
GROUND = ("record", "finding", "schedule", "words", "runs", "machine", "report")
NAMELESS = {"utils", "util", "helpers", "helper", "base", "common", "misc", "core", "tools"}
LINES, PARAMETERS, LONGEST, MEDIAN = 350, 9, 60, 10


def module(path: Path) -> str:
    """The module of a file, as it is named below leonui; a package by its own name."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "__init__"


FILES = {module(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports(source: str, home: str, exempt: bool) -> Iterator[tuple[str, int]]:
    """Every module of leonui that a source imports, anywhere in it, and the line; under TYPE_CHECKING if not exempt."""
    tree = ast.parse(source)
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    passed = {id(node) for block in blocks for node in ast.walk(block)} if exempt else set()
    for node in ast.walk(tree):
        if id(node) in passed:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = f"leonui.{home}".split(".")
                package = package[: len(package) - node.level + (home in FILES and FILES[home].stem == "__init__")]
                base = ".".join([*package, *filter(None, [node.module])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("leonui.") in FILES else base for name in names]
        else:
            continue
        for name in names:
            if name.startswith("leonui."):
                yield name.removeprefix("leonui."), node.lineno


def levels(stairs: str) -> dict[str, int]:
    """The height of each word: the ground is 0."""
    return {word: height for height, line in enumerate(reversed(stairs.split("\n"))) for word in line.split()}


def step(name: str, heights: dict[str, int]) -> str | None:
    """The step of a module: its own, or that of the package it lives in."""
    while name and name not in heights:
        name = name.rpartition(".")[0]
    return name or None


def house(name: str) -> str:
    """The package with a staircase of its own that a module lives in, if any."""
    return next((package for package in INSIDE if f"{name}.".startswith(f"{package}.")), "")


def room(name: str) -> str:
    """The word of a module within its house."""
    return f"{name.removeprefix(house(name))}.__init__".strip(".").split(".")[0]


def offences(name: str, source: str) -> list[str]:
    """Every import of a source that does not go down."""
    exempt = name == "__init__" or name.startswith("trial.probe")
    found = []
    for target, line in imports(source, name, exempt):
        heights, here, there = levels(STAIRCASE), name, target
        if house(name) and house(name) == house(target):
            heights, here, there = levels(INSIDE[house(name)]), room(name), room(target)
        ours, theirs = step(here, heights), step(there, heights)
        inside = ours == theirs and ours in KEEPS_HOUSE
        below = None not in (ours, theirs) and heights[theirs] < heights[ours] and theirs in ONLY.get(ours, {theirs})
        if not (inside or below):
            found.append(f"leonui.{name}:{line} imports leonui.{target}")
    return found


@pytest.mark.parametrize("name", [name for name in FILES if name != "trial"])
def test_imports_go_down(name):
    if name != "__init__":
        heights, word = (levels(INSIDE[house(name)]), room(name)) if house(name) else (levels(STAIRCASE), name)
        assert step(word, heights), f"give leonui.{name} a step of the staircase"
    assert offences(name, FILES[name].read_text()) == []


def test_every_step_is_there():
    assert [word for word in levels(STAIRCASE) if not any(f"{name}.".startswith(f"{word}.") for name in FILES)] == []
    for package, stairs in INSIDE.items():
        assert {f"{package}.{word}" for word in levels(stairs)} - {f"{package}.__init__"} <= set(FILES)


@pytest.mark.parametrize(
    ("name", "source", "count"),
    [
        ("record", "from leonui.words import translate", 1),
        ("record", "import leonui.ascent", 1),
        ("record", "def late():\n    from leonui import cli", 1),
        ("record", "from . import cli", 1),
        ("trial.plan", "from .intervention import Intervention", 0),
        ("trial.plan", "from ..climb import Climb", 1),
        ("trial.camp", "from leonui.trial.trial import Trial", 1),
        ("trial.runner", "from leonui.trial import live", 1),
        ("trial.probe.act", "from leonui.trial.probe.exam import Exam", 1),
        ("trial.probe.act", "from leonui.trial.probe import start", 1),
        ("trial.probe.probe", "from leonui.trial.probe.act import Act", 0),
        ("engine.cpu", "from leonui.engine.gpu import Gpu", 1),
        ("engine.cpu", "from leonui.engine.optimizer import Engine", 1),
        ("engine.optimizer", "from leonui.engine import shards\nfrom leonui.clip import factor", 0),
        ("rules.adam", "from leonui.engine import Engine", 1),
        ("schedule.text", "from leonui.clip import factor", 1),
        ("finder", "from leonui.doctor.first import first_checks", 1),
        ("finder", "from leonui.trial.runner import Runner\nfrom leonui.schedule import ramp", 0),
        ("report.page", "from leonui.runs import home", 1),
        ("report.page", "from leonui.record import Record\nfrom leonui.report.text import t", 0),
        ("command", "from leonui.cli import main", 1),
        ("command", "from leonui import __version__, runs", 0),
        ("climb", "from leonui.somewhere import thing", 1),
        ("climb", "import torch, json\nfrom pathlib import Path", 0),
        ("finder", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from leonui.ascent import Climb", 1),
        ("trial.probe.hooks", "if TYPE_CHECKING:\n    from leonui.trial.probe.probe import Probe", 0),
        ("__init__", "if TYPE_CHECKING:\n    from leonui.trial.live import watch", 0),
        ("__init__", "from leonui.trial.live import watch", 1),
    ],
)
def test_what_goes_up_is_caught(name, source, count):
    assert len(offences(name, source)) == count


# rules of the house: each gives the offences of one file


def lines(path: Path, tree: ast.Module) -> list[str]:
    count = len(path.read_text().splitlines())
    return [f"{path.name}: {count} lines"] if count > LINES else []


def names(path: Path, tree: ast.Module) -> list[str]:
    return [part for part in (path.stem, *path.parent.relative_to(path.parents[2]).parts) if part in NAMELESS]


def parameters(path: Path, tree: ast.Module) -> list[str]:
    """Constructors with too many parameters, those that a dataclass writes among them."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            count = len(fields(node))
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    count = len(method.args.posonlyargs + method.args.args + method.args.kwonlyargs) - 1
            found += [f"{path.name}: {node.name} has {count}"] if count > PARAMETERS else []
    return found


def fields(cls: ast.ClassDef) -> list[ast.AnnAssign]:
    if not any("dataclass" in ast.unparse(decorator) for decorator in cls.decorator_list):
        return []
    return [
        node
        for node in cls.body
        if isinstance(node, ast.AnnAssign)
        and not (node.value and "init=False" in ast.unparse(node.value).replace(" ", ""))
        and "ClassVar" not in ast.unparse(node.annotation)
    ]


def lengths(tree: ast.Module) -> dict[str, int]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{node.name}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1 for node in found}


def long_functions(path: Path, tree: ast.Module) -> list[str]:
    return [f"{path.name}: {name} has {count} lines" for name, count in lengths(tree).items() if count > LONGEST]


def docstrings(path: Path, tree: ast.Module) -> list[str]:
    """What is public and does not say in the first line of its docstring, in a whole sentence, what it is."""

    def visit(node: ast.AST, name: str) -> Iterator[str]:
        said = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else "."
        if not (said or "").partition("\n")[0].rstrip().endswith((".", "?", "!")):
            yield f"{path.name}: {name}"
        for child in node.body if isinstance(node, ast.Module | ast.ClassDef) else []:
            if isinstance(child, DOCUMENTED) and not child.name.startswith("_") and not overloads(child):
                yield from visit(child, child.name)

    return list(visit(tree, "the module"))


def overloads(node: ast.AST) -> bool:
    return any(ast.unparse(one) == "overload" for one in getattr(node, "decorator_list", ()))


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
RULES = {rule.__name__: rule for rule in (lines, names, parameters, long_functions, docstrings)}


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_of_the_house(rule):
    assert [one for path in FILES.values() for one in RULES[rule](path, ast.parse(path.read_text()))] == []


def test_functions_are_short():
    counts = [count for path in FILES.values() for count in lengths(ast.parse(path.read_text())).values()]
    assert len(counts) > 200
    assert statistics.median(counts) <= MEDIAN


MANY = ", ".join(f"p{i}" for i in range(10))
FIELDS = "\n".join(f"    f{i}: int = 0" for i in range(10))


@pytest.mark.parametrize(
    ("rule", "file", "source", "count"),
    [
        ("lines", "a.py", '"""A."""\n' * 351, 1),
        ("lines", "a.py", '"""A."""\n' * 350, 0),
        ("names", "utils.py", "", 1),
        ("names", "helpers/a.py", "", 1),
        ("names", "based.py", "", 0),
        ("parameters", "a.py", f"class A:\n    def __init__(self, {MANY}): ...", 1),
        ("parameters", "a.py", f"class A:\n    def __init__(self, *, {MANY[4:]}): ...", 0),
        ("parameters", "a.py", f"class A:\n    def other(self, {MANY}): ...", 0),
        ("parameters", "a.py", f"@dataclass(frozen=True)\nclass A:\n{FIELDS}", 1),
        ("parameters", "a.py", f"@dataclass\nclass A:\n{FIELDS[:-1]}field(init=False)", 0),
        ("parameters", "a.py", f"class A:\n{FIELDS}", 0),
        ("long_functions", "a.py", "def a():\n" + "    b()\n" * 60, 1),
        ("long_functions", "a.py", "def a():\n" + "    b()\n" * 59, 0),
        ("docstrings", "a.py", "", 1),
        ("docstrings", "a.py", '"""A."""\ndef a(): ...\nclass B: ...\ndef _c(): ...', 2),
        ("docstrings", "a.py", '"""A."""\nclass B:\n    """B."""\n    def c(self): ...\n    def _d(self): ...', 1),
        ("docstrings", "a.py", '"""A thing"""', 1),
        ("docstrings", "a.py", '"""A thing,\nthat is."""', 1),
        ("docstrings", "a.py", '"""A thing. Or\nanother one."""', 1),
        ("docstrings", "a.py", '"""A.\n\nMore"""\ndef b():\n    """B."""\n    def c(): ...', 0),
    ],
)
def test_what_breaks_a_rule_is_caught(rule, file, source, count, tmp_path):
    path = tmp_path / "leonui" / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert len(RULES[rule](path, ast.parse(source))) == count


def heavy(*modules: str) -> set[str]:
    """Which heavy libraries a fresh interpreter has imported after some modules."""
    code = f"import sys, {', '.join(modules)}\nprint(*({{'torch', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


def test_the_ground_imports_no_torch():
    assert heavy("leonui", *(f"leonui.{name}" for name in GROUND)) == set()
    assert heavy("leonui", "numpy") == {"numpy"}


def test_what_starts_trials_imports_no_torch():
    assert heavy("leonui.trial.runner", "leonui.trial.probe", "leonui.command.climb") == set()
    assert heavy("leonui.ascent", "leonui.rate") == {"numpy"}
