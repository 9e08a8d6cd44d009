"""What could be written instead of a refused line: each a change of the file's text, to be tried.

One function a remedy; ``proposals`` lists those for an error, the best first.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from monograph.capture.python.sites import SourceFile, replaced, span_of
from monograph.diagnostics import ExportError, MissingFakeError, UndecidedError
from monograph.source.fakes import fake_implementation, with_fake
from monograph.source.rewrite import rewritten

__all__ = ["Proposal", "proposals"]

T = TypeVar("T", bound=ast.AST)

_MATH = {
    *("sqrt", "exp", "log", "log2", "log10", "log1p", "expm1", "erf", "fabs"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("floor", "ceil", "trunc", "isnan", "isinf", "isfinite"),
}
_MATH_NAMES = {"fabs": "abs"}


@dataclass(frozen=True)
class Proposal:
    """Another text of a file, and what it does in a few words."""

    title: str
    text: str


class _Place:
    """The refused piece of a file, and how to write around it."""

    def __init__(self, source: SourceFile, error: ExportError) -> None:
        assert error.where is not None
        self.source = source
        self.error = error
        self.where = error.where
        self.lines = source.text.splitlines(keepends=True)
        nodes = source.by_span.get(error.where.span or (0, 0, 0, 0), [])
        self.node: ast.AST | None = nodes[-1] if nodes else None

    def around(self, *kinds: type[T]) -> Iterator[T]:
        """The nodes of these kinds around the refused one, itself first."""
        node = self.node or self.statement()
        while node is not None:
            if isinstance(node, kinds):
                yield node
            node = self.source.parents.get(node)

    def statement(self) -> ast.stmt | None:
        """The innermost statement at the refused line."""
        found = [
            node
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.stmt)
            and node.lineno <= self.where.line <= (node.end_lineno or node.lineno)
        ]
        return min(found, key=lambda n: (n.end_lineno or 0) - n.lineno, default=None)

    def function(self) -> ast.FunctionDef | None:
        """The outermost function around it."""
        found = None
        node: ast.AST | None = self.statement()
        while node is not None:
            found = node if isinstance(node, ast.FunctionDef) else found
            node = self.source.parents.get(node)
        return found

    def text_of(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.source.text, node) or ast.unparse(node)

    def replacing(self, *changes: tuple[ast.AST, str]) -> str:
        """The file with these nodes, none inside another, written otherwise."""
        return replaced(self.source.text, [(span_of(node), new) for node, new in changes])

    def inserting(self, line: int, *new: str) -> str:
        """The file with lines before the 1-based ``line``, indented as it is."""
        at = self.lines[line - 1]
        pad = at[: len(at) - len(at.lstrip())]
        added = [f"{pad}{text}\n" for text in new]
        return "".join([*self.lines[: line - 1], *added, *self.lines[line - 1 :]])

    def without(self, statement: ast.stmt) -> str:
        """The file without a statement (``pass`` where it is alone)."""
        parent = self.source.parents[statement]
        is_alone = any(
            block == [statement]
            for block in (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
        )
        if is_alone:
            return self.replacing((statement, "pass"))
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        return "".join([*self.lines[:first], *self.lines[last:]])


def proposals(source: SourceFile, error: ExportError, *, proved: bool) -> Iterator[Proposal]:
    """Changes of the file that may remove what ``error`` refuses.

    ``proved``: the program is compared with what it was before, so that changes may be offered
    that are not the same for every program.
    """
    if error.where is None:
        return
    place = _Place(source, error)
    seen = {source.text}
    for remedy in _REMEDIES.get(error.code, ()):
        if not proved and remedy not in _SAME:
            continue
        for title, text in remedy(place):
            if text not in seen and _is_python(text):
                seen.add(text)
                yield Proposal(title, text)


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


Found = Iterator[tuple[str, str]]


# Values that Python asks for ---------------------------------------------------------------------


def _as_operator(place: _Place) -> Found:
    span = place.where.span
    found = rewritten(place.where.file, place.source.text, span) if span else None
    if found is not None:
        yield "the statement as an operator", found[0]


def _without_bool(place: _Place) -> Found:
    for call in place.around(ast.Call):
        if ast.unparse(call.func) == "bool" and len(call.args) == 1:
            yield "the truth stays a tensor", place.replacing((call, place.text_of(call.args[0])))


def _as_tensor_test(place: _Place) -> Found:
    for call in place.around(ast.Call):
        name, args = ast.unparse(call.func), [place.text_of(a) for a in call.args]
        rest = "".join(f", {k.arg}={place.text_of(k.value)}" for k in call.keywords)
        if name == "torch.allclose" and len(args) >= 2:
            new = f"torch.isclose({', '.join(args)}{rest}).all()"
            yield "the comparison stays a tensor", place.replacing((call, new))
        if name == "torch.equal" and len(args) == 2:
            new = f"({args[0]} == {args[1]}).all()"
            yield "the comparison stays a tensor", place.replacing((call, new))


def _membership(place: _Place) -> Found:
    for compare in place.around(ast.Compare):
        if len(compare.ops) == 1 and isinstance(compare.ops[0], (ast.In, ast.NotIn)):
            item, items = (place.text_of(n) for n in (compare.left, compare.comparators[0]))
            new = f"(torch.stack(list({items})) == {item}).any()"
            if isinstance(compare.ops[0], ast.NotIn):
                new = f"~{new}"
            yield "the items are compared as one tensor", place.replacing((compare, new))


def _tensor_functions(place: _Place) -> Found:
    """``math.sqrt(x)`` as ``torch.sqrt(x)``, ``.item()`` inside it taken away."""
    for call in place.around(ast.Call):
        owner, _, name = ast.unparse(call.func).rpartition(".")
        if owner == "math" and name in _MATH and len(call.args) == 1:
            inner = place.text_of(call.args[0]).removesuffix(".item()")
            new = f"torch.{_MATH_NAMES.get(name, name)}({inner})"
            yield f"torch.{name} of the tensor", place.replacing((call, new))


def _without_numpy(place: _Place) -> Found:
    """``torch.from_numpy(np.clip(x.numpy(), 0, 1))`` as ``torch.clip(x, 0, 1)``."""
    statement = place.statement()
    if statement is None or not isinstance(statement, (ast.Assign, ast.Return, ast.Expr)):
        return
    text = ast.unparse(_Torch().visit(ast.parse(ast.unparse(statement))))
    yield "torch's functions in place of NumPy's", place.replacing((statement, text))


class _Torch(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = ast.unparse(node.func)
        if name in ("torch.from_numpy", "torch.as_tensor", "np.asarray", "numpy.asarray"):
            return node.args[0]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "numpy":
            return node.func.value
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("cpu", "detach"):
            return node
        owner, _, function = name.rpartition(".")
        if owner in ("np", "numpy") and re.fullmatch(r"u?int\d+|float\d+", function):
            return ast.parse(f"({ast.unparse(node.args[0])}).to(torch.{function})").body[0].value  # type: ignore[attr-defined]
        if owner in ("np", "numpy"):
            return ast.Call(ast.Attribute(ast.Name("torch"), function), node.args, node.keywords)
        return node


def _answered(place: _Place) -> Found:
    """``torch._check(n > 3)`` before the line."""
    error, statement = place.error, place.statement()
    if not isinstance(error, UndecidedError) or statement is None:
        return
    for check in error.checks:
        text = place.inserting(statement.lineno, f"torch._check({check})")
        yield f"torch._check({check}) says what is known", text


def _converted(place: _Place) -> Found:
    function = place.function()
    if function is None:
        return
    names = {ast.unparse(d) for d in function.decorator_list}
    if "monograph.convert" not in names:
        first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
        if function.decorator_list:  # innermost: what others wrap is the function itself
            first = function.lineno
        yield (
            "@monograph.convert makes its branches and loops on data operators",
            place.inserting(first, "@monograph.convert"),
        )


# Python, writes, control flow --------------------------------------------------------------------


def _without_statement(place: _Place) -> Found:
    statement = place.statement()
    if isinstance(statement, ast.Expr):
        yield f"without `{place.where.text.partition('  #')[0]}`", place.without(statement)


def _dense(place: _Place) -> Found:
    """No ``.to_sparse()``, and ``torch.mm`` for ``torch.sparse.mm``, in the whole function."""
    function = place.function()
    if function is None:
        return
    changes: list[tuple[ast.AST, str]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("to_sparse", "to_sparse_csr", "to_sparse_coo", "to_dense"):
                changes.append((node, place.text_of(node.func.value)))
            elif ast.unparse(node.func) in ("torch.sparse.mm", "torch.sparse.addmm"):
                changes.append((node.func, f"torch.{node.func.attr}"))
    if changes:
        yield "the tensor stays dense", place.replacing(*changes)


def _bytes_of_a_tensor(place: _Place) -> Found:
    for call in place.around(ast.Call, ast.Attribute):
        text = place.text_of(call)
        for storage in (".untyped_storage()", ".storage()"):
            owner, found, rest = text.partition(storage)
            if found and rest in (".nbytes()", ".nbytes"):
                new = f"({owner}.numel() * {owner}.element_size())"
                yield "the bytes of its elements", place.replacing((call, new))


def _out_of_place(place: _Place) -> Found:
    """``y.add_(1)`` as ``y = y.add(1)``, ``y += 1`` as ``y = y + 1``; else a copy before."""
    statement = place.statement()
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        method = statement.value.func
        if isinstance(method, ast.Attribute) and method.attr.endswith("_"):
            target = place.text_of(method.value)
            call = place.text_of(statement.value)
            new = call.replace(f"{target}.{method.attr}(", f"{target}.{method.attr[:-1]}(", 1)
            yield (
                "a new tensor instead of a write",
                place.replacing((statement, f"{target} = {new}")),
            )
            if isinstance(method.value, ast.Name):
                yield (
                    "a copy is written",
                    place.inserting(statement.lineno, f"{target} = {target}.clone()"),
                )
    if isinstance(statement, ast.AugAssign):
        target, value = place.text_of(statement.target), place.text_of(statement.value)
        sign = _SIGNS.get(type(statement.op))
        if sign:
            new = f"{target} = {target} {sign} ({value})"
            yield "a new tensor instead of a write", place.replacing((statement, new))
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
        owner = statement.targets[0].value
        if isinstance(owner, ast.Name):
            copy = f"{owner.id} = {owner.id}.clone()"
            yield "a copy is written", place.inserting(statement.lineno, copy)


_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def _kept_a_tensor(place: _Place) -> Found:
    """The number that was read before a write stays a tensor: no ``.item()`` at that line."""
    read_at = getattr(place.error, "read_at", None)
    if read_at is None or read_at.file != place.where.file:
        return
    for node in ast.walk(place.source.tree):
        if isinstance(node, ast.Call) and node.lineno == read_at.line:
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr == "item":
                new = f"{place.text_of(function.value)}.clone()"
                yield "the number stays a tensor", place.replacing((node, new))
                return


def _parameter_in_place(place: _Place) -> Found:
    """``self.w = nn.Parameter(e)`` as a write of its content."""
    statement = place.statement()
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return
    target, value = statement.targets[0], statement.value
    is_parameter = isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Parameter")
    content = place.text_of(value.args[0] if is_parameter and value.args else value)  # type: ignore[attr-defined]
    name = place.text_of(target)
    pad = " " * statement.col_offset
    new = f"with torch.no_grad():\n{pad}    {name}.copy_({content})"
    yield "its content is written", place.replacing((statement, new))
    if name.endswith(".data"):
        new = f"with torch.no_grad():\n{pad}    {name.removesuffix('.data')}.copy_({content})"
        yield "its content is written", place.replacing((statement, new))


def _tuples(place: _Place) -> Found:
    """The lists that branches return, as tuples."""
    for call in place.around(ast.Call):
        lists = [
            node.body
            for node in ast.walk(call)
            if isinstance(node, ast.Lambda) and isinstance(node.body, ast.List)
        ]
        if lists:
            changes = [(n, f"({', '.join(map(place.text_of, n.elts))},)") for n in lists]
            yield "tuples on both sides", place.replacing(*changes)


def _faked(place: _Place) -> Found:
    """A fake implementation for an operator of the user's."""
    error = place.error
    if isinstance(error, MissingFakeError) and error.call is not None:
        op, args = error.call
        made = fake_implementation(op, args)
        if made is not None:
            name = op.name().partition(".")[0]
            text = with_fake(place.source.text, name, made)
            yield f"a fake implementation of {name}", text


_SAME = {_as_tensor_test, _without_bool, _as_operator, _tensor_functions, _converted}
_ASKED = (_as_tensor_test, _membership, _without_bool, _as_operator, _tensor_functions, _converted)
_REMEDIES: dict[str, tuple[Callable[[_Place], Found], ...]] = {
    "MG-D101": _ASKED,
    "MG-D102": (_as_operator, _tensor_functions, _converted),
    "MG-D103": (_without_numpy, _as_operator, _converted),
    "MG-D104": (_converted,),
    "MG-D105": (_as_operator, _converted, _answered),
    "MG-P102": (_faked,),
    "MG-P103": (_without_statement,),
    "MG-P104": (_dense,),
    "MG-P106": (_bytes_of_a_tensor, _without_numpy),
    "MG-M101": (_out_of_place,),
    "MG-M102": (_out_of_place,),
    "MG-M103": (_out_of_place,),
    "MG-M104": (_kept_a_tensor,),
    "MG-M105": (_out_of_place,),
    "MG-M106": (_parameter_in_place,),
    "MG-C102": (_tuples, _converted),
    "MG-C103": (_converted,),
    "MG-C104": (_converted,),
    "MG-C110": (_out_of_place,),
    "MG-C112": (_converted,),
}
