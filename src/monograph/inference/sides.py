"""Questions about sizes that an operator asks on its way to one and the same result.

Kernels ask which code is the fastest for such sizes, or whether there is anything to do. So the
operator is asked again as if the example had sizes with the other answer, and in turn where that
leads to other questions. Where all sides give one result, the question was of no matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from monograph.inference.fakes import Outcome, Result
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import Guard, Quotient, ShapeEnv
from monograph.shapes.expr import Expr, Int, Values
from monograph.shapes.questions import (
    Compare,
    Test,
    either,
    equal,
    holds,
    negated,
    not_less,
    symbols_of,
)
from monograph.shapes.supposing import Aside, forget, mark, rely_on_again

__all__ = ["without_needless_questions"]

Attempt = Callable[[], Outcome]

_MOST_SIDES = 48  # of one call
_MOST_CANDIDATES = 200  # sizes that are looked at in search of some with another answer
_MOST_OUTCOMES = 4


def without_needless_questions(attempt: Attempt, env: ShapeEnv) -> Outcome:
    """The outcome of ``attempt``, relying on no answer that makes no difference to it."""
    known = mark(env)
    outcome = attempt()
    asked = env.guards[known.guards :]
    if len(env.symbols) > known.symbols or not any(_is_question(env, g) for g in asked):
        return outcome
    forget(env, known)
    needed = asked
    for _ in range(_MOST_OUTCOMES):
        try:
            needed = _Sides(attempt, env, outcome, asked).needed()
            break
        except _MoreGeneralError as found:
            outcome = found.outcome
    rely_on_again(env, needed)
    return outcome


def _is_question(env: ShapeEnv, guard: Guard) -> bool:
    """Whether it answers a question that has two sides."""
    is_given = bool(guard.symbols) and all(name in env.values for name in guard.symbols)
    return guard.kind == "branch" and guard.is_narrowing and is_given


class _MoreGeneralError(Exception):
    """Another side's outcome is the first one's, too, and says more of it: ``s`` is not 7."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class _DifferentError(Exception):
    """Another side has another outcome."""


class _Sides:
    """The sides of the questions of one call, which were ``asked`` one after the other."""

    def __init__(
        self, attempt: Attempt, env: ShapeEnv, outcome: Outcome, asked: list[Guard]
    ) -> None:
        self.attempt = attempt
        self.env = env
        self.outcome = outcome
        self.asked = asked
        self.left = _MOST_SIDES
        self.kept: list[Test] = []  # what is relied on anyway
        self.relied: list[Test] = []  # that of it which has made a side impossible
        self.paths: list[list[Test]] = []  # what was asked on each side that was looked at
        # The questions that are of no matter, with what was asked on their other sides.
        self.needless: list[tuple[Guard, list[list[Test]]]] = []

    def needed(self) -> list[Guard]:
        """The answers that the outcome hangs on.

        Raises:
            _MoreGeneralError: it is a special case of what is the outcome elsewhere.
        """
        needed = self._needed_of(self.asked)
        # One may be needed only where another one does not hold, which has to hold anyway.
        relied: list[Test] = []
        for guard in [g for g in needed if _is_question(self.env, g)]:
            self.kept = [g.test for g in needed if g is not guard]
            if guard.test not in relied and self._is_needless(guard):
                needed.remove(guard)
                relied += self.relied
        return [self._under_its_conditions(guard) for guard in needed]

    def _needed_of(self, asked: list[Guard]) -> list[Guard]:
        return [g for g in asked if not (_is_question(self.env, g) and self._is_needless(g))]

    def _is_needless(self, guard: Guard) -> bool:
        """Whether the outcome is the same with the other answer to one of those ``asked``."""
        self.relied, self.paths = [], []
        facts = [g.test for g in self.asked[: self.asked.index(guard)]]
        if not self._is_of_no_matter(facts, guard, self.env.values):
            return False
        self.needless.append((guard, self.paths))
        return True

    def _under_its_conditions(self, guard: Guard) -> Guard:
        """``guard``; what the operator demands on one side of a needless question only holds there.

        What ties sizes stays as it is.
        """
        if guard.kind != "precondition" or guard.solved:
            return guard
        test = guard.test
        for question, paths in self.needless:
            is_later = self.asked.index(guard) > self.asked.index(question)
            if is_later and not all(guard.test in path for path in paths):
                test = either(negated(question.test), test)
        return replace(guard, test=test, symbols=symbols_of(test))

    def _is_of_no_matter(self, facts: list[Test], guard: Guard, values: Values) -> bool:
        """Whether the outcome is the same wherever ``facts`` hold and ``guard`` does not.

        ``values`` are sizes for which both hold.
        """
        if guard.test in facts:
            return True
        if guard.test in self.kept:
            self.relied.append(guard.test)
            return True
        facts = [*facts, negated(guard.test)]
        for here in _values_for(self.env, facts, guard, values):
            self.left -= 1
            if self.left < 0:
                return False
            try:
                asked = self._on_side(facts, here)
            except _DifferentError:
                return False
            if asked is not None:
                return self._are_of_no_matter(facts, asked, here)
        return False

    def _are_of_no_matter(self, facts: list[Test], asked: list[Guard], values: Values) -> bool:
        for guard in asked:
            if _is_question(self.env, guard) and not self._is_of_no_matter(facts, guard, values):
                return False
            facts = [*facts, guard.test]
        return True

    def _on_side(self, facts: list[Test], values: Values) -> list[Guard] | None:
        """What is asked where ``facts`` hold; None where the operator refuses ``values``.

        Raises:
            _DifferentError: the outcome is another one there.
            _MoreGeneralError: it is, and the first attempt's is a special case of it.
        """
        env = self.env
        known, listener = mark(env), env.listener
        env.listener = aside = Aside(listener)
        try:
            for fact in facts:
                env.assume(fact)
            env.values.update(values)
            env.decider.hints.update(values)
            found = self.attempt()
            asked = env.guards[known.guards :]
            is_plain = len(env.symbols) == known.symbols and not aside.asserted
            is_same = is_plain and _agree(env, self.outcome.results, found.results)
        except Exception:
            return None
        finally:
            env.listener = listener
            forget(env, known)
        if is_same:
            self.paths.append([*facts, *(guard.test for guard in asked)])
            return asked
        if is_plain and self._is_more_general(found):
            raise _MoreGeneralError(found)
        raise _DifferentError

    def _is_more_general(self, other: Outcome) -> bool:
        """Whether ``other`` is the outcome where all answers are those of the first attempt."""
        env = self.env
        known, listener = mark(env), env.listener
        env.listener = Aside(listener)
        try:
            for guard in self.asked:
                env.assume(guard.test)
            return _agree(env, other.results, self.outcome.results)
        finally:
            env.listener = listener
            forget(env, known)


# Whether outcomes are the same ---------------------------------------------------------------


def _agree(env: ShapeEnv, one: Sequence[Result], other: Sequence[Result]) -> bool:
    """Whether results are the same for all sizes for which what is known holds."""
    return len(one) == len(other) and all(
        _is_same(env, a, b) for a, b in zip(one, other, strict=True)
    )


def _is_same(env: ShapeEnv, one: Result, other: Result) -> bool:
    if one.parts is not None or other.parts is not None:
        return _agree(env, one.parts or (), other.parts or ())
    if one.spec is None or other.spec is None:
        is_none = one.spec is None and other.spec is None
        return is_none and one.is_constant == other.is_constant and one.constant == other.constant
    if one.source != other.source or not _is_equal(env, one.offset, other.offset):
        return False
    return _look_alike(env, one.spec, other.spec)


def _look_alike(env: ShapeEnv, one: TensorSpec, other: TensorSpec) -> bool:
    if (one.dtype, one.device, one.bits) != (other.dtype, other.device, other.bits):
        return False
    if len(one.shape) != len(other.shape):
        return False
    sizes = zip(one.shape, other.shape, strict=True)
    if not all(_is_equal(env, a, b) for a, b in sizes):
        return False
    if any(_is_equal(env, size, 0) for size in other.shape):
        return True
    strides = zip(other.shape, one.strides, other.strides, strict=True)
    return (_is_row_major(env, one) and _is_row_major(env, other)) or all(
        _is_equal(env, a, b) or env.is_known(not_less(1, size)) for size, a, b in strides
    )


def _is_row_major(env: ShapeEnv, spec: TensorSpec) -> bool:
    """Whether it lies as a new tensor does; torch counts sizes of 0 as 1, where that is known."""
    step: Int = 1
    at_least: Int = 1
    for size, stride in zip(reversed(spec.shape), reversed(spec.strides), strict=True):
        if not (_is_equal(env, stride, step) or _is_equal(env, stride, at_least)):
            return False
        step = size * step
        at_least = at_least * env.scope.maximum(size, 1)
    return True


def _is_equal(env: ShapeEnv, one: Int, other: Int) -> bool:
    return env.is_known(equal(one, other))


# Sizes with another answer -------------------------------------------------------------------


def _values_for(env: ShapeEnv, facts: list[Test], guard: Guard, now: Values) -> Iterator[Values]:
    """Values of the symbols for which ``facts`` hold, and whatever was known before."""
    tests = [*facts, *(g.test for g in env.guards)]
    known = [test for test in tests if all(name in now for name in symbols_of(test))]
    seen: list[Values] = []
    for way in _candidates(env, guard, now):
        for changed in itertools.islice(way, _MOST_CANDIDATES):
            values = _completed(env, {**now, **changed})
            if _is_allowed(env, values) and all(holds(test, values) for test in known):
                if values not in seen:
                    yield values
                    seen.append(values)
                break


def _candidates(env: ShapeEnv, guard: Guard, now: Values) -> Iterator[Iterator[Values]]:
    """Other values of the sizes that a question was about: in several ways, each many times."""
    sizes = {n: v for n, v in now.items() if isinstance(v, int) and n not in env.definitions}
    expr = guard.test.expr if isinstance(guard.test, Compare) else None
    near = [] if expr is None else [abs(expr.const), *(abs(c) for _, c in expr.terms)]
    choices: dict[str, list[int]] = {}
    for name in guard.symbols:
        if name in sizes:
            value = sizes[name]
            found = [0, 1, 2, value + 1, value - 1, *(n + d for n in near for d in (0, 1, -1))]
            found += [*sizes.values(), 2 * value, 3 * value, 64, 1000]
            choices[name] = list(dict.fromkeys(n for n in found if n >= 0))
    each = [(name, value) for name, values in choices.items() for value in values]
    alike = {name: [n for n, v in sizes.items() if v == sizes[name]] for name in choices}
    yield (dict.fromkeys(_tied(env, name), value) for name, value in each)
    yield ({name: factor * v for name, v in sizes.items()} for factor in (2, 16))
    yield (dict.fromkeys(alike[name], value) for name, value in each)
    yield ({name: value} for name, value in each)
    several = itertools.product(*choices.values())
    yield (dict(zip(choices, values, strict=True)) for values in several)


def _tied(env: ShapeEnv, name: str) -> list[str]:
    """The sizes that are known to be equal to the size ``name``, itself among them."""

    def now(other: str) -> object:
        symbol = env.symbols[other].expr
        return env.scope.normal(symbol) if isinstance(symbol, Expr) else symbol

    mine = now(name)
    if not isinstance(mine, Expr):
        return [name]
    return [other for other in env.values if now(other) is mine]


def _completed(env: ShapeEnv, values: dict[str, Any]) -> Values:
    """With the symbols that follow from others."""
    for name, found in env.definitions.items():
        if isinstance(found, Quotient) and found.atom.name in values:
            values[name] = (values[found.atom.name] - found.offset) // found.step
    return values


def _is_allowed(env: ShapeEnv, values: Values) -> bool:
    """Whether each is in the range of its symbol."""
    for name, value in values.items():
        expr = env.symbols[name].expr
        if isinstance(expr, Expr):
            atom = expr.atoms()[0]
            is_below = atom.lo is not None and value < atom.lo
            if is_below or (atom.hi is not None and value > atom.hi):
                return False
        if name in env.sets and value not in env.sets[name]:
            return False
    return True
