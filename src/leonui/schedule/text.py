"""Schedules as people write them: ``warmup(100) > cosine(1000, end=0.1)``.

What ``str`` gives of a Schedule is read back to the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from inspect import Parameter, signature
from typing import Any

from leonui.schedule.phase import Schedule
from leonui.schedule.shelf import SHELF

EXAMPLE = "warmup(100) > cosine(1000)"
_DIGITS = r"\d+(?:_\d+)*"
_TOKEN = re.compile(
    rf"(?P<number>[+-]?(?:{_DIGITS}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?P<word>[^\W\d]\w*)"
    r"|(?P<sign>>>?|[(),=])|(?P<space>\s+)|(?P<odd>[\w.]+|.)"
)


def parse(text: str) -> Schedule:
    """The Schedule that a text describes; ValueError says what is wrong with it, and where.

    >>> parse("warmup(100) > cosine(1000, end=0.1)").to_json()
    [[100, 0.0, 1.0, 'linear'], [1000, 1.0, 0.1, 'cosine']]
    >>> parse("warmup(100) > cosine(end=0.1)")
    Traceback (most recent call last):
    ...
    ValueError: column 15: cosine needs steps; it takes steps, end=0.0, start=1.0
    """
    if not text.strip():
        raise ValueError(f"an empty text is no schedule; write for example {EXAMPLE}")
    tokens = _Tokens(list(_cut(text)))
    pieces = [_piece(tokens)]
    while tokens.next.text in (">", ">>"):
        sign = tokens.take()
        if pieces[-1].endless:
            raise sign.wrong("comes after a piece without end; give that steps")
        pieces.append(_piece(tokens))
    if tokens.next.text:
        raise tokens.next.wrong("is not expected here; pieces are joined by >")
    return reduce(Schedule.then, pieces)


@dataclass(frozen=True)
class _Token:
    """A number, a word or a sign, and where it stands; at the end of the text an empty one."""

    kind: str
    text: str
    column: int

    def wrong(self, why: str) -> ValueError:
        return ValueError(f"column {self.column}: {repr(self.text) if self.text else 'the end'} {why}")


@dataclass
class _Tokens:
    tokens: list[_Token]

    @property
    def next(self) -> _Token:
        return self.tokens[0]

    def take(self) -> _Token:
        return self.tokens.pop(0)

    def expect(self, sign: str, why: str) -> _Token:
        if self.next.text != sign:
            raise self.next.wrong(f"is not expected here; {why}")
        return self.take()


def _cut(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        token = _Token(found.lastgroup or "", found[0], found.start() + 1)
        if token.kind == "odd":
            raise token.wrong(f"cannot be read; write for example {EXAMPLE}")
        if token.kind != "space":
            yield token
    yield _Token("end", "", len(text) + 1)


def _piece(tokens: _Tokens) -> Schedule:
    """``name``, or ``name(arguments)``."""
    name = tokens.take()
    if name.kind != "word":
        raise name.wrong(f"is no schedule; write for example {EXAMPLE}")
    if name.text not in SHELF:
        raise name.wrong(f"is not known; known are {', '.join(SHELF)}")
    given = {}
    if tokens.next.text == "(":
        given = _arguments(tokens, name)
    made, takes = SHELF[name.text], signature(SHELF[name.text]).parameters.values()
    if missing := [one.name for one in takes if one.default is one.empty and one.name not in given]:
        raise ValueError(f"column {name.column}: {name.text} needs {' and '.join(missing)}; {_takes(name)}")
    try:
        return made(**given)
    except ValueError as error:
        raise ValueError(f"column {name.column}: {name.text}: {error}") from error


def _arguments(tokens: _Tokens, name: _Token) -> dict[str, Any]:
    tokens.take()
    given: dict[str, Any] = {}
    while tokens.next.text != ")":
        if given:
            tokens.expect(",", "after an argument comes a comma or )")
        parameter = _parameter(tokens, name, given)
        given[parameter.name] = _value(tokens.take(), parameter)
    tokens.take()
    return given


def _parameter(tokens: _Tokens, name: _Token, given: dict[str, Any]) -> Parameter:
    """Which parameter the next value is for: the one it names, or the next in order."""
    takes = signature(SHELF[name.text]).parameters
    if len(tokens.tokens) > 1 and tokens.tokens[1].text == "=":
        said, _ = tokens.take(), tokens.take()
        if said.text not in takes:
            raise said.wrong(f"is nothing that {name.text} takes; {_takes(name)}")
        if said.text in given:
            raise said.wrong("is given twice")
        return takes[said.text]
    free = list(takes)[len(given) :]
    if list(given) != list(takes)[: len(given)]:
        raise tokens.next.wrong("must be named, as what stands before it is; write name=value")
    if not free:
        raise tokens.next.wrong(f"is too much; {_takes(name)}")
    return takes[free[0]]


def _value(token: _Token, parameter: Parameter) -> Any:
    kind = str(parameter.annotation)
    if token.text.lower() == "none" and "None" in kind:
        return None
    if kind == "str":
        if token.kind != "word":
            raise token.wrong(f"is no word; {parameter.name} needs one, such as {parameter.default}")
        return token.text
    if token.kind != "number":
        raise token.wrong(f"is no number; {parameter.name} needs one")
    value = float(token.text)
    if "float" in kind:
        return value
    if not value.is_integer():
        raise token.wrong(f"is no whole number; {parameter.name} needs one")
    return int(value)


def _takes(name: _Token) -> str:
    parameters = signature(SHELF[name.text]).parameters.values()
    words = [one.name + ("" if one.default is one.empty else f"={one.default}") for one in parameters]
    return f"it takes {', '.join(words)}"
