"""What converted code calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from monograph.capture.current import running_recorder
from monograph.control.results import UNDEFINED
from monograph.diagnostics import ControlFlowError
from monograph.source import iterators
from monograph.source.branching import (
    any_of,
    both,
    branch,
    chain,
    compared,
    first_true,
    flagged,
    inverted,
    last_true,
    reduced,
)
from monograph.source.iterators import (
    iterator,
    joined,
    listed,
    numbers,
    pieces,
    repeated,
    subscript,
)
from monograph.source.looping import for_loop, while_loop
from monograph.source.steering import in_order, steered, steps

__all__ = [
    "UNDEFINED",
    "any_of",
    "both",
    "branch",
    "chain",
    "compared",
    "filtered",
    "first_true",
    "flagged",
    "for_loop",
    "in_order",
    "inverted",
    "iterator",
    "joined",
    "last_true",
    "listed",
    "numbers",
    "pieces",
    "reduced",
    "repeated",
    "rows",
    "steered",
    "steps",
    "subscript",
    "while_loop",
]

T = TypeVar("T")  # an item of an iterable


def rows(iterable: Iterable[T], body: Callable[[T], object]) -> object:
    """``[body(item) for item in iterable]``.

    Raises:
        ControlFlowError: where the items are neither rows of one tensor nor pieces of one.
    """
    try:
        return iterators.rows(iterable, body)
    except ControlFlowError as error:
        recorder = running_recorder()
        if error.code != "MG-C111" or recorder is None:
            raise
        recorder.context.pending = None
    made: list[object] = []

    def add(item: T) -> None:
        made.append(body(item))

    for_loop(iterable, add, lambda: False)
    return made


def filtered(
    iterable: Iterable[T], test: Callable[[T], object], body: Callable[[T], object]
) -> object:
    """``[body(item) for item in iterable if test(item)]``."""
    kept: list[object] = []

    def keep(item: T) -> None:
        branch(None, test(item), lambda: kept.append(body(item)), lambda: None)

    for_loop(iterable, keep, lambda: False)
    return kept
