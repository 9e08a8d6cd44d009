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
            |  long          an expression that got too long        ("long")

Expressions are interned: two with the same normal form are the same object, so that ``is`` is
equality and every memo is a dict. An expression without atoms is a plain ``int``. Everything
else is defined from these: ``x % k`` is ``x - k*(x // k)``, ``max(x, y)`` is ``y + max(x-y, 0)``,
``min(x, y)`` is ``x - max(x-y, 0)``; identities between them are then plain cancellation.

What goes into an atom or a product has at most ``_LONGEST`` parts: a longer expression gets an atom
of its own, with a name for readers (``e0``), and counts as one part from there on. So expressions
stay short however many operators have led to them, and equal ones still are one object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = [
    "Atom",
    "Congruence",
    "Expr",
    "Int",
    "Interval",
    "Monomial",
    "Scope",
    "UndeterminedError",
    "Values",
    "atom_interval",
    "congruence",
    "interval",
    "monomial_interval",
    "shared_atoms",
    "value_of",
    "weight",
    "writes_expressions",
]

_LONGEST = 32  # parts of an expression inside another
_MOST_PRODUCTS = 64  # terms of a product of sums

Monomial = tuple[int, ...]
Interval = tuple[int | None, int | None]  # None: no bound
Congruence = tuple[int, int]  # (m, r): r modulo m; (0, r): it is r; (1, 0) says nothing
Values = Mapping[str, Any]  # by name: an int for a symbol of a size, a float for one of a float


class UndeterminedError(TypeError):
    """Python asked for the order or the truth of expressions, which is a question."""


class Atom:
    """A factor of a monomial. ``index`` grows with creation: an atom only contains older ones."""

    __slots__ = (
        "args", "bounds", "epoch", "evaluate", "hi", "index", "kind", "lo", "name", "weight",
    )  # fmt: skip

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
        self.weight = 1 if kind == "long" else 1 + sum(map(weight, args))

    def __repr__(self) -> str:
        return f"Atom({self.kind}, {self.name or self.args})"


class Expr:
    """An expression with at least one atom; made by a ``Scope`` and by arithmetic.

    ``==`` and ``hash`` are those of the object, which is the same for equal normal forms.
    Comparisons are questions for ``decide``; here they raise ``UndeterminedError``.
    ``domain`` is what its bounds were at ``epoch``, ``normal`` its normal form at ``normal_epoch``:
    ask ``domain.interval`` and ``Scope.normal``, which know whether these still hold.
    """

    __slots__ = (
        "const", "domain", "epoch", "factors", "inside", "least", "least_epoch", "normal",
        "normal_epoch", "scope", "terms", "tree", "weight", "wrap",
    )  # fmt: skip

    scope: Scope
    terms: tuple[tuple[Monomial, int], ...]
    const: int
    domain: tuple[Interval, Congruence]
    epoch: int
    least: int | None  # the lower bound in it, at ``least_epoch``
    least_epoch: int
    normal: Int
    normal_epoch: int
    weight: int  # its parts: the atoms, and what is inside them
    wrap: Any  # whatever stands for this expression elsewhere
    factors: list[Atom] | None  # the atoms of its monomials, once they were asked for
    inside: list[Atom] | None  # its symbols, once they were asked for
    tree: Any  # the operations that compute it, once they were asked for

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
        if len(self.terms) * len(other.terms) > _MOST_PRODUCTS:
            return self.scope.product_of_sums(self, other)
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
        return _written(self)

    def atoms(self) -> list[Atom]:
        """The atoms of the monomials, each once; not those inside other atoms."""
        if self.factors is None:
            table = self.scope.atoms
            self.factors = [table[i] for i in sorted({i for m, _ in self.terms for i in m})]
        return self.factors

    def symbols(self) -> list[Atom]:
        """All symbols, also inside other atoms, in order of creation."""
        if self.inside is not None:
            return self.inside
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
        self.inside = [found[i] for i in sorted(found)]
        return self.inside

    def evaluate(self, values: Values, known: dict[int, int] | None = None) -> int:
        """The value for ``values`` of the symbols by name; ``known`` are atoms' values so far.

        Raises:
            KeyError: a symbol without a value.
            ZeroDivisionError: a division by an expression that is zero there.
            ValueError: the square root of a negative number, a negative exponent.
        """
        return _evaluate(self, values, {} if known is None else known)

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
        if len(divisor.terms) == 1 and not divisor.const:
            return None if self.const else self._quotient_of_terms(lead, leading)
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

    def _quotient_of_terms(self, lead: Monomial, leading: int) -> Int | None:
        """Each term divided by ``leading * lead``."""
        found: list[tuple[Monomial, int]] = []
        const = 0
        for monomial, coefficient in self.terms:
            left = _without(monomial, lead)
            if left is None or coefficient % leading:
                return None
            if left:
                found.append((left, coefficient // leading))
            else:
                const = coefficient // leading
        return self.scope.make(tuple(sorted(found)), const)


Int = int | Expr
_written: Callable[[Expr], str] = object.__repr__


def writes_expressions(function: Callable[[Int], str]) -> Callable[[Int], str]:
    """The decorated function gives the text of expressions."""
    global _written
    _written = function
    return function


def weight(item: Int) -> int:
    """The number of atoms in ``item``, those inside atoms counted."""
    return item.weight if isinstance(item, Expr) else 0


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


# Of a power: exponents are tried that no size has, and their powers would fill the memory.
_MOST_BITS = 1 << 14


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
    if atom.kind == "long":
        return args[0]
    if atom.kind == "power":
        if args[1] < 0:
            raise ValueError("a negative exponent")
        if args[0].bit_length() * args[1] > _MOST_BITS and abs(args[0]) > 1:
            raise OverflowError("a power that is no size")
        return int(args[0] ** args[1])
    assert atom.evaluate is not None
    return atom.evaluate(*args)


# Where expressions are made, each once, and normalised: the rules of the derived atoms -----------

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
        self.named: dict[str, Expr] = {}  # atoms of long expressions
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
            found.domain, found.normal, found.wrap, found.tree = _NOTHING, found, None, None
            found.factors = found.inside = None
            table = self.atoms
            found.weight = sum(table[index].weight for monomial, _ in terms for index in monomial)
            found.epoch = found.least_epoch = found.normal_epoch = -1
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

    def existing(self, kind: str, args: tuple[Int, ...]) -> Atom | None:
        """The derived atom with these arguments, if there is one by now."""
        found = self._by_key.get((kind, "", args))
        return None if found is None else self.atom_of(found)

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

    def shortened(self, item: Int) -> Int:
        """``item``, or an atom that stands for it where it is too long to be part of another."""
        if not isinstance(item, Expr) or item.weight <= _LONGEST:
            return item
        return self._long(item)

    def _long(self, item: Expr) -> Int:
        """An atom for ``item``, times the factors that all its terms share."""
        shared = shared_atoms(item)
        factor = _common_factor(item, item)
        if (item.const or item.terms[0][1]) < 0:  # one spelling of two
            factor = -factor
        part = item.exact_quotient(self.make(((shared, factor),), 0) if shared else factor)
        if not isinstance(part, Expr) or self.atom_of(part) is not None:
            return item
        made = self._atom("long", "", (part,))
        atom = self.atoms[made.terms[0][0][0]]
        if not atom.name:
            atom.name = self._free_name()
            self.named[atom.name] = self.bare(atom)
        return made * (self.make(((shared, factor),), 0) if shared else factor)

    def _free_name(self) -> str:
        count = len(self.named)
        while ("symbol", f"e{count}", ()) in self._by_key or f"e{count}" in self.named:
            count += 1
        return f"e{count}"

    def product_of_sums(self, left: Expr, right: Expr) -> Int:
        """``left * right`` of many terms: the longer of them counts as one."""
        shorter, longer = sorted((left, right), key=lambda e: (len(e.terms), e.terms, e.const))
        return shorter * self._long(longer)

    def in_full(self, item: Int) -> Int:
        """``item`` with what its own atoms stand for in place of those that are ``long``."""
        if not isinstance(item, Expr):
            return item
        for atom in item.atoms():
            if atom.kind == "long":
                item = self.replaced_atom(item, atom, atom.args[0])
                if not isinstance(item, Expr):
                    break
        return item

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
        return whole + self._atom("div", "", (self.shortened(inner), k))

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
        return self._atom("ratio", "", (self.shortened(n), self.shortened(m)))

    def mod(self, n: Int, k: Int) -> Int:
        """``n % k``, Python's: the sign is that of ``k``."""
        return n - k * self.floordiv(n, k)

    def positive_part(self, d: Int) -> Int:
        """``max(d, 0)``."""
        if d.__class__ is int:
            return max(d, 0)
        assert isinstance(d, Expr)
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
        return self._atom("pos", "", (self.shortened(d),))

    def maximum(self, x: Int, y: Int) -> Int:
        """``max(x, y)``."""
        return self.shortened(y + self.positive_part(x - y))

    def minimum(self, x: Int, y: Int) -> Int:
        """``min(x, y)``."""
        return self.shortened(x - self.positive_part(x - y))

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
        return self._atom("isqrt", "", (self.shortened(n),))

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
        return self._atom("power", "", (self.shortened(base), self.shortened(exponent)))

    # Substitution ----------------------------------------------------------------------------

    def substitute(self, item: Int, mapping: Mapping[int, Int]) -> Int:
        """``item`` with the symbols of these indices replaced, normalised again."""
        return self._rebuild(item, mapping, {})

    def with_atom(self, item: Int, atom: Atom, by: Int) -> Int:
        """``item`` with ``atom`` replaced, also inside other atoms."""
        return self._rebuild(item, {}, {atom.index: by})

    def taken_over(self, item: Int, symbol: Callable[[str], Int], done: dict[int, Int]) -> Int:
        """``item`` of another scope in this one; ``symbol`` gives what its symbols are here.

        ``done`` are the atoms of the other scope that have been taken over.
        """
        if not isinstance(item, Expr):
            return item
        total: Int = item.const
        for monomial, coefficient in item.terms:
            product: Int = coefficient
            for index in monomial:
                if index not in done:
                    atom = item.scope.atoms[index]
                    if atom.kind == "symbol":
                        done[index] = symbol(atom.name)
                    else:
                        args = tuple(self.taken_over(arg, symbol, done) for arg in atom.args)
                        done[index] = self._made_again(atom, args)
                product = product * done[index]
            total = total + product
        return total

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
        return self.bare(atom) if args == atom.args else self._made_again(atom, args)

    def _made_again(self, atom: Atom, args: tuple[Int, ...]) -> Int:
        """What ``atom`` is of other arguments."""
        if atom.kind in ("div", "ratio"):
            return self.floordiv(*args)
        if atom.kind == "pos":
            return self.positive_part(*args)
        if atom.kind == "isqrt":
            return self.isqrt(*args)
        if atom.kind == "power":
            return self.power(*args)
        if atom.kind == "long":
            return self.shortened(*args)
        assert atom.evaluate is not None
        return self.opaque(atom.name, args, atom.evaluate, atom.lo, atom.hi)

    def replaced_atom(self, item: Expr, atom: Atom, by: Int) -> Int:
        """``item`` with ``atom``, where it is a factor of a term, replaced."""
        others = tuple(term for term in item.terms if atom.index not in term[0])
        total: Int = self.make(others, item.const)
        for monomial, coefficient in item.terms:
            if atom.index in monomial:
                product: Int = coefficient
                for index in monomial:
                    is_it = index == atom.index
                    product = product * (by if is_it else self.bare(self.atoms[index]))
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


def shared_atoms(item: Expr) -> Monomial:
    """The atoms that every term has as factors."""
    if item.const:
        return ()
    shared = item.terms[0][0]
    for monomial, _ in item.terms[1:]:
        left, kept = list(monomial), []
        for index in shared:
            if index in left:
                left.remove(index)
                kept.append(index)
        shared = tuple(kept)
    return shared


def _common_factor(n: Expr, m: Expr) -> int:
    return math.gcd(n.const, m.const, *(c for _, c in n.terms), *(c for _, c in m.terms))


# What is known at once: an interval and a residue class, both exact ----------------------------


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
    lo, hi, modulus, remainder = _of_terms(item)
    if lo is None:
        lo = _by_definition(item)
    if hi is None:
        opposite = -item
        assert isinstance(opposite, Expr)
        found = _by_definition(opposite)
        hi = None if found is None else -found
    if modulus > 1:
        lo = None if lo is None else lo + (remainder - lo) % modulus
        hi = None if hi is None else hi - (hi - remainder) % modulus
    item.domain = ((lo, hi), (modulus, remainder))
    item.epoch = scope.epoch
    return item.domain


def _of_terms(item: Expr) -> tuple[int | None, int | None, int, int]:
    """Bounds that the terms have, each by itself, and the residue class."""
    scope = item.scope
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
    return lo, hi, modulus, remainder % modulus if modulus else remainder


def _least(item: Int) -> int | None:
    """The lower bound alone: with the upper ones, those of definitions would double each time."""
    if not isinstance(item, Expr):
        return item
    epoch = item.scope.epoch
    if item.epoch == epoch:
        return item.domain[0][0]
    if item.least_epoch != epoch:
        lo, _, modulus, remainder = _of_terms(item)
        if lo is None:
            lo = _by_definition(item)
        if modulus > 1 and lo is not None:
            lo += (remainder - lo) % modulus
        item.least, item.least_epoch = lo, epoch
    return item.least


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
    bound = _least(low)
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
    if atom.kind == "long":
        return lo, hi
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
    if d is not None and d < c:  # zero alone
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
    if atom.kind == "long":
        return congruence(atom.args[0])
    if atom.kind == "div":
        modulus, remainder = congruence(atom.args[0])
        k = atom.args[1]
        assert isinstance(k, int)
        if modulus and modulus % k == 0:
            return modulus // k, (remainder // k) % (modulus // k)
    return 1, 0
