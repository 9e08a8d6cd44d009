"""Integer expressions in polynomial normal form.

Grammar, with every constant an exact Python ``int``:

    Expr  ::=  const + sum of coefficient * atom * atom * ...      (sorted, no zero coefficients)
    Atom  ::=  symbol
            |  n // k        floor division by a constant k > 0     ("div")
            |  n // m        floor division by an expression        ("ratio")
            |  max(d, 0)     the positive part of d                 ("pos")
            |  isqrt(n)      the floor of the square root, n >= 0   ("isqrt")
            |  b ** n        a power with a symbolic exponent       ("power")
            |  opaque        known by a name and by bounds alone    ("opaque")

Expressions are interned: two with the same normal form are the same object, so that ``is`` is
equality and every memo is a dict. An expression without atoms is a plain ``int``. Everything
else is defined from these: ``x % k`` is ``x - k*(x // k)``, ``max(x, y)`` is ``y + max(x-y, 0)``,
``min(x, y)`` is ``x - max(x-y, 0)``; identities between them are then plain cancellation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from monograph.shapes.scope import Scope

__all__ = ["Atom", "Expr", "Int", "Monomial", "UndeterminedError", "Values", "value_of"]

Monomial = tuple[int, ...]
Interval = tuple[int | None, int | None]  # None: no bound
Congruence = tuple[int, int]
Values = Mapping[str, Any]  # by name: an int for a symbol of a size, a float for one of a float


class UndeterminedError(TypeError):
    """Python asked for the order or the truth of expressions, which is a question."""


class Atom:
    """A factor of a monomial. ``index`` grows with creation: an atom only contains older ones."""

    __slots__ = ("args", "bounds", "epoch", "evaluate", "hi", "index", "kind", "lo", "name")

    def __init__(self, index: int, kind: str, name: str, args: tuple[Int, ...]) -> None:
        self.index = index
        self.kind = kind
        self.name = name
        self.args = args
        self.lo: int | None = None  # of symbols and opaque atoms; the others' follow from args
        self.hi: int | None = None
        self.evaluate: Callable[..., int] | None = None
        self.bounds: Interval = (None, None)  # of the others, as they were at ``epoch``
        self.epoch = -1

    def __repr__(self) -> str:
        return f"Atom({self.kind}, {self.name or self.args})"


class Expr:
    """An expression with at least one atom; made by a ``Scope`` and by arithmetic.

    ``==`` and ``hash`` are those of the object, which is the same for equal normal forms.
    Comparisons are questions for ``decide``; here they raise ``UndeterminedError``.
    ``domain`` is what its bounds were at ``epoch``, ``normal`` its normal form at ``normal_epoch``:
    ask ``domain.interval`` and ``Scope.normal``, which know whether these still hold.
    """

    __slots__ = ("const", "domain", "epoch", "normal", "normal_epoch", "scope", "terms", "wrap")

    scope: Scope
    terms: tuple[tuple[Monomial, int], ...]
    const: int
    domain: tuple[Interval, Congruence]
    epoch: int
    normal: Int
    normal_epoch: int
    wrap: Any  # whatever stands for this expression elsewhere

    def __add__(self, other: Int) -> Int:
        scope = self.scope
        if other.__class__ is int:
            return scope.make(self.terms, self.const + other)
        if not isinstance(other, Expr):
            return NotImplemented
        total = dict(self.terms)
        for monomial, coefficient in other.terms:
            value = total.get(monomial, 0) + coefficient
            if value:
                total[monomial] = value
            else:
                del total[monomial]
        return scope.make(tuple(sorted(total.items())), self.const + other.const)

    __radd__ = __add__

    def __neg__(self) -> Int:
        return self.scaled(-1)

    def __sub__(self, other: Int) -> Int:
        return self + -other

    def __rsub__(self, other: Int) -> Int:
        return self.scaled(-1) + other

    def __mul__(self, other: Int) -> Int:
        if other.__class__ is int:
            return self.scaled(other)
        if not isinstance(other, Expr):
            return NotImplemented
        if len(self.terms) == 1 and len(other.terms) == 1 and not self.const and not other.const:
            (m, c), (n, d) = self.terms[0], other.terms[0]
            return self.scope.make(((tuple(sorted(m + n)), c * d),), 0)
        total: dict[Monomial, int] = {}
        for m, c in (*self.terms, ((), self.const)):
            for n, d in (*other.terms, ((), other.const)):
                key = tuple(sorted(m + n))
                total[key] = total.get(key, 0) + c * d
        const = total.pop((), 0)
        return self.scope.make(tuple(sorted((m, c) for m, c in total.items() if c)), const)

    __rmul__ = __mul__

    def scaled(self, factor: int) -> Int:
        """``factor * self``."""
        if factor == 1:
            return self
        if factor == 0:
            return 0
        terms = tuple((m, c * factor) for m, c in self.terms)
        return self.scope.make(terms, self.const * factor)

    def __floordiv__(self, other: Int) -> Int:
        return self.scope.floordiv(self, other)

    def __rfloordiv__(self, other: int) -> Int:
        return self.scope.floordiv(other, self)

    def __mod__(self, other: Int) -> Int:
        return self.scope.mod(self, other)

    def __rmod__(self, other: int) -> Int:
        return self.scope.mod(other, self)

    def __pow__(self, exponent: Int) -> Int:
        return self.scope.power(self, exponent)

    def __rpow__(self, base: int) -> Int:
        return self.scope.power(base, self)

    def _no_order(self, other: object) -> NoReturn:
        raise UndeterminedError("expressions are compared by monograph.shapes.decide")

    __lt__ = __le__ = __gt__ = __ge__ = _no_order

    def __bool__(self) -> NoReturn:
        raise UndeterminedError("an expression has no truth value: ask monograph.shapes.decide")

    def __repr__(self) -> str:
        from monograph.shapes.text import format_expr

        return format_expr(self)

    def atoms(self) -> list[Atom]:
        """The atoms of the monomials, each once; not those inside other atoms."""
        table = self.scope.atoms
        return [table[i] for i in sorted({i for m, _ in self.terms for i in m})]

    def symbols(self) -> list[Atom]:
        """All symbols, also inside other atoms, in order of creation."""
        found: dict[int, Atom] = {}
        stack: list[Int] = [self]
        seen: set[int] = set()
        while stack:
            current = stack.pop()
            if current.__class__ is int:
                continue
            for atom in current.atoms():  # type: ignore[union-attr]
                if atom.index in seen:
                    continue
                seen.add(atom.index)
                if atom.kind == "symbol":
                    found[atom.index] = atom
                stack.extend(atom.args)
        return [found[i] for i in sorted(found)]

    def evaluate(self, values: Values) -> int:
        """The value for ``values`` of the symbols by name.

        Raises:
            KeyError: a symbol without a value.
            ZeroDivisionError: a division by an expression that is zero there.
            ValueError: the square root of a negative number, a negative exponent.
        """
        return _evaluate(self, values, {})

    def exact_quotient(self, divisor: Int) -> Int | None:
        """``q`` with ``q * divisor == self`` for all values, found by polynomial division.

        None where there is none, or where it is not a polynomial in the same atoms.
        """
        if divisor.__class__ is int:
            if divisor == 0 or self.const % divisor or any(c % divisor for _, c in self.terms):
                return None
            terms = tuple((m, c // divisor) for m, c in self.terms)
            return self.scope.make(terms, self.const // divisor)
        assert isinstance(divisor, Expr)
        lead, leading = max(divisor.terms, key=_degree)
        rest: Int = self
        quotient: Int = 0
        for _ in range(16):
            if rest.__class__ is int:
                return quotient if rest == 0 else None
            monomial, coefficient = max(rest.terms, key=_degree)  # type: ignore[union-attr]
            factor = _without(monomial, lead)
            if factor is None or coefficient % leading:
                return None
            step = self.scope.make(
                ((factor, coefficient // leading),) if factor else (),
                0 if factor else coefficient // leading,
            )
            quotient = quotient + step
            rest = rest - step * divisor
        return None


Int = int | Expr


def _degree(term: tuple[Monomial, int]) -> tuple[int, Monomial]:
    return len(term[0]), term[0]


def _without(monomial: Monomial, part: Monomial) -> Monomial | None:
    left = list(monomial)
    for index in part:
        if index not in left:
            return None
        left.remove(index)
    return tuple(left)


def value_of(item: Int, values: Values) -> int:
    """The value of an ``int`` or of an expression."""
    return item.evaluate(values) if isinstance(item, Expr) else item


def _evaluate(expr: Expr, values: Values, known: dict[int, int]) -> int:
    table = expr.scope.atoms
    total = expr.const
    for monomial, coefficient in expr.terms:
        for index in monomial:
            found = known.get(index)
            if found is None:
                found = known[index] = _evaluate_atom(table[index], values, known)
            coefficient *= found
        total += coefficient
    return total


def _evaluate_atom(atom: Atom, values: Values, known: dict[int, int]) -> int:
    if atom.kind == "symbol":
        found: int = values[atom.name]
        return found
    args = [_evaluate(arg, values, known) if isinstance(arg, Expr) else arg for arg in atom.args]
    if atom.kind in ("div", "ratio"):
        return args[0] // args[1]
    if atom.kind == "pos":
        return max(args[0], 0)
    if atom.kind == "isqrt":
        return math.isqrt(args[0])
    if atom.kind == "power":
        if args[1] < 0:
            raise ValueError("a negative exponent")
        return int(args[0] ** args[1])
    assert atom.evaluate is not None
    return atom.evaluate(*args)
