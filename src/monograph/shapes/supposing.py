"""What is known for a while only: inside a branch, or during an attempt."""

from __future__ import annotations

from typing import NamedTuple

from monograph.shapes.decide import Answers
from monograph.shapes.env import Alone, Guard, Listener, Place, Quotient, Search, ShapeEnv
from monograph.shapes.expr import Atom, Expr, Int, Values
from monograph.shapes.float_facts import FloatFacts
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import Test, either, negated, symbols_of
from monograph.shapes.quotients import test_of_inputs, text_of_inputs

__all__ = ["Aside", "Known", "forget", "give_up", "go_back", "mark", "rely_on_again", "suppose"]


class Known(NamedTuple):
    """What was known at some time; of guards and symbols, how many there were."""

    replacements: dict[int, Int]
    bounds: list[tuple[Atom, int | None, int | None]]
    facts: list[Expr]
    distinct: list[Expr]
    answers: Answers
    floats: FloatFacts
    guards: int
    values: Values
    supposed: Test
    paths: tuple[Test, ...]
    example_where: Search | None
    is_of_data: bool
    symbols: int
    given_up: frozenset[str]


def mark(env: ShapeEnv) -> Known:
    """What is known now, for ``go_back``."""
    atoms = [s.expr.atoms()[0] for s in env.symbols.values() if isinstance(s.expr, Expr)]
    return Known(
        dict(env.scope.replacements),
        [(atom, atom.lo, atom.hi) for atom in atoms],
        list(env.decider.facts),
        list(env.decider.distinct),
        env.decider.answers(),
        env.floats.copy(),
        len(env.guards),
        env.values.copy(),
        env.supposed,
        env.paths,
        env.example_where,
        env.is_of_data,
        len(env.symbols),
        frozenset(name for name, symbol in env.symbols.items() if symbol.is_given_up),
    )


def give_up(env: ShapeEnv, count: int) -> None:
    """Nothing will use the symbols after the first ``count``."""
    for symbol in list(env.symbols.values())[count:]:
        symbol.is_given_up = True


def forget(env: ShapeEnv, mark: Known) -> None:
    """Forget all that was learned since ``mark``: what was attempted came to nothing."""
    del env.guards[mark.guards :]
    give_up(env, mark.symbols)
    go_back(env, mark)


def rely_on_again(env: ShapeEnv, guards: list[Guard]) -> None:
    """Rely on ``guards`` that were forgotten."""
    for guard in guards:
        before = env.scope.replaced
        env.guards.append(guard)
        env.assume(guard.test)
        guard.solved = env.scope.replaced > before


class Aside(Alone):
    """The listener of an attempt, of which the program is told nothing before it has succeeded."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.is_asked = False  # what nobody knows
        self.asserted: list[tuple[Test, str | None]] = []

    def here(self) -> Place | None:
        """The line that is running."""
        return self.listener.here()

    def undecided(self, test: Test) -> bool:
        """Nobody knows.

        Raises:
            LookupError: always.
        """
        self.is_asked = True
        return super().undecided(test)

    def unknown(self, item: Expr | FloatExpr) -> float:
        """Nobody knows.

        Raises:
            LookupError: always.
        """
        self.is_asked = True
        return super().unknown(item)

    def assert_at_run_time(self, test: Test, message: str | None) -> None:
        """What is to be checked if the attempt succeeds."""
        self.asserted.append((test, message))


def suppose(env: ShapeEnv, path: Test, search: Search) -> None:
    """From here to ``go_back``, ``path`` holds; ``search`` finds an example where it does."""
    values = search(env, path)
    env.supposed = path
    env.paths = (*env.paths, path)
    if values:
        env.example_where = search
    env.is_of_data |= any(env.symbols[name].is_unbacked for name in symbols_of(path))
    env.values.update(values)
    env.decider.hints.update(values)
    env.assume(path)


def go_back(env: ShapeEnv, mark: Known) -> None:
    """Forget what was learned since ``mark``, but for what all of the program relies on.

    Guards on sizes of the inputs stay, on condition that the path is taken; those on numbers
    that are only known at run time are assertions in the branch alone.
    """
    scope = env.scope
    scope.replacements.clear()
    scope.replacements.update(mark.replacements)
    for atom, lo, hi in mark.bounds:
        atom.lo, atom.hi = lo, hi
    env.decider.facts[:] = mark.facts
    env.decider.distinct[:] = mark.distinct
    env.floats = mark.floats.copy()
    scope.epoch += 1
    scope.replaced += 1
    if len(env.symbols) == mark.symbols:
        env.decider.remember(mark.answers)
    else:  # of later symbols more is known by now
        env.decider.forget()
    for name, symbol in list(env.symbols.items())[mark.symbols :]:
        definition = env.definitions.get(name)
        if isinstance(definition, Quotient):  # of a size that is only so divisible on this path
            symbol.is_given_up = True
        elif definition is not None and isinstance(symbol.expr, Expr):
            atom = symbol.expr.atoms()[0]  # it is made again, for all sizes or for others
            atom.lo, atom.hi = symbol.range
    for name in mark.given_up:  # it was used once more
        env.symbols[name].is_given_up = True
    condition, env.supposed = env.supposed, mark.supposed
    env.paths, env.example_where = mark.paths, mark.example_where
    env.is_of_data = mark.is_of_data
    env.values.update(mark.values)
    env.decider.hints.update({n: v for n, v in mark.values.items() if n in env.decider.hints})
    inside = env.guards[mark.guards :]
    del env.guards[mark.guards :]
    for guard in inside:
        if any(env.symbols[name].is_unbacked for name in guard.symbols):
            continue
        if condition is not True:
            guard.test = either(negated(condition), test_of_inputs(env, guard.test))
            guard.asked = text_of_inputs(env, guard.asked)
            guard.symbols = symbols_of(guard.test)
            if isinstance(guard.test, bool):
                continue
        env.guards.append(guard)
        before = scope.replaced
        env.assume(guard.test)
        guard.solved = scope.replaced > before
