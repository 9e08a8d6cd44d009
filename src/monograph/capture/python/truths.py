"""What Python asks a truth for: an assertion (``assert``, ``if bad: raise``), or a choice."""

from __future__ import annotations

import ast
import sys
from types import CodeType, FrameType
from typing import NamedTuple

from monograph.capture.python.nodes import Syntax, compares, syntax_of, takes_truth
from monograph.capture.python.static_values import UNKNOWN, value_of

__all__ = [
    "Assertion",
    "assertion_at",
    "asserts",
    "is_asserted",
    "is_check",
    "is_or_zero",
    "only_tells",
]

_CONTAINERS = (tuple, list, set, frozenset, dict, str, bytes)


class Assertion(NamedTuple):
    """A truth that must be ``wanted``, because ``statement`` raises if it is not."""

    wanted: bool
    statement: ast.stmt

    def message(self, frame: FrameType) -> str | None:
        """The text of the exception, where it is at hand."""
        raised = self.statement
        if isinstance(raised, ast.Assert):
            return None if raised.msg is None else _text(raised.msg, frame)
        assert isinstance(raised, (ast.Raise, ast.Expr))
        call = raised.exc if isinstance(raised, ast.Raise) else raised.value
        arguments = call.args if isinstance(call, ast.Call) else []
        return next((text for a in arguments if (text := _text(a, frame)) is not None), None)


def _text(node: ast.expr, frame: FrameType) -> str | None:
    """The first piece of text in an expression."""
    if isinstance(node, ast.Name):
        found = frame.f_locals.get(node.id)
        return found if isinstance(found, str) else None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Call):
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        parts = [*([owner] if isinstance(owner, ast.Constant) else []), *node.args]
    else:
        parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return next((text for part in parts if (text := _text(part, frame)) is not None), None)


def assertion_at(frame: FrameType) -> Assertion | None:
    """The assertion that the truth decides which ``frame`` asks for now; None for a choice."""
    code, offset = frame.f_code, frame.f_lasti
    key = id(code), offset
    kept = _kept.get(key)
    if kept is None:
        if len(_kept) > _MOST_KEPT:
            _kept.clear()
        kept = _kept[key] = code, asserts(code, offset)
    found = kept[1]
    if found is not None and isinstance(found.statement, ast.Expr):
        call = found.statement.value
        assert isinstance(call, ast.Call)
        if not is_check(value_of(call.func, frame)):
            return None
    # From 3.13 on the same instruction compares two containers, item by item.
    if found is not None and compares(code, offset) and not _compares_scalars(frame):
        return None
    return found


_kept: dict[tuple[int, int], tuple[CodeType, Assertion | None]] = {}
_MOST_KEPT = 16_384


def asserts(code: CodeType, offset: int) -> Assertion | None:
    """The assertion that the truth taken at ``offset`` decides, if it does."""
    if not takes_truth(code, offset) and not compares(code, offset):
        return None
    syntax = syntax_of(code)
    asked = None if syntax is None else _asked(syntax, offset)
    if syntax is None or asked is None:
        return None
    return _assertion_of(syntax, asked)


def is_or_zero(code: CodeType, offset: int) -> bool:
    """Whether the truth at ``offset`` is that of ``n`` in ``n or 0``, or in ``n and 0``.

    Of a whole number it is no matter: where it is 0, it is what stands there.
    """
    syntax = syntax_of(code) if takes_truth(code, offset) else None
    asked = None if syntax is None else _asked(syntax, offset)
    if syntax is None or not isinstance(asked, ast.expr):
        return False
    parent = syntax.parent(asked)
    if not isinstance(parent, ast.BoolOp) or asked is parent.values[-1]:
        return False
    if isinstance(syntax.parent(parent), _ASKING_MORE):  # whether it is true is asked at once
        return False
    others = parent.values[parent.values.index(asked) + 1 :]
    return all(
        isinstance(n, ast.Constant) and type(n.value) is int and n.value == 0 for n in others
    )


def only_tells(frame: FrameType) -> bool:
    """Whether the truth that ``frame`` asks for decides of a warning alone, or a line of a log."""
    syntax = syntax_of(frame.f_code)
    asked = None if syntax is None else syntax.node_at(frame.f_lasti)
    if syntax is None or asked is None:
        return False
    statement = syntax.parent(asked)
    while isinstance(statement, (ast.UnaryOp, ast.BoolOp, ast.Compare)):
        asked, statement = statement, syntax.parent(statement)
    if not isinstance(statement, ast.If) or statement.test is not asked or statement.orelse:
        return False
    return all(map(_is_told, statement.body))


def _is_told(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    function = statement.value.func
    owner = function.value if isinstance(function, ast.Attribute) else None
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    is_of_a_name = owner is None or isinstance(owner, (ast.Name, ast.Attribute))
    return is_of_a_name and name in _TELLING


_TELLING = frozenset({"warn", "warning", "info", "debug", "print", "warn_once", "warning_once"})
_ASKING_MORE = (
    ast.If, ast.While, ast.IfExp, ast.Assert, ast.BoolOp, ast.UnaryOp, ast.comprehension, ast.Match,
)  # fmt: skip


def is_asserted(syntax: Syntax, node: ast.expr) -> bool:
    """Whether the program is certain to raise for one of the truths of ``node``."""
    return _assertion_of(syntax, node) is not None


def _assertion_of(syntax: Syntax, asked: ast.expr | _Link) -> Assertion | None:
    for truth in (True, False):
        statement = _raised(syntax, asked, truth)
        if statement is not None:
            return Assertion(not truth, statement)
    return None


class _Link(NamedTuple):
    """One comparison of a chain (``a < b < c``)."""

    chain: ast.Compare
    is_last: bool


def _asked(syntax: Syntax, offset: int) -> ast.expr | _Link | None:
    """The expression whose truth is taken at ``offset``."""
    node = syntax.node_at(offset)
    if isinstance(node, ast.Compare):
        before = syntax.node_before(offset)
        # In ``a is b and not c`` the jump on ``c`` says that it is of ``a is b``.
        if isinstance(before, ast.expr) and not _is_inside(syntax, before, node):
            return before
        if len(node.ops) == 1:
            return node
        last = node.comparators[-1]
        while before is not None and before not in (node, last):
            before = syntax.parent(before)
        return _Link(node, before is last)
    is_truth_itself = isinstance(node, ast.expr) and not isinstance(node, _OF_OTHERS)
    if is_truth_itself and not (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return node  # type: ignore[return-value]
    before = syntax.node_before(offset)
    return before if isinstance(before, ast.expr) else None


def _is_inside(syntax: Syntax, part: ast.AST | None, whole: ast.AST) -> bool:
    while part is not None and part is not whole:
        part = syntax.parent(part)
    return part is whole


# Their instructions take the truth of a part.
_OF_OTHERS = (ast.BoolOp, ast.IfExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _raised(syntax: Syntax, asked: ast.expr | _Link, truth: bool) -> ast.stmt | None:
    """The statement that is certain to raise once ``asked`` is ``truth``."""
    if isinstance(asked, _Link):
        if truth and not asked.is_last:
            return None
        asked = asked.chain
    parent = syntax.parent(asked)
    if isinstance(parent, ast.NamedExpr):
        return _raised(syntax, parent, truth)
    if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
        return _raised(syntax, parent, not truth)
    if isinstance(parent, ast.BoolOp):
        settles = truth is isinstance(parent.op, ast.Or)
        is_last = asked is parent.values[-1]
        return _raised(syntax, parent, truth) if settles or is_last else None
    if isinstance(parent, ast.IfExp):
        return None if asked is parent.test else _raised(syntax, parent, truth)
    if isinstance(parent, ast.Assert):
        return parent if asked is parent.test and not truth else None
    if isinstance(parent, (ast.If, ast.While)) and asked is parent.test:
        block = parent.body if truth else parent.orelse
        first = _after_preparations(block) if block else syntax.follows(parent)
        return first if first is not None and _raises(first) else None
    return None


def _raises(statement: ast.stmt) -> bool:
    """Whether it is certain to raise, if what it calls is one of torch's checks."""
    if isinstance(statement, ast.Assert):
        return _is_false(statement.test)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call):
        return bool(call.args) and _is_false(call.args[0])
    return isinstance(statement, ast.Raise)


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def is_check(function: object) -> bool:
    """Whether it is a function of torch's that raises unless its first argument is true."""
    torch = sys.modules["torch"]  # imported by whoever has such a function
    return any(function is getattr(torch, name) for name in _CHECKS)


_CHECKS = ("_assert", "_check", "_check_index", "_check_value", "_check_type", "_check_tensor_all")


def _after_preparations(block: list[ast.stmt]) -> ast.stmt | None:
    """The first statement that does more than give names to what a message will tell."""
    return next((each for each in block if not _names_something(each)), None)


def _names_something(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and all(
        isinstance(target, ast.Name) for target in statement.targets
    )


def _compares_scalars(frame: FrameType) -> bool:
    """Whether one side at least is seen to be no container: then the truth is the comparison's."""
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    if not isinstance(node, ast.Compare):
        return False
    return any(_is_scalar(side, frame) for side in (node.left, *node.comparators))


def _is_scalar(node: ast.expr, frame: FrameType) -> bool:
    if isinstance(node, ast.BinOp):
        sides = [_is_scalar(side, frame) for side in (node.left, node.right)]
        return all(sides) if isinstance(node.op, ast.Mult) else any(sides)
    if isinstance(node, ast.UnaryOp):
        return _is_scalar(node.operand, frame)
    if isinstance(node, ast.Call):
        return _returns_scalar(node, frame)
    value = value_of(node, frame)
    return value is not UNKNOWN and not isinstance(value, _CONTAINERS)


def _returns_scalar(node: ast.Call, frame: FrameType) -> bool:
    """``len(x)``, ``int(x)``, and methods of tensors that return a number."""
    function = value_of(node.func, frame)
    if function in (len, int, float, abs, round, min, max, sum):
        return function not in (min, max) or len(node.args) > 1
    is_method = isinstance(node.func, ast.Attribute)
    if is_method and node.func.attr in ("size", "stride"):  # type: ignore[attr-defined]
        return bool(node.args or node.keywords)
    return is_method and node.func.attr in ("item", "numel", "dim")  # type: ignore[attr-defined]
