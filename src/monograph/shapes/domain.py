"""What is known of an expression at once: an interval and a residue class, both exact.

An interval is ``(lo, hi)`` with None for "no bound". A congruence ``(m, r)`` says that the value is
``r`` modulo ``m``; ``(0, r)`` says that it is ``r``, ``(1, 0)`` says nothing.
"""

from __future__ import annotations

import math

from monograph.shapes.expr import Atom, Congruence, Expr, Int, Interval, Monomial
from monograph.shapes.scope import Scope

__all__ = ["atom_interval", "congruence", "interval", "monomial_interval"]


def interval(item: Int) -> Interval:
    """Bounds of ``item`` for all values of its symbols, tightened by its residue class."""
    if not isinstance(item, Expr):
        return item, item
    return _domain(item)[0]


def congruence(item: Int) -> Congruence:
    """The residue class of ``item``."""
    if not isinstance(item, Expr):
        return 0, item
    return _domain(item)[1]


def _domain(item: Expr) -> tuple[Interval, Congruence]:
    scope = item.scope
    if item.epoch == scope.epoch:
        return item.domain
    lo: int | None = item.const
    hi: int | None = item.const
    modulus, remainder = 0, item.const
    for monomial, coefficient in item.terms:
        low, high = monomial_interval(scope, monomial)
        if coefficient < 0:
            low, high = high, low
        lo = None if lo is None or low is None else lo + coefficient * low
        hi = None if hi is None or high is None else hi + coefficient * high
        m, r = _monomial_congruence(scope, monomial)
        modulus = math.gcd(modulus, coefficient * m)
        remainder += coefficient * r
    if lo is None:
        lo = _by_definition(item)
    if hi is None:
        opposite = -item
        assert isinstance(opposite, Expr)
        found = _by_definition(opposite)
        hi = None if found is None else -found
    if modulus:
        remainder %= modulus
    if modulus > 1:
        lo = None if lo is None else lo + (remainder - lo) % modulus
        hi = None if hi is None else hi - (hi - remainder) % modulus
    item.domain = ((lo, hi), (modulus, remainder))
    item.epoch = scope.epoch
    return item.domain


def _by_definition(item: Expr) -> int | None:
    """A lower bound of ``x - x // 2`` and its like, whose terms are bounded together only.

    The newest ``q = n // k`` is replaced: ``n - k + 1 <= k*q <= n``.
    """
    newest, slope = None, 0
    for monomial, coefficient in item.terms:
        if len(monomial) == 1 and (newest is None or monomial[0] > newest.index):
            atom = item.scope.atoms[monomial[0]]
            if atom.kind == "div":
                newest, slope = atom, coefficient
    if newest is None:
        return None
    n, k = newest.args
    assert isinstance(k, int)
    rest = item - slope * item.scope.bare(newest)
    low = k * rest + slope * (n if slope < 0 else n - k + 1)
    bound = interval(low)[0]
    return None if bound is None else -(-bound // k)


def monomial_interval(scope: Scope, monomial: Monomial) -> Interval:
    """Bounds of a product of atoms."""
    if len(monomial) == 1:
        return atom_interval(scope, scope.atoms[monomial[0]])
    powers: dict[int, int] = {}
    for index in monomial:
        powers[index] = powers.get(index, 0) + 1
    found: Interval = (1, 1)
    for index, power in powers.items():
        found = _product(found, _power(atom_interval(scope, scope.atoms[index]), power))
    return found


def _power(base: Interval, power: int) -> Interval:
    lo, hi = base
    if power == 1:
        return base
    if power % 2:
        return (None if lo is None else lo**power), (None if hi is None else hi**power)
    if lo is not None and lo >= 0:
        return lo**power, None if hi is None else hi**power
    if hi is not None and hi <= 0:
        return hi**power, None if lo is None else lo**power
    return 0, None if lo is None or hi is None else max(lo**power, hi**power)


def _product(left: Interval, right: Interval) -> Interval:
    (a, b), (c, d) = left, right
    if a is not None and c is not None and a >= 0 and c >= 0:
        if b == 0 or d == 0:
            return 0, 0
        return a * c, None if b is None or d is None else b * d
    if a is None or b is None or c is None or d is None:
        return None, None
    corners = (a * c, a * d, b * c, b * d)
    return min(corners), max(corners)


def atom_interval(scope: Scope, atom: Atom) -> Interval:
    """Bounds of an atom."""
    if atom.kind in ("symbol", "opaque"):
        return atom.lo, atom.hi
    if atom.epoch == scope.epoch:
        return atom.bounds
    # Set first: bounds that are asked for inside a cycle of definitions are none at all.
    atom.bounds, atom.epoch = (None, None), scope.epoch
    atom.bounds = _derived_interval(atom)
    return atom.bounds


def _derived_interval(atom: Atom) -> Interval:
    lo, hi = interval(atom.args[0])
    if atom.kind == "div":
        k = atom.args[1]
        assert isinstance(k, int)
        return (None if lo is None else lo // k), (None if hi is None else hi // k)
    if atom.kind == "pos":
        return max(lo or 0, 0), None if hi is None else max(hi, 0)
    if atom.kind == "isqrt":
        return math.isqrt(max(lo or 0, 0)), None if hi is None else math.isqrt(max(hi, 0))
    if atom.kind == "power":
        return (0, None) if lo is not None and lo >= 0 else (None, None)
    return _ratio_interval((lo, hi), interval(atom.args[1]))


def _ratio_interval(n: Interval, m: Interval) -> Interval:
    """Bounds of ``n // m``: the corners, where ``m`` keeps one sign (it is never zero)."""
    (a, b), (c, d) = n, m
    if c is not None and c >= 0:
        c = max(c, 1)
    elif d is not None and d <= 0:
        a, b = (None if b is None else -b), (None if a is None else -a)
        c, d = max(-d, 1), None if c is None else -c
    else:
        return None, None
    lows = [None if a is None else a // c]
    highs = [None if b is None else b // c]
    if d is None:  # the quotient tends to 0, or to -1 from below
        lows.append(None if a is None else (0 if a >= 0 else a // c))
        highs.append(None if b is None else (max(b // c, 0) if b >= 0 else -1))
    else:
        lows.append(None if a is None else a // d)
        highs.append(None if b is None else b // d)
    lo = None if None in lows else min(x for x in lows if x is not None)
    hi = None if None in highs else max(x for x in highs if x is not None)
    return lo, hi


def _monomial_congruence(scope: Scope, monomial: Monomial) -> Congruence:
    modulus, remainder = 0, 1
    for index in monomial:
        m, r = _atom_congruence(scope.atoms[index])
        modulus = math.gcd(math.gcd(modulus * m, modulus * r), remainder * m)
        remainder *= r
        if modulus:
            remainder %= modulus
    return modulus, remainder


def _atom_congruence(atom: Atom) -> Congruence:
    if atom.lo is not None and atom.lo == atom.hi and atom.kind == "symbol":
        return 0, atom.lo
    if atom.kind == "div":
        modulus, remainder = congruence(atom.args[0])
        k = atom.args[1]
        assert isinstance(k, int)
        if modulus and modulus % k == 0:
            return modulus // k, (remainder // k) % (modulus // k)
    return 1, 0
