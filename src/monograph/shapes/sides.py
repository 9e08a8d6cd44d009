"""Questions about sizes that come up on the way to something are answered both ways.

Torch's meta functions, and the composite operators of its libraries, ask whether a size is 0 or
1, and how strides compare, where the answer changes nothing that matters. So what is found on one
side of a question is compared with what is found on the other, and the question is dropped where
one of them holds for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from monograph.shapes.env import ShapeEnv
from monograph.shapes.questions import (
    All,
    Compare,
    Some,
    Test,
    answered_in_parts,
    either,
    holds,
    negated,
    symbols_of,
    text_of,
)
from monograph.shapes.supposing import forget, give_up, mark

__all__ = ["Undone", "found_on_all_sides"]

_MOST_RUNS = 40  # on the way to one thing; the rest of its questions stay
_MOST_EFFORT = 120_000  # numbers of simplex tableaus, on the way to one thing
_MOST_ASKED = 500  # questions and demands on one way: a loop that sizes end may have no end

_MOST_NAMES = 4  # of sizes in a demand that is tried with numbers

Found = TypeVar("Found")


class Undone(Exception):  # noqa: N818
    """It cannot be tried on several sides."""


def found_on_all_sides(
    env: ShapeEnv,
    run: Callable[[], Found],
    holds: Callable[[Found, Found], bool],
    sizes_in: Callable[[Found], set[str]],
    refusals: tuple[type[Exception], ...],
    *,
    divides_by_zero: bool = False,
) -> Found:
    """What ``run`` finds for all sizes; guards are left for what matters alone.

    ``holds`` says whether what was found on one side holds on another, under what is known
    then. ``sizes_in`` names the symbols in what was found, and ``refusals`` are the errors that
    eager mode raises, too. ``divides_by_zero``: see ``Trial``.

    Raises:
        Undone: where ``run`` needs what cannot be undone.
    """
    known = env.decider.statistics
    unknown, in_trials = known["unknown"], known["unknown in trials"]
    sides = _Sides(env, run, holds, sizes_in, refusals, divides_by_zero)
    try:
        return sides.settled()
    except Undone:  # what was supposed on the way is no fact for who runs it without sides
        forget(env, sides.before)
        raise
    finally:  # each run asks the same again
        known["unknown in trials"] = in_trials + known["unknown"] - unknown


class _Run:
    """One way: the first answers are given, the others as they are for sizes like no others."""

    def __init__(
        self, env: ShapeEnv, answers: tuple[bool, ...], *, is_first: bool, divides_by_zero: bool
    ) -> None:
        self.env = env
        self.divides_by_zero = divides_by_zero
        self.given = answers
        self.is_first = is_first
        self.asked: list[Test] = []
        self.answers: list[bool] = []
        self.narrowing: list[bool] = []  # whether there are sizes for each of the answers
        self.demands: list[tuple[Test, str | None]] = []
        self.is_undone = False
        self._known: dict[str, bool] = {}  # also what is no fact that can be assumed

    def answer(self, test: Test) -> bool:
        """One more question; each part of it for itself, which is a fact then."""
        if isinstance(test, (All, Some)):
            return answered_in_parts(test, self.env.known, self.answer)
        key = text_of(test)
        found = self._known.get(key)
        if found is not None:
            return found
        at = len(self.answers)
        if at < len(self.given):
            found = self.given[at]
        else:
            truth = self.env.truth(test)
            found = _is_mostly(test, truth) if truth is None or not self.is_first else truth
        self.asked.append(test)
        self.answers.append(found)
        self.narrowing.append(self.is_first and self.env.depends(test))
        self._is_told(test, found)
        return found

    def demand(self, test: Test, message: str | None) -> bool:
        """What is asserted on the way; for the example it must be true."""
        if self.is_first and self.env.truth(test) is False:
            return False
        if self.is_first and message is None and self.env.fails_where_caught(test):
            self.give_up()  # that it fails is asserted outside of the trial
        self._is_told(test, True)
        self.demands.append((test, message))
        return True

    def _is_told(self, test: Test, truth: bool) -> None:
        """From here on it is so, also where it is no fact that can be assumed."""
        if len(self.asked) + len(self.demands) > _MOST_ASKED:
            self.give_up()
        self._known[text_of(test)] = truth
        self._known[text_of(negated(test))] = not truth
        self.env.assume(test if truth else negated(test))

    def give_up(self) -> NoReturn:
        """Raise, whoever catches it."""
        self.is_undone = True
        raise Undone


def _is_mostly(test: Test, example: bool | None) -> bool:
    """The answer for sizes that are like no others."""
    if isinstance(test, Compare) and test.kind in ("eq", "ne"):
        return test.kind == "ne"
    return True if example is None else example


class _Refused:
    """Nothing was found: such sizes are refused in eager mode, too."""


class _Unsettled:
    """What was found on one side does not hold on another."""


class _Sides(Generic[Found]):
    """The runs as a tree: at each question one goes on, and one turns off."""

    def __init__(
        self,
        env: ShapeEnv,
        run: Callable[[], Found],
        holds: Callable[[Found, Found], bool],
        sizes_in: Callable[[Found], set[str]],
        refusals: tuple[type[Exception], ...],
        divides_by_zero: bool,
    ) -> None:
        self.env = env
        self.run = run
        self.holds = holds
        self.sizes_in = sizes_in
        self.refusals = refusals
        self.divides_by_zero = divides_by_zero
        self.before = mark(env)
        self.first: _Run | None = None
        self.runs = 0
        self.missing: set[int] = (
            set()
        )  # what the first run demands, and the others of a side do not
        self.spared: dict[int, list[int]] = {}  # a demand -> questions whose other side misses it
        self.effort = env.decider.statistics["numbers"]

    def settled(self) -> Found:
        """What holds on all sides, and guards for where it does not."""
        first, found = self._run(())
        if isinstance(found, (_Refused, _Unsettled)):
            raise Undone
        if not first.asked and not first.demands:
            return found
        kept, refused = set[int](), set[int]()
        for i in reversed(range(len(first.asked))):
            self.missing = set()
            other = self._of_side((*first.answers[:i], not first.answers[i]))
            if isinstance(other, _Refused):
                refused.add(i)
                continue
            merged = self._merged(found, other, first, i, kept)
            if isinstance(merged, _Unsettled):
                kept.add(i)
            else:
                found = merged
                for demand in self.missing:
                    self.spared.setdefault(demand, []).append(i)
        forget(self.env, self.before)
        if not self.sizes_in(found).isdisjoint(list(self.env.symbols)[self.before.symbols :]):
            raise Undone
        if any(self.env.truth(first.asked[i]) is None for i in kept):
            raise Undone  # who runs it knows what to do about numbers that nobody knows
        self._leave_guards(first, kept, refused)
        return found

    def _of_side(self, answers: tuple[bool, ...]) -> Found | _Refused | _Unsettled:
        """What holds for all sizes for which the first questions are answered like this."""
        run, found = self._run(answers)
        if isinstance(found, (_Refused, _Unsettled)):
            return found
        for i in reversed(range(len(answers), len(run.asked))):
            other = self._of_side((*run.answers[:i], not run.answers[i]))
            if isinstance(other, _Refused):
                continue
            merged = self._merged(found, other, run, i, set())
            if isinstance(merged, _Unsettled):
                return merged
            found = merged
        return found

    def _run(self, answers: tuple[bool, ...]) -> tuple[_Run, Found | _Refused | _Unsettled]:
        env, symbols, outer = self.env, len(self.env.symbols), self.env.trial
        is_first = self.first is None
        run = _Run(env, answers, is_first=is_first, divides_by_zero=self.divides_by_zero)
        found: Found | _Refused | _Unsettled = _Unsettled()
        self.runs += 1
        if is_first:
            self.first = run
        elif self._is_tired():
            return run, found
        else:
            forget(env, self.before)
        env.trial = run
        try:
            found = self.run()
        except self.refusals:
            found = _Refused()
        except Exception:
            if is_first or run.is_undone:
                raise Undone from None
        finally:
            env.trial = outer
            new = list(env.symbols.values())[symbols:]
            give_up(env, symbols)
        if run.is_undone or any(symbol.is_unbacked for symbol in new):
            raise Undone
        assert self.first is not None
        if not is_first and not isinstance(found, _Refused):
            for i, (test, _) in enumerate(self.first.demands):
                if not env.is_known(test):
                    self.missing.add(i)
        return run, found

    def _is_tired(self) -> bool:
        effort = self.env.decider.statistics["numbers"] - self.effort
        return self.runs > _MOST_RUNS or effort > _MOST_EFFORT

    def _merged(
        self, one: Found, other: Found | _Unsettled, run: _Run, i: int, kept: set[int]
    ) -> Found | _Unsettled:
        """The one of both that holds on both sides of the question ``i``."""
        if isinstance(other, _Unsettled):
            return other
        if self._is_tired():
            return _Unsettled()
        for found, special, answer in (
            (one, other, not run.answers[i]),
            (other, one, run.answers[i]),
        ):
            forget(self.env, self.before)
            answers = [*run.answers[:i], answer]
            known = [*zip(run.asked, answers, strict=False)]
            if special is one:
                known += [(run.asked[j], run.answers[j]) for j in sorted(kept)]
            for test, is_so in known:
                self.env.assume(test if is_so else negated(test))
            if self.holds(found, special):
                return found
        return _Unsettled()

    def _leave_guards(self, run: _Run, kept: set[int], refused: set[int]) -> None:
        """What was demanded, and the questions whose sides differ.

        What is refused is refused whenever the program runs; here it is said for which sizes,
        where that is a matter of one size.
        """
        env = self.env
        unless: Test = False  # another side of an earlier question, which the result holds for
        for i, (test, answer) in enumerate(zip(run.asked, run.answers, strict=True)):
            holds = test if answer else negated(test)
            if i in kept and unless is False and env.trial is None:  # it was not known then
                narrows = run.narrowing[i] if refused.isdisjoint(range(i)) else None
                env.rely_on(holds, "branch", asked=test, answer=answer, is_narrowing=narrows)
            elif i in kept:
                if env.decide(test if unless is False else either(unless, holds)) is not (
                    answer if unless is False else True
                ):
                    raise Undone
            elif i not in refused:
                unless = either(unless, negated(holds))
            elif len(symbols_of(test)) == 1:
                env.require(either(unless, holds))
        for i, (test, message) in enumerate(run.demands):
            if isinstance(test, Some) and _holds_from_one(test):
                continue
            for question in self.spared.get(i, ()):
                answer = run.answers[question]
                other = negated(run.asked[question]) if answer else run.asked[question]
                test = either(other, test)
            env.require(test, message)


def _holds_from_one(test: Some) -> bool:
    """Whether it fails, if at all, where a size is 0, as far as a few sizes show.

    Torch computes the memory of fake tensors as if no size were 0, and demands that a view lies in
    it. Of what is no fact nothing was concluded, and who runs into it is refused by the operator.
    """
    names = symbols_of(test)
    several = itertools.product((1, 2, 3, 5), repeat=len(names))
    return len(names) <= _MOST_NAMES and all(
        holds(test, dict(zip(names, sizes, strict=True))) for sizes in several
    )
