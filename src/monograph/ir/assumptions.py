"""What was fixed for good while a program was captured."""

from __future__ import annotations

from dataclasses import dataclass

from monograph.diagnostics import SourceLine
from monograph.shapes.constraints import sentence
from monograph.shapes.env import Guard, ShapeEnv

__all__ = ["CLASSES", "Assumption", "about_sizes", "of_kinds"]


@dataclass(frozen=True)
class Assumption:
    """One thing that the exported program takes for granted.

    ``kind`` is a short stable word (``constant-input``, ``random``, ``time``, ``id``,
    ``environment``, ``file``, ``setting``, ``attribute``, ``settled``, ``gradient``,
    ``backward``, ``constant-result``, ``constant-buffer``, ``seed``, ``autograd``, ``key-order``,
    ``kept-whole``, ``exporting``); ``where`` is the user's line.
    """

    kind: str
    text: str
    where: SourceLine | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


_KINDS = {"branch": "narrowed", "fixed": "fixed", "precondition": "precondition"}


# Words for several kinds.
CLASSES = {
    "specialised": {"fixed", "constant-input", "constant-predicate", "constant-result",
                    "constant-buffer", "setting"},
    "unstable": {"random", "time", "id", "environment", "file", "set-order"},
    "dropped": {"attribute", "argument", "module", "global", "closure", "class", "print", "logging",
                "file", "seed"},
}  # fmt: skip


def of_kinds(assumptions: list[Assumption], words: set[str]) -> list[Assumption]:
    """Those of these kinds, or classes of kinds."""
    kinds = set().union(*(CLASSES.get(word, {word}) for word in words))
    return [assumption for assumption in assumptions if assumption.kind in kinds]


def about_sizes(guards: list[Guard], env: ShapeEnv) -> list[Assumption]:
    """What was narrowed, tied or fixed, each with the line that did it."""
    found = [Assumption(_KINDS[g.kind], sentence(g, env), SourceLine.of(g.where)) for g in guards]
    return list(dict.fromkeys(found))
