"""Whether the program itself would catch an exception: then a ``raise`` is no assertion."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from types import FrameType
from typing import TypeGuard

from monograph.capture.python.nodes import syntax_of
from monograph.capture.python.static_values import UNKNOWN, value_of

__all__ = ["catches", "may_be_caught"]


def may_be_caught(
    frames: Iterable[FrameType], raised_at: tuple[FrameType, ast.stmt] | None = None
) -> bool:
    """Whether an ``except`` of the program surrounds what runs in ``frames``.

    ``raised_at``: one of the frames, and the statement in it that would raise the exception.
    """
    kind = None if raised_at is None else _kind_raised(*raised_at)
    for frame in frames:
        statement = None
        if raised_at is not None and raised_at[0] is frame:
            statement = raised_at[1]
        if _is_caught(frame, statement, kind):
            return True
    return False


def _kind_raised(frame: FrameType, statement: ast.stmt) -> type[BaseException] | None:
    """The exception that a statement raises; None where it does not name one."""
    if isinstance(statement, ast.Assert):
        return AssertionError
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        check = value_of(statement.value.func, frame)
        return AssertionError if check is sys.modules["torch"]._assert else None
    raised = statement.exc if isinstance(statement, ast.Raise) else None
    if isinstance(raised, ast.Call):
        raised = raised.func
    found = UNKNOWN if raised is None else value_of(raised, frame)
    return found if _is_exception(found) else None


def _is_exception(item: object) -> TypeGuard[type[BaseException]]:
    return isinstance(item, type) and issubclass(item, BaseException)


def _may_catch(
    handler: ast.ExceptHandler, frame: FrameType, kind: type[BaseException] | None
) -> bool:
    if kind is None or handler.type is None:
        return True
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    found = [value_of(each, frame) for each in named]
    return any(not _is_exception(each) or issubclass(kind, each) for each in found)


def _is_caught(
    frame: FrameType, statement: ast.stmt | None, kind: type[BaseException] | None
) -> bool:
    syntax = syntax_of(frame.f_code)
    node = None
    if syntax is not None:
        node = statement or syntax.node_at(frame.f_lasti)
    if (
        syntax is None or node is None
    ):  # a ``with`` or a ``finally`` would do no harm, but who knows
        return bool(frame.f_code.co_exceptiontable)
    while node is not None:
        parent = syntax.parent(node)
        is_tried = isinstance(parent, (ast.Try, ast.TryStar)) and node in parent.body
        if is_tried and any(_may_catch(handler, frame, kind) for handler in parent.handlers):  # type: ignore[union-attr]
            return True
        node = parent
    return False


def catches(frame: FrameType, kind: type[BaseException]) -> bool:
    """Whether an ``except`` that names ``kind`` itself surrounds what runs in ``frame``."""
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    while node is not None and syntax is not None:
        parent = syntax.parent(node)
        is_tried = isinstance(parent, ast.Try) and node in parent.body
        if is_tried and any(_names(handler, kind) for handler in parent.handlers):  # type: ignore[union-attr]
            return True
        node = parent
    return False


def _names(handler: ast.ExceptHandler, kind: type[BaseException]) -> bool:
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id == kind.__name__ for each in named)
