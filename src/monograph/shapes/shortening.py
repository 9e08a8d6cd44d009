"""Long conditions in place of which short ones will do, chosen by an example.

That a slice between unknown bounds has seven rows is a page of maxima and minima: bounds count from
the end where they are negative, and are cut to what is there. For one example it is plain which
of the two each maximum is. That it stays so are short conditions, which imply the long one.
"""

from __future__ import annotations

from monograph.shapes.expr import Atom, Expr, Int, Values
from monograph.shapes.questions import Compare, Test, equal, not_less, truth

__all__ = ["shortened"]

_LONGEST = 10  # parts of a condition that stays as it is
_MOST_MAXIMA = 40


def shortened(test: Compare, values: Values) -> list[Test] | None:
    """Conditions that hold for ``values`` and imply ``test``, which does; None: it is short."""
    scope = test.expr.scope
    item: Int = scope.normal(test.expr)
    if not isinstance(item, Expr) or item.weight <= _LONGEST or not truth(test, values):
        return None
    found: list[Test] = []
    for _ in range(_MOST_MAXIMA):
        atom = _innermost(item) if isinstance(item, Expr) else None
        if atom is None:
            break
        inside = atom.args[0]
        assert isinstance(item, Expr)
        assert isinstance(inside, Expr)
        if atom.kind == "long":
            item = scope.with_atom(item, atom, inside)
        elif inside.evaluate(values) >= 0:
            found.append(not_less(inside, 0))
            item = scope.with_atom(item, atom, inside)
        else:
            found.append(not_less(0, inside))
            item = scope.with_atom(item, atom, 0)
    rest = equal(item, 0, is_equal=test.kind == "eq") if test.kind != "ge" else not_less(item, 0)
    found = _tightest([*found, rest])
    longest = max((part.expr.weight for part in found if isinstance(part, Compare)), default=0)
    return found if longest <= _LONGEST else None


def _innermost(item: Expr) -> Atom | None:
    """A maximum, or a long expression, with none inside."""
    for atom in item.atoms():
        for arg in atom.args:
            found = _innermost(arg) if isinstance(arg, Expr) else None
            if found is not None:
                return found
        if atom.kind in ("pos", "long"):
            return atom
    return None


def _tightest(tests: list[Test]) -> list[Test]:
    """Of conditions that differ in a constant alone, the one that implies the others."""
    found: dict[object, Test] = {}
    for test in tests:
        if test is True:
            continue
        key: object = test
        if isinstance(test, Compare) and test.kind == "ge":
            key = test.expr.terms
            old = found.get(key)
            if isinstance(old, Compare) and old.expr.const <= test.expr.const:
                continue
        found[key] = test
    return list(found.values())
