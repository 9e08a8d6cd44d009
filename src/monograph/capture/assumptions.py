"""What was fixed for good while a program was captured."""

from __future__ import annotations

from dataclasses import dataclass

from monograph.diagnostics import SourceLine

__all__ = ["Assumption"]


@dataclass(frozen=True)
class Assumption:
    """One thing that the exported program takes for granted.

    ``kind`` is a short stable word (``constant-input``, ``random``, ``time``, ``id``,
    ``attribute``, ``gradient``, ``constant-result``, ``autograd``); ``where`` is the user's line.
    """

    kind: str
    text: str
    where: SourceLine | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text
