"""Branches and logic of converted code: each function decides by the value that it is given.

A Python value makes Python go one way, as before. A tensor, or a question about sizes that has two
answers, makes both ways part of the graph.
"""

from __future__ import annotations

import builtins
import functools
import operator
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, overload

import torch

from monograph.capture.abstract import AbstractTensor
from monograph.capture.current import running_recorder
from monograph.capture.python.builtin_functions import choose
from monograph.capture.recorder import Recorder
from monograph.capture.restarts import Branch
from monograph.capture.strictness import Strictness
from monograph.control.branches import RESULT, Group, Named, Result, Same, Side, side
from monograph.control.branches import branch as capture_branch
from monograph.control.carrying import explain
from monograph.control.region import Region
from monograph.control.results import UNDEFINED, Mismatch
from monograph.control.state import Items, Key, State, Variable
from monograph.diagnostics import ControlFlowError, ExportError
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import (
    All,
    CompareFloats,
    Some,
    Test,
    negated,
    symbols_of,
    with_sizes,
)
from monograph.shapes.questions import both as both_tests
from monograph.shapes.questions import either as either_test
from monograph.shapes.symnode import BoolNode, expression_of
from monograph.shapes.text import format_expr, parse
from monograph.source.holders import is_held
from monograph.source.rows import Pieces, Records, Rows, UnknownList, rows_like
from monograph.source.unfilled import attempted
from monograph.torch_internals import without_modes

__all__ = [
    "HeldElsewhereError",
    "any_of",
    "asking",
    "both",
    "branch",
    "captured_branch",
    "chain",
    "compared",
    "exchange",
    "first_true",
    "flagged",
    "grow",
    "inverted",
    "last_true",
    "reduced",
    "strictness",
    "undecided",
]

Thunk = Callable[[], object]
Question = torch.Tensor | Test
T = TypeVar("T")  # an item of an iterable
_SIDES = ("if it holds", "if not")


def undecided(recorder: Recorder | None, value: object) -> Question | None:
    """The question that ``value`` asks, if it has two answers."""
    if recorder is None:
        return None
    if isinstance(value, UnknownList):
        return undecided(recorder, value.length() > 0)
    if isinstance(value, (torch.SymInt, torch.SymFloat)):
        value = value != 0
    if isinstance(value, torch.SymBool):
        test = expression_of(value)
        return test if recorder.sizes.env.known(test) is None else None
    if isinstance(value, torch.Tensor):
        found = recorder.value_of(value)
        if found.spec.numel != 1 or recorder.knowledge.is_known(found):
            return None
        return found.abstract()
    return None


def branch(
    site: Branch | None, test: object, then: Thunk, otherwise: Thunk, *, is_last: bool = False
) -> Any:
    """``then()`` or ``otherwise()``; both in the graph, where ``test`` depends on data.

    ``is_last``: the function ends with it, and nobody reads its variables afterwards.
    """
    recorder = running_recorder()
    question = undecided(recorder, test)
    if recorder is None or question is None:
        return then() if test else otherwise()
    return captured_branch(recorder, site, question, then, otherwise, is_last=is_last)


def asking(
    place: Branch,
    body: Thunk,
    answered: frozenset[Test] = frozenset(),
    *,
    is_last: bool = False,
) -> object:
    """``body()``, with each answer to what it was seen to ask of sizes in passing.

    ``max((1, 2), key=x.size)`` asks in C, ``table[n > 4]`` to find an item: no part of it is a
    branch, so all of it is. ``answered``: the questions on whose sides it runs.
    """
    recorder = running_recorder()
    asked = () if recorder is None else strictness(recorder).questions_at(place)
    for test in asked:
        assert recorder is not None
        question = None if test in answered else _of_this_capture(recorder, test)
        if question is not None and recorder.sizes.env.known(question) is None:
            again = _run_again(place, body, answered | {test}, is_last)
            found: object = captured_branch(
                recorder, place, question, again, again, is_last=is_last
            )
            return found
    return body()


def _run_again(
    _monograph_place: Branch,
    _monograph_body: Thunk,
    _monograph_answered: frozenset[Test],
    _monograph_is_last: bool,
) -> Thunk:
    """``asking`` once more; its variables, which are looked at, have names that no program has."""
    return lambda: asking(
        _monograph_place, _monograph_body, _monograph_answered, is_last=_monograph_is_last
    )


def _of_this_capture(recorder: Recorder, test: Test) -> Test | None:
    """A question that an earlier capture of the program has asked."""
    env = recorder.sizes.env
    if not all(name in env.symbols for name in symbols_of(test)):
        return None

    def here(size: Expr) -> Int:
        return parse(format_expr(size), env.scope, lambda name: env.symbols[name].expr)  # type: ignore[arg-type,return-value]

    try:
        found = with_sizes(test, here)
    except (KeyError, ValueError):
        return None
    return None if isinstance(found, bool) else found


class _Growing(BaseException):
    """A list has another length after each side."""

    def __init__(self, key: Items, sample: Group) -> None:
        super().__init__()
        self.key, self.sample = key, sample


def captured_branch(
    recorder: Recorder,
    site: Branch | None,
    question: Question,
    then: Thunk,
    otherwise: Thunk,
    *,
    is_last: bool = False,
) -> Any:
    """Capture both sides, and join the variables that they change, but for ``is_last``."""
    return attempted(
        lambda: _captured_sides(recorder, site, question, then, otherwise, is_last=is_last)
    )


def _captured_sides(
    recorder: Recorder,
    site: Branch | None,
    question: Question,
    then: Thunk,
    otherwise: Thunk,
    *,
    is_last: bool,
) -> object:
    def refuse(error: ExportError) -> NoReturn:
        strictness(recorder).end_branch(site, error)

    for _ in range(20):
        state = State(recorder, (then, otherwise))

        def body(thunk: Thunk, state: State = state) -> Side:
            try:
                with recorder:
                    result = thunk()
                found = side(state, "the value that is returned", result)
                kept = (key for key in found if not (is_last and isinstance(key, Variable)))
                return {key: found[key] for key in kept}
            finally:
                state.restore()

        def inspect(results: Sequence[Mapping[Named, Group]], state: State = state) -> None:
            for key in {k: None for found in results for k in found if isinstance(k, Items)}:
                sides = [found.get(key) for found in results]
                before = len(state.items_before(key))
                lengths = {before if s is None else s.length for s in sides}
                if len(lengths) > 1 and state.holders_of(key):
                    raise _Growing(key, max((s for s in sides if s), key=lambda s: s.length))

        try:
            with without_modes():
                bodies = [lambda: body(then), lambda: body(otherwise)]
                joined = capture_branch(
                    recorder, question, bodies, state.before, inspect=inspect, refuse=refuse
                )
        except _Growing as growing:
            grow(recorder, state, growing.key, growing.sample)
            continue
        result = joined[RESULT]
        if isinstance(result, Mismatch):
            strictness(recorder).end_branch(site, explain(result, _SIDES, recorder))
        for key, value in joined.items():
            if isinstance(key, Result):
                continue
            if isinstance(key, Same):
                assert isinstance(value, Mismatch)
                strictness(recorder).end_branch(site, explain(value, _SIDES, recorder))
            is_lost = is_last and isinstance(value, Mismatch) and not isinstance(key, Variable)
            if not is_lost or _outlives(state, key):
                settle(recorder, state, key, value, site)
        return result
    raise ControlFlowError(
        "lists of unknown length grow in one another",
        code="MG-C114",
        where=recorder.here(),
        hint="append to one list.",
    )


def strictness(recorder: Recorder) -> Strictness:
    """The mode in which converted code runs."""
    assert recorder.context.strict is not None
    return recorder.context.strict


def grow(recorder: Recorder, state: State, key: Items, sample: Group) -> None:
    """From now on the list behind ``key`` is one of unknown length.

    Raises:
        ControlFlowError: MG-C114, where its items cannot be stacked, or it is no plain list:
            a short queue drops items, a set what it has, a class of the program's what it will.
    """
    name = state.before(key)[0]
    _require_list(recorder, name, state.container(key))
    made = rows_like(recorder, state.items_before(key), sample, name)
    if type(state.container(key)) is deque:
        made.stands_for = deque
    exchange(recorder, state, key, made)


def _require_list(recorder: Recorder, name: str, holder: object) -> None:
    if type(holder) is not list and not (type(holder) is deque and holder.maxlen is None):
        raise ControlFlowError(
            f"{name}, a {type(holder).__name__}, gets items whose number is only known when the "
            "program runs",
            code="MG-C114",
            where=recorder.here(),
            hint="append to a plain list.",
        )


class HeldElsewhereError(ControlFlowError):
    """Something else holds a list that grows: so it does in each iteration."""


def exchange(recorder: Recorder, state: State, key: Items, made: object) -> None:
    """A list that is appended to is ``made`` from now on, wherever the program holds it.

    Raises:
        ControlFlowError: MG-C114, where something else holds it, which would not see the items.
    """
    name, before, holders = state.before(key)[0], state.container(key), state.holders_of(key)
    for holder in holders:
        state.set(holder, made)
    if is_held(before, state):
        for holder in holders:
            state.set(holder, before)
        raise HeldElsewhereError(
            f"{name} becomes a list of unknown length, and something else is the same list",
            code="MG-C114",
            where=recorder.here(),
            hint="let one variable hold the list; return it from the function that appends to it.",
        )


def _outlives(state: State, key: Key) -> bool:
    """Whether anything but variables that nobody reads any more holds what ``key`` is a part of."""
    assert not isinstance(key, Variable)
    holders, content = state.holders_of(key), state.container(key)
    for holder in holders:
        state.set(holder, None)
    try:
        return not all(isinstance(each, Variable) for each in holders) or is_held(content, state)
    finally:
        for holder in holders:
            state.set(holder, content)


def settle(recorder: Recorder, state: State, key: Key, value: object, site: Branch | None) -> None:
    """Give the program what the sides of a branch have become."""
    if not isinstance(value, Mismatch):
        state.set(key, value)
        return
    error = explain(value, _SIDES, recorder)
    if not isinstance(key, Variable):
        raise error
    state.set(key, UNDEFINED)
    strictness(recorder).forbid(key.name, site, error)


# Logic ---------------------------------------------------------------------------------------


def flagged(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    """``function(*args, **kwargs)``; where a flag in it varies, the one or the other call."""
    recorder = running_recorder()
    given = dict[int | str, object](enumerate(args)) | kwargs
    for place, value in given.items():
        question = undecided(recorder, value) if isinstance(value, torch.SymBool) else None
        if recorder is not None and question is not None:
            then, otherwise = (
                functools.partial(_flagged_anew, function, given | {place: flag})
                for flag in (True, False)
            )
            return captured_branch(recorder, None, question, then, otherwise)
    return choose(function)(*args, **kwargs)


def _flagged_anew(function: Callable[..., object], given: Mapping[int | str, object]) -> object:
    args = [value for place, value in given.items() if isinstance(place, int)]
    kwargs = {place: value for place, value in given.items() if isinstance(place, str)}
    return flagged(function, *args, **kwargs)


def both(first: object, *rest: Thunk) -> object:
    """``first and rest[0]() and ...``."""
    return _combined(first, rest, True)


def any_of(first: object, *rest: Thunk) -> object:
    """``first or rest[0]() or ...``."""
    return _combined(first, rest, False)


def _combined(first: object, rest: Sequence[Thunk], is_and: bool) -> object:
    """The next operand is only looked at where the first does not settle the matter."""
    recorder = running_recorder()
    value = first
    for i, thunk in enumerate(rest):
        question = undecided(recorder, value)
        if recorder is None or question is None:
            if bool(value) is not is_and:
                return value
            value = thunk()
            continue
        if not isinstance(question, torch.Tensor):
            joined = _with_next(recorder, question, thunk, is_and)
            if joined is not None:
                value = joined
                continue
        left = rest[i:]

        def follow(left: Sequence[Thunk] = left) -> object:
            return _truth(_combined(left[0](), left[1:], is_and))

        def stop() -> bool:
            return not is_and

        sides = (follow, stop) if is_and else (stop, follow)
        return captured_branch(recorder, None, question, *sides)
    return value


def _with_next(
    recorder: Recorder, question: Test, thunk: Thunk, is_and: bool, only_truths: bool = False
) -> torch.SymBool | bool | None:
    """``question and thunk()``, or ``or``, where that is one question about sizes.

    None where the next operand does more than ask, or must not be looked at if the first settles
    the matter; with ``only_truths`` also where it is no truth itself, but a number, say.
    """
    state = State(recorder, (thunk,))
    region = Region(recorder, "operand")
    try:
        with region.capturing(question if is_and else negated(question)), recorder:
            value = thunk()
        is_plain = not region.graph.nodes and not state.changed()
    except Exception:
        return None  # it is raised again where both sides are captured
    finally:
        state.restore()
        region.abandon()
    if only_truths and not isinstance(value, (bool, torch.SymBool)):
        return None
    if isinstance(value, (torch.SymInt, torch.SymFloat)):
        value = value != 0
    if not is_plain or isinstance(value, (torch.Tensor, Rows, Records, Pieces)):
        return None
    test: Test = expression_of(value) if isinstance(value, torch.SymBool) else bool(value)
    if not _has_a_value(test):
        return None
    return _as_truth(recorder, (both_tests if is_and else either_test)(question, test))


def _has_a_value(test: Test) -> bool:
    """Whether ``test`` may be asked at all sizes: nothing is divided by what may be 0."""
    if isinstance(test, (All, Some)):
        return all(map(_has_a_value, test.parts))
    if isinstance(test, CompareFloats):
        return False
    return isinstance(test, bool) or _is_total(test.expr)


def _is_total(item: Int) -> bool:
    if not isinstance(item, Expr):
        return True
    is_plain = all(atom.kind in ("symbol", "div", "pos", "long") for atom in item.atoms())
    return is_plain and all(_is_total(arg) for atom in item.atoms() for arg in atom.args)


def _as_truth(recorder: Recorder, test: Test) -> torch.SymBool | bool:
    return test if isinstance(test, bool) else torch.SymBool(BoolNode(recorder.sizes.env, test))


def last_true(site: Branch, first: object, *rest: Thunk) -> object:
    """The value of ``first and rest[0]() and ...``: one of the operands."""
    return _operand(site, first, rest, True)


def first_true(site: Branch, first: object, *rest: Thunk) -> object:
    """The value of ``first or rest[0]() or ...``: one of the operands."""
    return _operand(site, first, rest, False)


def _operand(site: Branch, first: object, rest: Sequence[Thunk], is_and: bool) -> object:
    recorder = running_recorder()
    question = undecided(recorder, first)
    if not rest:
        return first
    if recorder is None or question is None:
        return first if bool(first) is not is_and else _operand(site, rest[0](), rest[1:], is_and)
    if isinstance(first, torch.SymBool) and not isinstance(question, torch.Tensor):
        joined = _with_next(recorder, question, rest[0], is_and, only_truths=True)
        if joined is not None:
            return _operand(site, joined, rest[1:], is_and)

    def settled() -> object:
        return first

    def follow() -> object:
        return _operand(site, rest[0](), rest[1:], is_and)

    sides = (follow, settled) if is_and else (settled, follow)
    return captured_branch(recorder, site, question, *sides)


@overload
def _truth(value: torch.Tensor) -> torch.Tensor: ...


@overload
def _truth(value: object) -> torch.Tensor | torch.SymBool | bool: ...


def _truth(value: object) -> torch.Tensor | torch.SymBool | bool:
    """A condition as a truth value, so that two of them are of one kind."""
    if isinstance(value, AbstractTensor):
        value = value.reshape(()) if value.dim() else value
        return value if value.dtype == torch.bool else value != 0
    if isinstance(value, torch.Tensor):
        return value.reshape(()) != 0
    return value if isinstance(value, (bool, torch.SymBool)) else bool(value)


def inverted(value: object) -> torch.Tensor | torch.SymBool | bool:
    """``not value``."""
    recorder = running_recorder()
    question = undecided(recorder, value)
    if recorder is None or question is None:
        return not value
    if isinstance(question, torch.Tensor):
        return torch.logical_not(_truth(question))
    return torch.SymBool(BoolNode(recorder.sizes.env, negated(question)))


def reduced(
    function: Callable[[Iterable[object]], object],
    iterable: Iterable[T],
    test: Callable[[T], object],
) -> object:
    """``any(test(item) for item in iterable)``, or ``all``."""
    if function not in (builtins.any, builtins.all) or running_recorder() is None:
        return function(test(item) for item in iterable)
    is_and = function is builtins.all
    return _combined(is_and, [functools.partial(test, item) for item in iterable], is_and)


_SIGNS: dict[str, Callable[..., object]] = {
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Is": operator.is_,
    "IsNot": operator.is_not,
    "In": lambda item, container: item in container,
    "NotIn": lambda item, container: item not in container,
}


def compared(sign: str, left: object, right: object) -> object:
    """``left == right`` and its like; of sequences of sizes, one question about all items."""
    recorder = running_recorder()
    if recorder is not None and sign in ("Eq", "NotEq"):
        found = _same_items(left, right)
        if found is not None:
            return _as_truth(recorder, found if sign == "Eq" else negated(found))
    if recorder is not None and sign in ("In", "NotIn") and isinstance(left, torch.SymInt):
        found = _one_of(left, right)
        if found is not None:
            return _as_truth(recorder, found if sign == "In" else negated(found))
    return _SIGNS[sign](left, right)


_NUMBERS = (int, float, torch.SymInt, torch.SymFloat)


def _same_items(left: object, right: object) -> Test | None:
    """Whether two sequences of numbers are equal; None where that is no question of sizes."""
    for kind in (tuple, list):
        if isinstance(left, kind) and isinstance(right, kind) and len(left) == len(right):
            if not all(isinstance(item, _NUMBERS) for item in (*left, *right)):
                return None
            answers = [one == other for one, other in zip(left, right, strict=True)]
            return _folded(both_tests, answers, True)
    return None


def _one_of(item: torch.SymInt, container: object) -> Test | None:
    """Whether ``item`` is one of some numbers; None where that is no question of sizes."""
    if not isinstance(container, (tuple, list, set, frozenset)):
        return None
    if not all(isinstance(each, _NUMBERS) for each in container):
        return None
    return _folded(either_test, [item == each for each in container], False)


def _folded(
    combine: Callable[[Test, Test], Test], answers: Sequence[bool | torch.SymBool], first: Test
) -> Test:
    total = first
    for answer in answers:
        total = combine(
            total, expression_of(answer) if isinstance(answer, torch.SymBool) else answer
        )
    return total


class _Sides:
    """The operands of a chain as far as they are known.

    Each comparison gives the next its left side, which is no state of the program's.
    """

    def __init__(self, signs: Sequence[str], first: object) -> None:
        self.signs = signs
        self.known = [first]

    def compare(self, i: int, right: Thunk) -> object:
        """The comparison number ``i``, whose left side is that of the one before."""
        self.known[i + 1 :] = [right()]
        return _SIGNS[self.signs[i]](*self.known[i : i + 2])


def chain(signs: Sequence[str], first: object, *rest: Thunk) -> object:
    """``first < rest[0]() < rest[1]() ...``, each operand evaluated once at most."""
    sides = _Sides(signs, first)

    def link(i: int, right: Thunk) -> Thunk:
        return lambda: sides.compare(i, right)

    first_link, *others = (link(i, right) for i, right in enumerate(rest))
    return both(first_link(), *others)
