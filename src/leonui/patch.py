"""The line of a script where its learning rate stands, and what to write there instead."""

from __future__ import annotations

import ast
import difflib
import linecache
from pathlib import Path

NAMES = ("lr", "learning_rate", "max_lr")


def patch(file: str | None, line: int | None, scale: float | None) -> str:
    """The change as a unified diff; empty where the line shows no rate, or there is nothing to change.

    A rate that is a number is replaced; anything else is multiplied.
    """
    before = _lines(file) if file and line and scale else []
    if not (before and file and line and scale):
        return ""
    after = _changed(before, line, scale)
    before, after = ([*lines[:-1]] if lines and not lines[-1] else lines for lines in (before, after))
    diff = [*difflib.unified_diff(before, after, file, file, n=1, lineterm="")] if after else []
    return "\n".join([*diff, ""]) if diff else ""


def _lines(file: str) -> list[str]:
    """The lines of a file, or of a notebook's cell, which lies nowhere else than in its own process."""
    if Path(file).is_file():
        return Path(file).read_text(encoding="utf-8-sig", errors="replace").split("\n")
    return [line.rstrip("\n") for line in linecache.getlines(file)]


def _changed(lines: list[str], line: int, scale: float) -> list[str]:
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return []
    every = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls = [node for node in every if _spans(node, line)]
    if any(ast.unparse(call.func).endswith(".train") for call in calls):  # HF's Trainer makes the optimizer there
        calls += [call for call in every if ast.unparse(call.func).endswith("TrainingArguments")]
    rates = {id(found): found for call in calls for found in _rates(call)}.values()  # calls may lie in each other
    changed = list(lines)
    for node in sorted(rates, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        changed = _replaced(changed, node, scale)
    return changed if rates else []


def _spans(node: ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _rates(call: ast.Call) -> list[ast.expr]:
    """The rates in a call: its keyword, and those of groups that are written out in it."""
    named = [keyword.value for keyword in call.keywords if keyword.arg in NAMES]
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    dicts = [node for part in parts for node in ast.walk(part) if isinstance(node, ast.Dict)]
    for group in dicts:
        named += [
            value
            for key, value in zip(group.keys, group.values, strict=True)
            if isinstance(key, ast.Constant) and key.value in NAMES
        ]
    return named


def _replaced(lines: list[str], node: ast.expr, scale: float) -> list[str]:
    if node.end_lineno != node.lineno or node.end_col_offset is None:
        return lines
    at = node.lineno - 1
    text = lines[at].encode()
    old = text[node.col_offset : node.end_col_offset].decode()
    number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    new = f"{float(f'{node.value * scale:.3g}'):g}" if number else f"{_bracketed(node, old)} * {scale:.3g}"  # type: ignore[attr-defined]
    line = text[: node.col_offset] + new.encode() + text[node.end_col_offset :]
    return [*lines[:at], line.decode(), *lines[at + 1 :]]


def _bracketed(node: ast.expr, text: str) -> str:
    return text if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript) else f"({text})"
