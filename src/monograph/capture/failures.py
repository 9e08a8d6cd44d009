"""Operators that fail where the program catches exceptions: it goes on as for these sizes alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from monograph.capture.python.exception_handlers import may_be_caught
from monograph.capture.python.frames import frames_of_user
from monograph.diagnostics import MonographError
from monograph.diagnostics.errors import OperatorError, OperatorIndexError
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr
from monograph.shapes.questions import equal

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["note_failure"]


def note_failure(recorder: Recorder, error: Exception, given: object) -> None:
    """An operator has refused its arguments; with other sizes it might have taken them.

    Where the program may catch that, the sizes of the arguments are those of the example; unless it
    is a fact that they are not as the operator demands.
    """
    if not recorder.context.is_running:  # it is decomposed: who calls that may catch what it likes
        return
    is_refusal = isinstance(error, MonographError)
    if is_refusal and not isinstance(error, (OperatorError, OperatorIndexError)):
        return
    sizes = list(dict.fromkeys(_sizes_in(recorder, given)))
    if not sizes or not may_be_caught(frames_of_user(2)):
        return
    env = recorder.sizes.env
    if any(env.known(test) is False for test in env.refused):
        return
    before = len(env.guards)
    for size in sizes:
        hint = env.hint(size)
        if hint is not None:
            env.require(equal(size, hint))
    for guard in env.guards[before:]:
        guard.caught_at = None  # with other sizes, others would be those of an example again


def _sizes_in(recorder: Recorder, given: object) -> Iterator[Expr]:
    """The sizes that vary, of all tensors and among all numbers in ``given``."""
    found = recorder.to_specs(given)
    left = [found]
    while left:
        item = left.pop()
        if isinstance(item, Expr):
            yield item
        elif isinstance(item, TensorSpec):
            left += item.shape
        elif isinstance(item, (list, tuple)):
            left += item
