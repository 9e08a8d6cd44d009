"""One problem of a report: an error, how often it is met, and what removes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monograph.diagnostics import MonographError, SourceLine
from monograph.diagnostics.rendering import Line, as_text

__all__ = ["Problem"]


@dataclass
class Problem:
    """One cause at one line. ``count``: how often the program came there.

    ``fix``: what removes it, in a few words; None where nothing that was tried does.
    """

    error: MonographError
    count: int = 1
    fix: str | None = None

    @property
    def code(self) -> str:
        """The stable code."""
        return self.error.code

    @property
    def where(self) -> SourceLine | None:
        """The user's line."""
        return self.error.where

    def lines(self) -> list[Line]:
        """The error, how often it is met, and what removes it, line by line."""
        found = self.error.lines()
        if self.count > 1:
            found.append(Line("text", f"  the program comes here {self.count} times."))
        if self.fix:
            found.append(Line("label", f"  fix: {self.fix}."))
        return found + self.error.more()

    def __str__(self) -> str:
        return as_text(self.lines())

    def as_dict(self) -> dict[str, Any]:
        """For other tools."""
        return {**self.error.as_dict(), "count": self.count, "fix": self.fix}
