"""What a capture asks of strict mode, which ``source/`` implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import CodeType
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

if TYPE_CHECKING:
    from monograph.capture.python.saved import Change
    from monograph.capture.python.snapshot import Snapshot
    from monograph.capture.recorder import Recorder
    from monograph.capture.restarts import Branch, NeedsConversion
    from monograph.diagnostics import ControlFlowError, ExportError, SourceLine
    from monograph.shapes.questions import Test

__all__ = ["OfACapture", "Strictness"]

T = TypeVar("T")


class OfACapture:
    """What stands for a value of the program while it is captured, and is no result of it."""

    @classmethod
    def as_a_result(cls) -> ControlFlowError:
        """The refusal of a program that returns it."""
        raise NotImplementedError


class Strictness(Protocol):
    """A mode in which statements that depend on data are converted.

    ``forbidden``: variables that a branch or a loop has left as no one thing.
    """

    @property
    def audits(self) -> bool:
        """Whether side effects and unstable values are refused, not listed."""

    @property
    def settles(self) -> bool:
        """Whether questions of sizes are settled in the functions that ask them."""

    @property
    def forbidden(self) -> Mapping[str, object]:
        """Variables that a branch or a loop has left without a value, by name."""

    # One capture, in order.

    def installed(self) -> AbstractContextManager[None]:
        """Inside, the program runs with converted code."""

    def start(self, snapshot: Snapshot) -> None:
        """The program is about to run; ``snapshot`` is its state."""

    def stop(self) -> None:
        """The program has run."""

    def finish(self, recorder: Recorder, kinds: frozenset[type]) -> None:
        """Its graph is written; ``kinds`` are its modules' types. May ask for another look."""

    def learn(self, needed: NeedsConversion) -> bool:
        """Convert one more statement; False where that is no help."""

    def questions_at(self, place: Branch) -> Sequence[Test]:
        """What the statement at ``place`` was seen to ask of sizes in passing."""

    # What the program does meanwhile.

    def converts(self, code: CodeType) -> bool:
        """Whether statements of ``code`` may be converted."""

    def in_order(self, items: T, where: SourceLine | None) -> T:
        """What the program goes through in place of a set whose order is by chance."""

    def by_chance(self, kind: str, what: str, found: T, where: SourceLine | None) -> T:
        """What the program gets in place of ``found``, which is another one in each run."""

    def side_effect(self, path: str, field: str, where: SourceLine | None) -> ExportError:
        """The error for a change that outlives the call."""

    def refuse_change(self, change: Change) -> None:
        """Raise it, with its line; ask for another look to find that."""

    @property
    def apart(self) -> Mapping[SourceLine, ExportError]:
        """The loops whose first iteration is by itself, as what they assign is used afterwards."""

    def forbid(
        self,
        name: str,
        branch: Branch | None,
        error: ControlFlowError,
        loop: SourceLine | None = None,
    ) -> None:
        """The variable ``name`` is not to be used after ``branch``, or a ``loop`` that may not run

        at all: ``error`` says why.
        """

    def end_branch(self, branch: Branch | None, error: ExportError) -> NoReturn:
        """Convert what follows ``branch`` together with it, else raise ``error``."""

    def explain(self, error: NameError) -> None:
        """Raise what explains it, where a variable is forbidden."""
