"""Calls in a program's functions, whose callee is chosen when they run.

``int(size)`` ends in C, which makes a plain number of anything. Where a program does so, the
function that calls is compiled again with each ``f(...)`` as ``choose(f)(...)``, and for as long as
a capture runs the function object has that code. ``choose`` gives ``f`` itself but for the few
functions that sizes need otherwise, and that only in the thread that captures. So names, globals
and builtins are what they always are, and another thread that runs such code calls what it says.
"""

from __future__ import annotations

import ast
import contextlib
import weakref
from collections.abc import Callable, Collection, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

from monograph.capture.python.live_functions import live_functions
from monograph.capture.python.nodes import syntax_of
from monograph.capture.python.redirect import constant_replaced
from monograph.capture.python.sites import (
    SourceFile,
    codes_in,
    is_made,
    note_made,
    same_code,
    source_file,
)
from monograph.capture.python.static_values import UNKNOWN, value_of

__all__ = ["CallSites", "choosing", "function_of", "mentioned"]

_CHOICE = "what chooses the callee"


def mentioned(frame: FrameType) -> Iterator[Any]:
    """The functions that are named in the call (or else the statement) that ``frame`` is at.

    ``UNKNOWN`` is among them where the callee is not plain.
    """
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    if isinstance(node, ast.Call):
        yield value_of(node.func, frame)
    elif syntax is not None:
        while node is not None and not isinstance(node, ast.stmt):
            node = syntax.parent(node)
    for each in () if node is None else ast.walk(node):
        if isinstance(each, (ast.Name, ast.Attribute)):
            found = value_of(each, frame)
            if found is not UNKNOWN:
                yield found


def function_of(frame: FrameType) -> FunctionType | None:
    """The function that runs in ``frame``, where its module or its class names it."""
    code = frame.f_code
    owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    for names in (frame.f_globals, *map(vars, type(owner).__mro__)):
        found = names.get(code.co_name)
        while found is not None:
            if isinstance(found, (staticmethod, classmethod)):
                found = found.__func__
            if type(found) is FunctionType and found.__code__ is code:
                return found
            found = getattr(found, "__dict__", {}).get("__wrapped__")
    return None


class CallSites:
    """The functions of the process that were found to need it; ``choose`` gives the callee."""

    def __init__(self, choose: Callable[[Any], Any]) -> None:
        self.choose = choose
        self._files: dict[str, _File] = {}

    def is_chosen(self, code: CodeType) -> bool:
        """Whether the calls in ``code`` are chosen."""
        return any(constant is self for constant in code.co_consts)

    def learn(self, code: CodeType, function: FunctionType | None = None) -> bool:
        """From now on choose the callees in the function of ``code``; False where that is no help.

        It is none where the source is not at hand, and where no such function is found. Without
        ``function``, all objects are looked through for it.
        """
        source = source_file(code.co_filename)
        if source is None or not (is_made(code) or source.has(code)):
            return False
        file = self._files.get(source.name)
        if file is None or file.source is not source:
            file = self._files[source.name] = _File(source)
        is_new = file.add(code.co_firstlineno, self)
        if function is not None and file.made(function.__code__) is not None:
            file.functions.add(function)
            return True
        return file.find_functions() or is_new

    def meet(self, function: object) -> None:
        """A function may be another object of code that is known: as one made by a decorator is."""
        if isinstance(function, FunctionType):
            file = self._files.get(function.__code__.co_filename)
            if file is not None and file.made(function.__code__):
                file.functions.add(function)

    def lines_in(self, name: str) -> frozenset[int]:
        """First lines of the functions in a file whose callees are chosen."""
        file = self._files.get(name)
        return frozenset() if file is None else frozenset(file.lines)

    def finished(self, code: CodeType) -> CodeType:
        """Code that was compiled from a tree that ``choosing`` has given."""
        return constant_replaced(code, _CHOICE, self)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """The functions have the code that chooses."""
        before: list[tuple[FunctionType, CodeType]] = []
        try:
            for file in list(self._files.values()):
                for function in list(file.functions):
                    code = function.__code__
                    made = file.made(code)
                    if made is not None:
                        before.append((function, code))
                        function.__code__ = made
            yield
        finally:
            for function, code in reversed(before):
                function.__code__ = code


class _File:
    """What was learned of one file."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.lines: set[int] = set()
        self.functions: weakref.WeakSet[FunctionType] = weakref.WeakSet()
        self._made: dict[CodeType, CodeType] = {}

    def add(self, line: int, sites: CallSites) -> bool:
        """Choose the callees in the function (with all inside it) that has code from ``line``."""
        if line in self.lines:
            return False
        self.lines.add(line)
        name = self.source.name
        before = compile(self.source.part({line}, taken=True), name, "exec", dont_inherit=True)
        tree = choosing(self.source.part({line}, taken=True), {line})
        after = sites.finished(compile(tree, name, "exec", dont_inherit=True))
        note_made(codes_in(after))
        pairs = zip(codes_in(before), codes_in(after), strict=True)
        self._made.update((old, new) for old, new in pairs if old.co_freevars == new.co_freevars)
        return True

    def made(self, code: CodeType) -> CodeType | None:
        """What ``code``, as the file has it, becomes."""
        found = self._made.get(code)
        if found is None and any(name.startswith("@py") for name in code.co_varnames):
            # Test runners rewrite assertions: such code differs from the file's.
            found = next((new for old, new in self._made.items() if same_code(old, code)), None)
        return found

    def find_functions(self) -> bool:
        """Look for live functions with such code; whether there are new ones."""
        name, before = self.source.name, len(self.functions)
        for function in live_functions(name):
            if self.made(function.__code__) is not None:
                self.functions.add(function)
        return len(self.functions) > before


def choosing(tree: ast.Module, lines: Collection[int]) -> ast.Module:
    """``tree``, which is changed, with callees chosen in the functions that these lines are in."""
    if lines:
        _Choices(lines).visit(tree)
        ast.fix_missing_locations(tree)
    return tree


class _Choices(ast.NodeTransformer):
    def __init__(self, lines: Collection[int]) -> None:
        self._lines = lines
        self._is_inside = False

    def generic_visit(self, node: ast.AST) -> ast.AST:
        is_outermost = (
            isinstance(node, ast.stmt)
            and not isinstance(node, ast.ClassDef)
            and not self._is_inside
            and self._holds(node)
        )
        if is_outermost:
            self._is_inside = True
        found = super().generic_visit(node)
        if is_outermost:
            self._is_inside = False
        return found

    def _holds(self, node: ast.stmt) -> bool:
        decorators = getattr(node, "decorator_list", ())
        first = min([node.lineno, *(d.lineno for d in decorators)])
        return any(first <= line <= (node.end_lineno or first) for line in self._lines)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        function = node.func
        is_ours = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant)
        if self._is_inside and not is_ours:
            choose = ast.Attribute(ast.Constant(_CHOICE), "choose", ast.Load())
            made = ast.Call(choose, [function], [])
            for new in (choose, choose.value, made):
                ast.copy_location(new, function)
            node.func = made
        return node
