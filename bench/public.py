"""The commands over well-known public training scripts that need no download: python bench/public.py FOLDER [NAME ...].

FOLDER holds the repositories, each under its own name; none is part of this one. What a script reads and its
repository does not hold is made here, of the text of Python's own library. It leaves bench/results/public.json, which
goes on where it stands, and a section of docs/results.md: what each command said, or why it could not.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import subprocess
import sys
import time
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import RESULTS, section, table, write

COMMANDS = {"doctor": (), "lr": (), "climb": ("--seeds", "1")}
TEXTS = (argparse, subprocess, typing)  # for the first file that is read, the second, the third
PATIENCE = 900  # seconds a command


@dataclass(frozen=True)
class Script:
    """One script, unchanged: where it is started, its own words, and what makes the data that it reads."""

    folder: str
    words: str
    reads: tuple[str, ...] = ()  # files that hold the local text
    makes: str = ""  # a script of the repository's own that makes data
    path: str = ""  # what stands on PYTHONPATH, as its README says
    also: str = ""  # words that make it smaller, and that the table does not show

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.folder}: {self.words}"

    @property
    def line(self) -> list[str]:
        """All its words."""
        return [*self.words.split(), *self.also.split()]


SHORT_GPT = (
    "--device=cpu --compile=False --eval_iters=5 --eval_interval=100 --log_interval=50 --block_size=32 --batch_size=12 "
    "--n_layer=2 --n_head=2 --n_embd=32 --max_iters=200 --lr_decay_iters=200 --warmup_iters=20 --dropout=0.0"
)
SHORT_WORDS = "--data local --emsize 32 --nhid 32 --epochs 2"
CORPUS = ("local/train.txt", "local/valid.txt", "local/test.txt")
SHORT_MINGPT = "--trainer.max_iters=200 --trainer.num_workers=0"
SCRIPTS = (
    Script("examples/regression", "main.py"),
    Script("examples/time_sequence_prediction", "train.py --steps 2", makes="generate_sine_wave.py"),
    Script("examples/word_language_model", "main.py", CORPUS, also=SHORT_WORDS),
    Script("examples/word_language_model", "main.py --use-optimizer", CORPUS, also=SHORT_WORDS),
    Script(
        "examples/word_language_model",
        "main.py --use-optimizer --lr 0.001 --model Transformer",
        CORPUS,
        also=SHORT_WORDS,
    ),
    Script(
        "nanoGPT",
        "train.py config/train_shakespeare_char.py",
        ("data/shakespeare_char/input.txt",),
        "data/shakespeare_char/prepare.py",
        also=SHORT_GPT,
    ),
    Script("minGPT", "projects/adder/adder.py", path=".", also=SHORT_MINGPT),
    Script(
        "minGPT",
        "projects/chargpt/chargpt.py --model.model_type=gpt-nano",
        ("input.txt",),
        path=".",
        also=f"--data.block_size=32 {SHORT_MINGPT}",
    ),
    Script("makemore", "makemore.py --type mlp", also="--max-steps 300 --num-workers 0"),
    Script("makemore", "makemore.py --type transformer", also="--n-layer 2 --n-embd 32 --max-steps 150"),
    Script("cleanrl", "cleanrl/ppo.py", also="--total-timesteps 10000 --no-cuda"),
)


def visit(script: Script, folder: Path, command: str) -> dict[str, Any]:
    """What one command says about one script, in short."""
    began = time.monotonic()
    line = [sys.executable, "-m", "leonui", command, "--json", *COMMANDS[command], *script.line]
    told = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (script.path, os.environ.get("PYTHONPATH"))))}
    try:
        done = subprocess.run(line, cwd=folder, env=told, capture_output=True, text=True, timeout=PATIENCE)
        said = json.loads(done.stdout) if done.stdout.startswith("{") else {"error": done.stderr[-300:]}
    except subprocess.TimeoutExpired:
        said = {"error": f"not done after {PATIENCE} s"}
    short = {"script": script.name, "command": command, "seconds": round(time.monotonic() - began, 1), **brief(said)}
    print(short, flush=True)
    return short


def brief(said: dict[str, Any]) -> dict[str, Any]:
    """Verdict, status, rate, losses, findings with their lines, or the error."""
    kept = {key: said[key] for key in ("error", "verdict", "status", "lr") if said.get(key) is not None}
    for who in ("baseline", "climb"):
        if said.get(who):
            kept[who] = said[who]["loss"]
    told = [f"{one['code']} ({one['class']}), {_place(one)}" for one in said.get("findings", ())]
    return kept | {"findings": told}


def _place(finding: dict[str, Any]) -> str:
    return f"{Path(finding['file']).name}:{finding['line']}" if finding["file"] else "no line"


def words(row: dict[str, Any]) -> str:
    """A row's last column."""
    rate = [f"lr {row['lr']:.3g}"] if "lr" in row else []
    losses = [f"loss {row['baseline']:.3g} -> {row['climb']:.3g}"] if row.get("climb") else []
    said = [row.get("error", ""), row.get("verdict", ""), row.get("status", ""), *rate, *losses, *row["findings"]]
    return "; ".join(filter(None, said)).replace("|", "/").replace("\n", " ")


def page(rows: list[dict[str, Any]]) -> str:
    """The section of docs/results.md."""
    head = "## Public scripts\n\nAs they are, with their own arguments, by `python bench/public.py FOLDER`.\n"
    body = table(
        ("script", "command", "said", "seconds"),
        [(row["script"].replace("|", "/"), row["command"], words(row), f"{row['seconds']:.0f}") for row in rows],
    )
    return f"{head}\n{body}"


def furnish(script: Script, folder: Path) -> None:
    """Put local text where the script looks for it, and let the repository's own program make the rest."""
    for name, module in zip(script.reads, TEXTS, strict=False):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(inspect.getsource(module))
    if script.makes:
        subprocess.run([sys.executable, Path(script.makes).name], cwd=(folder / script.makes).parent, check=True)


def main(root: Path, only: list[str]) -> None:
    """Visit every script that is there, or those whose name has one of these words in it."""
    os.environ["LC_ALL"] = "C.UTF-8"
    kept = RESULTS / "public.json"
    known = json.loads(kept.read_text())["rows"] if kept.exists() else []
    rows = {(row["script"], row["command"]): row for row in known}
    for script in SCRIPTS:
        folder = root / script.folder
        if not folder.is_dir() or (only and not any(word in script.name for word in only)):
            continue
        furnish(script, folder)
        for command in COMMANDS:
            rows[script.name, command] = visit(script, folder, command)
            order = [(one.name, command) for one in SCRIPTS for command in COMMANDS]
            told = [rows[key] for key in order if key in rows]
            write("public", told)
            section("public", page(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
