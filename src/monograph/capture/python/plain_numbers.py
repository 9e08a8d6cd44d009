"""Functions that take no number that varies: they are given the very number.

``json.dumps(n)``, ``deque(rows, maxlen=n)``, ``numpy.log2(n)`` refuse a ``torch.SymInt`` by an
exception of their own. The program is captured again then, with the numbers among the arguments of
that call fixed to those of the example, as they are wherever Python needs the number itself.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.python.call_sites import function_of
from monograph.capture.python.frames import (
    is_of_user,
    is_raised_by_program,
    source_line_of_traceback,
    stands_in,
)
from monograph.capture.python.nodes import syntax_of
from monograph.capture.python.number_methods import number_of
from monograph.capture.python.redirect import identity_of
from monograph.capture.python.static_values import UNKNOWN, value_of
from monograph.capture.restarts import NeedsNumbers, NeedsRows
from monograph.diagnostics import DataDependentError, MonographError
from monograph.torch_internals import wants_plain_sizes

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["given_numbers", "refusal_of_numbers"]

_NUMBERS = (torch.SymInt, torch.SymFloat, torch.SymBool)
_CONTAINERS = (list, tuple, set, frozenset, torch.Size)
_REFUSALS = (TypeError, ValueError, AttributeError, AssertionError)
_MOST_GIVEN = 4
_OF_NUMBERS = re.compile(r"\b(Sym(Int|Float|Bool)|(Int|Float|Bool)Node|numpy\.object_)\b")


def given_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, called with the very numbers."""

    def call(*args: object, **kwargs: object) -> object:
        plain = {name: _plain(value) for name, value in kwargs.items()}
        return function(*map(_plain, args), **plain)

    stands_in(call.__code__)
    return functools.update_wrapper(call, function) if hasattr(function, "__name__") else call


def _plain(item: object) -> object:
    """``item`` with the numbers in it that vary exchanged for the example's."""
    if isinstance(item, _NUMBERS):
        return number_of(item)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(item, numpy.ndarray) and item.dtype == object:
        return numpy.array(_plain(item.tolist()))
    if type(item) is dict:
        return {_plain(key): _plain(value) for key, value in item.items()}
    if isinstance(item, _CONTAINERS) and type(item) in _CONTAINERS:
        return type(item)(map(_plain, item))  # type: ignore[arg-type]
    return item


def refusal_of_numbers(recorder: Recorder, error: Exception) -> BaseException | None:
    """What to raise instead of ``error``, where a function has refused a number that varies."""
    numbers = recorder.sizes.env.symbols
    if wants_plain_sizes(error):
        return _refusing_type(recorder, error) or _refusal_of_mapping(recorder, error)
    if isinstance(error, MonographError) or not isinstance(error, _REFUSALS) or not numbers:
        return None
    if is_raised_by_program(error):
        return None
    if len(recorder.context.given_numbers) < _MOST_GIVEN:
        for found in _calls_that_raised(error):
            if identity_of(found.refusing) not in recorder.context.given_numbers:
                return found
    if not _OF_NUMBERS.search(str(error)):
        return None
    where = source_line_of_traceback(error)
    expression = where.expression() if where else None
    return DataDependentError(
        f"`{expression or 'the program'}` takes no number that varies ({error})",
        code="MG-D102",
        where=where,
        hint="use the number in operators of torch and in arithmetic, or keep it from varying.",
    )


def _refusing_type(recorder: Recorder, error: Exception) -> NeedsNumbers | None:
    """The call of ``torch.LongTensor`` or its like, which takes plain numbers in C."""
    for found in _calls_that_raised(error):
        kind = found.refusing
        if isinstance(kind, type) and identity_of(kind) not in recorder.context.given_numbers:
            return found
    return None


def _refusal_of_mapping(recorder: Recorder, error: Exception) -> BaseException:
    """What to raise for an operator under ``vmap`` whose code in C++ takes no sizes that vary."""
    if not recorder.context.rows_in_order:
        return NeedsRows()
    where = source_line_of_traceback(error)
    expression = where.expression() if where else None
    return DataDependentError(
        f"`{expression or 'the program'}` under torch.vmap takes no rows whose sizes vary: "
        "torch computes it in C++ from plain numbers",
        code="MG-D102",
        where=where,
        hint="call it outside of torch.vmap, on a tensor with one dimension more; or keep the "
        "sizes of the rows from varying.",
    )


def _calls_that_raised(error: Exception) -> Iterator[NeedsNumbers]:
    """The calls in the user's code (or a library's) that have led to ``error``, innermost first."""
    steps = []
    step = error.__traceback__
    while step is not None:
        if is_of_user(step.tb_frame.f_code):
            steps.append(step)
        step = step.tb_next
    for step in reversed(steps):
        frame = step.tb_frame
        syntax = syntax_of(frame.f_code)
        node = None if syntax is None else syntax.node_at(step.tb_lasti)
        function = value_of(node.func, frame) if isinstance(node, ast.Call) else UNKNOWN
        if function is not UNKNOWN and callable(function):
            yield NeedsNumbers(frame.f_code, function_of(frame), function)
