"""``@monograph.convert``: functions whose branches and loops on data become operators."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import CodeType
from typing import TypeVar

from monograph.capture.python.sites import codes_in
from monograph.diagnostics import PythonFeatureError

__all__ = ["convert", "is_marked", "is_used", "marked_in", "marks_of"]

F = TypeVar("F", bound=Callable[..., object])
Lines = list[tuple[int, int]]

_marks: dict[str, Lines] = {}  # by file: first and last line of each function


def convert(function: F) -> F:
    """Mark a function: where it branches or loops on data, the statement becomes an operator.

    A decorator. The function itself is left as it is; only while it is captured, statements that
    ask for a tensor's value run as ``cond`` and ``while_loop``, as all do in strict mode.

    Raises:
        PythonFeatureError: MG-P101, for what is not written in Python.
    """
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(code, CodeType):
        raise PythonFeatureError(
            f"a {type(function).__name__} cannot be converted: it has no source",
            hint="mark the function or the method that branches: @monograph.convert above its def.",
        )
    _marks.setdefault(code.co_filename, []).append(_lines_of(code))
    return function


def _lines_of(code: CodeType) -> tuple[int, int]:
    lines = [line for inner in codes_in(code) for _, _, line in inner.co_lines() if line]
    return code.co_firstlineno, max(lines, default=code.co_firstlineno)


def is_marked(code: CodeType) -> bool:
    """Whether ``code`` stands in a marked function."""
    line = code.co_firstlineno
    return any(first <= line <= last for first, last in _marks.get(code.co_filename, ()))


def is_used() -> bool:
    """Whether any function is marked."""
    return bool(_marks)


def marks_of(file: str, lines: Lines | None) -> Lines | None:
    """The lines of the marked functions of a file are ``lines`` from now on; gives those before."""
    before = _marks.pop(file, None)
    if lines:
        _marks[file] = lines
    return before


def marked_in(tree: ast.Module) -> Lines:
    """The lines of the functions that a file marks."""
    return [
        (min(d.lineno for d in node.decorator_list), node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d) in ("monograph.convert", "convert") for d in node.decorator_list)
    ]
