"""What a call must satisfy for the sizes that were declared to vary."""

from __future__ import annotations

from monograph.capture.declare import Declaration
from monograph.capture.inputs import Argument
from monograph.ir.size_checks import Bound, Place, SizeChecks
from monograph.shapes.env import Guard, Quotient, ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.float_facts import FloatFacts

__all__ = ["size_checks"]


def size_checks(
    env: ShapeEnv, declared: dict[str, Declaration], leaves: list[Argument]
) -> SizeChecks | None:
    """What a call must satisfy; None where no size varies."""
    if not declared:
        return None
    index = {id(leaf): i for i, leaf in enumerate(leaves)}
    bounds = []
    for name, declaration in declared.items():
        places = [
            Place(index[id(leaf)], dim, leaf.path, slope, offset)
            for leaf, dim, slope, offset in sorted(
                declaration.places, key=lambda p: (p[2], p[3]) != (1, 0)
            )
        ]
        symbol = env.symbols[name].expr
        now: Int | None = None
        lower, upper = declaration.lo, declaration.hi
        if isinstance(symbol, Expr):
            found = env.scope.normal(symbol)
            atom = symbol.atoms()[0]
            now = None if found is symbol else found
            lower, upper = atom.lo, atom.hi
        bounds.append(Bound(name, places, now, lower, upper, env.sets.get(name)))
    definitions = {
        name: (source.atom.name, source.step, source.offset)
        for name, source in env.definitions.items()
        if isinstance(source, Quotient) and not env.symbols[name].is_unbacked
    }
    atoms = {name: env.symbols[name].expr for name in definitions}
    ranges = {
        name: (expr.atoms()[0].lo, expr.atoms()[0].hi)
        for name, expr in atoms.items()
        if isinstance(expr, Expr) and not env.symbols[name].is_given_up
    }
    known = {*declared, *definitions}
    guards, reasons = list[Guard](), list[Guard]()
    for guard in env.guards:
        if set(guard.symbols) <= known:
            (reasons if _is_in_ranges(env, guard) else guards).append(guard)
    return SizeChecks(bounds, definitions, ranges, guards, reasons)


def _is_in_ranges(env: ShapeEnv, guard: Guard) -> bool:
    """Whether ranges and substitutions say as much as the guard itself."""
    if guard.solved:
        return True
    facts, distinct, floats = env.decider.facts, env.decider.distinct, env.floats
    env.decider.facts, env.decider.distinct, env.floats = [], [], FloatFacts()
    env.decider.forget()
    try:
        return env.known(guard.test) is True
    finally:
        env.decider.facts, env.decider.distinct, env.floats = facts, distinct, floats
        env.decider.forget()
