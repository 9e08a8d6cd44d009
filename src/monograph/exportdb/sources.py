"""The text of a case without its prose and its data: the program alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

__all__ = ["program_text"]

_DATA = re.compile(
    r"(model|inputs|more_inputs|bad_inputs|dynamic_shapes|dynamic_shapes_instead|more_sizes|bad_sizes|use|rewrite_\w+"
    r"|CASE|EXPECT)$"
)


def program_text(text: str, maker: str) -> str:
    """The statements that ``maker`` (``model``, or ``rewrite_...``) needs, with their imports.

    Of functions that only call a class (``return Net()``) the class is the program.
    """
    lines = text.splitlines()
    imports: list[ast.stmt] = []
    program: list[tuple[set[str], ast.stmt]] = []
    made: ast.FunctionDef | None = None
    for statement in ast.parse(text).body:
        names = _defined(statement)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            imports.append(statement)
        elif isinstance(statement, ast.FunctionDef) and statement.name == maker:
            made = statement
        elif not any(_DATA.match(name) for name in names) and not _is_docstring(statement):
            program.append((names, statement))
    if made is None:
        return ""
    chosen = _needed(program, made, with_registrations=maker == "model")
    if not _is_mere_call(made):
        chosen.append(made)
    used = {name for statement in chosen for name in _used(statement)}
    kept = [s for s in imports if _bound(s) & used and not _is_format(s)]
    parts = ["\n".join(_text(lines, s) for s in kept), *(_text(lines, s) for s in chosen)]
    return "\n\n\n".join(part for part in parts if part) + "\n"


def _needed(
    program: list[tuple[set[str], ast.stmt]], made: ast.stmt, *, with_registrations: bool
) -> list[ast.stmt]:
    """What ``made`` uses, directly or not, and statements that define nothing."""
    wanted = _used(made)
    size = -1
    while size != len(wanted):
        size = len(wanted)
        for names, statement in program:
            if names & wanted or _registers(statement, wanted):
                wanted |= _used(statement)
    return [
        statement
        for names, statement in program
        if names & wanted or _registers(statement, wanted) or (with_registrations and not names)
    ]


def _registers(statement: ast.stmt, wanted: set[str]) -> bool:
    """Whether it is decorated with something of what is wanted: ``@halved.register_fake``."""
    decorators: Iterable[ast.expr] = getattr(statement, "decorator_list", ())
    return any(name in wanted for d in decorators for name in _used(d) if name != "torch")


def _defined(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    nodes = ast.walk(statement)
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _used(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _bound(statement: ast.stmt) -> set[str]:
    aliases: list[ast.alias] = getattr(statement, "names", [])
    return {(a.asname or a.name).partition(".")[0] for a in aliases}


def _is_format(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "monograph.exportdb"


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_mere_call(made: ast.FunctionDef) -> bool:
    """``return Net()``, ``return f``."""
    (first, *more) = made.body
    return (
        not more
        and isinstance(first, ast.Return)
        and (
            isinstance(first.value, ast.Name)
            or (isinstance(first.value, ast.Call) and not first.value.args)
        )
        and len(_used(first)) == 1
    )


def _text(lines: list[str], statement: ast.stmt) -> str:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(d.lineno for d in decorators)])
    return "\n".join(lines[first - 1 : statement.end_lineno])
