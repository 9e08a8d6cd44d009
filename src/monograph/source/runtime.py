"""What converted code calls."""

from __future__ import annotations

import builtins
import functools
import itertools
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.builtin_functions import choose
from monograph.capture.restarts import NeedsConversion
from monograph.control.results import UNDEFINED
from monograph.diagnostics import ControlFlowError, UndecidedError
from monograph.source import iterators
from monograph.source.branching import (
    any_of,
    asking,
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
    numbered,
    numbers,
    pieces,
    repeated,
    subscript,
    unfilled,
    yielded,
)
from monograph.source.looping import for_loop, while_loop
from monograph.source.steering import in_order, steered, steps
from monograph.source.unfilled import filled, filled_dict

__all__ = [
    "UNDEFINED",
    "any_of",
    "asking",
    "both",
    "branch",
    "chain",
    "compared",
    "filled",
    "filled_dict",
    "filtered",
    "first_true",
    "flagged",
    "folded",
    "for_loop",
    "in_order",
    "inverted",
    "iterator",
    "joined",
    "last_true",
    "listed",
    "numbered",
    "numbers",
    "pieces",
    "reduced",
    "repeated",
    "rows",
    "steered",
    "steps",
    "subscript",
    "unfilled",
    "while_loop",
    "yielded",
]

T = TypeVar("T")  # an item of an iterable
_TAKING_ALL = (builtins.sum, builtins.max, builtins.min)


def iterator(function: Callable[..., object], *args: object, **options: object) -> object:
    """``zip`` and its like, of something of unknown length; or ``sum`` and its like."""
    is_chained = function in (itertools.chain, itertools.chain.from_iterable)
    args = args if is_chained else tuple(map(iterators.taken, args))
    if (
        args
        and function in _TAKING_ALL
        and isinstance(args[0], (iterators.Ordered, iterators.Chain))
    ):
        args = (listed(list, args[0]), *args[1:])
    return iterators.iterator(function, *args, **options)


def rows(iterable: Iterable[T], body: Callable[[T], object]) -> object:
    """``[body(item) for item in iterable]``.

    Raises:
        ControlFlowError: where the items are neither rows of one tensor nor pieces of one.
    """
    items: Iterable[T] = iterators.taken(iterable)
    return _or_in_a_loop(lambda: iterators.rows(items, body), items, body)


def listed(function: Callable[..., object], iterable: Iterable[object]) -> object:
    """``list(iterable)``, or ``tuple``.

    Raises:
        ControlFlowError: where the items are neither rows of one tensor nor pieces of one.
    """
    iterable = iterators.taken(iterable)
    made = functools.partial(iterators.listed, function, iterable)
    return _or_in_a_loop(made, iterable, lambda item: item)


def joined(kind: str, *parts: Iterable[object]) -> object:
    """``[*part, *another]``, or a tuple.

    Raises:
        ControlFlowError: where the items are neither rows of one tensor nor pieces of one.
    """
    parts = tuple(map(iterators.taken, parts))
    if running_recorder() is None or not any(isinstance(p, iterators.Unknown) for p in parts):
        return iterators.joined(kind, *parts)
    made: object = ()
    for part in parts:
        before = cast("Iterable[object]", made)
        if isinstance(part, iterators.Unknown) and type(made) in (list, tuple):
            together = functools.partial(iterators.joined, kind, before, part)
            made = _or_in_a_loop(together, part, lambda item: item, before)
            continue
        whole = listed(list, part) if isinstance(part, iterators.Unknown) else part
        made = iterators.joined(kind, before, cast("Iterable[object]", whole))
    return made


def _or_in_a_loop(
    made_at_once: Callable[[], object],
    iterable: Iterable[T],
    body: Callable[[T], object],
    before: Iterable[object] = (),
) -> object:
    """What is made of all items at once; of items that differ in size, by one after the other.

    ``before``: what is in the list before them.
    """
    recorder = running_recorder()
    try:
        if not isinstance(iterable, iterators.Chain):
            return made_at_once()
    except (ControlFlowError, UndecidedError, NeedsConversion) as reason:
        error = reason.error if isinstance(reason, NeedsConversion) else reason
        # What is undecided may be told by where in the list it is, which a loop knows.
        is_loop = isinstance(error, UndecidedError) or error.code == "MG-C111"
        if not is_loop or recorder is None:
            raise
        recorder.context.pending = None
    made: list[object] = [*before]

    def add(item: T) -> None:
        made.append(body(item))

    for_loop(iterable, add, lambda: False)
    return made


def folded(
    function: Callable[..., object],
    combine: Callable[[object, object], object],
    iterable: Iterable[object],
    *first: object,
) -> object:
    """``functools.reduce(combine, iterable)``, or with what it begins with."""
    iterable = iterators.taken(iterable)
    unknown = None if running_recorder() is None else iterators.unknown_length(iterable)
    if function is not functools.reduce or unknown is None:
        return function(combine, iterable, *first)
    if first:
        total, items = first[0], unknown
    else:
        count, item = unknown.length, unknown.item
        torch._check(count >= 1, lambda: "reduce() of empty iterable with no initial value")
        total, items = item(0), iterators.Unknown(count - 1, lambda i: item(i + 1))
    combine = choose(combine)

    def add(item: object) -> None:
        nonlocal total
        total = combine(total, item)

    for_loop(items, add, lambda: False)
    return total


def filtered(
    iterable: Iterable[T], test: Callable[[T], object], body: Callable[[T], object]
) -> object:
    """``[body(item) for item in iterable if test(item)]``."""
    kept: list[object] = []

    def keep(item: T) -> None:
        branch(None, test(item), lambda: kept.append(body(item)), lambda: None)

    for_loop(iterable, keep, lambda: False)
    return kept
