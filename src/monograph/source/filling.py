"""Lists that are made at their length, and filled by a loop: ``rows[i] = f(x[i])``.

Where each iteration of a loop over ``range(n)`` puts one item at the loop's number, and nothing
else of the program looks at the list meanwhile, the loop makes another list, by appending, which
takes the place of the first after the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from monograph.capture.python.sites import span_of
from monograph.source.syntax import JUMPS, LOOPS, own_nodes

__all__ = ["Fill", "fills_of", "loops_that_fill", "number_of", "text_around"]


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Fill:
    """``statement`` puts an item into the list ``name``.

    Or into a dict: ``key`` is what stands around the loop's number in its keys, ``("h", "")`` in
    ``f"h{t}"``; None: the number itself is the key.
    """

    name: str
    statement: ast.Assign
    is_reversed: bool
    is_dict: bool = False
    key: tuple[str, str] | None = None


def fills_of(loop: ast.For, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[Fill]:
    """The statements in ``loop`` that fill a list of ``function`` from its first place on."""
    number, is_reversed = number_of(loop)
    nodes = [node for statement in loop.body for node in ast.walk(statement)]
    if number is None or loop.orelse or any(isinstance(node, JUMPS) for node in nodes):
        return []
    if any(_is_named(node, number) and not isinstance(node.ctx, ast.Load) for node in nodes):  # type: ignore[attr-defined]
        return []
    found = []
    for statement in loop.body:
        name, key = _filled_by(statement, number)
        if name is None or sum(_is_named(node, name) for node in nodes) > 1:
            continue
        assert isinstance(statement, ast.Assign)
        if key is None and _is_its_own(name, loop, function, _makes_a_list):
            found.append(Fill(name, statement, is_reversed))
        elif not is_reversed and _is_its_own(name, loop, function, _makes_a_dict):
            found.append(Fill(name, statement, False, True, key))
    return found


def loops_that_fill(made: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> list[ast.For]:
    """The loops that fill a list which the expression ``made`` makes."""
    function: ast.AST | None = made
    while function is not None and not isinstance(
        function, (ast.FunctionDef, ast.AsyncFunctionDef)
    ):
        function = parents.get(function)
    if function is None:
        return []
    own = own_nodes(function)
    names = {name for name, value in _assigned(own) if value is made}
    return [
        node
        for node in own
        if isinstance(node, ast.For)
        and any(fill.name in names for fill in fills_of(node, function))
    ]


def number_of(loop: ast.For | ast.comprehension) -> tuple[str | None, bool]:
    """The variable that counts the iterations from 0, or (if True) down to 0."""
    call, target, is_reversed = loop.iter, loop.target, False
    if _is_call(call, "reversed"):
        (call,), is_reversed = call.args, True  # type: ignore[attr-defined]
    if _is_call(call, "enumerate") and not is_reversed:
        is_pair = isinstance(target, ast.Tuple) and len(target.elts) == 2
        target = target.elts[0] if is_pair else target  # type: ignore[attr-defined]
        return (target.id if is_pair and isinstance(target, ast.Name) else None), False
    is_range = _is_call(call, "range") or (not is_reversed and _is_downwards(call))
    if not is_range or not isinstance(target, ast.Name):
        return None, False
    return target.id, is_reversed or len(call.args) == 3  # type: ignore[attr-defined]


def _is_call(node: ast.expr, name: str) -> bool:
    """Whether it is a call of ``name`` with one argument."""
    is_plain = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
    return is_plain and _is_named(node.func, name)  # type: ignore[attr-defined]


def _is_downwards(node: ast.expr) -> bool:
    """Whether it is ``range(n - 1, -1, -1)``."""
    if not isinstance(node, ast.Call) or not _is_named(node.func, "range"):
        return False
    if len(node.args) != 3 or node.keywords:
        return False
    first, *others = node.args
    is_last = isinstance(first, ast.BinOp) and isinstance(first.op, ast.Sub)
    return [ast.unparse(each) for each in others] == ["-1", "-1"] and (
        is_last and ast.unparse(first.right) == "1"  # type: ignore[attr-defined]
    )


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _filled_by(statement: ast.stmt, number: str) -> tuple[str | None, tuple[str, str] | None]:
    """``rows`` in ``rows[number] = f(x)``, and what the key is, if it is not the number."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None, None
    (target,) = statement.targets
    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
        return None, None
    if _is_named(target.slice, number):
        return target.value.id, None
    key = text_around(target.slice, number)
    return (None if key is None else target.value.id), key


def text_around(node: ast.expr, number: str) -> tuple[str, str] | None:
    """What stands in front of the number in the text ``node``, and behind it: ``f"h{number}"``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):  # "h" + str(number)
        text, call = node.left, node.right
        is_plain = _is_call(call, "str") and _is_named(call.args[0], number)  # type: ignore[attr-defined]
        is_text = isinstance(text, ast.Constant) and isinstance(text.value, str)
        return (text.value, "") if is_plain and is_text else None  # type: ignore[attr-defined]
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    numbers = [part for part in parts if isinstance(part, ast.FormattedValue)]
    if len(numbers) != 1:
        return None
    (one,) = numbers
    if not _is_named(one.value, number) or one.conversion != -1 or one.format_spec is not None:
        return None
    at = parts.index(one)
    before, behind = (
        "".join(str(part.value) for part in some if isinstance(part, ast.Constant))
        for some in (parts[:at], parts[at + 1 :])
    )
    return before, behind


def _is_its_own(
    name: str,
    loop: ast.For,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    makes: Callable[[ast.expr], bool],
) -> bool:
    """Whether the variable has a container of this function's, which is read by nothing before.

    ``makes``: whether an expression makes such a container.
    """
    own = own_nodes(function)
    start = span_of(loop)[0]
    made = [value for variable, value in _assigned(own) if variable == name]
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    lengths = {id(node.args[0]) for node in calls if _is_call(node, "len")}
    reads = [
        node
        for node in ast.walk(function)
        if _is_named(node, name) and isinstance(node.ctx, ast.Load)  # type: ignore[attr-defined]
    ]
    before = [n for n in reads if n.lineno < start and id(n) not in lengths]  # type: ignore[attr-defined]
    around = [
        (span_of(node)[0], span_of(node)[1])
        for node in own
        if isinstance(node, LOOPS) and span_of(node)[0] < start <= span_of(node)[1]
    ]
    is_new = all(any(first < span_of(v)[0] < start for v in made) for first, _ in around)
    return bool(made) and all(map(makes, made)) and not before and is_new


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Variables, each with what is assigned to it: ``a, b = x, y`` are two."""
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from _paired(target, node.value)


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
        return
    parts, values = getattr(target, "elts", ()), getattr(value, "elts", ())
    for one, other in zip(parts, values, strict=True) if len(parts) == len(values) else ():
        yield from _paired(one, other)


def _makes_a_list(value: ast.expr) -> bool:
    """Whether it is ``[x] * n``, or a list comprehension."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return isinstance(value.left, ast.List) or isinstance(value.right, ast.List)
    return isinstance(value, ast.ListComp)


def _makes_a_dict(value: ast.expr) -> bool:
    """Whether it is ``{}`` or ``dict()``."""
    if isinstance(value, ast.Call):
        return _is_named(value.func, "dict") and not value.args and not value.keywords
    return isinstance(value, ast.Dict) and not value.keys
