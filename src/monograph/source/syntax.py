"""Questions about pieces of Python: what they bind, how they are left, whether they move."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence

from monograph.capture.python.sites import ASKING, Site, span_of
from monograph.diagnostics import ControlFlowError, SourceLine

__all__ = [
    "JUMPS",
    "LOOPS",
    "PREFIX",
    "SCOPES",
    "ExplicitSuper",
    "Replaced",
    "always_leaves",
    "assigned_in",
    "cannot_move",
    "choices_of",
    "is_asking",
    "is_site",
    "jumps_of",
    "own_nodes",
    "require_movable",
    "returns_in",
]

PREFIX = "_monograph_"  # of all names that conversion makes
LOOPS = (ast.For, ast.While)
JUMPS = (ast.Return, ast.Break, ast.Continue)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def is_site(node: ast.AST, sites: frozenset[Site]) -> bool:
    """Whether ``node`` is one of ``sites``."""
    return hasattr(node, "end_lineno") and Site(type(node).__name__, span_of(node)) in sites


def is_asking(node: ast.AST, sites: frozenset[Site]) -> bool:
    """Whether ``node`` is a statement that is run with each answer to what it asks."""
    return isinstance(node, ast.stmt) and Site(ASKING, span_of(node)) in sites


def own_nodes(node: ast.AST) -> list[ast.AST]:
    """All nodes inside a function, but not those of functions inside it."""
    found: list[ast.AST] = []
    stack = list(ast.iter_child_nodes(node))
    while stack:
        current = stack.pop()
        found.append(current)
        if not isinstance(current, SCOPES):
            stack.extend(ast.iter_child_nodes(current))
    return found


def jumps_of(node: ast.If) -> set[type]:
    """The kinds of jumps by which a branch leaves its block."""
    found: set[type] = set()
    stack: list[tuple[ast.AST, bool]] = [(s, False) for s in (*node.body, *node.orelse)]
    while stack:
        current, in_loop = stack.pop()
        if isinstance(current, SCOPES):
            continue
        if isinstance(current, ast.Return) or (isinstance(current, JUMPS) and not in_loop):
            found.add(type(current))
        inside = in_loop or isinstance(current, LOOPS)
        stack.extend((child, inside) for child in ast.iter_child_nodes(current))
    return found


def returns_in(node: ast.AST) -> bool:
    """Whether a ``return`` is in it."""
    return any(isinstance(n, ast.Return) for n in own_nodes(node))


def always_leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether no path reaches the end of ``body``."""
    for statement in body:
        if isinstance(statement, (*JUMPS, ast.Raise)):
            return True
        sides = (statement.body, statement.orelse) if isinstance(statement, ast.If) else ()
        if sides and all(side and always_leaves(side) for side in sides):
            return True
        if isinstance(statement, ast.With) and always_leaves(statement.body):
            return True
    return False


def assigned_in(body: Sequence[ast.AST]) -> set[str]:
    """The variables that statements bind."""
    found: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
            # The variables that it shares are bound by it, too.
            shared = {n for s in ast.walk(node) if isinstance(s, ast.Nonlocal) for n in s.names}
            if node.name.startswith(PREFIX):
                found |= shared
            stack.extend(node.decorator_list)
            continue
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
        ):
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            found |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
            continue
        stack.extend(ast.iter_child_nodes(node))
    return found


class ExplicitSuper(ast.NodeTransformer):
    """``super()`` names its arguments, which it could not find in a function inside."""

    def __init__(self, function: ast.FunctionDef) -> None:
        arguments = function.args
        names = [*arguments.posonlyargs, *arguments.args]
        self.first = names[0].arg if names else None

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Find calls of ``super``, but not in functions of the user\'s."""
        self.generic_visit(node)
        is_super = isinstance(node.func, ast.Name) and node.func.id == "super"
        if is_super and not node.args and self.first:
            names = ("__class__", self.first)
            node.args = [ast.copy_location(ast.Name(n, ast.Load()), node) for n in names]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Find calls of ``super``, but not in functions of the user\'s."""
        return self.generic_visit(node) if node.name.startswith(PREFIX) else node


def require_movable(node: ast.AST, file: str) -> None:
    """Refuse what cannot be moved into a function.

    Raises:
        ControlFlowError: MG-C115.
    """
    for each in [node, *own_nodes(node)]:
        if isinstance(each, (ast.Yield, ast.YieldFrom, ast.Await)):
            raise cannot_move(each, "a generator or a coroutine", file)
        if isinstance(each, ast.NamedExpr) and isinstance(node, ast.expr):
            raise cannot_move(each, "an assignment inside a part that may not be reached", file)


def cannot_move(node: ast.AST, what: str, file: str) -> ControlFlowError:
    """The error for what cannot be moved into a function."""
    line, last, start, end = span_of(node)
    return ControlFlowError(
        f"a branch on data inside {what}",
        code="MG-C115",
        where=SourceLine(file, line, "", start, end if last == line else None),
        hint="write it as an `if` statement or a `for` loop of its own.",
    )


def choices_of(value: ast.expr) -> Iterator[ast.IfExp | ast.BoolOp]:
    """The choices in an expression that are made in any case, by a test that may come first."""
    if any(isinstance(n, ast.NamedExpr | ast.Await | ast.Yield) for n in ast.walk(value)):
        return
    if any(isinstance(n, ast.Call) and _writes(n) for n in ast.walk(value)):
        return
    stack: list[ast.expr] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            test = node.test if isinstance(node, ast.IfExp) else node.values[0]
            if _only_asks(test):
                yield node
            stack.append(test)
        elif not isinstance(node, (*SCOPES, *_COMPREHENSIONS)):
            stack.extend(_parts(node))


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, (ast.keyword, ast.FormattedValue)):
            yield child.value


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return name.endswith("_") and not name.endswith("__")


def _only_asks(test: ast.expr) -> bool:
    """Whether it reads names and sizes and compares, and does nothing else."""
    for node in ast.walk(test):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else None
            name = function.id if isinstance(function, ast.Name) else name
            if name not in _ASKING:
                return False
        elif isinstance(node, (*SCOPES, *_COMPREHENSIONS)):
            return False
    return True


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ASKING = ("size", "dim", "numel", "len", "min", "max", "int", "isinstance")


class Replaced(ast.NodeTransformer):
    """A statement with another expression in the place of one."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self.old, self.new = old, new

    def of(self, statement: ast.stmt) -> ast.stmt:
        """``statement`` with the other expression in it; it stays as it is."""
        made = self.visit(statement)
        assert isinstance(made, ast.stmt)
        return made

    def visit(self, node: ast.AST) -> ast.AST:
        """``node``, copied where something in it is another."""
        return self.new if node is self.old else self.generic_visit(copy.copy(node))

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """The fields of a copy: its lists are copied, too."""
        for name, field in ast.iter_fields(node):
            if isinstance(field, list):
                setattr(node, name, [self.visit(x) if isinstance(x, ast.AST) else x for x in field])
            elif isinstance(field, ast.AST):
                setattr(node, name, self.visit(field))
        return node
