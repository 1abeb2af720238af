"""Who tells the one who waits what is going on."""

from __future__ import annotations

from typing import Any, Protocol

from leonui.finder.search import Search
from leonui.record import Row
from leonui.trial.trial import Trial


class Guide(Protocol):
    """Tells the one who waits what is going on."""

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins, of ``total`` steps if that is known."""

    def rows(self, trial: Trial, rows: list[Row]) -> None:
        """Steps were made."""

    def picture(self, search: Search) -> None:
        """There is more to see of the search."""

    def say(self, template: str, **evidence: Any) -> None:
        """Something to know before it begins."""


class Silent:
    """A Guide that says nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Nothing."""

    def rows(self, trial: Trial, rows: list[Row]) -> None:
        """Nothing."""

    def picture(self, search: Search) -> None:
        """Nothing."""

    def say(self, template: str, **evidence: Any) -> None:
        """Nothing."""
