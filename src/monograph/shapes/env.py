"""The shape environment: symbols, what is assumed of them, and the guards that came of questions.

It knows nothing of torch and of the program that is captured: a ``Listener`` connects it with
these.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, overload

from monograph.shapes.decide import Decider, Verdict
from monograph.shapes.expr import Atom, Expr, Int, Scope, Values, interval
from monograph.shapes.float_facts import FloatFacts
from monograph.shapes.floats import ROUNDINGS, FloatExpr, Real, is_never_negative, to_integer
from monograph.shapes.logs import log, show_what_is_asked_for
from monograph.shapes.questions import (
    All,
    Compare,
    CompareFloats,
    OneOf,
    Some,
    Test,
    assertion_of,
    both,
    equal,
    holds,
    negated,
    not_less,
    symbols_of,
    text_of,
    truth,
    with_sizes,
)

if TYPE_CHECKING:
    from monograph.shapes.solve import Solution

__all__ = [
    "AS_CAUGHT",
    "AS_EVER",
    "AS_LONG",
    "PUT_TOGETHER",
    "TAKEN_AS_EQUAL",
    "Guard",
    "Listener",
    "NumberWantedError",
    "Place",
    "Quotient",
    "Rounded",
    "Search",
    "ShapeEnv",
    "Symbol",
    "Trial",
]


class NumberWantedError(Exception):
    """What was only to be tried needs the very number of a size."""


class Place(Protocol):
    """Where in the program something was asked."""

    @property
    def text(self) -> str:
        """What stands there."""


class Listener(Protocol):
    """What the environment asks of, and tells, whoever runs the program."""

    def here(self) -> Place | None:
        """The line that is running."""

    def calls(self) -> tuple[Place, ...]:
        """The calls that have led to the line that is running, the innermost first."""

    def undecided(self, test: Test) -> bool:
        """The answer to a question that nothing known answers; raises where there is none."""

    def is_no_matter(self) -> bool:
        """Whether the answer to what is asked now is no matter, as it is in ``n or 0``."""

    def only_tells(self) -> bool:
        """Whether the answer to what is asked now decides of a warning alone."""

    def is_inside(self) -> bool:
        """Whether a side of a branch, or the body of a loop, is captured."""

    def settled(self, test: Test, answer: bool) -> bool | None:
        """The answer to go on with for all sizes, whatever it is for them; None: it matters.

        ``answer``: that for the example.
        """

    def narrows(self, guard: Guard) -> None:
        """Sizes are about to be excluded that might be taken."""

    def unknown(self, item: Expr | FloatExpr) -> float:
        """The number for the examples of what has none; raises where there is none."""

    def example(self, names: list[str]) -> Values | None:
        """What symbols that have no number are for the examples, if that can be told."""

    def is_caught(self) -> bool:
        """Whether the program may catch what is raised now."""

    def caught_at(self) -> Place | None:
        """The statement by which it would."""

    def is_so_in_example(self, test: Test) -> bool | None:
        """Whether ``test`` holds for the examples, of numbers that have none; None: not told."""

    def on_unbacked(self, name: str, symbol: Expr) -> None:
        """A symbol was made that is only known at run time."""

    def on_text(self, item: Real | Test) -> str | None:
        """The program makes text of it: which, if it is not that of the symbols."""

    def assert_at_run_time(self, test: Test, message: str | None) -> None:
        """What was taken for a fact is to be checked when the program runs."""


class Trial(Protocol):
    """Who answers while something is only tried: no guard comes of it, and its facts are undone.

    ``divides_by_zero``: a division by a size asks whether it is 0, and is one by 1 then. Torch's
    meta functions divide strides, which are no matter where there are no elements.
    """

    divides_by_zero: bool

    def answer(self, test: Test) -> bool:
        """The answer to a question that nothing known answers."""

    def demand(self, test: Test, message: str | None) -> bool:
        """``test`` is asserted; whether it may hold."""

    def give_up(self) -> NoReturn:
        """It needs what cannot be undone."""


class Alone:
    """The listener of an environment that belongs to no program."""

    def here(self) -> Place | None:
        """Nowhere."""
        return None

    def calls(self) -> tuple[Place, ...]:
        """Nobody calls."""
        return ()

    def undecided(self, test: Test) -> bool:
        """Nobody knows.

        Raises:
            LookupError: always.
        """
        raise LookupError(str(test))

    def is_no_matter(self) -> bool:
        """Nothing is known of what it is asked for."""
        return False

    def only_tells(self) -> bool:
        """Nothing is known of what it is asked for."""
        return False

    def is_inside(self) -> bool:
        """It captures nothing."""
        return False

    def settled(self, test: Test, answer: bool) -> bool | None:
        """Nothing is known of what it is asked for."""
        return None

    def narrows(self, guard: Guard) -> None:
        """Nobody minds."""

    def unknown(self, item: Expr | FloatExpr) -> float:
        """Nobody knows.

        Raises:
            LookupError: always.
        """
        raise LookupError(str(item))

    def example(self, names: list[str]) -> Values | None:
        """Nobody knows."""
        return None

    def is_caught(self) -> bool:
        """No program runs."""
        return False

    def caught_at(self) -> Place | None:
        """Nowhere."""
        return None

    def is_so_in_example(self, test: Test) -> bool | None:
        """Nobody knows."""
        return None

    def on_unbacked(self, name: str, symbol: Expr) -> None:
        """Nobody waits for it."""

    def on_text(self, item: Real | Test) -> str | None:
        """Nobody minds."""
        return None

    def assert_at_run_time(self, test: Test, message: str | None) -> None:
        """Nothing runs."""


class Quotient(NamedTuple):
    """``(atom - offset) // step``: how a symbol that no input gives is computed."""

    atom: Atom
    step: int
    offset: int


class Rounded(NamedTuple):
    """An integer that is made of a float: "floor", "ceil", "trunc" or "round" of ``number``."""

    how: str
    number: Real


@dataclass
class Symbol:
    """An integer (``kind`` "float": a float) that varies.

    ``hint`` is its value for the example inputs, None for what is only known at run time.
    ``source`` says where it comes from: ``x.shape[0]``, ``n.item()``. ``range``: as declared.
    """

    name: str
    expr: Expr | FloatExpr
    hint: float | None
    source: str
    range: tuple[int | None, int | None]
    is_unbacked: bool = False
    where: Place | None = None
    is_given_up: bool = False  # of an attempt at a loop that came to nothing


_FEW_SIZES = 32
_LARGE = 100_000
_LARGEST_EXACT = 1 << 52  # integers below it are floats, and so is what follows them

# The message of a guard of an operator that would take other sizes, too, which is another program:
# it stretches a size of 1.
TAKEN_AS_EQUAL = (
    "sizes that are equal in the example are taken to be equal (a 1 might be broadcast)"
)

# The message of an assertion of what an operator gave for all sizes that it was tried with.
AS_EVER = "an operator's result has another size than ever"

# The message of an assertion of a view that takes a number of rows as it is.
AS_LONG = "a size that is to be stretched is taken to be as long already (a 1 would be repeated)"

# The message of an assertion of what an operator does that may fail, where the program catches it.
AS_CAUGHT = "an operator that the program may see fail is taken to do what it does in the example"

# The message of an assertion about rows that only the values count.
NOT_SINGLE = (
    "squeeze() leaves out a dimension of size 1, and what follows is another program then: name "
    "the dimension that is to be left out, as in squeeze(-1)"
)
# What is no demand of an operator: it would do something else, and not fail.
_TAKEN = (TAKEN_AS_EQUAL, AS_EVER, AS_LONG, AS_CAUGHT)

# The message of an assertion that was computed, and holds: the pieces of a tensor come to it.
PUT_TOGETHER = "what a loop has put together is as large as what it has taken apart"


@dataclass
class Guard:
    """Something that was found to hold for the examples and that the program relies on.

    ``test`` holds. ``kind``: ``branch`` where the program (or an operator) decided by it, so that
    the other side was not captured; ``precondition`` where an operator, or the program itself,
    raises an error if it does not hold; ``fixed`` where Python needed the very number.
    ``asked`` is the question as it stood when it was asked, and ``answer`` its answer.
    """

    test: Test
    kind: str
    where: Place | None
    asked: str
    answer: bool
    message: str | None = None
    symbols: list[str] = field(default_factory=list)
    is_narrowing: bool = True  # proved to exclude sizes that were allowed before
    solved: bool = False  # an equality that has become a substitution
    is_of_python: bool = False  # Python has asked for a truth, and goes by nothing else
    is_of_program: bool = False  # it is an assertion of the program's own, not of an operator
    calls: tuple[Place, ...] = ()  # that have led to where Python asks
    caught_at: Place | None = None  # the statement that would catch what is raised otherwise

    def excludes_zero_alone(self) -> bool:
        """Whether it says that one size is not 0, and nothing of those that examples have."""
        if len(self.symbols) != 1 or self.kind == "fixed":
            return False
        answers = [holds(self.test, {self.symbols[0]: size}) for size in range(_FEW_SIZES)]
        return answers == [False] + [True] * (_FEW_SIZES - 1)

    def is_lower_bound(self) -> bool:
        """Whether it says that one size is at least (or not) some number, and nothing else."""
        if isinstance(self.test, Compare) and self.test.kind in ("ge", "ne"):
            found = _line(self.test.expr)
            return found is not None and (found[1] > 0 or self.test.kind == "ne")
        return False


# Sizes, by name, for which a condition holds with all that is known; {}, where none were found or
# those of the example are.
Search = Callable[["ShapeEnv", Test], Values]


class ShapeEnv:
    """Symbols and facts of one capture. Facts are only ever added."""

    def __init__(self) -> None:
        show_what_is_asked_for()
        self.scope = Scope()
        self.scope.owner = self
        self.decider = Decider(self.scope)
        self.floats = FloatFacts()
        self.symbols: dict[str, Symbol] = {}
        self.guards: list[Guard] = []
        self.values: dict[str, Any] = {}  # hints by name (``expr.Values``)
        self.listener: Listener = Alone()
        self.pretended: dict[str, bool] = {}  # answers to questions that nobody can answer
        self.singles: frozenset[str] = frozenset()  # of numbers at run time: those taken for 1
        self.not_single: dict[str, bool] = {}  # those taken for others; whether that is asserted
        self.asserts_not_single = True  # of those that are not named there
        self.definitions: dict[str, Quotient | Rounded] = {}  # of symbols that no input gives
        self.supposed: Test = True  # what holds because of the branch that is captured
        self.paths: tuple[Test, ...] = ()  # that, and the same of the branches around it
        self.example_where: Search | None = None  # where ``values`` stand in for the example's
        self.is_of_data = False  # whether only values tell if that branch is taken
        self.refuses_numbers = False  # a size may not become that of the example
        self.of_equalities: str | None = None  # the message of those that are demanded without one
        self.numbers_refused = 0
        self.refused: list[Test] = []  # what an operator has required, and was not to be had
        self.trial: Trial | None = None
        self.is_of_python = False  # whether Python asks for the truth that is decided
        self.is_of_program = False  # whether the program itself asserts what is required
        self.by_example = False  # questions that may be left open are answered by the example
        self.sets: dict[str, tuple[int, ...]] = {}
        self.sides: dict[Expr, tuple[Int, ...]] = {}  # what a symbol is on each side of a branch
        self.size_texts: dict[Expr, Any] = {}  # what stands for sizes in texts that are keys
        self._rounded: dict[Rounded, Expr] = {}
        self._parameter: dict[tuple[int, int, int], Expr] = {}

    def let_go(self) -> None:
        """Refer to no capture: what it knows stays, and nobody is told of anything new."""
        self.listener = Alone()

    # Symbols ---------------------------------------------------------------------------------

    def symbol(
        self,
        name: str,
        hint: int | None,
        source: str,
        lo: int | None = 0,
        hi: int | None = None,
        *,
        is_unbacked: bool = False,
        is_derived: bool = False,
    ) -> Expr:
        """A new symbol of this name (with a number added where the name is taken)."""
        name = self.fresh_name(name)
        expr = self.scope.symbol(name, lo, hi)
        where = self.listener.here()
        self.symbols[name] = Symbol(name, expr, hint, source, (lo, hi), is_unbacked, where)
        if hint is not None:
            self.values[name] = self.decider.hints[name] = hint
        elif not is_derived:
            self.listener.on_unbacked(name, expr)
        known = "known when the program runs" if hint is None else f"{hint} in the example"
        log.info("symbols: %s in [%s, %s], from %s, %s", name, lo, hi, source, known)
        return expr

    def limit_to(self, symbol: Expr, values: tuple[int, ...]) -> None:
        """``symbol`` is one of ``values``: questions about it alone are tried on each."""
        self.sets[symbol.atoms()[0].name] = values

    def float_symbol(self, name: str, hint: float | None, source: str) -> FloatExpr:
        """A new symbol for a float."""
        name = self.fresh_name(name)
        expr = FloatExpr("symbol", (), name)
        where = self.listener.here()
        self.symbols[name] = Symbol(name, expr, hint, source, (None, None), hint is None, where)
        if hint is not None:
            self.values[name] = hint
        return expr

    def fresh_name(self, name: str) -> str:
        """``name``, or ``name_1`` and so on where it is taken."""
        unique, count = name, 0
        while unique in self.symbols:
            count += 1
            unique = f"{name}_{count}"
        return unique

    def numbered(self, prefix: str) -> str:
        """``u0``, ``u1`` ...: the first that is free."""
        count = 0
        while f"{prefix}{count}" in self.symbols:
            count += 1
        return f"{prefix}{count}"

    @overload
    def hint(self, item: Int) -> int | None: ...

    @overload
    def hint(self, item: float | FloatExpr) -> float | None: ...

    def hint(self, item: Real) -> float | None:
        """The value of an expression for the example inputs; None where it is not known."""
        try:
            if isinstance(item, (Expr, FloatExpr)):
                return item.evaluate(self.values)
        except (KeyError, ZeroDivisionError, ValueError, OverflowError):
            return None
        return item

    def truth(self, test: Test) -> bool | None:
        """Whether ``test`` holds for the example inputs; None where it is not known."""
        try:
            return truth(test, self.values)
        except (KeyError, ZeroDivisionError, ValueError, OverflowError):
            return None

    # Questions -------------------------------------------------------------------------------

    def known(self, test: Test) -> bool | None:
        """The answer that holds for all sizes; None where it depends on them, or is not found."""
        if isinstance(test, bool):
            return test
        if self.sets:
            names = symbols_of(test)
            if len(names) == 1 and names[0] in self.sets:
                answers = {truth(test, {names[0]: value}) for value in self.sets[names[0]]}
                return answers.pop() if len(answers) == 1 else None
        if isinstance(test, Compare):
            if test.kind == "ge":
                answer = self.decider.nonnegative(test.expr)
            else:
                answer = self.decider.zero(test.expr)
            if answer.verdict is Verdict.PROVED:
                return test.kind != "ne"
            return test.kind == "ne" if answer.verdict is Verdict.REFUTED else None
        if isinstance(test, CompareFloats):
            return self.floats.known(test)
        if isinstance(test, OneOf):
            now = self.scope.normal(test.expr)
            return (now in test.values) is test.is_one if isinstance(now, int) else None
        if isinstance(test, (All, Some)):
            parts = [self.known(part) for part in test.parts]
            settles = isinstance(test, Some)
            if settles in parts:
                return settles
            return None if None in parts else not settles
        return None

    def is_known(self, test: Test) -> bool:
        """Whether ``test`` holds for all sizes, as far as can be proved."""
        return self.known(test) is True

    def decide(self, test: Test, kind: str = "branch", *, may_settle: bool = True) -> bool:
        """The answer that the capture goes on with; a guard where it is not the only one.

        ``may_settle``: whether the program itself gets the answer, so that what its function does
        with either one may be compared there.
        """
        answer = self.known(test)
        if answer is not None:
            return answer
        of_floats = self._of_floats(test)
        if of_floats is not test:
            answer = self.decide(of_floats, kind, may_settle=may_settle)
            self.assume(test if answer else negated(test))
            return answer
        if self.trial is not None:
            return self.trial.answer(test)
        if kind == "branch" and self.listener.is_no_matter():
            return True
        if any(self.symbols[name].is_unbacked for name in symbols_of(test)):
            test = with_sizes(test, self.scope.normal)  # it may be known to be one of the inputs
            if isinstance(test, bool):
                return test
        value = self.truth(test)
        if value is None:
            value = self.pretended.get(text_of(test))
            if value is not None:  # as if it had been asserted before
                self.require(test if value else negated(test))
                return value
            value = self._settled_by_sizes(test)
            if value is None and self.listener.only_tells():
                return True
            if value is None:
                value = self.listener.undecided(test)
            self.require(test if value else negated(test))
            return value
        may_settle = may_settle and kind == "branch"
        settled = self.listener.settled(test, value) if may_settle else None
        if settled is not None:
            return settled
        self.rely_on(test if value else negated(test), kind, asked=test, answer=value)
        return value

    def _of_floats(self, test: Test) -> Test:
        """A question about a rounded float as one about that float.

        The sizes that it is computed from answer it before the program runs.
        """
        if not isinstance(test, Compare):
            return test
        expr = self.scope.normal(test.expr)
        found = None if isinstance(expr, int) else _line(expr)
        if found is None or isinstance(expr, int) or found[1] not in (1, -1):
            return test
        definition = self.definitions.get(found[0].name)
        if not isinstance(definition, Rounded):
            return test
        how, number = definition
        if how == "trunc" and is_never_negative(number):
            how = "floor"
        bound = -expr.const * found[1]
        if how not in ("floor", "ceil") or abs(bound) >= _LARGEST_EXACT:
            return test
        if how == "floor":
            at_least = negated(CompareFloats("lt", number, float(bound)))
            at_most: Test = CompareFloats("lt", number, float(bound + 1))
        else:
            at_least = CompareFloats("gt", number, float(bound - 1))
            at_most = negated(CompareFloats("gt", number, float(bound)))
        if test.kind == "ge":
            return at_least if found[1] > 0 else at_most
        is_equal = both(at_least, at_most)
        return is_equal if test.kind == "eq" else negated(is_equal)

    def decide_for_python(self, test: Test, *, may_settle: bool = True) -> bool:
        """``decide`` for who goes by the answer, and by nothing else that is known of sizes."""
        before, self.is_of_python = self.is_of_python, True
        try:
            return self.decide(test, may_settle=may_settle)
        finally:
            self.is_of_python = before

    def is_single(self, size: Expr) -> bool:
        """Whether ``squeeze`` leaves out a dimension of this size, which is like a branch.

        A number that only the values tell is taken for another one than 1, where that is known to
        be of no matter (``constraints/ranks.py``). Else what the example has is asserted.
        """
        test = equal(size, 1)
        if self.trial is not None or self.known(test) is not None or self.truth(test) is not None:
            return self.decide_for_python(test)
        if not any(self.symbols[name].is_unbacked for name in symbols_of(test)):
            return self.decide_for_python(test)
        in_example = self.listener.is_so_in_example(test)
        if in_example is None:
            return self.decide_for_python(test)
        name = size.symbols()[0].name
        is_open = size is self.symbols[name].expr and not self.listener.is_inside()
        if is_open and name in self.singles:
            self.assume(test)
            return True
        if is_open and not self.not_single.setdefault(name, self.asserts_not_single):
            self.assume(negated(test))
            return False
        self.require(test if in_example else negated(test), NOT_SINGLE)
        return in_example

    def _settled_by_sizes(self, test: Test) -> bool | None:
        """The answer, if the example's sizes give it whatever a number at run time is.

        ``s0 + u0 == 0`` is no, where ``s0`` was 4 and ``u0`` is a count.
        """
        if not isinstance(test, Compare):
            return None
        expr = self.scope.normal(test.expr)
        if isinstance(expr, int):
            return None
        sizes: dict[int, Int] = {
            atom.index: self.values[atom.name]
            for atom in expr.symbols()
            if atom.name in self.values
        }
        lo, hi = interval(self.scope.substitute(expr, sizes)) if sizes else (None, None)
        is_positive, is_negative = lo is not None and lo > 0, hi is not None and hi < 0
        if test.kind == "ge":
            return True if lo is not None and lo >= 0 else False if is_negative else None
        return test.kind == "ne" if is_positive or is_negative else None

    def probably(self, test: Test, otherwise: bool) -> bool:
        """The answer if it is known, else ``otherwise``, as torch's ``guard_or_false`` gives it."""
        answer = self.known(test)
        if answer is not None:
            return answer
        if self.by_example and self.truth(test) is not None:
            return self.decide(test)
        return otherwise

    def probably_equal(self, test: Test, otherwise: bool) -> bool:
        """``probably`` where it is asked if sizes are equal, which is no order of them.

        Torch takes sizes that it does not know for such as are like no others. ``min(n, 1)`` is 1
        for all of these: where the answer for them is not ``otherwise``, it is asked for.
        """
        if self.known(test) is None and _for_large_sizes(test) is not otherwise:
            return self.decide(test)
        return self.probably(test, otherwise)

    def require(self, test: Test, message: str | None = None) -> bool:
        """``test`` is asserted: hold it for true where it may be, and note it.

        Returns False where it cannot hold, or does not for the example inputs.
        """
        answer = self._required(test, message)
        if not answer and message is None and self.of_equalities is None:
            self.refused.append(test)
        return answer

    def _required(self, test: Test, message: str | None) -> bool:
        answer = self.known(test)
        if answer is not None:
            return answer
        if message is None and _is_of_equalities(test):
            message = self.of_equalities
        if self.trial is not None:
            return self.trial.demand(test, message)
        answer = self.truth(test)
        is_failure = message not in _TAKEN and not self.is_of_program  # who asserts has looked
        is_caught = is_failure and self.listener.is_caught()
        if answer is not None and is_caught:  # for other sizes the program goes on in another way
            self.rely_on(test if answer else negated(test), "branch", asked=test, answer=answer)
            return answer
        if answer is False and not (self.is_of_program and self._is_so_elsewhere(test)):
            return False
        if is_caught:
            message = AS_CAUGHT
            if self.fails_where_caught(test):
                self.rely_on(
                    negated(test), "precondition", asked=test, answer=False, message=message
                )
                return False
        parts = self._in_short(test)
        if parts is None:
            self.rely_on(test, "precondition", asked=test, answer=True, message=message)
        for part in parts or ():
            if self.known(part) is not True:
                self.rely_on(part, "branch", asked=part, answer=True)
        return True

    def _is_so_elsewhere(self, test: Test) -> bool:
        """Take another example of the branch that is captured, for which ``test`` holds.

        All that was asked so far has the same answers for it. False where there is none.
        """
        if self.example_where is None:
            return False
        found = self.example_where(self, functools.reduce(both, self.paths, test))
        self.values.update(found)
        self.decider.hints.update(found)
        return bool(found)

    def require_by_program(self, test: Test, message: str | None) -> bool:
        """``require`` for an assertion of the program's own: ``assert``, or ``if bad: raise``."""
        before, self.is_of_program = self.is_of_program, True
        try:
            return self.require(test, message)
        finally:
            self.is_of_program = before

    def require_where_caught(self, test: Test) -> bool:
        """``require`` for what is left to the operator, but where the program may see it fail."""
        return not self.listener.is_caught() or self.require(test)

    def fails_where_caught(self, test: Test) -> bool:
        """Whether what is asserted of numbers known at run time alone fails in the example, and

        the program may catch that.
        """
        is_open = self.truth(test) is None and self.listener.is_caught()
        return is_open and self.listener.is_so_in_example(test) is False

    def _in_short(self, test: Test) -> list[Test] | None:
        """Short conditions that imply a long one about numbers that nobody knows before a call."""
        if not isinstance(test, Compare) or self.truth(test) is not None:
            return None
        names = [name for name in symbols_of(test) if name not in self.values]
        values = self.listener.example(names)
        if values is None:
            return None
        from monograph.shapes.shortening import shortened

        return shortened(test, {**self.values, **values})

    def is_of_one_side(self, guard: Guard) -> bool:
        """Whether sizes were taken for equal of which a branch gives a 1 on one side alone."""
        if guard.message != TAKEN_AS_EQUAL:
            return False
        symbols = [self.symbols[name].expr for name in guard.symbols]
        sides = [s for each in symbols if isinstance(each, Expr) for s in self.sides.get(each, ())]
        return any(interval(side)[1] == 1 for side in sides)

    def rely_on(
        self,
        test: Test,
        kind: str,
        *,
        asked: Test,
        answer: bool,
        message: str | None = None,
        is_narrowing: bool | None = None,
    ) -> None:
        """Record a guard, and take it for a fact; ``is_narrowing``: whether it is, if known."""
        if self.trial is not None:
            self.trial.give_up()
        if isinstance(test, All):
            for part in test.parts:
                if self.known(part) is not True:
                    self.rely_on(part, kind, asked=part, answer=True, message=message)
            return
        names = symbols_of(test)
        where = self.listener.here()
        guard = Guard(test, kind, where, text_of(asked), answer, message, names)
        guard.is_narrowing = self.depends(test) if is_narrowing is None else is_narrowing
        guard.is_of_python, guard.is_of_program = self.is_of_python, self.is_of_program
        if guard.is_narrowing:
            self.listener.narrows(guard)
            guard.caught_at = self.listener.caught_at() if kind == "branch" else None
            guard.calls = self.listener.calls() if guard.is_of_python else ()
        self.guards.append(guard)
        log.info("guards: %s is %s (%s) %s", guard.asked, answer, kind, guard.where or "")
        unbacked = any(self.symbols[name].is_unbacked for name in names)
        is_of_sizes = all(isinstance(self.symbols[name].expr, Expr) for name in names)
        if unbacked or not is_of_sizes or self.is_of_data:
            self.listener.assert_at_run_time(test, message)
        before = self.scope.replaced
        self.assume(test)
        guard.solved = self.scope.replaced > before

    def depends(self, test: Test) -> bool:
        """Whether there are sizes for which ``test`` does not hold, as far as is known."""
        if not isinstance(test, Compare):
            return True
        decider = self.decider
        ask = decider.nonnegative if test.kind == "ge" else decider.zero
        return ask(test.expr).verdict is Verdict.DEPENDS

    def refuse_number(self, why: str) -> None:
        """The very number is wanted where that is refused."""
        if self.refuses_numbers:
            self.numbers_refused += 1
            raise NumberWantedError(why)

    def fix(self, item: Int, why: str) -> int:
        """Python needs the very number: it is that of the example from now on."""
        item = self.scope.normal(item)
        if isinstance(item, int):
            return item
        value = self.hint(item)
        if value is not None and self.is_known(equal(item, value)):
            return int(value)  # on this side of a branch it is that number
        self.refuse_number(why)
        if value is None:
            value = int(self.listener.unknown(item))
        test = equal(item, value)
        self.rely_on(test, "fixed", asked=test, answer=True, message=why)
        return int(value)

    # Facts -----------------------------------------------------------------------------------

    def assume(self, test: Test) -> None:
        """``test`` holds."""
        if isinstance(test, All):
            for part in test.parts:
                self.assume(part)
        if isinstance(test, CompareFloats):
            self.floats.assume(test)
        if not isinstance(test, Compare):
            return
        now = self.scope.normal(test.expr)
        if isinstance(now, int):
            return
        log.debug("facts: %s", text_of(Compare(test.kind, now)))
        if test.kind == "ge":
            self._assume_not_negative(now)
        elif test.kind == "eq":
            self._assume_zero(now)
        else:
            self._assume_not_zero(now)

    def _assume_not_negative(self, expr: Expr) -> None:
        inner = _inside(expr)
        if inner is not None:
            if isinstance(inner, Expr):
                self._assume_not_negative(inner)
            return
        found = _line(expr)
        if found is not None:
            symbol, slope = found
            if slope > 0:  # slope*x + c >= 0
                self._narrow(symbol, lo=-(expr.const // slope))
            else:
                self._narrow(symbol, hi=expr.const // -slope)
            return
        if expr not in self.decider.facts:
            self.decider.facts.append(expr)
            self.decider.forget()
            for what_counts in _of_positive_parts(expr):
                self.assume(not_less(what_counts, 0))

    def _assume_not_zero(self, expr: Expr) -> None:
        found = _line(expr)
        if found is not None and expr.const % found[1] == 0:
            symbol, value = found[0], -expr.const // found[1]
            if symbol.lo == value:
                self._narrow(symbol, lo=value + 1)
                return
            if symbol.hi == value:
                self._narrow(symbol, hi=value - 1)
                return
        if not self.is_known(not_less(expr, 0)):
            negative = -expr
            if isinstance(negative, Expr) and self.is_known(not_less(negative, 0)):
                self.assume(not_less(negative, 1))
                return
        else:
            self.assume(not_less(expr, 1))
            return
        if expr not in self.decider.distinct:
            self.decider.distinct.append(expr)
            self.decider.forget()

    def _narrow(self, symbol: Atom, lo: int | None = None, hi: int | None = None) -> None:
        self.scope.narrow(symbol, lo, hi)
        if symbol.lo is not None and symbol.lo == symbol.hi:
            self.scope.replace(symbol, symbol.lo)

    def _assume_zero(self, expr: Expr) -> None:
        from monograph.shapes.solve import solve

        solution = solve(expr, lambda atom: self.symbols[atom.name].is_unbacked)
        if solution is None or self._is_known_before(solution):
            for fact in (expr, -expr):
                if isinstance(fact, Expr):
                    self._assume_not_negative(fact)
            return
        self._replace(solution)
        rest = self.scope.normal(expr)
        if isinstance(rest, Expr) and rest is not expr:
            self._assume_zero(rest)

    def _is_known_before(self, solution: Solution) -> bool:
        """Whether a size of an argument would be said in numbers that the program computes.

        An argument is looked at when the program is called, when none of them is there yet.
        """
        if self.symbols[solution.symbol.name].is_unbacked or not isinstance(solution.value, Expr):
            return False
        return any(self.symbols[atom.name].is_unbacked for atom in solution.value.symbols())

    def _replace(self, solution: Solution) -> None:
        """The symbol is an expression from now on, whose range it hands on."""
        symbol, by = solution.symbol, solution.value
        if solution.step is not None:  # x = step * new + offset
            step, offset = solution.step
            hint = self.values.get(symbol.name)
            lo = None if symbol.lo is None else -((offset - symbol.lo) // step)
            hi = None if symbol.hi is None else (symbol.hi - offset) // step
            new = self._parameter.get((symbol.index, step, offset))
            if new is None:
                new = self.symbol(
                    "_" + symbol.name.lstrip("_"),
                    None if hint is None else (hint - offset) // step,
                    f"({symbol.name} - {offset}) // {step}"
                    if offset
                    else f"{symbol.name} // {step}",
                    lo,
                    hi,
                    is_unbacked=self.symbols[symbol.name].is_unbacked,
                    is_derived=True,
                )
            else:
                self._use_again(new, None if hint is None else (hint - offset) // step, lo, hi)
            self._parameter[symbol.index, step, offset] = new
            by = step * new + offset
            self.definitions[new.atoms()[0].name] = Quotient(symbol, step, offset)
        lo, hi = symbol.lo, symbol.hi
        self.scope.replace(symbol, by)
        log.debug("facts: %s = %r", symbol.name, by)
        if lo is not None:
            self.assume(not_less(by, lo))
        if hi is not None:
            self.assume(not_less(hi, by))

    def _use_again(self, made: Expr, hint: int | None, lo: int | None, hi: int | None) -> None:
        """A symbol that was made before, maybe on a side that is over: its bounds here."""
        atom = made.atoms()[0]
        self.symbols[atom.name].is_given_up = False
        if (atom.lo, atom.hi) != (lo, hi):
            atom.lo, atom.hi = self.symbols[atom.name].range = lo, hi
            self.scope.epoch += 1
        if hint is not None:
            self.values[atom.name] = self.decider.hints[atom.name] = hint

    def in_users_words(self, test: Test) -> str:
        """``test`` for ``torch._check``, with the source of each symbol in place of its name."""
        text = assertion_of(test)
        for name in symbols_of(test):
            source = self.symbols[name].source

            def spelled(match: re.Match[str], source: str = source) -> str:
                return source

            text = re.sub(rf"\b{re.escape(name)}\b", spelled, text)
        return text

    def summarise(self) -> None:
        """Log what has become of each symbol."""
        for name, symbol in self.symbols.items():
            if not isinstance(symbol.expr, Expr):
                continue
            now = self.scope.normal(symbol.expr)
            if now is symbol.expr:
                atom = symbol.expr.atoms()[0]
                hi = "int_oo" if atom.hi is None else atom.hi
                log.info("summary: %s in VR[%s, %s]", name, atom.lo, hi)
            else:
                log.info("summary: %s = %r", name, now)

    def restart(self, guards: list[Guard]) -> None:
        """Forget what was assumed, and assume only ``guards`` instead."""
        scope = self.scope
        scope.replacements.clear()
        for symbol in self.symbols.values():
            if isinstance(symbol.expr, Expr):
                atom = symbol.expr.atoms()[0]
                atom.lo, atom.hi = symbol.range
        self.decider.facts.clear()
        self.decider.distinct.clear()
        self.floats = FloatFacts()
        scope.epoch += 1
        scope.replaced += 1
        self.guards = guards
        for guard in guards:
            self.assume(guard.test)

    def sizes_behind(self, names: Iterable[str]) -> set[str]:
        """``names``, and the symbols that those among them are computed from."""
        found: set[str] = set()
        open_names = [*names]
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                definition = self.definitions.get(name)
                if isinstance(definition, Quotient):
                    open_names.append(definition.atom.name)
                elif definition is not None and isinstance(definition.number, FloatExpr):
                    open_names += definition.number.symbols()
        return found

    def to_integer(self, how: str, number: Real) -> Int:
        """What "floor", "ceil", "trunc" or "round" makes of ``number``, else its own symbol."""
        exact = to_integer(self.scope, how, number)
        if exact is not None:
            return exact
        item = Rounded(how, number)
        found = self._rounded.get(item)
        if found is None:
            value, lo = self.hint(number), 0 if is_never_negative(number) else None
            hint = None if value is None else ROUNDINGS[how](value)
            found = self._rounded[item] = self.symbol(
                self.numbered("z"), hint, f"{how}({number})", lo, is_unbacked=True, is_derived=True
            )
            self.definitions[found.atoms()[0].name] = item
        else:
            value, atom = self.hint(number), found.atoms()[0]
            hint = None if value is None else ROUNDINGS[how](value)
            self._use_again(found, hint, atom.lo, atom.hi)
        return found


def _line(expr: Expr) -> tuple[Atom, int] | None:
    """``(x, c)`` where ``expr`` is ``c*x + const`` with a symbol ``x``."""
    if len(expr.terms) != 1 or len(expr.terms[0][0]) != 1:
        return None
    atom = expr.scope.atoms[expr.terms[0][0][0]]
    return (atom, expr.terms[0][1]) if atom.kind == "symbol" else None


def _inside(expr: Expr) -> Int | None:
    """What is not negative where, and only where, ``expr`` is not, without a division around it.

    ``n // k >= c`` is ``n >= k*c``, ``n // k <= c`` is ``n < k*(c + 1)``; ``max(d, 0) >= c`` is
    ``d >= c``, and ``max(d, 0) <= c`` is ``d <= c``. Bounds of a symbol say more than bounds of
    its quotient: all that is made of it has bounds, too.
    """
    if len(expr.terms) != 1 or len(expr.terms[0][0]) != 1:
        return None
    (monomial, slope) = expr.terms[0]
    atom = expr.scope.atoms[monomial[0]]
    least, most = -(expr.const // slope), expr.const // -slope
    if atom.kind == "div":
        n, k = atom.args
        if isinstance(n, Expr) and isinstance(k, int):
            return n - k * least if slope > 0 else k * most + (k - 1) - n
    if atom.kind == "pos":
        d = atom.args[0]
        if isinstance(d, Expr):
            if slope > 0 and least > 0:
                return d - least
            if slope < 0 and most >= 0:
                return most - d
    return None


def _for_large_sizes(test: Test) -> bool | None:
    """The answer for sizes that are large, and no two of them alike; None: they cannot be."""
    sizes: dict[str, Any] = {
        name: _LARGE * (at + 2) + at for at, name in enumerate(symbols_of(test))
    }
    try:
        return truth(test, sizes)
    except (KeyError, ArithmeticError, ValueError):
        return None


def _of_positive_parts(expr: Expr) -> Iterator[Int]:
    """What is not negative where ``expr``, ``rest + max(d, 0)``, is not, and the rest is negative.

    Then it is ``d`` that counts: ``i < max(n - 2, 0)`` says ``i < n - 2``.
    """
    for monomial, slope in expr.terms:
        atom = expr.scope.atoms[monomial[0]]
        if slope > 0 and len(monomial) == 1 and atom.kind == "pos":
            rest = expr - slope * expr.scope.bare(atom)
            most = interval(rest)[1] if isinstance(rest, Expr) else rest
            if most is not None and most < 0:
                yield rest + slope * atom.args[0]


def _is_of_equalities(test: Test) -> bool:
    """Whether it is asked if one size equals another, or one of several."""
    parts = test.parts if isinstance(test, Some) else (test,)
    return all(isinstance(part, Compare) and part.kind == "eq" for part in parts)
