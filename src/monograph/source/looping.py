"""Loops of converted code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import torch

from monograph.capture.aliasing import Value
from monograph.capture.current import running_recorder
from monograph.capture.recorder import Recorder
from monograph.control.branches import RETURNED, Group, group, unflatten
from monograph.control.carrying import explain, rebuilt
from monograph.control.loops import loop
from monograph.control.region import Region
from monograph.control.results import UNDEFINED, Found, Mismatch, zeros
from monograph.control.state import Items, Key, State, Variable
from monograph.diagnostics import (
    ControlFlowError,
    ExportError,
    PythonFeatureError,
    SourceLine,
)
from monograph.ir.structure import LEAF, Structure, flatten
from monograph.shapes.env import PUT_TOGETHER
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal, not_less
from monograph.shapes.sums import sum_over
from monograph.shapes.supposing import give_up
from monograph.shapes.symnode import expression_of
from monograph.source import branching
from monograph.source.iterators import Chain, Ordered, Unknown, taken, unknown_length
from monograph.source.rows import Pieces, Records, Rows, rows_like
from monograph.source.unfilled import Places, PlacesOfTuples, attempted
from monograph.torch_internals import without_modes

__all__ = ["for_loop", "while_loop"]

Thunk = Callable[[], object]
T = TypeVar("T")  # an item of an iterable
Number = int | torch.SymInt
Counter = list[Number]  # of one entry: which iteration it is
# By list: the number of an iteration, and by how much that makes all its items larger.
Growth = dict[str, tuple[Expr, Int]]
_MOST_ROUNDS = 100_000
_MOST_APART = 4  # iterations before a loop that are captured by themselves
_NOTHING: dict[str, float] = {"int": 0, "bool": False, "float": 0.0}


def while_loop(test: Thunk, body: Thunk, stop: Thunk) -> None:
    """``while test(): body()``, until ``stop()`` holds after an iteration."""
    recorder = running_recorder()
    is_begun = False
    for _ in range(_MOST_ROUNDS):
        ended, go_on = stop(), None
        if branching.undecided(recorder, ended) is None:
            if ended:
                return
            go_on = test()
            if branching.undecided(recorder, go_on) is None:
                if not go_on:
                    return
                body()
                continue
        assert recorder is not None
        if not is_begun and (error := _error_without_a_first(recorder)) is not None:
            if not isinstance(go_on, torch.SymBool):
                raise error
            torch._check(go_on, lambda: "the loop does not run")
            body()
            is_begun = True
            continue
        _capture(recorder, lambda: _goes_on(stop, test), body, (test, body, stop))
        return
    raise ControlFlowError(
        f"a loop has not ended after {_MOST_ROUNDS:,} iterations",
        code="MG-C108",
        where=None if recorder is None else recorder.here(),
        hint="let its condition depend on what the loop computes.",
    )


def _error_without_a_first(recorder: Recorder) -> ExportError | None:
    """What is wrong without a first iteration, where that has been seen of the loop that runs."""
    where = recorder.here()
    return None if where is None else branching.strictness(recorder).apart.get(where)


def _goes_on(stop: Thunk, test: Thunk) -> object:
    return branching.both(branching.inverted(stop()), test)


def for_loop(iterable: Iterable[T], body: Callable[[T], object], stop: Thunk) -> None:
    """``for item in iterable: body(item)``, until ``stop()`` holds."""
    iterable = taken(iterable)
    if isinstance(iterable, Chain):
        for part in iterable.parts:
            for_loop(cast("Iterable[T]", part), body, stop)
        return
    recorder = running_recorder()
    unknown = None if recorder is None else unknown_length(iterable)
    if unknown is None:
        _unrolled(recorder, iterable, body, stop)
        return
    assert recorder is not None
    _counted(recorder, unknown, body, stop)


def _unrolled(
    recorder: Recorder | None, iterable: Iterable[T], body: Callable[[T], object], stop: Thunk
) -> None:
    for item in iterable:
        ended = stop()
        question = branching.undecided(recorder, ended)
        if question is None:
            if ended:
                return
            body(item)
        else:
            assert recorder is not None
            # Each side shares the variables of the loop's body: so does a function around it.
            branching.captured_branch(recorder, None, question, _nothing, _Bound(body, item))


def _nothing() -> None:
    return None


class _Bound:
    """``body`` with its argument; looks like a function that closes over the same variables."""

    def __init__(self, body: Callable[[T], object], item: T) -> None:
        self.body, self.item = body, item
        self.__closure__ = getattr(body, "__closure__", None)
        self.__code__ = getattr(body, "__code__", None)

    def __call__(self) -> object:
        return self.body(self.item)


def _counted(
    recorder: Recorder, unknown: Unknown, body: Callable[[Any], object], stop: Thunk
) -> None:
    counter: Counter = [0]
    ends_early = False

    def test() -> object:
        nonlocal ends_early
        more = counter[0] < unknown.length
        ended = stop()
        if ended is False:
            return more
        ends_early = True
        return branching.both(more, lambda: branching.inverted(ended))

    def step() -> None:
        body(unknown.item(counter[0]))
        counter[0] = counter[0] + 1

    def length() -> Number | None:
        return None if ends_early else unknown.length

    functions: tuple[Callable[..., object], ...] = (body, stop)
    if isinstance(unknown, Ordered):
        unknown.take()
        functions += unknown.functions
    try:
        if (first := _error_without_a_first(recorder)) is not None:
            raise first
        _capture(recorder, test, step, functions, counter, length)
    except Exception as error:
        _first_apart(recorder, unknown, test, step, functions, counter, length, error)


def _first_apart(
    recorder: Recorder,
    unknown: Unknown,
    test: Thunk,
    step: Thunk,
    functions: tuple[Callable[..., object], ...],
    counter: Counter,
    length: Callable[[], Number | None],
    error: Exception,
) -> None:
    """The first iterations by themselves, and a loop of the others: a state may begin as None, say.

    More than one where a container is what differs: a short queue is full after some.

    Raises:
        Exception: ``error``, where that is no help.
    """
    count = expression_of(unknown.length)
    symbols = recorder.sizes.env.symbols
    if isinstance(count, Expr) and any(symbols[a.name].is_unbacked for a in count.symbols()):
        raise error  # whether there is a first one is only known when the program runs
    last = error
    for apart in range(1, _MOST_APART + 1):
        if recorder.context.pending is last:
            recorder.context.pending = None
        is_done = False
        try:
            if unknown.length < apart:
                return  # all iterations were by themselves: asked as a question of the program
            step()
            is_done = True
            _capture(recorder, test, step, functions, counter, length)
            return
        except branching.HeldElsewhereError:
            break
        except Exception as further:
            # An iteration that could not be made to its end is not behind the program.
            if not is_done or getattr(further, "code", None) != "MG-C114":
                raise error from None
            last = further
    raise error from None


# Capturing -----------------------------------------------------------------------------------


class _Start:
    """What a loop starts from: the keys of the state that goes round, and their values."""

    def __init__(self, keys: list[Key], names: list[str], values: list[object]) -> None:
        self.keys = keys
        self.names: list[str] = []
        self.leaves: list[object] = []
        self.structures: list[Structure] = []
        for name, value in zip(names, values, strict=True):
            leaves, structure = _flattened(value)
            self.structures.append(structure)
            self.leaves += leaves
            self.names += [name] * len(leaves)

    def values(self, leaves: Sequence[object]) -> list[object]:
        """Values from leaves in a row."""
        return rebuilt(self.structures, leaves)


def _flattened(value: object) -> tuple[list[object], Structure]:
    if value is UNDEFINED:
        return [value], LEAF
    try:
        return flatten(value)
    except PythonFeatureError:
        return [value], LEAF


class _More(BaseException):
    """The body changes more than what goes round so far."""


def _capture(
    recorder: Recorder,
    test: Thunk,
    body: Thunk,
    functions: tuple[Callable[..., object], ...],
    counter: Counter | None = None,
    length: Callable[[], Number | None] = lambda: None,
) -> None:
    """``length``: how many iterations there are, once that is known not to depend on them."""
    attempted(lambda: _capture_with(recorder, test, body, functions, counter, length))


def _capture_with(
    recorder: Recorder,
    test: Thunk,
    body: Thunk,
    functions: tuple[Callable[..., object], ...],
    counter: Counter | None,
    length: Callable[[], Number | None],
) -> None:
    temporary: dict[Key, ControlFlowError] = {}
    known: dict[Key, Group] = {}
    growth: Growth = {}
    for _ in range(30):
        state = State(recorder, functions)
        with without_modes():
            found = _trial(recorder, state, test, body, counter)
        known = {k: g for k, g in known.items() if state.has(k)} | found
        grown = _grown_list(state, found)
        if grown is not None:
            branching.grow(recorder, state, grown, found[grown])
            continue
        turned = _turned_into_rows(recorder, state, found)
        if turned is not None:
            what, made = turned
            if isinstance(what, Variable) and not _is_another(state.before(what)[1], found[what]):
                # It is appended to, as it is.
                branching.exchange(recorder, state, Items(id(state.before(what)[1])), made)
            else:
                state.set(what, made)
            continue
        _carry_what_is_returned(recorder, state, known)
        defined = [key for key in known if state.before(key)[1] is not UNDEFINED]
        keys = [key for key in defined if key not in temporary]
        names = [state.before(key)[0] for key in keys]
        start = _Start(keys, names, [state.before(key)[1] for key in keys])
        if counter is not None:
            start.names.append("i")
            start.leaves.append(counter[0])
            start.structures.append(LEAF)
        try:
            with without_modes():
                growth.clear()
                final = _run(
                    recorder, state, start, test, body, counter, set(temporary), known, growth
                )
        except _More:
            continue
        except NameError as unknown:  # what is no one thing is read before it is made
            found_name = re.search(r"'(\w+)'", str(unknown))
            name = None if found_name is None else found_name[1]
            why = [reason for k, reason in temporary.items() if state.before(k)[0] == name]
            if not why:
                raise
            raise why[0] from None
        except Mismatch as mismatch:
            error = explain(mismatch, ("before", "after"), recorder)
            key = next((k for k in keys if state.before(k)[0] == mismatch.name), None)
            if not isinstance(key, Variable) or state.before(key)[1] is None:
                raise error from None
            temporary[key] = error
            continue
        first, before = 0 if counter is None else counter[0], _sizes_of_lists(recorder, state)
        _leave(recorder, state, start, final, known, temporary, counter)
        count = length()
        if count is not None and isinstance(first, int):
            _tell_sizes(recorder, state, before, growth, first, recorder.size_of(count))
        return
    raise ControlFlowError(
        "what the loop changes is more in each iteration",
        code="MG-C107",
        where=recorder.here(),
        hint="let the loop work on a fixed set of variables.",
    )


def _trial(
    recorder: Recorder, state: State, test: Thunk, body: Thunk, counter: Counter | None
) -> dict[Key, Group]:
    """One iteration on trial: what it changes."""
    region = Region(recorder, "an iteration on trial")
    recorder.emission.has_regions = True
    symbols = len(recorder.sizes.env.symbols)
    before = 0 if counter is None else counter[0]
    try:
        with region.capturing():
            if counter is not None:
                symbol = recorder.sizes.fresh("i", before if isinstance(before, int) else 0)
                counter[0] = region.number(symbol, "i")
            try:
                with recorder:
                    holds = test()
                    if isinstance(holds, torch.SymBool):
                        recorder.sizes.env.assume(expression_of(holds))
                    body()
                return {k: group(region, *pair) for k, pair in state.changed().items()}
            finally:
                state.restore()
                if counter is not None:
                    counter[0] = before
    finally:
        region.abandon()
        give_up(recorder.sizes.env, symbols)


def _grown_list(state: State, found: dict[Key, Group]) -> Items | None:
    for key, after in found.items():
        if not isinstance(key, Items) or not state.holders_of(key):
            continue
        if after.length != len(state.items_before(key)):
            return key
    return None


def _turned_into_rows(
    recorder: Recorder, state: State, found: dict[Key, Group]
) -> tuple[Key, Rows | Records | Pieces] | None:
    """A list that a branch in the body has made one of unknown length: so before the loop.

    Or one that is joined with others: ``rows = rows + [row]``.
    """
    for key, after in found.items():
        before = state.before(key)[1]
        if _is_another(before, after):
            made = rows_like(recorder, before, after, after.name)  # type: ignore[arg-type]
            if isinstance(before, tuple):
                made.stands_for = tuple
            return key, made
        if not isinstance(before, list) or after.structure.kind is not Rows:
            continue
        tensor = next(one.value for one in after.found if one.value is not None)
        kind = next(one.content for one in after.found if isinstance(one.content, str))
        sample = Found(_NOTHING.get(kind))
        if kind == "tensor":
            spec = tensor.spec.with_layout(tensor.spec.shape[1:], tensor.spec.strides[1:])
            sample = Found(None, Value(tensor.node, spec, recorder))
        group_of_one = Group(after.name, LEAF, [sample])
        return key, rows_like(recorder, before, group_of_one, after.name)
    return None


def _is_another(before: object, after: Group) -> bool:
    """Whether it is a longer list now, or tuple, of tensors and numbers."""
    kind = type(before)
    if kind not in (list, tuple) or after.structure.kind is not kind:
        return False
    is_flat = all(child.kind is None for child in after.structure.children)
    return is_flat and len(after.found) > len(before)  # type: ignore[arg-type]


def _carry_what_is_returned(recorder: Recorder, state: State, known: dict[Key, Group]) -> None:
    """A value that the loop may return has to be something before it does: zeros."""
    for key, after in known.items():
        if not isinstance(key, Variable) or not key.name.startswith(RETURNED):
            continue
        if state.before(key)[1] is not UNDEFINED:
            continue
        leaves: list[object] = []
        for one in after.found:
            if one.value is not None:
                sizes = [s for s in one.value.spec.shape if isinstance(s, Expr)]
                names = {a.name for s in sizes for a in s.symbols()}
                if any(recorder.sizes.env.symbols[n].is_given_up for n in names):
                    raise ControlFlowError(
                        "a loop returns a tensor whose size depends on the iteration",
                        code="MG-C107",
                        where=recorder.here(),
                        hint="assign it to a variable that has a value before the loop.",
                    )
                with without_modes():
                    leaves.append(zeros(recorder, one.value.spec))
            elif one.kind() == "other":
                leaves.append(one.content)
            else:
                leaves.append(_NOTHING[one.kind()])
        value = unflatten(after.structure, leaves)
        state.variables[key.name] = value
        state.set(key, value)


def _run(
    recorder: Recorder,
    state: State,
    start: _Start,
    test: Thunk,
    body: Thunk,
    counter: Counter | None,
    temporary: set[Key],
    known: dict[Key, Group],
    growth: Growth,
) -> list[object]:
    def enter(leaves: Sequence[object]) -> None:
        values = start.values(leaves)
        if counter is not None:
            counter[0] = _number(values.pop())
        for key, value in zip(start.keys, values, strict=True):
            state.set(key, value)
        for key in temporary:
            state.set(key, UNDEFINED)

    first = 0 if counter is None else counter[0]

    def leave() -> None:
        state.restore()
        if counter is not None:
            counter[0] = first

    def check(leaves: Sequence[object]) -> object:
        try:
            enter(leaves)
            with recorder:
                return test()
        finally:
            leave()

    def iterate(leaves: Sequence[object]) -> list[tuple[Structure, list[object]]]:
        try:
            enter(leaves)
            index = None if counter is None else expression_of(counter[0])
            sizes = _sizes_of_lists(recorder, state)
            with recorder:
                body()
            if isinstance(index, Expr):
                for name, size in _sizes_of_lists(recorder, state).items():
                    added = recorder.sizes.env.scope.normal(size - sizes.get(name, 0))
                    growth[name] = index, added
            changed = state.changed()
            new = [k for k in changed if k not in known]
            if new:
                for key in new:
                    known[key] = Group(changed[key][0], LEAF, [])
                raise _More
            found = [_flattened(changed.get(key, state.before(key))[1]) for key in start.keys]
            if counter is not None:
                found.append(([counter[0]], LEAF))
            return [(structure, list(leaves)) for leaves, structure in found]
        finally:
            leave()

    return loop(
        recorder,
        start.names,
        start.leaves,
        start.structures,
        check,
        iterate,
        is_counted=counter is not None,
    )


def _sizes_of_lists(recorder: Recorder, state: State) -> dict[str, Int]:
    """By what holds it, the number of rows of a list, or what its pieces come to."""
    found: dict[str, Int] = {}
    for name, value in state.things():
        if isinstance(value, Pieces):
            found[name] = recorder.size_of(value.tensor.shape[value.dim])
        elif isinstance(value, (Places, PlacesOfTuples)):
            found[name] = recorder.size_of(value.length())
        elif isinstance(value, Rows):
            found[name] = recorder.size_of(value.tensor.shape[0])
        elif isinstance(value, Records):
            found |= {
                f"{name} {i}": recorder.size_of(rows.tensor.shape[0])
                for i, rows in enumerate(value.rows)
            }
    return found


def _tell_sizes(
    recorder: Recorder,
    state: State,
    before: dict[str, Int],
    growth: Growth,
    first: int,
    length: Int,
) -> None:
    """Say how large lists are, where each iteration appends what is told by its number.

    A row in each is as many rows as there are iterations; pieces of a tensor that was taken apart
    come to the size that it had.
    """
    env = recorder.sizes.env
    length = env.scope.normal(length)
    for name, size in _sizes_of_lists(recorder, state).items():
        if name not in growth or name not in before:
            continue
        index, added = growth[name]
        added = env.scope.normal(added)
        is_constant = isinstance(added, int) or not _unknown_outside(recorder, added)
        if is_constant and env.is_known(not_less(length, first)):
            env.assume(equal(size, before[name] + added * (length - first)))
            continue
        total = sum_over(added, index.atoms()[0], first, length)
        if total is not None:
            env.require(equal(size, before[name] + total), PUT_TOGETHER)


def _unknown_outside(recorder: Recorder, size: Expr) -> bool:
    """Whether ``size`` depends on an iteration: on its number, or on what is computed in it."""
    return any(atom.name not in recorder.sizes.bindings for atom in size.symbols())


def _leave(
    recorder: Recorder,
    state: State,
    start: _Start,
    final: list[object],
    known: dict[Key, Group],
    temporary: dict[Key, ControlFlowError],
    counter: Counter | None,
) -> None:
    """After the loop: the final state; what only iterations had is gone.

    Raises:
        ControlFlowError: MG-C112, for what is no variable; then all is as before the loop.
    """
    where = recorder.here()
    gone: dict[Variable, tuple[ControlFlowError, SourceLine | None]] = {}
    for key in known:
        if key in start.keys:
            continue
        name = state.before(key)[0]
        error, loop = temporary.get(key), None
        if error is None:
            error = ControlFlowError(
                f"{name} is assigned in a loop that may not run at all",
                code="MG-C112",
                where=where,
                hint=f"define {name} before the loop.",
            )
            loop = where
        if not isinstance(key, Variable):
            raise error
        gone[key] = error, loop
    values = start.values(final)
    if counter is not None:
        counter[0] = _number(values.pop())
    for key, value in zip(start.keys, values, strict=True):
        state.set(key, value)
    for variable, (error, loop) in gone.items():
        state.set(variable, UNDEFINED)
        branching.strictness(recorder).forbid(variable.name, None, error, loop)


def _number(value: object) -> Number:
    assert isinstance(value, (int, torch.SymInt))
    return value
