"""What was fixed for good while a program was captured."""

from __future__ import annotations

from dataclasses import dataclass

from monograph.diagnostics import SourceLine
from monograph.shapes.constraints import sentence
from monograph.shapes.env import Guard, ShapeEnv

__all__ = ["Assumption", "about_sizes"]


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


_KINDS = {"branch": "narrowed", "fixed": "fixed", "precondition": "precondition"}


def about_sizes(guards: list[Guard], env: ShapeEnv) -> list[Assumption]:
    """What was narrowed, tied or fixed, each with the line that did it."""
    found = [Assumption(_KINDS[g.kind], sentence(g, env), g.where) for g in guards]
    return list(dict.fromkeys(found))
