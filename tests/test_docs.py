"""The documentation is true: its code runs, and what it quotes is what stands in the code."""

import inspect
import re
from pathlib import Path

from leonui import rules

DOCS = Path(__file__).parents[1] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "optim.md").read_text(), re.DOTALL)


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
