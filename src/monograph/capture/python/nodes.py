"""The piece of a program's source that a frame is at, as a node of its syntax tree.

Python keeps for every instruction the place in the source that it was compiled from (PEP 657, from
3.11 on). What an instruction is for differs from one version to the next; what stands at its place
does not. Of the instruction itself only its family is asked: whether it calls, takes a truth, or
compares.
"""

from __future__ import annotations

import ast
import dis
import functools
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

from monograph.capture.python.sites import Span, is_made, places_of, source_file

__all__ = ["Syntax", "calls", "compares", "subscripts", "syntax_of", "takes_truth"]

Found = TypeVar("Found")

_TRUTHS = ("IF_TRUE", "IF_FALSE", "TO_BOOL", "UNARY_NOT")
_MOST_KEPT = 16_384
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _operation(code: CodeType, offset: int) -> str:
    found = _operations.get((id(code), offset))
    if found is None:
        if len(_operations) >= _MOST_KEPT:
            _operations.clear()
        found = _operations[id(code), offset] = code, dis.opname[code.co_code[offset]]
    return found[1]


_operations: dict[tuple[int, int], tuple[CodeType, str]] = {}


def calls(code: CodeType, offset: int) -> bool:
    """Whether the instruction at ``offset`` calls a function."""
    return _operation(code, offset).startswith("CALL")


def takes_truth(code: CodeType, offset: int) -> bool:
    """Whether the instruction at ``offset`` asks a value whether it is true."""
    operation = _operation(code, offset)
    return any(name in operation for name in _TRUTHS)


def compares(code: CodeType, offset: int) -> bool:
    """Whether the instruction at ``offset`` compares (and, from 3.13 on, takes the truth of it)."""
    return _operation(code, offset) == "COMPARE_OP"


class Syntax:
    """The syntax tree of the function that ``code`` belongs to."""

    def __init__(self, code: CodeType, part: ast.Module) -> None:
        self.code = code
        self._positions = list(code.co_positions())
        self._parents: dict[ast.AST, ast.AST] = {}
        self._by_span: dict[Span, ast.AST] = {}
        self._noted: dict[object, Any] = {}
        for node in ast.walk(part):
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
            if isinstance(node, (ast.expr, ast.stmt)):
                for place in places_of(node):
                    self._by_span[place] = node  # the innermost, where several stand there

    @functools.cached_property
    def function(self) -> ast.FunctionDef | None:
        """The function itself, where it is one."""
        first, name = self.code.co_firstlineno, self.code.co_name
        for node in self._parents:
            if not isinstance(node, ast.FunctionDef) or node.name != name:
                continue
            lines = [node.lineno, *(part.lineno for part in node.decorator_list)]
            if min(lines) == first:
                return node
        return None

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around ``node``, in the same function."""
        return None if isinstance(node, _FUNCTIONS) else self._parents.get(node)

    def around(self, node: ast.AST) -> ast.AST | None:
        """The node around ``node``, of whatever function."""
        return self._parents.get(node)

    def noted_once(self, key: object, find: Callable[[Syntax], Found]) -> Found:
        """What others have found out of it, or of an instruction."""
        if key not in self._noted:
            self._noted[key] = find(self)
        found: Found = self._noted[key]
        return found

    def at(self, span: Span) -> ast.AST | None:
        """What stands at a place."""
        return self._by_span.get(span)

    def node_at(self, offset: int) -> ast.AST | None:
        """What the instruction at ``offset`` was compiled from."""
        found: Any = self._positions[offset // 2]
        return self._by_span.get(found)

    def node_before(self, offset: int) -> ast.AST | None:
        """What was evaluated last, before what the instruction at ``offset`` belongs to."""
        at = offset // 2
        for found in reversed(self._positions[:at]):
            if found != self._positions[at]:
                return self._by_span.get(found)  # type: ignore[arg-type]
        return None

    def readers_of(self, name: str) -> list[ast.Name]:
        """Where a variable is read, in the whole function and what is around it."""
        return [
            node
            for node in self._parents
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        ]

    def follows(self, statement: ast.stmt) -> ast.stmt | None:
        """The statement that runs after this one, where only branches end in between."""
        parent = self._parents.get(statement)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(parent, field, None)
            if isinstance(block, list) and statement in block:
                after: list[ast.stmt] = block[block.index(statement) + 1 :]
                if after:
                    return after[0]
                return self.follows(parent) if isinstance(parent, ast.If) else None
        return None


# By identity: equal code may stand in several files.
_kept: dict[int, tuple[CodeType, Syntax | None]] = {}


def syntax_of(code: CodeType) -> Syntax | None:
    """The syntax tree for ``code``; None where its source is not at hand, or is another by now."""
    found = _kept.get(id(code))
    if found is None:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        found = _kept[id(code)] = code, _read(code)
    return found[1]


def _read(code: CodeType) -> Syntax | None:
    source = source_file(code.co_filename)
    if source is None or not (is_made(code) or source.has(code)):
        return None
    return Syntax(code, source.part({code.co_firstlineno}, taken=True))


def subscripts(frame: FrameType) -> bool:
    """Whether what runs in ``frame`` is (or may be) ``x[i]`` or ``x[i] = y``."""
    syntax = syntax_of(frame.f_code)
    if syntax is None:
        return not calls(frame.f_code, frame.f_lasti)
    return isinstance(syntax.node_at(frame.f_lasti), ast.Subscript)
