"""Yes-or-no questions about sizes: comparisons, and their combinations."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from monograph.shapes.expr import Expr, Int, Monomial, Scope, Values, atom_interval
from monograph.shapes.floats import FloatExpr, Real, float_value
from monograph.shapes.text import Call, format_expr, tree_of

__all__ = [
    "All",
    "Compare",
    "CompareFloats",
    "OneOf",
    "Some",
    "Test",
    "answered_in_parts",
    "assertion_of",
    "brief",
    "cut",
    "equal",
    "holds",
    "indicator",
    "negated",
    "not_less",
    "of_remainders",
    "real_with_sizes",
    "symbols_of",
    "text_of",
    "truth",
    "with_sizes",
]


@dataclass(frozen=True)
class Compare:
    """``expr >= 0`` ("ge"), ``expr == 0`` ("eq") or ``expr != 0`` ("ne")."""

    kind: str
    expr: Expr

    def sides(self) -> tuple[Int, Int]:
        """Both sides of the comparison, for readers."""
        left, right = _sides(self.expr)
        return left, right


@dataclass(frozen=True)
class OneOf:
    """``expr`` is one of ``values`` (or none of them)."""

    expr: Expr
    values: tuple[int, ...]
    is_one: bool = True


@dataclass(frozen=True)
class CompareFloats:
    """A comparison that involves floating-point numbers; ``op`` is Python's name of it."""

    op: str
    left: Real
    right: Real


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple[Test, ...]


@dataclass(frozen=True)
class Some:
    """At least one part holds."""

    parts: tuple[Test, ...]


Test = bool | Compare | OneOf | CompareFloats | All | Some

_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


def not_less(left: Int, right: Int) -> Test:
    """``left >= right``."""
    difference = left - right
    if not isinstance(difference, Expr):
        return difference >= 0
    shared = math.gcd(*(c for _, c in difference.terms))
    if shared > 1:  # integers: 3*x - 2 >= 0 is x >= 1
        terms = tuple((m, c // shared) for m, c in difference.terms)
        difference = _expression(difference.scope, terms, difference.const // shared)
    return _about_atom(difference) or _about_least(difference) or Compare("ge", difference)


def of_remainders(test: Test) -> Test:
    """``n % k > 0`` as ``n % k != 0``, ``n % k <= 0`` as ``n % k == 0``; so at the other end."""
    if not isinstance(test, Compare) or test.kind != "ge" or len(test.expr.terms) < 2:
        return test
    expr, scope = test.expr, test.expr.scope
    for monomial, slope in expr.terms:
        atom = scope.atoms[monomial[0]]
        if len(monomial) > 1 or atom.kind != "div" or abs(slope) != atom.args[1]:
            continue
        inside, step = atom.args
        sign = -1 if slope > 0 else 1
        rest = inside - step * scope.bare(atom)
        bound = expr - rest * sign
        if isinstance(bound, int):  # the rest is at least -bound, or at most bound
            if bound == (-1 if sign == 1 else 0):
                return equal(rest, 0, is_equal=sign == -1)
            if bound == (1 - step if sign == 1 else step - 2):
                return equal(rest, step - 1, is_equal=sign == 1)
    return test


def _about_atom(expr: Expr) -> Test | None:
    """``n // k >= m`` is ``n >= k*m``, and so on: a bound of a bare atom, as one of its inside."""
    if len(expr.terms) != 1:
        return None
    monomial, sign = expr.terms[0]
    atom = expr.scope.atoms[monomial[0]]
    if len(monomial) != 1 or abs(sign) != 1:
        if sign == 1 and expr.const == -1 and len(monomial) > 1:
            return _product_is_positive(expr, monomial)
        return None
    bound = -expr.const if sign == 1 else expr.const
    inside = atom.args[0] if atom.args else None
    if atom.kind == "div":
        k = atom.args[1]
        assert isinstance(k, int)
        assert inside is not None
        return not_less(inside, k * bound) if sign == 1 else not_less(k * bound + k - 1, inside)
    if atom.kind == "pos":
        assert inside is not None
        if sign == 1:
            return bound <= 0 or not_less(inside, bound)
        return bound >= 0 and not_less(bound, inside)
    return None


def _about_least(expr: Expr) -> Test | None:
    """``min(d, 0) + k >= 0``, written ``d - max(d, 0) + k``, is ``d + k >= 0`` for a ``k >= 0``."""
    for monomial, factor in expr.terms:
        atom = expr.scope.atoms[monomial[0]]
        if factor == -1 and len(monomial) == 1 and atom.kind == "pos":
            least = expr + expr.scope.bare(atom) - atom.args[0]
            if isinstance(least, int) and least >= 0:
                return not_less(atom.args[0], -least)
    return None


def _product_is_positive(expr: Expr, monomial: tuple[int, ...]) -> Test | None:
    """``x*y >= 1`` with factors that are not negative: each is at least 1."""
    scope = expr.scope
    atoms = [scope.atoms[index] for index in dict.fromkeys(monomial)]
    lowest = [atom_interval(scope, atom)[0] for atom in atoms]
    if any(lo is None or lo < 0 for lo in lowest):
        return None
    test: Test = True
    for atom in atoms:
        test = both(test, not_less(scope.bare(atom), 1))
    return test


def equal(left: Int, right: Int, *, is_equal: bool = True) -> Test:
    """``left == right``, or ``!=``."""
    difference = left - right
    if not isinstance(difference, Expr):
        return (difference == 0) is is_equal
    shared = math.gcd(*(c for _, c in difference.terms))
    if difference.const % shared:
        return not is_equal
    if difference.terms[0][1] < 0:  # one spelling of two
        shared = -shared
    if shared != 1:
        terms = tuple((m, c // shared) for m, c in difference.terms)
        difference = _expression(difference.scope, terms, difference.const // shared)
    if not difference.const and len(difference.terms) == 1 and len(difference.terms[0][0]) > 1:
        positive = _product_is_positive(difference, difference.terms[0][0])
        if positive is not None:  # a product of sizes that is not zero
            return negated(positive) if is_equal else positive
    atom = difference.scope.atom_of(difference)
    if atom is not None and atom.kind == "pos":  # max(d, 0) == 0
        return not_less(0, atom.args[0]) if is_equal else not_less(atom.args[0], 1)
    inside = _of_positive_part(difference)
    if inside is not None:  # max(d, 0) == d
        return not_less(inside, 0) if is_equal else not_less(-1, inside)
    return Compare("eq" if is_equal else "ne", difference)


def _of_positive_part(difference: Expr) -> Int | None:
    """The ``d`` of ``d - max(d, 0)``, or of the opposite."""
    scope = difference.scope
    for monomial, sign in difference.terms:
        atom = scope.atoms[monomial[0]]
        if len(monomial) == 1 and abs(sign) == 1 and atom.kind == "pos":
            inside = atom.args[0]
            if difference == sign * (scope.bare(atom) - inside):
                return inside
    return None


def _expression(scope: Scope, terms: tuple[tuple[Monomial, int], ...], const: int) -> Expr:
    made = scope.make(terms, const)
    assert isinstance(made, Expr)
    return made


def both(left: Test, right: Test) -> Test:
    """The conjunction."""
    if left is True or right is False:
        return right
    if right is True or left is False:
        return left
    return All((left, right))


def either(left: Test, right: Test) -> Test:
    """The disjunction."""
    if left is False or right is True:
        return right
    if right is False or left is True:
        return left
    return Some((left, right))


def negated(test: Test) -> Test:
    """The opposite of ``test``."""
    if isinstance(test, bool):
        return not test
    if isinstance(test, Compare):
        if test.kind == "ge":
            return not_less(-1, test.expr)
        return Compare("ne" if test.kind == "eq" else "eq", test.expr)
    if isinstance(test, OneOf):
        return OneOf(test.expr, test.values, not test.is_one)
    if isinstance(test, CompareFloats):
        if test.op in ("eq", "ne"):
            return CompareFloats(_OPPOSITE[test.op], test.left, test.right)
        return CompareFloats(
            "not " + test.op if " " not in test.op else test.op[4:], test.left, test.right
        )
    opposite = Some if isinstance(test, All) else All
    return opposite(tuple(negated(part) for part in test.parts))


def answered_in_parts(
    test: All | Some, known: Callable[[Test], bool | None], answer: Callable[[Test], bool]
) -> bool:
    """The answer to ``test``, from its parts in their order: those not ``known`` are answered."""
    settles = isinstance(test, Some)
    for part in test.parts:
        found = known(part)
        if (answer(part) if found is None else found) is settles:
            return settles
    return not settles


def indicator(test: Test) -> Int | None:
    """1 where ``test`` holds, else 0; None where that is not a matter of integers alone."""
    if isinstance(test, bool):
        return int(test)
    if isinstance(test, Compare):
        if test.kind == "ge":
            return _is_not_negative(test.expr)
        return _is_zero(test.expr) if test.kind == "eq" else 1 - _is_zero(test.expr)
    if isinstance(test, OneOf):
        total: Int = 0
        for value in set(test.values):
            total = total + _is_zero(test.expr - value)
        return total if test.is_one else 1 - total
    if isinstance(test, CompareFloats):
        return None
    product: Int = 1
    is_some = isinstance(test, Some)  # none of the parts fails to fail
    for part in test.parts:
        found = indicator(negated(part) if is_some else part)
        if found is None:
            return None
        product = product * found
    return 1 - product if is_some else product


def _is_not_negative(item: Int) -> Int:
    if not isinstance(item, Expr):
        return int(item >= 0)
    return item.scope.positive_part(item + 1) - item.scope.positive_part(item)


def _is_zero(item: Int) -> Int:
    return _is_not_negative(item) + _is_not_negative(-item) - 1


def truth(test: Test, values: Values) -> bool:
    """Whether ``test`` holds for these values of the symbols.

    Raises:
        KeyError: a symbol without a value.
    """
    if isinstance(test, bool):
        return test
    if isinstance(test, Compare):
        value = test.expr.evaluate(values)
        return value >= 0 if test.kind == "ge" else (value == 0) is (test.kind == "eq")
    if isinstance(test, OneOf):
        return (test.expr.evaluate(values) in test.values) is test.is_one
    if isinstance(test, CompareFloats):
        left, right = float_value(test.left, values), float_value(test.right, values)
        name = test.op.removeprefix("not ")
        found = bool(getattr(_Python, name)(left, right))
        return found is (name == test.op)
    combine = all if isinstance(test, All) else any
    return combine(truth(part, values) for part in test.parts)


def holds(test: Test, values: Values) -> bool:
    """``truth``, where a division by zero and its like count as no."""
    try:
        return truth(test, values)
    except (ZeroDivisionError, ValueError, OverflowError):
        return False


class _Python:
    eq = staticmethod(lambda x, y: x == y)
    ne = staticmethod(lambda x, y: x != y)
    lt = staticmethod(lambda x, y: x < y)
    le = staticmethod(lambda x, y: x <= y)
    gt = staticmethod(lambda x, y: x > y)
    ge = staticmethod(lambda x, y: x >= y)


def with_sizes(test: Test, on_size: Callable[[Expr], Int]) -> Test:
    """``test`` about what ``on_size`` gives for each of its sizes."""
    if isinstance(test, Compare):
        item = on_size(test.expr)
        if item is test.expr:
            return test
        if test.kind == "ge":
            return not_less(item, 0)
        return equal(item, 0, is_equal=test.kind == "eq")
    if isinstance(test, OneOf):
        item = on_size(test.expr)
        if isinstance(item, int):
            return (item in test.values) is test.is_one
        return OneOf(item, test.values, test.is_one)
    if isinstance(test, CompareFloats):
        left, right = (real_with_sizes(side, on_size) for side in (test.left, test.right))
        return CompareFloats(test.op, left, right)
    if isinstance(test, (All, Some)):
        first, *rest = (with_sizes(part, on_size) for part in test.parts)
        return functools.reduce(both if isinstance(test, All) else either, rest, first)
    return test


def real_with_sizes(item: Real, on_size: Callable[[Expr], Int]) -> Real:
    """``item`` made of what ``on_size`` gives for each of its sizes."""
    if isinstance(item, FloatExpr):
        args = tuple(real_with_sizes(each, on_size) for each in item.args)
        return item if args == item.args else replace(item, args=args)
    return on_size(item) if isinstance(item, Expr) else item


def symbols_of(test: Test) -> list[str]:
    """The names of all symbols in ``test``."""
    if isinstance(test, bool):
        return []
    if isinstance(test, (Compare, OneOf)):
        return [atom.name for atom in test.expr.symbols()]
    if isinstance(test, CompareFloats):
        found: list[str] = []
        for side in (test.left, test.right):
            if isinstance(side, FloatExpr):
                found += side.symbols()
            elif isinstance(side, Expr):
                found += [atom.name for atom in side.symbols()]
        return list(dict.fromkeys(found))
    return list(dict.fromkeys(name for part in test.parts for name in symbols_of(part)))


_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def text_of(test: Test) -> str:
    """``test`` in the names of its symbols: ``2*seq >= batch + 1``."""
    if isinstance(test, bool):
        return str(test)
    if isinstance(test, OneOf):
        values = "{" + ", ".join(map(str, test.values)) + "}"
        return f"{format_expr(test.expr)} {'in' if test.is_one else 'not in'} {values}"
    if isinstance(test, CompareFloats):
        name = test.op.removeprefix("not ")
        text = f"{test.left} {_SIGNS[name]} {test.right}"
        return text if name == test.op else f"not ({text})"
    if isinstance(test, Compare):
        left, right = test.sides()
        sign = {"ge": ">=", "eq": "==", "ne": "!="}[test.kind]
        if test.kind == "ge" and isinstance(left, int):  # 16 >= batch reads better turned round
            return f"{format_expr(right)} <= {left}"
        return f"{format_expr(left)} {sign} {format_expr(right)}"
    word = " and " if isinstance(test, All) else " or "
    return word.join(f"({text_of(part)})" for part in test.parts)


def assertion_of(test: Test) -> str:
    """An expression for ``torch._check`` that says ``test``, and asks for no truth itself.

    Of floats it says the opposite comparison where ``test`` says that one does not hold: a number
    that is none (NaN) passes neither.
    """
    if isinstance(test, CompareFloats) and test.op.startswith("not "):
        return text_of(CompareFloats(_OPPOSITE[test.op[4:]], test.left, test.right))
    if isinstance(test, (All, Some)):
        sign = " & " if isinstance(test, All) else " | "
        return sign.join(f"({assertion_of(part)})" for part in test.parts)
    return text_of(test)


def brief(test: Test) -> str:
    """``test`` for readers: not longer than a line or two, and with what its names stand for."""
    text = cut(text_of(test), 120)
    for name, item in _long_parts(test).items():
        if re.search(rf"\b{name}\b", text):
            text += f" ({name} is {cut(format_expr(item), 60)})"
            break
    return text


def cut(text: str, longest: int) -> str:
    """``text``, or its beginning where it has more than ``longest`` characters."""
    return text if len(text) <= longest else text[: longest - 4].rsplit(" ", 1)[0] + " ..."


def _long_parts(test: Test) -> dict[str, Expr]:
    """The long expressions that have names in the text of ``test``."""
    if isinstance(test, (All, Some)):
        return {n: item for part in test.parts for n, item in _long_parts(part).items()}
    found: dict[str, Expr] = {}
    stack: list[Int] = [test.expr] if isinstance(test, (Compare, OneOf)) else []
    while stack:
        item = stack.pop()
        for atom in item.atoms() if isinstance(item, Expr) else ():
            if atom.kind == "long":
                assert isinstance(atom.args[0], Expr)
                found[atom.name] = atom.args[0]
            else:
                stack += atom.args
    return found


def _sides(expr: Expr) -> tuple[Int, Int]:
    """``expr`` as a difference of two expressions without negative coefficients."""
    scope = expr.scope
    tree = tree_of(expr)
    if isinstance(tree, Call) and tree.name in ("%", "max", "min"):
        return expr, 0
    left = scope.make(tuple((m, c) for m, c in expr.terms if c > 0), max(expr.const, 0))
    right = scope.make(tuple((m, -c) for m, c in expr.terms if c < 0), max(-expr.const, 0))
    if (
        _size(right)
        and isinstance(tree, Call)
        and any(isinstance(arg, Call) and arg.name == "%" for arg in tree.args)
    ):
        return expr - expr.const, -expr.const
    return left, right


def _size(item: Int) -> int:
    return len(item.terms) if isinstance(item, Expr) else 0
