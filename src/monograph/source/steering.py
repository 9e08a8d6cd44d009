"""Which Python values have steered a program: every test that was taken, with its outcome.

Line tracing would see them all and makes a capture 2.2 times slower (calls alone 2.0: an
interpreter that traces leaves its fast path). So the tests of the functions that run are compiled
with a call of ``steered`` around them, which costs next to nothing; which functions run is found
by tracing calls once, the first time that a program goes this way.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import sys
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, TypeVar

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.frames import is_of_user
from monograph.capture.python.sites import Span, span_of
from monograph.diagnostics import SourceLine
from monograph.ir.assumptions import Assumption
from monograph.source.chance import is_by_chance
from monograph.source.expressions import RUNTIME, located, runtime_call
from monograph.source.syntax import PREFIX

if TYPE_CHECKING:
    from _typeshed import TraceFunction

__all__ = [
    "Listener",
    "Outcome",
    "Steering",
    "functions_in",
    "in_order",
    "steered",
    "steps",
    "with_steering",
]

T = TypeVar("T")

_PLAIN = (bool, type(None), int, float, str, bytes, list, tuple, dict, set, frozenset)
_SHORT = (bool, type(None), int, float, str, torch.dtype, torch.device)
_IN_ORDER = frozenset(("list", "tuple", "enumerate", "iter", "zip", "map", "reversed", "next"))
_NO_SETS = (
    ast.Starred, ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.ListComp,
    ast.DictComp, ast.GeneratorExp, ast.Lambda,
)  # fmt: skip


@dataclass(frozen=True)
class _Test:
    """A test in the user's program; ``names`` are the dotted names in it."""

    where: SourceLine
    text: str
    names: tuple[str, ...]


_tests: list[_Test] = []
_numbers: dict[tuple[str, Span, str], int] = {}
# The number of a test, and the type and truth of what it has asked; how many steps of a loop.
Turn = tuple[type | str, bool | int | None]
Outcome = tuple[int, Turn]
_seen: set[Outcome] = set()


class Steering:
    """The outcomes that one capture has seen."""

    @staticmethod
    def start() -> None:
        """A capture begins."""
        _seen.clear()

    @staticmethod
    def outcomes() -> frozenset[Outcome]:
        """The tests that were taken, by their numbers, with the ways that they went."""
        return frozenset(_seen)


# What instrumented code calls ----------------------------------------------------------------


def steered(number: int, value: T) -> T:
    """``value``, which a test is about to decide by; noted if it is one of Python's."""
    kind = type(value)
    if kind in _PLAIN:
        outcome: Turn = kind, bool(value)  # the truth, without calling the program's code
    elif issubclass(kind, (torch.Tensor, torch.SymInt, torch.SymBool, torch.SymFloat)):
        return value
    else:
        outcome = kind, None
    if (number, outcome) not in _seen:
        _note(number, outcome, value)
    return value


def steps(number: int, iterable: T) -> T:
    """``iterable``, which a loop is about to run over."""
    if isinstance(iterable, Sized) and not isinstance(iterable, torch.Tensor):
        outcome: Turn = ("steps", len(iterable))
        if (number, outcome) not in _seen:
            _note(number, outcome, iterable)
    return _given(iterable)


def in_order(iterable: T) -> T:
    """``iterable``, whose order becomes part of the program."""
    return _given(iterable)


def _given(iterable: T) -> T:
    """``iterable``, or its items in another order, where each process has another one."""
    recorder = running_recorder() if is_by_chance(iterable) else None
    strict = None if recorder is None else recorder.context.strict
    where = None if recorder is None else recorder.here()
    if strict is None or where is None:
        return iterable
    return strict.in_order(iterable, where)


def _note(number: int, outcome: Turn, value: object) -> None:
    recorder = running_recorder()
    if recorder is None:
        return
    _seen.add((number, outcome))
    test = _tests[number]
    kind, truth = outcome
    if kind == "steps":
        what = f"`{test.text}` has {truth} item{'' if truth == 1 else 's'}"
    else:
        what = f"`{test.text}` is {_shown(value)}"
        values = _values(test, sys._getframe(2))
        what += f" ({', '.join(values)})" if values else ""
    recorder.context.assumptions.append(Assumption("steered", what, test.where))


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, _SHORT) else ""
    return text if 0 < len(text) <= 60 else f"a {type(value).__name__}"


def _values(test: _Test, frame: FrameType) -> list[str]:
    """The short values of names in a test, looked up without running any code."""
    found = []
    for name in test.names:
        if name == test.text:
            continue
        first, *rest = name.split(".")
        value = frame.f_locals.get(first, frame.f_globals.get(first))
        for attribute in rest:
            value = getattr(value, "__dict__", {}).get(attribute)
        if isinstance(value, _SHORT) and value is not None and len(repr(value)) <= 60:
            found.append(f"{name} = {value!r}")
    return found


# Instrumenting -------------------------------------------------------------------------------


def with_steering(tree: ast.Module, file: str, text: str) -> ast.Module:
    """``tree`` (which is changed) with a call of the runtime around each test."""
    return _Instrument(file, text).visit(tree)


class _Instrument(ast.NodeTransformer):
    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.inside_tests: set[ast.AST] = set()
        self.lines = text.splitlines(keepends=True)
        self.function = "<module>"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        before, self.function = self.function, node.name
        node.body = [self.visit(statement) for statement in node.body]
        self.function = before
        return node

    def visit_If(self, node: ast.If | ast.While | ast.IfExp) -> ast.AST:
        return self._watch_field(node, "test")

    visit_While = visit_IfExp = visit_If  # noqa: N815

    def visit_Match(self, node: ast.Match) -> ast.AST:
        return self._watch_field(node, "subject")

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._watch_field(node, "iter", "steps")

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        made = [_is_made(test) for test in node.ifs]
        self._watch_field(node, "iter", "steps")
        node.ifs = [
            test if skip else self._watched("steered", test)
            for test, skip in zip(node.ifs, made, strict=True)
        ]
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        made = _is_made(node)
        self.generic_visit(node)
        if not made and node not in self.inside_tests:
            kept = [self._watched("steered", value) for value in node.values[:-1]]
            node.values = [*kept, node.values[-1]]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        made = _is_made(node)
        if made and isinstance(node.func, ast.Attribute) and node.func.attr in _TESTS:
            self.generic_visit(node)
            place = _TESTS[node.func.attr]
            node.args[place] = self._watched("steered", node.args[place])
            return node
        self.generic_visit(node)
        if not made and isinstance(node.func, ast.Name) and node.func.id in _IN_ORDER:
            node.args = [
                a if isinstance(a, _NO_SETS) else located(runtime_call("in_order", a), a)
                for a in node.args
            ]
        return node

    def _watch_field(self, node: ast.AST, field: str, function: str = "steered") -> ast.AST:
        test = getattr(node, field)
        made = _is_made(test)
        self.inside_tests.update(n for n in ast.walk(test) if isinstance(n, ast.BoolOp))
        self.generic_visit(node)
        if not made:
            setattr(node, field, self._watched(function, getattr(node, field)))
        return node

    def _watched(self, function: str, node: ast.expr) -> ast.expr:
        if isinstance(node, (ast.Constant, ast.Tuple, ast.List)) or not hasattr(node, "end_lineno"):
            return node
        number = self._number(node)
        return located(runtime_call(function, ast.Constant(number), node), node)

    def _number(self, node: ast.expr) -> int:
        span = span_of(node)
        text = " ".join(self._segment(span).split())
        key = (self.file, span, text)
        if key not in _numbers:
            end = span[3] if span[0] == span[1] else None
            where = SourceLine(self.file, span[0], self.function, span[2], end, span)
            _tests.append(_Test(where, text, tuple(_names(node))))
            _numbers[key] = len(_tests) - 1
        return _numbers[key]

    def _segment(self, span: Span) -> str:
        first, last, start, end = span
        lines = [line.encode() for line in self.lines[first - 1 : last]]
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][start:]
        return b"".join(lines).decode(errors="replace")


_TESTS = {"branch": 1}  # where these functions of the runtime take their test


def _is_made(node: ast.AST) -> bool:
    """Whether conversion has made (a part of) it."""
    return any(
        (isinstance(n, ast.Constant) and n.value == RUNTIME)
        or (isinstance(n, ast.Name) and n.id.startswith(PREFIX))
        for n in ast.walk(node)
    )


def _names(node: ast.AST) -> list[str]:
    """The dotted names in an expression."""
    found: list[str] = []
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, (ast.Name, ast.Attribute)):
            name = ast.unparse(each)
            if name.replace(".", "").replace("_", "").isalnum() and name not in found:
                found.append(name)
                continue
        if isinstance(each, ast.Call):
            stack += each.args
        else:
            stack += ast.iter_child_nodes(each)
    return found


# Which functions run -------------------------------------------------------------------------


class Listener:
    """Sees the functions of the program that run and decide: their code, and its globals."""

    def __init__(self) -> None:
        self.codes: dict[CodeType, dict[str, object]] = {}
        self._seen: set[CodeType] = set()
        self._before: TraceFunction | None = None

    def start(self) -> None:
        """Begin to look."""
        self._before = sys.gettrace()
        sys.settrace(self._on_call)

    def stop(self) -> None:
        """Look no more."""
        sys.settrace(self._before)

    def _on_call(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code not in self._seen:
            self._seen.add(code)
            if is_of_user(code) and _decides(code):
                self.codes[code] = frame.f_globals


def _decides(code: CodeType) -> bool:
    """Whether there is a test, a loop or a set in it."""
    if not _IN_ORDER.isdisjoint(code.co_names):
        return True
    return any(opcode in _DECIDING for opcode in code.co_code[::2])


_DECIDING = frozenset(dis.hasjrel) | {dis.opmap["GET_ITER"]}


def functions_in(namespaces: Iterable[Mapping[str, object]]) -> Iterator[FunctionType]:
    """The functions of modules: in their classes, and inside decorators as well."""
    seen: set[int] = set()
    for namespace in namespaces:
        name = namespace.get("__name__")
        stack: list[object] = list(namespace.values())
        while stack:
            item = stack.pop()
            if isinstance(item, (staticmethod, classmethod)):
                item = item.__func__
            if isinstance(item, property):
                stack += (item.fget, item.fset)
                continue
            if id(item) in seen:
                continue
            if isinstance(item, type):
                if item.__module__ == name:
                    seen.add(id(item))
                    stack += vars(item).values()
                continue
            if not isinstance(item, FunctionType):
                continue
            seen.add(id(item))
            yield item
            stack.append(getattr(item, "__wrapped__", None))
            for cell in item.__closure__ or ():
                with contextlib.suppress(ValueError):  # an empty cell
                    stack.append(cell.cell_contents)
