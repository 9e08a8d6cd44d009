"""Sizes for which a condition holds: the example of a branch that the real one does not take."""

from __future__ import annotations

import itertools

from monograph.shapes.crossings import crossings
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.questions import (
    All,
    Compare,
    OneOf,
    Some,
    Test,
    holds,
    symbols_of,
    with_sizes,
)

__all__ = ["values_where"]

_MOST = 2000


def values_where(env: ShapeEnv, test: Test) -> dict[str, int]:
    """Values of the symbols of ``test`` for which it and all guards hold; {} if none was found.

    A size that is known to be ``14*_s0`` has what that comes to.
    """
    test = with_sizes(test, env.scope.normal)
    names = [n for n in symbols_of(test) if env.symbols[n].hint is not None]
    known = dict(env.values)
    if not names or len(names) != len(symbols_of(test)) or holds(test, known):
        return {}
    near = _constants(test)
    choices = []
    for name in names:
        lo, hi = env.symbols[name].range
        hint = known[name]
        if not isinstance(hint, int):
            return {}
        options = [
            hint,
            hint + 1,  # what operators ask of sizes besides holds there, too, more often than not
            hint - 1,
            *(c + d for c in near for d in (0, 1, -1)),
            2 * hint,
            3 * hint,
            0,
            1,
            2,
            *(known[other] for other in names),
            *(v for each in _compared(test) for v in crossings(each, name, known, lo, hi)),
            64,
        ]
        options += [lo or 0] if hi is None else [lo or 0, hi]
        allowed = [v for v in dict.fromkeys(options) if v >= (lo or 0) and (hi is None or v <= hi)]
        choices.append(sorted(allowed, key=lambda v: v < 1))  # programs divide by sizes
    guards = [g for g in env.guards if set(g.symbols) <= known.keys()]
    made = _made_of(env, names)
    for values in itertools.islice(itertools.product(*choices), _MOST):
        chosen = dict(zip(names, values, strict=True))
        tried = known | chosen
        if holds(test, tried):
            chosen |= {name: size.evaluate(tried) for name, size in made.items()}
            if all(holds(g.test, known | chosen) for g in guards):
                return chosen
    return {}


def _made_of(env: ShapeEnv, names: list[str]) -> dict[str, Expr]:
    """The symbols that are known to be expressions of ``names`` and of what has a value."""
    found: dict[str, Expr] = {}
    for name, symbol in env.symbols.items():
        size = env.scope.normal(symbol.expr) if isinstance(symbol.expr, Expr) else None
        if size is symbol.expr or not isinstance(size, Expr):
            continue
        inside = {atom.name for atom in size.symbols()}
        if not inside.isdisjoint(names) and inside <= env.values.keys():
            found[name] = size
    return found


def _compared(test: Test) -> list[Expr]:
    """What is compared with 0."""
    if isinstance(test, (All, Some)):
        return [expr for part in test.parts for expr in _compared(part)]
    return [test.expr] if isinstance(test, Compare) and isinstance(test.expr, Expr) else []


def _constants(test: Test) -> list[int]:
    if isinstance(test, (All, Some)):
        return [c for part in test.parts for c in _constants(part)]
    if isinstance(test, OneOf):
        return list(test.values)
    if isinstance(test, Compare) and isinstance(test.expr, Expr):
        slopes = [abs(c) for _, c in test.expr.terms]
        return [abs(test.expr.const) // slopes[0], abs(test.expr.const), *slopes]
    return []
