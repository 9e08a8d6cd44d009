"""Questions about expressions: is it never negative, is it zero?

An answer is one of four: ``PROVED`` and ``REFUTED`` come with a certificate that
``certificates.check`` verifies, ``DEPENDS`` with two witnesses (values of the symbols within all
that is known, with opposite answers), ``UNKNOWN`` with nothing: the budget was used up. The steps,
each of them sound, are tried in the order of their cost:

1. constants and the memo;
2. the interval and the residue class of the normal form;
3. the shift to lower bounds: with ``x = lo + x'`` all coefficients are non-negative;
4. a few witnesses;
5. the newest derived atom replaced by its definition (``n - k + 1 <= k * (n // k) <= n``);
6. facts: difference bounds, then the simplex method;
7. more witnesses.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import NamedTuple

from monograph.shapes.certificates import (
    Apart,
    Bounded,
    Branch,
    Certificate,
    Combined,
    Defined,
    Factored,
    Shifted,
    definitions,
    factored_bound,
    shifted_bound,
    steps,
    unfolded,
)
from monograph.shapes.expr import Atom, Expr, Int, Scope, congruence, interval, value_of

__all__ = ["Answer", "Answers", "Decider", "Patience", "TiredError", "Verdict"]

_MOST_FACTS = 200
_FUEL = 24  # atoms replaced, one after the other
_STEPS = 100  # atoms replaced, for one question, whichever way this is tried
_FIRST, _FEW, _MANY = 6, 24, 600  # witnesses tried
# What answers cost, in numbers of a tableau: those looked for long, and those not found.
_OF_SLOW, _OF_UNKNOWN = 3000, 3000
_OF_ASIDE = 5000  # something was tried under other facts: a side of a branch, an iteration
# Who has found no answer to so many questions looks less long for those of the others. They are
# about sizes that cannot be told from one another (segments of a cut, joined again), and all alike.
_MANY_UNKNOWN, _STEPS_THEN, _OF_SLOW_THEN = 60, 12, 2000


class TiredError(BaseException):
    """A question more than there is patience for. No ``Exception``: no program handles it."""


@dataclass
class Patience:
    """What the answers of several deciders may cost: ``left`` in all, ``each`` for one purpose.

    A machine computes two million in about a second. ``spent``: for the purpose of now.
    """

    left: int
    each: int
    spent: int = 0

    def spend(self, effort: int) -> None:
        """So much has been done for the purpose of now."""
        self.left -= effort
        self.spent += effort


class Verdict(Enum):
    """What is known about a question."""

    PROVED = "proved"
    REFUTED = "refuted"
    DEPENDS = "depends"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """A verdict and what it rests on.

    ``witnesses``: values by symbol name for which the answer is yes, and for which it is no.
    """

    verdict: Verdict
    certificate: Certificate | None = None
    witnesses: tuple[dict[str, int], dict[str, int]] | None = None


Answers = dict[tuple[str, Expr], Answer]  # by the kind of question, and what it is about
_YES, _NO = Answer(Verdict.PROVED), Answer(Verdict.REFUTED)


class Decider:
    """Answers questions within one scope, under ``facts`` (expressions that are never negative).

    ``hints`` are values of symbols that hold together: the first witness to try. ``patience``:
    what answers may cost, where there is a limit; then each new question raises TiredError.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.facts: list[Expr] = []
        self.distinct: list[Expr] = []  # expressions that are never zero
        self.hints: dict[str, int] = {}
        self.statistics: Counter[str] = Counter()
        self.patience: Patience | None = None
        self._spent = 0
        self._memo: Answers = {}
        self._epoch = -1
        self._normal: tuple[object, list[Expr], list[Expr]] | None = None
        self._steps = 0

    @property
    def effort(self) -> int:
        """What the answers have cost so far, in numbers of tableaus."""
        known = self.statistics
        return (
            known["numbers"]
            + _OF_SLOW * known["slow"]
            + _OF_SLOW_THEN * known["slow and weary"]
            + _OF_UNKNOWN * known["unknown"]
            + _OF_ASIDE * known["asides"]
        )

    @property
    def is_weary(self) -> bool:
        """Whether so many answers were not found that others are not looked for as long."""
        known = self.statistics
        return known["unknown"] - known["unknown in trials"] > _MANY_UNKNOWN

    def tires(self) -> bool:
        """Whether the answers have cost more than there is patience for."""
        patience = self.patience
        if patience is None:
            return False
        effort = self.effort
        patience.spend(effort - self._spent)
        self._spent = effort
        return patience.left < 0 or patience.spent > patience.each

    @contextlib.contextmanager
    def impatient(self, patience: Patience) -> Iterator[None]:
        """What is asked meanwhile is asked with ``patience``, and of no other."""
        self.tires()  # what was asked before is counted
        before, self.patience = self.patience, patience
        try:
            yield
        finally:
            self.tires()
            self.patience = before

    def turn_aside(self) -> None:
        """Questions come under other facts now, for a while: that has its price, too.

        Raises:
            TiredError: there is no patience for it.
        """
        if self.tires():
            raise TiredError
        self.statistics["asides"] += 1

    def nonnegative(self, item: Int) -> Answer:
        """Is ``item >= 0`` for all values of its symbols?"""
        return self._remembered("nonnegative", item)

    def zero(self, item: Int) -> Answer:
        """Is ``item == 0`` for all values of its symbols?"""
        return self._remembered("zero", item)

    def forget(self) -> None:
        """``facts`` or ``distinct`` have changed: what was answered may be answered better."""
        self._memo = {}  # another one: what was answered before may hold again
        self._normal = None

    def answers(self) -> Answers:
        """What was answered, and will be, under all that is known now."""
        if self._epoch != self.scope.epoch:
            self.forget()
            self._epoch = self.scope.epoch
        return self._memo

    def remember(self, answers: Answers) -> None:
        """What is known is again what it was when ``answers`` were."""
        self.forget()
        self._memo, self._epoch = answers, self.scope.epoch

    def _remembered(self, kind: str, item: Int) -> Answer:
        item = self.scope.normal(item)
        if not isinstance(item, Expr):
            is_true = item >= 0 if kind == "nonnegative" else item == 0
            return _YES if is_true else _NO
        memo = self.answers()
        found = memo.get((kind, item))
        if found is None:
            if self.tires():
                raise TiredError
            self.statistics["questions"] += 1
            self._steps = _STEPS_THEN if self.is_weary else _STEPS
            found = self._sign(item) if kind == "nonnegative" else self._is_zero(item)
            memo[kind, item] = found
        return found

    def _sign(self, item: Expr) -> Answer:
        for verdict, goal in ((Verdict.PROVED, item), (Verdict.REFUTED, -item - 1)):
            assert isinstance(goal, Expr)
            proof = self._quickly(goal)
            if proof is not None:
                return Answer(verdict, proof)
        witnesses = self._witnesses(item, "nonnegative", _FIRST)
        if witnesses is not None:
            self.statistics["witnesses"] += 1
            return Answer(Verdict.DEPENDS, witnesses=witnesses)
        for verdict, goal in ((Verdict.PROVED, item), (Verdict.REFUTED, -item - 1)):
            assert isinstance(goal, Expr)
            proof = self._by_definitions(goal, _FUEL)
            if proof is not None:
                self.statistics["definitions"] += 1
                return Answer(verdict, proof)
        return self._slowly(
            item, "nonnegative", ((Verdict.PROVED, item), (Verdict.REFUTED, -item - 1))
        )

    def _is_zero(self, item: Expr) -> Answer:
        lo, hi = interval(item)
        modulus, remainder = congruence(item)
        excluded = (lo is not None and lo > 0) or (hi is not None and hi < 0)
        if modulus and remainder % modulus:
            excluded = True
        if excluded or item in self.distinct or -item in self.distinct:
            self.statistics["interval"] += 1
            return Answer(Verdict.REFUTED, Apart(item))
        witnesses = self._witnesses(item, "zero", _FIRST)
        if witnesses is not None:
            self.statistics["witnesses"] += 1
            return Answer(Verdict.DEPENDS, witnesses=witnesses)
        above, below = item - 1, -item - 1
        assert isinstance(above, Expr)
        assert isinstance(below, Expr)
        for goal in (above, below):
            proof = self._quickly(goal) or self._by_definitions(goal, _FUEL)
            if proof is not None:
                return Answer(Verdict.REFUTED, proof)
        negated = -item
        assert isinstance(negated, Expr)
        first = self._quickly(item) or self._by_definitions(item, _FUEL)
        if first is not None:
            second = self._quickly(negated) or self._by_definitions(negated, _FUEL)
            if second is not None:
                return Answer(Verdict.PROVED, Branch(item, first, second))
        found = self._slowly(item, "zero", ((Verdict.REFUTED, above), (Verdict.REFUTED, below)))
        if found.verdict is Verdict.UNKNOWN and self.facts:
            first = self._by_facts(item)
            second = self._by_facts(negated) if first is not None else None
            if first is not None and second is not None:
                return Answer(Verdict.PROVED, Branch(item, first, second))
        return found

    def _slowly(self, item: Expr, kind: str, goals: tuple[tuple[Verdict, Int], ...]) -> Answer:
        self.statistics["slow and weary" if self.is_weary else "slow"] += 1
        witnesses = self._witnesses(item, kind, _FEW)
        if witnesses is None:
            for verdict, goal in goals:
                assert isinstance(goal, Expr)
                proof = self._by_facts(goal)
                if proof is not None:
                    self.statistics["facts"] += 1
                    return Answer(verdict, proof)
        if witnesses is None and not self.is_weary:
            # Long expressions take long to evaluate: the effort is bounded, not the count.
            weight = sum(len(f.terms) for f in (*self.facts, *self.distinct)) + len(item.terms)
            witnesses = self._witnesses(item, kind, max(_FEW, _MANY // (1 + weight // 8)))
        if witnesses is not None:
            self.statistics["witnesses"] += 1
            return Answer(Verdict.DEPENDS, witnesses=witnesses)
        self.statistics["unknown"] += 1
        return Answer(Verdict.UNKNOWN)

    # Proofs that ``goal >= 0`` ---------------------------------------------------------------

    def _quickly(self, goal: Expr) -> Certificate | None:
        lo = interval(goal)[0]
        if lo is not None and lo >= 0:
            self.statistics["interval"] += 1
            return Bounded(goal)
        bound = shifted_bound(goal)
        if bound is not None and bound >= 0:
            self.statistics["shift"] += 1
            return Shifted(goal)
        bound = factored_bound(goal)
        if bound is not None and bound >= 0:
            self.statistics["shift"] += 1
            return Factored(goal)
        return None

    def _by_definitions(self, goal: Int, fuel: int) -> Certificate | None:
        """Replace the newest derived atom by its definition, and so on."""
        if not isinstance(goal, Expr):
            return None
        derived = [a for a in goal.atoms() if a.kind in ("div", "pos", "long")]
        if not derived or fuel <= 0 or self._steps <= 0:
            return None
        self._steps -= 1
        atom = derived[-1]
        lowers = unfolded(goal, atom)
        for lower in lowers:
            rest: Certificate | None = None
            if isinstance(lower, Expr):
                rest = self._quickly(lower) or self._by_definitions(lower, fuel - 1)
            elif lower >= 0:
                rest = Bounded(lower)
            if rest is not None:
                return Defined(goal, atom, lower, rest)
        if atom.kind != "pos":
            return None
        # Of a maximum that adds to the goal each case alone was tried; one that takes away is
        # no more than both of its cases.
        split = atom if not lowers else _one_that_takes_away(goal, derived[:-1])
        return None if split is None else self._by_cases(goal, split, fuel - 1)

    def _by_cases(self, goal: Expr, atom: Atom, fuel: int) -> Certificate | None:
        """``max(d, 0)`` is ``d`` or ``0``: prove both."""
        proofs = []
        for value in (atom.args[0], 0):
            case = goal.scope.replaced_atom(goal, atom, value)
            proof: Certificate | None
            if isinstance(case, Expr):
                proof = self._quickly(case) or self._by_definitions(case, fuel // 2)
            else:
                proof = Bounded(case) if case >= 0 else None
            if proof is None:
                return None
            proofs.append(proof)
        return Branch(atom.args[0], proofs[0], proofs[1], goal)

    def _by_facts(self, goal: Expr) -> Certificate | None:
        facts = self._relevant(goal)
        found = self._combined(goal, facts)
        if found is not None or self.is_weary:
            return found
        atoms = dict.fromkeys(atom for item in (goal, *facts) for atom in item.atoms())
        # Not at first: the more facts, the longer it takes to combine them.
        more = [step for atom in atoms for step in steps(atom)]
        return self._combined(goal, [*facts, *more]) if more else None

    def _combined(self, goal: Expr, facts: list[Expr]) -> Certificate | None:
        """``goal`` as a sum of multiples of ``facts``."""
        facts = _connected(goal, facts)
        if not facts:
            return None
        from monograph.shapes.linear import by_differences, by_simplex  # sizes that vary

        by_all = partial(by_simplex, effort=self.statistics)
        for find in (by_differences,) if self.is_weary else (by_differences, by_all):
            multipliers = find(goal, facts)
            if multipliers:
                proof = Combined(goal, tuple(multipliers))
                if proof.bound() > -1:
                    return proof
        return None

    def _relevant(self, goal: Expr) -> list[Expr]:
        """The facts, and the definitions of atoms, that share atoms with ``goal``."""
        scope = self.scope
        wanted = {a.index for a in goal.atoms()}
        pool, _ = self._normal_facts()
        found: dict[Expr, None] = {}
        defined: set[int] = set()
        while len(found) < _MOST_FACTS:
            for index in sorted(wanted - defined):
                defined.add(index)
                found.update(dict.fromkeys(definitions(scope.atoms[index])))
            for fact in pool:
                if fact not in found and any(a.index in wanted for a in fact.atoms()):
                    found[fact] = None
            before = len(wanted)
            for fact in found:
                wanted.update(a.index for a in fact.atoms())
            if len(wanted) == before:
                break
        return list(found)

    # Witnesses -------------------------------------------------------------------------------

    def _witnesses(
        self, item: Expr, kind: str, limit: int
    ) -> tuple[dict[str, int], dict[str, int]] | None:
        symbols = {a.index: a for a in item.symbols()}
        facts, apart = self._about(symbols)
        found: dict[bool, dict[str, int]] = {}
        for values in itertools.islice(self._candidates([*symbols.values()], item), limit):
            known: dict[int, int] = {}  # values of atoms
            try:
                value = item.evaluate(values, known)
                holds = value >= 0 if kind == "nonnegative" else value == 0
                if holds in found:  # mostly: then nobody asks whether the facts allow it
                    continue
                if any(fact.evaluate(values, known) < 0 for fact in facts):
                    continue
                if any(fact.evaluate(values, known) == 0 for fact in apart):
                    continue
            except (ZeroDivisionError, ValueError, OverflowError):
                continue
            found[holds] = values
            if len(found) == 2:
                return found[True], found[False]
        return None

    def _about(self, symbols: dict[int, Atom]) -> tuple[list[Expr], list[Expr]]:
        """The facts about ``symbols``, and about those of such facts, which join ``symbols``."""
        facts, apart = self._normal_facts()
        left = [*facts, *apart]
        related: set[Expr] = set()
        while True:
            more = [f for f in left if any(a.index in symbols for a in f.symbols())]
            if not more:
                break
            related.update(more)
            left = [f for f in left if f not in related]
            for fact in more:
                symbols.update((a.index, a) for a in fact.symbols())
        return [f for f in facts if f in related], [f for f in apart if f in related]

    def _normal_facts(self) -> tuple[list[Expr], list[Expr]]:
        """``facts`` and ``distinct`` under the equalities that are known."""
        state = (self.scope.replaced, len(self.facts), len(self.distinct))
        if self._normal is None or self._normal[0] != state:
            normal = self.scope.normal
            facts = [fact for f in self.facts if isinstance(fact := normal(f), Expr)]
            apart = [fact for f in self.distinct if isinstance(fact := normal(f), Expr)]
            self._normal = (state, facts, apart)
        return self._normal[1:]

    def _candidates(self, symbols: list[Atom], item: Expr) -> Iterator[dict[str, int]]:
        """Values within the ranges: the hints, then corners, then small steps from them."""
        hints = {s.name: _hint(s, self.hints) for s in symbols}
        yield hints
        choices = {s.name: _choices(s, hints[s.name], item) for s in symbols}
        for name, values in choices.items():  # one at a time
            for value in values:
                yield {**hints, name: value}
        from monograph.shapes.crossings import crossings

        for symbol in symbols:
            for value in crossings(item, symbol.name, hints, symbol.lo, symbol.hi):
                yield {**hints, symbol.name: value}
        for level in range(max((len(v) for v in choices.values()), default=0)):  # all together
            yield {name: values[min(level, len(values) - 1)] for name, values in choices.items()}
        if len(symbols) > 1:
            for chosen in itertools.product(*choices.values()):
                yield dict(zip(choices, chosen, strict=True))


def _one_that_takes_away(goal: Expr, derived: list[Atom]) -> Atom | None:
    """The newest ``max(d, 0)`` whose cofactor in ``goal`` is not known to be positive."""
    found = (a for a in reversed(derived) if a.kind == "pos" and not unfolded(goal, a))
    return next(found, None)


def _connected(goal: Expr, facts: list[Expr]) -> list[Expr]:
    """The facts that share monomials with ``goal``, also through others."""
    wanted = {m for m, _ in goal.terms}
    left = list(facts)
    found: list[Expr] = []
    while True:
        more = [f for f in left if any(m in wanted for m, _ in f.terms)]
        if not more:
            return found
        found += more
        left = [f for f in left if f not in more]
        for fact in more:
            wanted.update(m for m, _ in fact.terms)


def _hint(symbol: Atom, hints: dict[str, int]) -> int:
    hint = hints.get(symbol.name)
    lo, hi = symbol.lo, symbol.hi
    if hint is not None and (lo is None or hint >= lo) and (hi is None or hint <= hi):
        return hint
    if lo is not None:
        return lo
    return min(hi, 0) if hi is not None else 0


def _choices(symbol: Atom, hint: int, item: Expr) -> list[int]:
    lo, hi = symbol.lo, symbol.hi
    start = lo if lo is not None else (min(hi, 0) if hi is not None else 0)
    constants = {abs(item.const)} | {abs(c) for _, c in item.terms}
    constants |= {abs(a) for atom in item.atoms() for a in atom.args if isinstance(a, int)}
    near = [start, start + 1, start + 2, start + 3, hint + 1, hint - 1, start + 7, hi]
    if lo is None:
        near += [-1, -2, -7, -100]
    for constant in sorted(constants)[:6]:
        near += [constant, constant + 1, constant - 1, start + constant]
    near += [start + 5, start + 13, start + 64, start + 1000, start + 10**6]
    found: list[int] = []
    for value in near:
        inside = value is not None and (lo is None or value >= lo) and (hi is None or value <= hi)
        if inside and value not in found:
            assert value is not None
            found.append(value)
    return found or [value_of(hint, {})]
