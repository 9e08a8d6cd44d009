"""Whether the program itself would catch an exception: then a ``raise`` is no assertion."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from types import FrameType

from monograph.capture.python.nodes import syntax_of

__all__ = ["catches", "may_be_caught"]


def may_be_caught(
    frames: Iterable[FrameType], raised_at: tuple[FrameType, ast.stmt] | None = None
) -> bool:
    """Whether an ``except`` of the program surrounds what runs in ``frames``.

    ``raised_at``: one of the frames, and the statement in it that would raise the exception.
    """
    for frame in frames:
        statement = None
        if raised_at is not None and raised_at[0] is frame:
            statement = raised_at[1]
        if _is_caught(frame, statement):
            return True
    return False


def _is_caught(frame: FrameType, statement: ast.stmt | None) -> bool:
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
        if isinstance(parent, (ast.Try, ast.TryStar)) and parent.handlers and node in parent.body:
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
