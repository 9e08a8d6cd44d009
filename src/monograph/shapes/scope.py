"""Where expressions are made, each once, and normalised: the rules of the derived atoms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from monograph.shapes.expr import Atom, Congruence, Expr, Int, Interval, Monomial

__all__ = ["Scope"]

_NOTHING: tuple[Interval, Congruence] = ((None, None), (1, 0))  # what is known without a look


class Scope:
    """The atoms and expressions of one capture, and the ranges of its symbols.

    ``epoch`` counts changes of what is known; what was worked out earlier is then out of date.
    ``owner`` is the ``ShapeEnv`` that answers questions about them (its name here would close a
    circle of imports).
    """

    owner: Any

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self.epoch = 0
        self.replacements: dict[int, Int] = {}  # symbol index -> what it is equal to
        self.replaced = 0
        self.interned: dict[object, Any] = {}  # for whoever keeps things for as long as the scope
        self._table: dict[tuple[tuple[tuple[Monomial, int], ...], int], Expr] = {}
        self._by_key: dict[tuple[str, str, tuple[Int, ...]], Expr] = {}

    def make(self, terms: tuple[tuple[Monomial, int], ...], const: int) -> Int:
        """The one expression with these terms (sorted, coefficients not zero)."""
        if not terms:
            return const
        key = (terms, const)
        found = self._table.get(key)
        if found is None:
            found = Expr.__new__(Expr)
            found.scope, found.terms, found.const = self, terms, const
            found.domain, found.normal, found.wrap = _NOTHING, found, None
            found.epoch = found.normal_epoch = -1
            self._table[key] = found
        return found

    def _atom(self, kind: str, name: str, args: tuple[Int, ...]) -> Expr:
        key = (kind, name, args)
        found = self._by_key.get(key)
        if found is None:
            atom = Atom(len(self.atoms), kind, name, args)
            self.atoms.append(atom)
            made = self.make((((atom.index,), 1),), 0)
            assert isinstance(made, Expr)
            found = self._by_key[key] = made
        return found

    def atom_of(self, expr: Expr) -> Atom | None:
        """The atom that ``expr`` consists of, if it is a bare atom."""
        if expr.const or len(expr.terms) != 1:
            return None
        monomial, coefficient = expr.terms[0]
        return self.atoms[monomial[0]] if coefficient == 1 and len(monomial) == 1 else None

    def bare(self, atom: Atom) -> Expr:
        """The expression that consists of ``atom``."""
        made = self.make((((atom.index,), 1),), 0)
        assert isinstance(made, Expr)
        return made

    def symbol(self, name: str, lo: int | None = 0, hi: int | None = None) -> Expr:
        """A new symbol with ``lo <= symbol <= hi`` (None: no bound).

        Raises:
            ValueError: there is a symbol of this name.
        """
        if ("symbol", name, ()) in self._by_key:
            raise ValueError(f"there is a symbol {name}")
        made = self._atom("symbol", name, ())
        atom = self.atoms[-1]
        atom.lo, atom.hi = lo, hi
        return made

    def opaque(
        self,
        name: str,
        args: tuple[Int, ...],
        evaluate: Callable[..., int],
        lo: int | None = None,
        hi: int | None = None,
    ) -> Int:
        """An integer function of ``args`` of which only bounds are known."""
        if all(arg.__class__ is int for arg in args):
            return evaluate(*args)
        made = self._atom("opaque", name, args)
        atom = self.atoms[made.terms[0][0][0]]
        atom.lo, atom.hi, atom.evaluate = lo, hi, evaluate
        return made

    # Derived atoms ---------------------------------------------------------------------------

    def floordiv(self, n: Int, k: Int) -> Int:
        """``n // k``, Python's, with ``k`` a constant or an expression.

        Raises:
            ZeroDivisionError: ``k`` is the constant 0.
        """
        if n.__class__ is int and k.__class__ is int:
            return n // k
        if k.__class__ is not int:
            return self._ratio(n, k)  # type: ignore[arg-type]
        assert isinstance(n, Expr)
        assert isinstance(k, int)
        if k == 0:
            raise ZeroDivisionError("integer division or modulo by zero")
        if k < 0:
            return self.floordiv(-n, -k)
        if k == 1:
            return n
        # Whole parts come out: (k*q + r) // k == q + r // k, coefficient by coefficient. What is
        # left lies around zero, so that one of w - w//2 and its opposite is short.
        half = (k - 1) // 2
        rest = tuple((m, r) for m, c in n.terms if (r := (c + half) % k - half))
        outer = tuple((m, q) for m, c in n.terms if (q := (c + half) // k))
        whole = self.make(outer, n.const // k)
        const = n.const % k
        if not rest:
            return whole
        # (g*x + c) // (g*j) == (x + c // g) // j
        shared = math.gcd(k, *(c for _, c in rest))
        if shared > 1:
            rest = tuple((m, c // shared) for m, c in rest)
            const, k = const // shared, k // shared
            if k == 1:
                return whole + self.make(rest, const)
        if rest[0][1] < 0:  # one spelling of two: n // k == -((k - 1 - n) // k)
            return whole - self.floordiv((k - 1 - const) - self.make(rest, 0), k)
        inner = self.make(rest, const)
        assert isinstance(inner, Expr)
        from monograph.shapes.domain import congruence, interval

        modulus, remainder = congruence(inner)
        if modulus % k == 0 and remainder % k:
            # The remainder is known: without it the division is exact, and the quotient the same.
            const = inner.const - remainder % k
            whole = whole + const // k
            inner = self.make(rest, const % k)
            assert isinstance(inner, Expr)
        lo, hi = interval(inner)
        if lo is not None and hi is not None and lo // k == hi // k:
            return whole + lo // k
        if len(rest) == 1 and rest[0][1] == 1 and len(rest[0][0]) == 1:
            atom = self.atoms[rest[0][0][0]]
            if atom.kind == "div":  # (x // a + c) // b == (x + a*c) // (a*b)
                n2, a = atom.args
                return whole + self.floordiv(n2 + a * inner.const, a * k)
        return whole + self._atom("div", "", (inner, k))

    def _ratio(self, n: Int, m: Expr) -> Int:
        if n == 0:
            return 0
        if isinstance(n, Expr):
            exact = n.exact_quotient(m)
            if exact is not None:
                return exact
            shared = _common_factor(n, m)
            if shared != 1:  # (g*x) // (g*y) == x // y for g > 0; the constant part of g is
                n2, m2 = n.exact_quotient(shared), m.exact_quotient(shared)
                assert n2 is not None
                assert m2 is not None
                return self.floordiv(n2, m2)
        return self._atom("ratio", "", (n, m))

    def mod(self, n: Int, k: Int) -> Int:
        """``n % k``, Python's: the sign is that of ``k``."""
        return n - k * self.floordiv(n, k)

    def positive_part(self, d: Int) -> Int:
        """``max(d, 0)``."""
        if d.__class__ is int:
            return max(d, 0)
        assert isinstance(d, Expr)
        from monograph.shapes.domain import interval

        lo, hi = interval(d)
        if lo is not None and lo >= 0:
            return d
        if hi is not None and hi <= 0:
            return 0
        shared = math.gcd(d.const, *(c for _, c in d.terms))
        if shared > 1:
            smaller = d.exact_quotient(shared)
            assert smaller is not None
            return shared * self.positive_part(smaller)
        if d.terms[-1][1] < 0:  # one spelling of the two: max(-d, 0) == max(d, 0) - d
            return self.positive_part(-d) + d
        return self._atom("pos", "", (d,))

    def maximum(self, x: Int, y: Int) -> Int:
        """``max(x, y)``."""
        return y + self.positive_part(x - y)

    def minimum(self, x: Int, y: Int) -> Int:
        """``min(x, y)``."""
        return x - self.positive_part(x - y)

    def absolute(self, x: Int) -> Int:
        """``abs(x)``."""
        return self.positive_part(x) + self.positive_part(-x)

    def ceildiv(self, n: Int, k: Int) -> Int:
        """The ceiling of ``n / k``."""
        return -self.floordiv(-n, k)

    def truncdiv(self, n: Int, k: int) -> Int:
        """``n / k`` without its fraction, towards zero."""
        if k < 0:
            n, k = -n, -k
        return self.floordiv(self.positive_part(n), k) - self.floordiv(self.positive_part(-n), k)

    def rounddiv(self, n: Int, k: int) -> Int:
        """``n / k`` rounded to the nearest integer, halves to the even one, as Python's ``round``.

        ``(2n + k) // 2k`` rounds halves up; it is one too high where ``n`` is ``k/2`` modulo
        ``2k``, which ``(n - k/2) // 2k - (n - k/2 - 1) // 2k`` counts.
        """
        if k < 0:
            n, k = -n, -k
        rounded = self.floordiv(2 * n + k, 2 * k)
        if k % 2:
            return rounded
        half = n - k // 2
        return rounded - self.floordiv(half, 2 * k) + self.floordiv(half - 1, 2 * k)

    def isqrt(self, n: Int) -> Int:
        """The floor of the square root of ``n >= 0``."""
        if n.__class__ is int:
            return math.isqrt(n)
        assert isinstance(n, Expr)
        if len(n.terms) == 1 and not n.const:
            (monomial, coefficient), root = n.terms[0], 1
            root = math.isqrt(coefficient) if coefficient > 0 else 0
            half = monomial[::2]
            if root * root == coefficient and half == monomial[1::2]:
                base = self.make(((half, root),), 0)
                return self.absolute(base)
        return self._atom("isqrt", "", (n,))

    def power(self, base: Int, exponent: Int) -> Int:
        """``base ** exponent`` for an exponent that is not negative."""
        if exponent.__class__ is int:
            if exponent < 0:
                raise ValueError("a negative exponent")
            result: Int = 1
            for _ in range(exponent):
                result = result * base
            return result
        if base == 1:
            return 1
        return self._atom("power", "", (base, exponent))

    # Substitution ----------------------------------------------------------------------------

    def substitute(self, item: Int, mapping: Mapping[int, Int]) -> Int:
        """``item`` with the symbols of these indices replaced, normalised again."""
        return self._rebuild(item, mapping, {})

    def _rebuild(self, item: Int, mapping: Mapping[int, Int], done: dict[int, Int]) -> Int:
        if not isinstance(item, Expr):
            return item
        total: Int = item.const
        for monomial, coefficient in item.terms:
            product: Int = coefficient
            for index in monomial:
                if index not in done:
                    done[index] = self._rebuild_atom(self.atoms[index], mapping, done)
                product = product * done[index]
            total = total + product
        return total

    def _rebuild_atom(self, atom: Atom, mapping: Mapping[int, Int], done: dict[int, Int]) -> Int:
        if atom.kind == "symbol":
            return mapping.get(atom.index, self.bare(atom))
        args = tuple(self._rebuild(arg, mapping, done) for arg in atom.args)
        if args == atom.args:
            return self.bare(atom)
        if atom.kind in ("div", "ratio"):
            return self.floordiv(*args)
        if atom.kind == "pos":
            return self.positive_part(*args)
        if atom.kind == "isqrt":
            return self.isqrt(*args)
        if atom.kind == "power":
            return self.power(*args)
        assert atom.evaluate is not None
        return self.opaque(atom.name, args, atom.evaluate, atom.lo, atom.hi)

    def replaced_atom(self, item: Expr, atom: Atom, by: Int) -> Int:
        """``item`` with ``atom``, where it is a factor of a term, replaced."""
        total: Int = item.const
        for monomial, coefficient in item.terms:
            product: Int = coefficient
            for index in monomial:
                product = product * (by if index == atom.index else self.bare(self.atoms[index]))
            total = total + product
        return total

    def normal(self, item: Int) -> Int:
        """``item`` under the equalities that are known."""
        if item.__class__ is int or not self.replacements:
            return item
        assert isinstance(item, Expr)
        if item.normal_epoch != self.replaced:
            item.normal = self.substitute(item, self.replacements)
            item.normal_epoch = self.replaced
        return item.normal

    def replace(self, symbol: Atom, by: Int) -> None:
        """From now on ``symbol`` is ``by``, an expression without it."""
        one = {symbol.index: by}
        for index, old in self.replacements.items():
            self.replacements[index] = self.substitute(old, one)
        self.replacements[symbol.index] = by
        self.replaced += 1
        self.epoch += 1

    def narrow(self, symbol: Atom, lo: int | None, hi: int | None) -> None:
        """Tighten the range of a symbol."""
        if lo is not None and (symbol.lo is None or lo > symbol.lo):
            symbol.lo = lo
            self.epoch += 1
        if hi is not None and (symbol.hi is None or hi < symbol.hi):
            symbol.hi = hi
            self.epoch += 1


def _common_factor(n: Expr, m: Expr) -> int:
    return math.gcd(n.const, m.const, *(c for _, c in n.terms), *(c for _, c in m.terms))
