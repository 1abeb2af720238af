"""The commands over well-known public training scripts that need no download: python bench/public.py FOLDER.

FOLDER holds the repositories, each under its own name; none is part of this one. It leaves
bench/results/public.json and a section of docs/results.md: what each command said, or why it could not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure import section, write

# repository and folder in it, what makes its data, the program
SCRIPTS = (
    ("examples/regression", (), ("main.py",)),
    ("examples/time_sequence_prediction", ("generate_sine_wave.py",), ("train.py", "--steps", "6")),
)
COMMANDS = {"doctor": (), "lr": (), "climb": ("--seeds", "1")}
PATIENCE = 300  # seconds a command


def visit(folder: Path, command: str, program: tuple[str, ...]) -> dict[str, Any]:
    """What one command says about one script, in short."""
    began = time.monotonic()
    line = [sys.executable, "-m", "leonui", command, "--json", *COMMANDS[command], *program]
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
        said = json.loads(done.stdout) if done.stdout.startswith("{") else {"error": done.stderr[-300:]}
    except subprocess.TimeoutExpired:
        said = {"error": f"not done after {PATIENCE} s"}
    short = {"command": command, "seconds": round(time.monotonic() - began, 1), **brief(said)}
    print(folder.name, short, flush=True)
    return short


def brief(said: dict[str, Any]) -> dict[str, Any]:
    """Verdict, status, rate, findings with their lines, or the error."""
    kept = {key: said[key] for key in ("error", "verdict", "status", "lr", "steps") if said.get(key) is not None}
    told = [f"{one['code']} ({one['class']}), {_place(one)}" for one in said.get("findings", ())]
    return kept | {"findings": told}


def _place(finding: dict[str, Any]) -> str:
    return f"{Path(finding['file']).name}:{finding['line']}" if finding["file"] else "no line"


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["## Public scripts", "", "As they are, with `python bench/public.py FOLDER`.", ""]
    lines += ["| script | command | said | seconds |", "|---|---|---|---|"]
    for row in rows:
        rate = [f"lr {row['lr']:.3g}"] if "lr" in row else []
        words = [row.get("error", ""), row.get("verdict", ""), row.get("status", ""), *rate, *row["findings"]]
        said = "; ".join(filter(None, words)).replace("|", "/").replace("\n", " ")
        lines.append(f"| {row['script']} | {row['command']} | {said} | {row['seconds']:.0f} |")
    return "\n".join(lines)


def main(root: Path) -> None:
    """Visit every script that is there."""
    os.environ["LC_ALL"] = "C.UTF-8"
    rows = []
    for name, makers, program in SCRIPTS:
        folder = root / name
        if not folder.is_dir():
            continue
        for maker in makers:
            subprocess.run([sys.executable, maker], cwd=folder, check=True)
        rows += [{"script": f"{name}/{program[0]}"} | visit(folder, command, program) for command in COMMANDS]
    write("public", rows)
    section("public", table(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
