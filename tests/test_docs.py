"""The documentation is true: its code runs, and what it quotes is what stands in the code."""

import html
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import leonui
from leonui import rules
from leonui.doctor.explain import known
from leonui.words import translate
from tests import lesson
from tests.browser import Visit, launched
from tests.test_architecture import STAIRCASE

DOCS = Path(__file__).parents[1] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "optim.md").read_text(), re.DOTALL)
OTHER = {"LAMB", "LARS", "SOAP"}  # optimizers that are written as codes are


def opened(path: str):
    """A program of the documentation, as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, DOCS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generated, pictures = opened("site/generated.py"), opened("pictures.py")


def test_the_training_loop_runs_and_learns(capsys):
    loop = BLOCKS[0]
    assert len([line for line in loop.splitlines() if line.strip()]) <= 40
    exec(loop, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["group", "tensors", "elements", "settings", "such", "as"]
    assert any(line.startswith("numba: 6 tensors") for line in lines)
    accuracy = float(lines[-1].split("%")[0].removeprefix("accuracy "))
    assert accuracy > 88
    assert lines[-1].endswith("0 steps skipped because they were not finite")


def test_the_rule_that_is_quoted_is_the_rule():
    source = inspect.getsource(rules.adam.function)
    bare = re.sub(r'    """.*?"""\n', "", source, flags=re.DOTALL)
    assert BLOCKS[1].strip() == bare.strip()


# the lesson


@pytest.mark.parametrize("page", [page for page in lesson.pages() if lesson.blocks(page)], ids=lambda page: page.stem)
def test_the_lessons_code_prints_what_the_page_says(page, alone):
    space = {"__name__": "lesson"}
    for block in lesson.blocks(page):
        if not block.slow:
            assert lesson.agree(heard := lesson.printed(block, space), block.said), heard


@pytest.mark.slow
@pytest.mark.parametrize(
    "block", [b for page in lesson.pages() for b in lesson.blocks(page) if b.slow], ids=lambda block: block.code[:30]
)
def test_what_takes_long_prints_what_the_page_says(block, alone):
    assert lesson.agree(heard := lesson.printed(block, {"leonui": leonui}), block.said), heard


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """One thread, at the root of the repository, runs elsewhere."""
    monkeypatch.chdir(lesson.ROOT)
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("loss 0.500\n", "loss 0.510\n", True),
        ("loss 0.500\n", "loss 0.600\n", False),
        ("loss 0.500\n", "gain 0.500\n", False),
        ("a  1.00", "a 1.01", True),
        ("[1, 2]", "[1]", False),
        ("1e-10", "9e-11", True),
        ("-0.5", "0.5", False),
    ],
)
def test_what_counts_as_the_same(one, other, same):
    assert lesson.agree(one, other) is same


def test_both_languages_have_the_same_pages_code_and_pictures():
    ours, theirs = (sorted(path.relative_to(at) for path in at.rglob("*.md")) for at in (DOCS, DOCS / "vi"))
    assert [path for path in ours if path.parts[0] != "vi"] == theirs
    for page in lesson.pages():
        assert lesson.blocks(page) == lesson.blocks(lesson.TRANSLATED / page.name)
        texts = [(folder / page.name).read_text() for folder in (lesson.LESSON, lesson.TRANSLATED)]
        assert len({tuple(re.findall(r"pictures/\w+\.svg", text)) for text in texts}) == 1


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_codes_that_are_named_are_known(page):
    assert set(re.findall(r"`([A-Z]{4,}(?:-[A-Z]+)*|[A-Z]+(?:-[A-Z]+)+)`", page.read_text())) <= set(known()) | OTHER


# the pictures


def test_every_picture_is_shown_and_every_one_that_is_shown_can_be_drawn():
    shown = {name for page in lesson.pages() for name in re.findall(r"pictures/(\w+)\.svg", page.read_text())}
    assert shown == set(pictures.PICTURES) == {path.stem for path in pictures.PLACE.glob("*")}


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_says_how_it_was_made(name):
    text = html.unescape((pictures.PLACE / f"{name}.svg").read_text())
    assert len(text) < 150_000
    assert all(re.search(word, text) for word in ("step", "randomness|seed", r"\brate|\blr|step size"))


def test_a_picture_is_drawn_from_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "PLACE", tmp_path)
    drawn = pictures.picture("clip").read_text()
    assert figures(drawn) == pytest.approx(figures((DOCS / "lesson/pictures/clip.svg").read_text()), abs=0.5)


def figures(svg: str) -> list[float]:
    """The coordinates of a picture's lines."""
    return [float(one) for path in re.findall(r' d="([^"]+)"', svg) for one in re.findall(r"-?\d+\.?\d*", path)]


# the site


def test_the_staircase_is_the_one_that_is_held():
    words = re.findall(r"<code[^>]*>([^<]+)</code>", generated.staircase("en"))
    assert sorted(words) == sorted(STAIRCASE.split())
    assert [word for word in words if not generated.story(word)] == ["trial.inject"]


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_the_faults_are_those_that_explain_tells(lang):
    text = generated.faults(lang)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(known())
    assert all(translate(about.mend, lang) in text for about in known().values())


def test_every_public_name_is_on_the_page_of_names():
    text = generated.names("en")
    named = set(re.findall(r":: (leonui\.[\w.]+)$", text, re.MULTILINE))
    assert {f"leonui.{name}" for name in leonui.__all__} <= named
    assert {"leonui.optim.Muon", "leonui.schedule.cosine", "leonui.clip.agc", "leonui.optim.groups"} <= named


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("x**2 and a*b", r"x\*\*2 and a\*b"),
        ("``x**2`` and |g|", r"``x**2`` and \|g\|"),
        (">>> a * b", ">>> a * b"),
        ("groups_ and a_b", r"groups\_ and a_b"),
    ],
)
def test_docstrings_are_plain_sentences(given, expected):
    lines = [given]
    generated.plain(None, "", "", None, None, lines)
    assert lines == [expected]


@pytest.mark.parametrize("lang", ["en", pytest.param("vi", marks=pytest.mark.slow)])
def test_the_site_is_built_without_a_warning_and_fits_a_telephone(lang, tmp_path):
    source = DOCS / ("vi" if lang == "vi" else "")
    command = [sys.executable, "-m", "sphinx", "-qW", "-c", str(DOCS / "site"), "-D", f"language={lang}", str(source)]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, timeout=300, cwd=lesson.ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    with launched() as browser:
        for page in ("index", "lesson/5-adaptive", "metrics", "api"):
            visit = Visit(browser, tmp_path / f"{page}.html", viewport={"width": 375, "height": 800})
            assert (visit.overflow, visit.troubles) == (0, [])
            assert [url for url in visit.requests if not url.startswith("file:")] == []
            assert visit.page.get_attribute("html", "lang") == lang
            broken = "() => [...document.images].filter(one => !one.complete || !one.naturalWidth).length"
            assert visit.page.evaluate(broken) == 0
            assert "leonui:" not in visit.page.inner_text("article")[:2000]
