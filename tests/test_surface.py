"""The public surface: what ``leonui`` has, that it is documented, and that the examples in the code are true."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

import leonui

SOURCE = Path(leonui.__file__).parent
EXAMPLES = [
    ".".join(("leonui", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>>" in path.read_text()
]


def test_all_is_what_there_is():
    assert leonui.__all__ == sorted(leonui.__all__)
    assert set(dir(leonui)) == {*leonui.__all__, "__version__"}
    assert set(leonui.__all__) == {*leonui._HOMES, *leonui._ROOMS} == typed_names()


def typed_names() -> set[str]:
    """The names that a type checker sees: those imported under TYPE_CHECKING."""
    (block,) = (node for node in ast.parse((SOURCE / "__init__.py").read_text()).body if isinstance(node, ast.If))
    return {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("name", leonui._HOMES)
def test_every_public_name_is_there_and_says_what_it_is(name):
    it = getattr(leonui, name)
    assert it.__name__ == name
    assert it.__module__ == f"leonui.{leonui._HOMES[name]}"
    assert it.__doc__
    if isinstance(it, type):
        public = [key for key, value in vars(it).items() if callable(value) and not key.startswith("_")]
        assert [key for key in public if not getattr(it, key).__doc__] == []


@pytest.mark.parametrize("name", ["Climb", "Optim", "_x", "Log"])
def test_what_is_not_there_is_an_error_with_a_remedy(name):
    with pytest.raises(AttributeError) as error:
        getattr(leonui, name)
    assert str(error.value) == f"leonui has no {name!r}; it has {', '.join(leonui.__all__)}"


@pytest.mark.parametrize("name", leonui._ROOMS)
def test_every_room_opens_and_says_what_it_is(name):
    room = getattr(leonui, name)
    assert room.__name__ == f"leonui.{name}"
    assert room.__doc__


def test_a_star_import_has_it_all():
    space = {}
    exec("from leonui import *", space)
    assert set(leonui.__all__) <= set(space)


def test_there_are_examples():
    assert len(EXAMPLES) >= 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEONUI_RUNS", raising=False)
    done = doctest.testmod(import_module(name))
    assert done.attempted > 0
    assert done.failed == 0


def test_an_example_that_is_wrong_is_caught():
    (wrong,) = doctest.DocTestFinder().find("    >>> 1 + 1\n    3\n", "wrong")
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda text: None).failed == 1
