"""How numbers are written in a report: short, with a real minus sign, and a dash for what is not known."""

from __future__ import annotations

import math
import re
from typing import Any, TypeGuard

UNKNOWN = "–"


def known(value: Any) -> TypeGuard[float]:
    """Whether a value is a number that can be written or drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits.

    >>> number(0.0921), number(-12345.6), number(3e-5), number(None)
    ('0.0921', '−12,346', '3e−5', '–')
    """
    if not known(value):
        return UNKNOWN
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.{digits}g}"
    return re.sub(r"e([+-])0*", lambda sign: "e" + sign[1].replace("+", ""), text).replace("-", "−")


def signed(value: Any, digits: int = 3) -> str:
    """A difference: always with its sign.

    >>> signed(0.28), signed(-0.507), signed(0)
    ('+0.28', '−0.507', '0')
    """
    return ("+" if known(value) and value > 0 else "") + number(value, digits)


def pair(before: Any, after: Any) -> tuple[str, str]:
    """Two numbers to compare, with as many digits as it takes to tell them apart.

    >>> pair(0.599, 0.092), pair(97.53, 97.48)
    (('0.599', '0.092'), ('97.53', '97.48'))
    """
    for digits in (3, 4, 5, 6):
        first, second = number(before, digits), number(after, digits)
        if first != second or before == after:
            return first, second
    return number(before), number(after)


def rate(value: Any) -> str:
    """A learning rate as it would be typed into a script.

    >>> rate(0.31), rate(3e-05), rate(0.30000000000000004)
    ('0.31', '3e-5', '0.3')
    """
    return number(value).replace("−", "-")


def size(count: Any) -> str:
    """A number of bytes, by thousands.

    >>> size(84), size(999_999), size(1_536_000)
    ('84 B', '1 MB', '1.54 MB')
    """
    if not known(count):
        return UNKNOWN
    power = min(4, int(math.log10(float(f"{max(abs(count), 1):.3g}")) // 3))
    return f"{number(count / 1000**power)} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def duration(seconds: Any) -> str:
    """A time in seconds, or in minutes and seconds, or in hours and minutes.

    >>> duration(31.2), duration(250), duration(7500)
    ('31 s', '4 min 10 s', '2 h 5 min')
    """
    if not known(seconds):
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
