"""Sizes for which a condition holds: the example of a branch that the real one does not take."""

from __future__ import annotations

import itertools

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.questions import All, Compare, OneOf, Some, Test, holds, symbols_of

__all__ = ["values_where"]

_MOST = 2000


def values_where(env: ShapeEnv, test: Test) -> dict[str, int]:
    """Values of the symbols of ``test`` for which it and all guards hold; {} if none was found."""
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
            64,
        ]
        options += [lo or 0] if hi is None else [lo or 0, hi]
        allowed = [v for v in dict.fromkeys(options) if v >= (lo or 0) and (hi is None or v <= hi)]
        choices.append(sorted(allowed, key=lambda v: v < 1))  # programs divide by sizes
    guards = [g for g in env.guards if set(g.symbols) <= known.keys()]
    for values in itertools.islice(itertools.product(*choices), _MOST):
        tried = known | dict(zip(names, values, strict=True))
        if holds(test, tried) and all(holds(g.test, tried) for g in guards):
            return dict(zip(names, values, strict=True))
    return {}


def _constants(test: Test) -> list[int]:
    if isinstance(test, (All, Some)):
        return [c for part in test.parts for c in _constants(part)]
    if isinstance(test, OneOf):
        return list(test.values)
    if isinstance(test, Compare) and isinstance(test.expr, Expr):
        slopes = [abs(c) for _, c in test.expr.terms]
        return [abs(test.expr.const) // slopes[0], abs(test.expr.const), *slopes]
    return []
