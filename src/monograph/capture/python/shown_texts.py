"""Where a text goes that a program makes of a number: whether it is only shown, or may steer.

It may go into an exception, ``print`` or a logger, by way of variables, of functions that do no
more with it (``check(n > 0, f"got {n}")``) and of those that give it back (``Error(text_of(n))``).
Names are looked up as they are now; what is not plain is taken to steer the program.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable
from enum import Enum
from types import FrameType, FunctionType, ModuleType
from typing import NamedTuple

from monograph.capture.python.frames import is_of_user
from monograph.capture.python.nodes import Syntax, syntax_of
from monograph.capture.python.static_values import UNKNOWN, value_of

__all__ = ["is_shown_by"]

# Functions that show a text, which steers nothing.
_SHOWS = re.compile(
    r"((p?print|warn|debug|info|error|critical|exception|_?check|_?assert)\w*|log_\w+)$"
)
_MOST_FUNCTIONS = 6  # that a text goes through
_SEES_ALL = frozenset({"locals", "vars", "eval", "exec"})
_ASKS_NO_LETTER = (callable, isinstance)

Lookup = Callable[[ast.expr], object]


class _End(Enum):
    SHOWN = "it is shown"
    RETURNED = "it is what the function gives back"
    STEERS = "it may steer the program"


class _Text(NamedTuple):
    """Where a text is: what its function looks like, what names mean there, and what it came by."""

    syntax: Syntax
    lookup: Lookup
    functions: int = 0
    variables: frozenset[str] = frozenset()


def is_shown_by(frame: FrameType, node: ast.AST) -> bool:
    """Whether the text that ``node`` of ``frame`` makes now is only shown."""
    here: FrameType | None = frame
    wanted: ast.AST | None = node
    for count in range(_MOST_FUNCTIONS):
        syntax = None if here is None else syntax_of(here.f_code)
        if here is None or syntax is None or wanted is None:
            return False
        text = _Text(syntax, _names_in(here), count)
        # What is made in a call may be shown by it; what a call gives back is no argument of it.
        end = _end_of(
            wanted, text, is_given_back=count > 0, runs_in_lambda=here.f_code.co_name == "<lambda>"
        )
        if end is not _End.RETURNED:
            return end is _End.SHOWN
        here = here.f_back
        if here is None or not is_of_user(here.f_code):
            return False
        syntax = syntax_of(here.f_code)
        wanted = None if syntax is None else syntax.node_at(here.f_lasti)
        if not isinstance(wanted, ast.Call):
            return False
    return False


def _names_in(frame: FrameType) -> Lookup:
    return lambda node: value_of(node, frame)


def _end_of(
    node: ast.AST, text: _Text, *, is_given_back: bool = False, runs_in_lambda: bool = False
) -> _End:
    """Where the value of ``node`` goes, step by step to the statement that it is in."""
    step: ast.AST | None = text.syntax.around(node) if is_given_back else node
    before: ast.AST = node
    is_value = True
    found = _End.STEERS
    while step is not None:
        if isinstance(step, ast.Raise) or (isinstance(step, ast.Assert) and before is step.msg):
            return _End.SHOWN
        if isinstance(step, ast.Call):
            if _SHOWS.match(ast.unparse(step.func).split(".")[-1]):
                return _End.SHOWN
            if is_value and _end_in_function(step, before, text) is _End.SHOWN:
                return _End.SHOWN
        if isinstance(step, ast.Assign):
            return _end_of_variable(step, text) if is_value else _End.STEERS
        if isinstance(step, ast.Return) and is_value:
            return _End.RETURNED
        if isinstance(step, ast.Lambda):
            if runs_in_lambda and is_value:
                found = _End.RETURNED  # unless the function is made to be shown
            is_value = False
        if isinstance(step, ast.FunctionDef):
            break
        before = step
        step = text.syntax.around(step)
    return found


def _end_of_variable(statement: ast.Assign, text: _Text) -> _End:
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or len(statement.targets) > 1:
        return _End.STEERS
    if target.id in text.variables:
        return _End.SHOWN  # where it is read is being looked at
    return _end_of_readers(target.id, text._replace(variables=text.variables | {target.id}))


def _end_of_readers(name: str, text: _Text) -> _End:
    readers = text.syntax.readers_of(name)
    ends = {_end_of(r, text) for r in readers if not _asks_no_letter(r, text)}
    if not readers or _End.STEERS in ends or len(ends) > 1:
        return _End.STEERS
    return ends.pop() if ends else _End.SHOWN


def _asks_no_letter(reader: ast.Name, text: _Text) -> bool:
    """Whether the answer to what is asked there is the same for any text."""
    asked = text.syntax.around(reader)
    if isinstance(asked, ast.Compare):
        is_none = all(isinstance(c, ast.Constant) and c.value is None for c in asked.comparators)
        return is_none and all(isinstance(op, (ast.Is, ast.IsNot)) for op in asked.ops)
    if not isinstance(asked, ast.Call) or reader not in asked.args:
        return False
    function = text.lookup(asked.func)
    return any(function is each for each in _ASKS_NO_LETTER)


def _end_in_function(call: ast.Call, argument: ast.AST, text: _Text) -> _End:
    """Where an argument goes in the function that is called with it."""
    found = _callee(call, text.lookup)
    if found is None or text.functions >= _MOST_FUNCTIONS:
        return _End.STEERS
    function, is_method = found
    name = _parameter(call, argument, function, is_method)
    code = function.__code__
    syntax = syntax_of(code)
    if name is None or syntax is None or _SEES_ALL & set(code.co_names):
        return _End.STEERS
    inside = _Text(syntax, _globals_of(function), text.functions + 1, frozenset({name}))
    return _end_of_readers(name, inside)


def _callee(call: ast.Call, lookup: Lookup) -> tuple[FunctionType, bool] | None:
    """The function that is called, and whether its first parameter is what it is a method of."""
    function = lookup(call.func)
    if type(function) is not FunctionType:
        return None
    if isinstance(call.func, ast.Name):
        return function, False
    owner = lookup(call.func.value) if isinstance(call.func, ast.Attribute) else UNKNOWN
    if isinstance(owner, ModuleType):
        return function, False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    is_method = owner is not UNKNOWN and vars(type(owner)).get(name) is function
    return (function, True) if is_method else None


def _parameter(
    call: ast.Call, argument: ast.AST, function: FunctionType, is_method: bool
) -> str | None:
    """The name that ``argument`` has in the function that is called."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    for keyword in call.keywords:
        if keyword is argument or keyword.value is argument:
            known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            return keyword.arg if keyword.arg in known else None
    given = list[ast.AST](call.args)
    if argument not in given or any(isinstance(a, ast.Starred) for a in given):
        return None
    at = given.index(argument) + is_method
    return positional[at] if at < len(positional) else None


def _globals_of(function: FunctionType) -> Lookup:
    """What names mean in a function that does not run now: globals that are no variables of it."""
    code = function.__code__
    own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}

    def lookup(node: ast.expr) -> object:
        if isinstance(node, ast.Attribute):
            owner = lookup(node.value)
            return vars(owner).get(node.attr, UNKNOWN) if isinstance(owner, ModuleType) else UNKNOWN
        if not isinstance(node, ast.Name) or node.id in own:
            return UNKNOWN
        return function.__globals__.get(node.id, vars(builtins).get(node.id, UNKNOWN))

    return lookup
