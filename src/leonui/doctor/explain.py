"""What there is to know about each code: the fault, its test, what looks alike, how to mend it."""

from __future__ import annotations

from leonui.doctor.ending import ABOUT as ENDINGS
from leonui.doctor.fault import About
from leonui.doctor.faults import FAULTS, collapse, nonfinite, overfitting
from leonui.doctor.policy.judge import SIGNATURES
from leonui.doctor.policy.language import JUDGES
from leonui.doctor.words import ABOUT


def known() -> dict[str, About]:
    """Every code with what there is to know about it, by the alphabet."""
    others = (nonfinite.FAULT, overfitting.FAULT, collapse.FAULT)
    exact = {fault.code: fault.about for fault in (*FAULTS, *others, *SIGNATURES, *JUDGES)}
    return dict(sorted((ABOUT | ENDINGS | exact).items()))


def explain(code: str) -> About:
    """What there is to know about a code, in any case of letters. Raises ValueError for one that is not known.

    >>> explain("lr-high").fault
    'The learning rate is so high that the training breaks, or ends far above what it could reach.'
    """
    about = known().get(code.upper())
    if about is None:
        raise ValueError(f"{code!r} is no code of a finding; there are {', '.join(known())}")
    return about
