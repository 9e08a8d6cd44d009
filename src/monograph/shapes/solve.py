"""Equations: which symbol follows from the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from monograph.shapes.expr import Atom, Expr, Int

__all__ = ["Solution", "solve"]


@dataclass(frozen=True)
class Solution:
    """``symbol`` is ``value``; with ``step`` (k, r) it is ``k`` times a new symbol plus ``r``."""

    symbol: Atom
    value: Int
    step: tuple[int, int] | None = None


def solve(expr: Expr, prefers: Callable[[Atom], bool]) -> Solution | None:
    """What ``expr == 0`` says of one symbol; None where it cannot be said by a substitution.

    Where several symbols could go, one that ``prefers`` accepts does, else the newest.
    """
    scope = expr.scope
    linear = []
    for monomial, coefficient in expr.terms:
        atom = scope.atoms[monomial[0]]
        if len(monomial) == 1 and atom.kind == "symbol" and not _occurs_elsewhere(expr, atom):
            linear.append((atom, coefficient))
    for atom, coefficient in sorted(
        linear, key=lambda p: (prefers(p[0]), p[0].index), reverse=True
    ):
        rest = expr - scope.bare(atom) * coefficient
        value = -rest if coefficient > 0 else rest
        size = abs(coefficient)
        quotient = value.exact_quotient(size) if isinstance(value, Expr) else _divided(value, size)
        if quotient is not None:
            return Solution(atom, quotient)
    return _by_residue(expr) or _by_two_steps(expr, linear)


def _divided(value: int, size: int) -> int | None:
    return None if value % size else value // size


def _occurs_elsewhere(expr: Expr, symbol: Atom) -> bool:
    """Whether ``symbol`` is part of more than its own linear term."""
    for monomial, _ in expr.terms:
        for index in monomial:
            atom = expr.scope.atoms[index]
            if atom is symbol and len(monomial) > 1:
                return True
            inner = (arg for arg in atom.args if isinstance(arg, Expr))
            if any(symbol in arg.symbols() for arg in inner):
                return True
    return False


def _by_residue(expr: Expr) -> Solution | None:
    """``n % k == r`` with ``n = c*x + d``: ``x`` is a known residue modulo ``k / gcd(c, k)``."""
    scope = expr.scope
    for monomial, coefficient in expr.terms:
        atom = scope.atoms[monomial[0]]
        if len(monomial) != 1 or atom.kind != "div":
            continue
        n, k = atom.args
        if not isinstance(n, Expr) or not isinstance(k, int):
            continue
        # expr == t * (n % k) - t * r, if what is left over is a constant that t divides.
        if coefficient % k:
            continue
        t = -coefficient // k
        left = expr - t * (n - k * scope.bare(atom))
        if isinstance(left, int) and left % t == 0:
            return _residue(n, k, -left // t)
    return None


def _residue(n: Expr, k: int, r: int) -> Solution | None:
    if len(n.terms) != 1 or len(n.terms[0][0]) != 1:
        return None
    symbol, slope = n.scope.atoms[n.terms[0][0][0]], n.terms[0][1]
    shared = math.gcd(slope, k)
    wanted = r - n.const
    if symbol.kind != "symbol" or wanted % shared or not 0 <= r < k:
        return None
    step = k // shared
    offset = (wanted // shared) * pow(slope // shared, -1, step) % step if step > 1 else 0
    return Solution(symbol, 0, (step, offset)) if step > 1 else None


def _by_two_steps(expr: Expr, linear: list[tuple[Atom, int]]) -> Solution | None:
    """``a*x + b*y + c == 0`` without unit coefficients: ``x`` is a known residue modulo ``b``."""
    if len(linear) != 2 or len(expr.terms) != 2:
        return None
    (x, a), (_, b) = linear
    shared = math.gcd(a, b)
    if expr.const % shared:
        return None
    step = abs(b) // shared
    offset = (-expr.const // shared) * pow(a // shared, -1, step) % step
    return Solution(x, 0, (step, offset))
