"""Its settings, and its optimizer, come out of a file that it executes."""

from pathlib import Path

import torch  # noqa: F401
import toy

model = toy.line()
exec(Path(__file__).with_name("settings.txt").read_text())
for _ in range(steps):  # noqa: F821
    toy.step(model, optimizer)  # noqa: F821
