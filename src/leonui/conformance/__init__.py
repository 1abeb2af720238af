"""Conformance: whether an optimizer keeps what PyTorch training code expects of it, and what each breach breaks."""

from leonui.conformance.row import Row
from leonui.conformance.suite import Report, check_optimizer, load_target

__all__ = ["Report", "Row", "check_optimizer", "load_target"]
