"""Whether the program itself would catch an exception: then a ``raise`` is no assertion."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from types import FrameType

from monograph.capture.python.nodes import syntax_of

__all__ = ["may_be_caught"]


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
