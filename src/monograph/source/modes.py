"""The modes of exports that are not strict, and convert some statements all the same."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import CodeType
from typing import TypeVar

from monograph.capture.python.saved import Change
from monograph.capture.recorder import Recorder
from monograph.diagnostics import SourceLine
from monograph.source.convert import is_marked
from monograph.source.strict import Strict

__all__ = ["Converting", "Widening"]

T = TypeVar("T")


class Converting(Strict):
    """The mode of an export where functions are marked: those are converted, nothing is audited."""

    audits = False
    settles = True  # whether a function is marked somewhere is no matter to the others

    def converts(self, code: CodeType) -> bool:
        """Whether ``code`` stands in a marked function."""
        return is_marked(code)

    def finish(self, recorder: Recorder, kinds: frozenset[type]) -> None:
        """Nothing more is to be seen."""

    def in_order(self, items: T, where: SourceLine | None) -> T:
        """What order there is."""
        return items

    def refuse_change(self, change: Change) -> None:
        """Not called: side effects are listed."""

    def auditing(self) -> AbstractContextManager[None]:
        """Nothing is watched."""
        return nullcontext()


class Widening(Converting):
    """The mode of an export that keeps both sides of branches on sizes.

    What is converted is forgotten with it: no other export is another one for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plans = {}

    def converts(self, code: CodeType) -> bool:
        """What a statement that was converted has made is asked later, wherever that is."""
        return True

    def exchanges(self, code: CodeType) -> bool:
        """Where a statement is to be kept whole, and nowhere else."""
        return True
