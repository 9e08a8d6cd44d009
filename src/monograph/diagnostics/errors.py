"""The tree of what Monograph raises.

    MonographError                 has .code, .where, .hint
      ExportError                  while capturing
        DataDependentError         D: (also RuntimeError) Python needs a tensor's value
        PythonFeatureError         P: (also RuntimeError) a Python feature, a type, an option
        MutationError              M: (also RuntimeError) writes and side effects
        ControlFlowError           C: (also RuntimeError) cond, while_loop, map ...
        ShapeError                 S: (also RuntimeError, ValueError) a size that was declared
        OperatorError              O: (also RuntimeError) an operator refuses its arguments
        OperatorIndexError         O: (also IndexError)
        OperatorTypeError          O: (also TypeError)
      InputError                   I: (also RuntimeError) while running an exported program
      FileError                    F: (also ValueError) a file that cannot be read as a program
      InteropError                 F: (also RuntimeError) what another tool cannot take
      DecompositionError           O: (also RuntimeError) what is not decomposed as asked
      InvalidProgramError          F: (also RuntimeError) an edited program that is not valid
      InternalError                X: our mistake, never the user's

The O classes are also the built-in ones that eager mode raises, so that a program which catches
``RuntimeError`` does the same while it is captured. The others are what users of ``torch.export``
catch; a program that catches one goes on, and its export is refused in the end. What the user's
own code raises passes through unchanged.
"""

from __future__ import annotations

import ast
import contextlib
import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from monograph.diagnostics.codes import CODES
from monograph.diagnostics.rendering import Line, as_text, changes, for_notebooks
from monograph.diagnostics.source_line import SourceLine

if TYPE_CHECKING:
    import torch

    from monograph.shapes.dims import AnyDim

__all__ = [
    "ConstraintViolationError",
    "ControlFlowError",
    "DataDependentError",
    "DecompositionError",
    "ExportError",
    "FileError",
    "InputError",
    "InternalError",
    "InteropError",
    "InvalidProgramError",
    "MissingFakeError",
    "MonographError",
    "MutationError",
    "OperatorError",
    "OperatorIndexError",
    "OperatorTypeError",
    "PythonFeatureError",
    "ShapeError",
    "UndecidedError",
]


_MOST_CALLS = 4
_NO_SOURCE = "(no source: made by exec, or typed at a prompt; strict=True and fixes need a file)"


class Change(Protocol):
    """What to write instead, in files of the user's."""

    def diff(self) -> str:
        """It as a unified diff."""


class MonographError(Exception):
    """What happened, where, why it matters, what to write instead."""

    default_code = "MG-X101"
    keeps_hint = False  # beside a patch

    def __init__(
        self,
        what: str,
        *,
        code: str | None = None,
        where: SourceLine | None = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.code = code or self.default_code
        self.where = where
        self.hint = hint
        self.module: str | None = None  # the path of the module that was running
        self.calls: list[SourceLine] = []  # from the outermost call of the user's down to ``where``
        self.origins: list[SourceLine] = []  # the lines that computed what is not known
        self.patch: Change | None = None  # what to write instead, tried
        self.is_captured_in_strict_mode = False  # tried, too
        super().__init__(what)

    def _around(self) -> str:
        """The module, and the calls that have led to the line."""
        module = f"in {self.module}" if self.module else ""
        steps = [f"{line} ({line.function})" for line in self.calls[:-1]]
        if len(steps) > _MOST_CALLS:
            steps = [steps[0], "...", *steps[1 - _MOST_CALLS :]]
        way = f"called by way of {' -> '.join(steps)}" if steps else ""
        return ", ".join(filter(None, (module, way)))

    @property
    def why(self) -> str:
        """Why such a program is refused."""
        return CODES[self.code].why

    def as_dict(self) -> dict[str, object]:
        """What happened, where, why, and what to write instead: for other tools."""
        return {
            "code": self.code,
            "title": CODES[self.code].title,
            "what": self.what,
            "where": None if self.where is None else self.where.as_dict(),
            "module": self.module,
            "calls": [line.as_dict() for line in self.calls],
            "origins": [line.as_dict() for line in self.origins],
            "why": self.why,
            "hint": self.hint,
            "case": self.case,
            "patch": None if self.patch is None else self.patch.diff(),
        }

    def lines(self) -> list[Line]:
        """The message, line by line."""
        title, *more = f"[{self.code}] {self.what}".split("\n")
        found = [Line("title", title), *(Line("text", line) for line in more)]
        if self.where is not None:
            found += [Line("text"), Line("place", f"  {self.where.place}")]
            found.append(Line("source", f"    {self.where.text or _NO_SOURCE}"))
            caret = self.where.caret()
            if caret:
                found.append(Line("caret", f"    {caret}"))
        for i, line in enumerate(self.origins):
            found.append(Line("around", f"  {'    ' if i else 'from'} {line}   {line.text}"))
        around = self._around()
        if around:
            found.append(Line("around", f"  {around}"))
        found.append(Line("text", f"  {self.why}."))
        if self.patch is not None:
            found.append(Line("label", "  fix, verified by exporting it:"))
            found += changes(self.patch.diff(), "    ")
        if self.hint and (self.patch is None or self.keeps_hint):
            found += [Line("text", f"  {line}") for line in self.hint.split("\n")]
        if self.is_captured_in_strict_mode:
            found.append(Line("text", "  or: export(..., strict=True) captures it as it is."))
        return found

    @property
    def case(self) -> str:
        """The ExportDB case of this kind of problem."""
        return CODES[self.code].case

    def more(self) -> list[Line]:
        """Where to read on."""
        return [Line("around", f"  more: monograph db show {self.case}")] if self.case else []

    def __str__(self) -> str:
        return as_text([*self.lines(), *self.more()])

    def _render_traceback_(self) -> list[str]:
        lines = [*self.lines(), *self.more()]
        return for_notebooks(type(self).__name__, lines, self.__traceback__)


class ExportError(MonographError):
    """The program could not be captured."""

    def __init__(self, what: str, **more: Any) -> None:
        super().__init__(what, **more)
        made: list[ExportError] | None = getattr(_thread, "made", None)
        if made is not None:
            made.append(self)

    @property
    def is_of_eager_mode(self) -> bool:
        """Whether eager mode raises such an error, too: a program may catch it, and go on."""
        return isinstance(self, (OperatorError, OperatorIndexError, OperatorTypeError))


_thread = threading.local()


@contextlib.contextmanager
def errors_made() -> Iterator[list[ExportError]]:
    """The refusals that this thread makes in the block, whoever catches them."""
    before = getattr(_thread, "made", None)
    found: list[ExportError] = []
    _thread.made = found
    try:
        yield found
    finally:
        _thread.made = before


class DataDependentError(ExportError, RuntimeError):
    """Python needs the value of a tensor that is only known when the program runs."""

    default_code = "MG-D102"


class UndecidedError(DataDependentError):
    """A question about numbers that are only known when the program runs.

    ``asked`` is the question; ``checks`` are the assertions that would answer it as the example
    does, as the program would write them (those that are Python), each with its answer.
    """

    default_code = "MG-D105"

    def __init__(
        self, what: str, *, where: SourceLine | None, asked: str, checks: dict[str, bool]
    ) -> None:
        self.asked = asked
        self.checks = {text: answer for text, answer in checks.items() if _is_expression(text)}
        hint = _to_check("say before this line what is known of it:", self.checks)
        super().__init__(what, where=where, hint=hint)
        self.keeps_hint = bool(self.checks)

    def with_verified(self, verified: Collection[str]) -> UndecidedError:
        """The error again, showing those checks only with which the program has exported."""
        self.hint = _to_check(
            "say before this line what is known of it; verified by exporting the program so:",
            verified,
        )
        self.keeps_hint = bool(verified)
        return self


def _to_check(title: str, checks: Collection[str]) -> str:
    if not checks:
        return "compute both sides and choose with torch.where."
    lines = [title, *(f"  torch._check({check})" for check in checks)]
    return "\n".join([*lines, "or compute both sides and choose with torch.where."])


def _is_expression(text: str) -> bool:
    """Whether it can be pasted: what a value is called may be prose."""
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


class ShapeError(ExportError, RuntimeError, ValueError):
    """A specification of sizes that does not fit, or an example that does not fit it.

    ``suggested_fixes`` maps the name of a dimension to what to declare instead.
    """

    default_code = "MG-S102"

    def __init__(
        self,
        what: str,
        *,
        code: str | None = None,
        suggested_fixes: dict[str, AnyDim | int] | None = None,
        where: SourceLine | None = None,
        hint: str | None = None,
    ) -> None:
        self.suggested_fixes = suggested_fixes or {}
        super().__init__(what, code=code, where=where, hint=hint)


class ConstraintViolationError(ShapeError):
    """The program does not hold for all the sizes that were declared."""

    default_code = "MG-S101"


class PythonFeatureError(ExportError, RuntimeError):
    """A Python feature or type that cannot become part of a graph."""

    default_code = "MG-P101"


class MissingFakeError(PythonFeatureError):
    """An operator of the user's that has no fake implementation.

    ``call``: the operator, and example arguments without values.
    """

    default_code = "MG-P102"
    call: tuple[torch._ops.OpOverload, tuple[object, ...]] | None = None


class MutationError(ExportError, RuntimeError):
    """A write that cannot be made functional.

    ``read_at``: where what is written was read into Python. ``change``: what was assigned.
    """

    default_code = "MG-M101"

    def __init__(
        self,
        what: str,
        *,
        code: str | None = None,
        where: SourceLine | None = None,
        hint: str | None = None,
        read_at: SourceLine | None = None,
        change: object = None,
    ) -> None:
        self.read_at = read_at
        self.change = change
        super().__init__(what, code=code, where=where, hint=hint)


class ControlFlowError(ExportError, RuntimeError):
    """A control-flow operator that cannot be captured."""

    default_code = "MG-C101"


class OperatorError(ExportError, RuntimeError):
    """An operator refuses its arguments, as it does in eager mode."""

    default_code = "MG-O101"


class OperatorIndexError(ExportError, IndexError):
    """An operator refuses a dimension or an index, as it does in eager mode."""

    default_code = "MG-O101"


class OperatorTypeError(ExportError, TypeError):
    """An operator refuses an argument's type, as it does in eager mode."""

    default_code = "MG-O101"


class InputError(MonographError, RuntimeError):
    """An exported program was called with inputs that it was not captured for."""

    default_code = "MG-I102"


class FileError(MonographError, ValueError):
    """A file that cannot be read as an exported program."""

    default_code = "MG-F101"


class InteropError(MonographError, RuntimeError):
    """Another tool has no word for something in the program, or is not installed."""

    default_code = "MG-F104"


class DecompositionError(MonographError, RuntimeError):
    """A program that cannot be decomposed as the table asks."""

    default_code = "MG-O102"


class InvalidProgramError(MonographError, RuntimeError):
    """A program that does not hold its specification, after its graph was edited by hand."""

    default_code = "MG-F106"


class InternalError(MonographError):
    """A mistake in Monograph: please report it with the program that caused it."""

    default_code = "MG-X101"


for _shown in (
    MonographError,
    ExportError,
    DataDependentError,
    PythonFeatureError,
    MutationError,
    ControlFlowError,
    OperatorError,
    ShapeError,
    ConstraintViolationError,
    InputError,
    FileError,
    InteropError,
    DecompositionError,
    InvalidProgramError,
    InternalError,
):
    _shown.__module__ = "monograph"  # the name that a user writes in ``except``
