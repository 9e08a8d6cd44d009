"""Whether the program itself would catch an exception: then a ``raise`` is no assertion."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import TypeGuard

from monograph.capture.python.nodes import syntax_of
from monograph.capture.python.static_values import UNKNOWN, value_of

__all__ = ["catches", "caught_by", "may_be_caught"]

Catching = ast.Try | ast.TryStar | ast.With


def may_be_caught(
    frames: Iterable[FrameType], raised_at: tuple[FrameType, ast.stmt] | None = None
) -> bool:
    """Whether an ``except`` of the program surrounds what runs in ``frames``.

    Or a ``with contextlib.suppress``. ``raised_at``: one of the frames, and the statement in it
    that would raise the exception.
    """
    kind = None if raised_at is None else _kind_raised(*raised_at)
    for frame in frames:
        statement = None
        if raised_at is not None and raised_at[0] is frame:
            statement = raised_at[1]
        if _is_caught(frame, statement, kind):
            return True
    return False


def caught_by(frames: Iterable[FrameType]) -> tuple[FrameType, Catching] | None:
    """The innermost statement around what runs in ``frames`` that may catch what is raised."""
    for frame in frames:
        node = syntax_of(frame.f_code) if frame.f_code.co_exceptiontable else None
        found = None if node is None else _catching(frame, None, None)
        if found is not None:
            return frame, found
    return None


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


def _may_catch(named: ast.expr | None, frame: FrameType, kind: type[BaseException] | None) -> bool:
    """Whether ``except named`` may catch an exception of this kind."""
    if kind is None or named is None:
        return True
    parts = named.elts if isinstance(named, ast.Tuple) else [named]
    return _is_among(parts, frame, kind)


def _is_among(named: Sequence[ast.expr], frame: FrameType, kind: type[BaseException]) -> bool:
    found = [value_of(each, frame) for each in named]
    return any(not _is_exception(each) or issubclass(kind, each) for each in found)


def _is_caught(
    frame: FrameType, statement: ast.stmt | None, kind: type[BaseException] | None
) -> bool:
    syntax = syntax_of(frame.f_code)
    node = None
    if syntax is not None:
        node = statement or syntax.node_at(frame.f_lasti)
    if node is None:  # a ``with`` or a ``finally`` would do no harm, but who knows
        return bool(frame.f_code.co_exceptiontable)
    return _catching(frame, statement, kind) is not None


def _catching(
    frame: FrameType, statement: ast.stmt | None, kind: type[BaseException] | None
) -> Catching | None:
    """The innermost statement of the function that may catch what ``statement`` raises."""
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else statement or syntax.node_at(frame.f_lasti)
    while syntax is not None and node is not None:
        parent = syntax.parent(node)
        if isinstance(parent, (ast.Try, ast.TryStar, ast.With)) and node in parent.body:
            catches = isinstance(parent, ast.With) and any(
                _suppresses(item.context_expr, frame, kind) for item in parent.items
            )
            if catches or any(
                _may_catch(handler.type, frame, kind) for handler in getattr(parent, "handlers", ())
            ):
                return parent
        node = parent
    return None


def _suppresses(manager: ast.expr, frame: FrameType, kind: type[BaseException] | None) -> bool:
    """Whether it is ``contextlib.suppress``, of such exceptions."""
    if not isinstance(manager, ast.Call):
        return isinstance(value_of(manager, frame), contextlib.suppress)
    if value_of(manager.func, frame) is not contextlib.suppress:
        return False
    return kind is None or _is_among(manager.args, frame, kind)


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
