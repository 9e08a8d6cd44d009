"""The calls of a program about sizes: what eager mode gives, and what the exported program gives.

A program is right for a call, or it refuses the call in Monograph's own words; where eager mode
fails, it fails.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable

from monograph.diagnostics import InternalError, MonographError
from monograph.ir.meta import SUBGRAPHS
from monograph.program import ExportedProgram
from monograph.testing.size_programs import Shapes, SizeSource
from monograph.verification import assert_equal

__all__ = ["CallError", "compared"]

Program = Callable[..., object]

# What operators raise: a program does not compute what nobody reads. Others Python raises itself.
_OF_OPERATORS = (RuntimeError, IndexError, TypeError)


class CallError(AssertionError):
    """A call of which something else comes than in eager mode.

    ``kind``: "differs" (another result), "fails" (in words that are not Monograph's), "takes more"
    (a result where eager mode raises), "refuses" (in words).
    """

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def compared(
    source: SizeSource, program: Program, made: ExportedProgram, *, refusals: bool = False
) -> Counter[str]:
    """How many calls are as in eager mode, refused, failing in both; a ``CallError`` for others.

    ``refusals``: a call that is refused and that eager mode takes is an error as well.
    """
    counts: Counter[str] = Counter()
    refused: CallError | None = None
    module = made.module()
    has_regions = any(SUBGRAPHS in node.meta for node in made.graph.nodes)
    strided = not (made.parts.plan.writes or has_regions)  # as ``verify`` promises
    for shapes in (source.shapes, *source.calls):
        try:
            counts[_compared(source, shapes, program, module, strided)] += 1
        except CallError as error:
            if error.kind != "refuses":
                raise
            counts["calls refused that eager mode takes"] += 1
            refused = refused or error
    if refusals and refused:
        raise refused
    return counts


def _compared(
    source: SizeSource, shapes: Shapes, program: Program, module: Program, strided: bool
) -> str:
    expected = _called(program, source, shapes)
    actual = _called(module, source, shapes)
    fails, refuses = isinstance(expected, Exception), isinstance(actual, Exception)
    if fails and refuses:
        return "calls that fail in both"
    if fails:
        if isinstance(expected, _OF_OPERATORS):
            return "calls that eager mode does not take"
        raise CallError("takes more", f"{shapes}: eager mode raises {expected!r}")
    if refuses:
        raise CallError("refuses" if _is_refusal(actual) else "fails", f"{shapes}: {_told(actual)}")
    try:
        assert_equal(actual, expected, tolerance=source.tolerance(), strided=strided)
    except AssertionError as error:
        raise CallError("differs", f"{shapes}: {error}") from None
    return "calls as in eager mode"


def _called(program: Program, source: SizeSource, shapes: Shapes) -> object:
    """What the program gives, or what it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return program(*source.of_sizes(shapes))
    except Exception as error:
        return error


def _is_refusal(error: object) -> bool:
    """Whether it says in Monograph's words that the program is not for this call."""
    if any("_assert_scalar" in note for note in getattr(error, "__notes__", ())):
        return True  # what a graph asserts of numbers that are only known when it runs
    return isinstance(error, MonographError) and not isinstance(error, InternalError)


def _told(error: object) -> str:
    return f"{type(error).__name__}: {error}"
