"""Expressions as text, and back.

``tree_of`` undoes the normal form for readers: it brings back ``%``, ``max`` and ``min``. Its
trees are what the printer prints and what becomes nodes of a graph.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import NamedTuple

from monograph.shapes.expr import Atom, Expr, Int, Scope, weight, writes_expressions

__all__ = ["Call", "Tree", "format_expr", "parse", "tree_of"]


class Call(NamedTuple):
    """An operation on trees: ``+ - * // % ** neg max min isqrt`` or an opaque one."""

    name: str
    args: tuple[Tree, ...]
    atom: Atom | None = None  # of an opaque operation


Tree = int | Atom | Call

_TWICE = 4  # parts of what is written twice, as in ``max(r + d, r)``


def tree_of(item: Int) -> Tree:
    """The operations that compute ``item``."""
    if not isinstance(item, Expr):
        return item
    if item.tree is None:
        item.tree = _with_modulo(item) or _with_maximum(item) or _sum(item)
    tree: Tree = item.tree
    return tree


def _size(item: Int) -> int:
    if not isinstance(item, Expr):
        return 1 if item else 0
    return len(item.terms) + (1 if item.const else 0)


def _with_modulo(item: Expr) -> Tree | None:
    """``n - k*(n // k)`` is ``n % k``."""
    scope = item.scope
    for monomial, coefficient in item.terms:
        for index in monomial:
            atom = scope.atoms[index]
            if atom.kind not in ("div", "ratio"):
                continue
            n, k = atom.args
            others = list(monomial)
            others.remove(index)
            rest: Int = scope.make(((tuple(others), 1),), 0) if others else 1
            if isinstance(k, int):
                if coefficient % k:
                    continue
                factor = rest * (-coefficient // k)
            else:
                found = rest * -coefficient
                quotient = found.exact_quotient(k) if isinstance(found, Expr) else None
                if quotient is None:
                    continue
                factor = quotient
            left = item - factor * (n - k * scope.bare(atom))
            if _size(left) + 1 < _size(item):
                modulo = Call("%", (tree_of(n), tree_of(k)))
                return _plus(tree_of(left), _times(tree_of(factor), modulo))
    return None


def _with_maximum(item: Expr) -> Tree | None:
    """``r + max(d, 0)`` is ``max(r + d, r)``; ``r - max(d, 0)`` is ``min(r - d, r)``."""
    for monomial, coefficient in item.terms:
        atom = item.scope.atoms[monomial[0]]
        if len(monomial) != 1 or atom.kind != "pos" or abs(coefficient) != 1:
            continue
        rest = item - item.scope.bare(atom) * coefficient
        if weight(rest) > _TWICE:
            continue
        d = atom.args[0]
        if coefficient == 1:
            return Call("max", (tree_of(rest + d), tree_of(rest)))
        return Call("min", (tree_of(rest - d), tree_of(rest)))
    return None


def _sum(item: Expr) -> Tree:
    positive = [(m, c) for m, c in item.terms if c > 0]
    negative = [(m, c) for m, c in item.terms if c < 0]
    total: Tree | None = None
    for monomial, coefficient in positive:
        term = _product(item.scope, monomial, coefficient)
        total = term if total is None else Call("+", (total, term))
    if total is None and item.const > 0:
        total = item.const
    for monomial, coefficient in negative:
        if total is None:
            total = Call("neg", (_product(item.scope, monomial, -coefficient),))
        else:
            total = Call("-", (total, _product(item.scope, monomial, -coefficient)))
    assert total is not None
    if item.const and (positive or item.const < 0):
        total = _plus(total, item.const)
    return total


def _product(scope: Scope, monomial: tuple[int, ...], coefficient: int) -> Tree:
    total: Tree | None = None if coefficient == 1 else coefficient
    for index in monomial:
        factor = _atom(scope.atoms[index])
        total = factor if total is None else Call("*", (total, factor))
    assert total is not None
    return total


def _plus(left: Tree, right: Tree) -> Tree:
    if left == 0:
        return right
    if isinstance(right, int):
        return Call("-", (left, -right)) if right < 0 else Call("+", (left, right))
    return Call("+", (left, right))


def _times(left: Tree, right: Tree) -> Tree:
    return right if left == 1 else Call("*", (left, right))


def _atom(atom: Atom) -> Tree:
    if atom.kind in ("symbol", "long"):
        return atom
    args = tuple(tree_of(arg) for arg in atom.args)
    if atom.kind in ("div", "ratio"):
        return Call("//", args)
    if atom.kind == "pos":
        return Call("max", (*args, 0))
    if atom.kind == "power":
        return Call("**", args)
    if atom.kind == "isqrt":
        return Call("isqrt", args)
    return Call(atom.name, args, atom)


# Printing ------------------------------------------------------------------------------------

_LEVEL = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2, "neg": 2, "**": 3}


@writes_expressions
def format_expr(item: Int) -> str:
    """``item`` as Python would write it, in the names of its symbols."""
    return _text(tree_of(item), 0)


def _text(tree: Tree, level: int) -> str:
    if isinstance(tree, int):
        return str(tree) if tree >= 0 or not level else f"({tree})"
    if isinstance(tree, Atom):
        return tree.name
    mine = _LEVEL.get(tree.name)
    if mine is None:
        return f"{tree.name}({', '.join(_text(arg, 0) for arg in tree.args)})"
    if tree.name == "neg":
        inner = tree.args[0]
        text = f"-{_text(inner, 3 if _starts_with_division(inner) else 2)}"
        return f"({text})" if level > 1 else text
    left, right = tree.args
    # Operators of one level group to the left; // and % bind their right side tightly.
    sep = "" if tree.name in ("*", "**") else " "
    text = f"{_text(left, mine + (tree.name == '**'))}{sep}{tree.name}{sep}{_text(right, mine + 1)}"
    if mine == 2 and isinstance(left, Call) and left.name == "*" and tree.name in ("//", "%"):
        text = f"({_text(left, 0)}){sep}{tree.name}{sep}{_text(right, mine + 1)}"
    return f"({text})" if mine < level else text


def _starts_with_division(tree: Tree) -> bool:
    """Whether a minus sign before it would be divided: ``-(a // b)*c``."""
    while isinstance(tree, Call) and tree.name in _LEVEL and tree.name != "neg":
        if tree.name in ("//", "%"):
            return True
        tree = tree.args[0]
    return False


# Parsing -------------------------------------------------------------------------------------

_BINARY: dict[type[ast.operator], Callable[[Scope, Int, Int], Int]] = {
    ast.Add: lambda scope, x, y: x + y,
    ast.Sub: lambda scope, x, y: x - y,
    ast.Mult: lambda scope, x, y: x * y,
    ast.FloorDiv: lambda scope, x, y: scope.floordiv(x, y),
    ast.Mod: lambda scope, x, y: scope.mod(x, y),
    ast.Pow: lambda scope, x, y: scope.power(x, y),
}


def parse(text: str, scope: Scope, name: Callable[[str], Int] | Mapping[str, Int]) -> Int:
    """The expression that ``text`` spells; ``name`` gives the meaning of each name.

    Raises:
        ValueError: not an expression of integers, names, ``+ - * // % **``, max, min and isqrt.
    """
    look_up = name.__getitem__ if isinstance(name, Mapping) else name

    def walk(node: ast.expr) -> Int:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name):
            return scope.named[node.id] if node.id in scope.named else look_up(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _BINARY[type(node.op)](scope, walk(node.left), walk(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            args = [walk(arg) for arg in node.args]
            if node.func.id in ("max", "min") and len(args) == 2:
                choose = scope.maximum if node.func.id == "max" else scope.minimum
                return choose(*args)
            if node.func.id == "isqrt" and len(args) == 1:
                return scope.isqrt(args[0])
        raise ValueError(f"{text!r} is not an expression of sizes")

    try:
        return walk(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, KeyError, RecursionError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is not an expression of sizes") from error
