"""Calls of a program in a row: what one call leaves behind, and whether the next one reads it.

A capture sees one call. Where that has left something behind that is no state of the graph (an
attribute that was None, a table, a flag, a number), the next call is captured too, from there:

- what it leaves as it is was initialisation: the program starts from it;
- numbers that have changed again enter the graph, and are state;
- what is written again before anybody reads it is no state at all.

The first call must be the same program as that of the next one, with what it has made in place of
what is found there; else it is another program, and refused. See docs/notes/0023.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from monograph.capture.aliasing import overlaps_itself
from monograph.capture.kept import side_effect
from monograph.capture.python.saved import MISSING, Change
from monograph.capture.session import Captured, trim
from monograph.capture.start import (
    NUMBERS,
    Counted,
    Leaving,
    Left,
    Place,
    StandIn,
    Start,
    leaf_pairs,
)
from monograph.diagnostics import ExportError, MonographError, MutationError
from monograph.ir.operators import draws
from monograph.ir.spec import spec_of
from monograph.shapes.expr import Expr
from monograph.shapes.questions import holds, text_of
from monograph.torch_internals import without_modes

if TYPE_CHECKING:
    from monograph.constraints.tables import Tables

__all__ = ["Calls"]

Capture = Callable[[Start], Captured]
aten = torch.ops.aten
# Factors and summands that make other sizes of the example's; a smaller one if it is too large.
_OTHER_SIZES = (((1, 1),), ((7, 10), (3, 5), (2, 3)))
_SMALLER = ((1, -2),)
_ONCE = "call the program once before it is exported: the export starts from what it has then."
_UNWRITTEN = (
    "{} is written while the program runs, and each call writes what it reads of it: the exported "
    "program keeps nothing there"
)
# Operators that look at the form of their argument only.
_OF_FORMS = frozenset({
    aten.zeros_like.default, aten.ones_like.default, aten.full_like.default,
    aten.empty_like.default, aten.new_zeros.default, aten.new_ones.default, aten.new_full.default,
    aten.new_empty.default,
})  # fmt: skip
# The values of the first argument, in the form of the second.
_AS_ANOTHER = frozenset({
    aten.type_as.default, aten.to.other, aten.expand_as.default, aten.view_as.default,
    aten.reshape_as.default,
})  # fmt: skip


def _is_same(
    first: Captured,
    second: Captured,
    sizes: Mapping[str, float] | None = None,
    found: Mapping[Node, Node] | None = None,
    apart: Collection[str] = (),
    tables: tuple[Tables, Tables] | None = None,
) -> bool:
    """Whether they are one program: asked of those that leave something behind, and loaded then."""
    from monograph.constraints.same_program import is_same_program

    return is_same_program(first, second, sizes, found=found, apart=apart, tables=tables)


class Calls:
    """From where a program starts: found at the first capture, and kept for those after it."""

    def __init__(self) -> None:
        self._start: Start | None = None
        self._settled: set[Place] = set()  # what calls may leave behind
        self._notes: list[tuple[str, str]] = []
        self._fill: Callable[[Iterable[StandIn]], bool] | None = None
        self._unwritten: list[str] = []
        self._places: set[Place] | None = None  # that calls which write memory leave changed

    def captured(self, capture: Capture) -> Captured:
        """The program that all calls are.

        Raises:
            MutationError: what goes on changing and cannot be state.
        """
        start = self._start
        found = self._find(capture) if start is None else self._again(capture, start)
        found.leaving = None
        for kind, text in [*self._notes, *map(_note, found.dropped)]:
            found.recorder.assume(kind, text)
        found.dropped = []
        return found

    def _find(self, capture: Capture) -> Captured:
        first = capture(Start())
        if first.leaving is None:
            self._start = Start()
            return first
        self._agree_in_places(first, first.leaving)
        calls = _Two(first, first.leaving, capture)
        found = calls.program()
        self._start, self._notes, self._settled = calls.start, calls.notes, calls.settled
        self._fill, self._unwritten = calls.fill, calls.unwritten
        return found

    def _again(self, capture: Capture, start: Start) -> Captured:
        """A later capture, of other sizes: it may leave behind what the first one has not.

        A table that an earlier call has made for the example is one that others are made beside.
        """
        found = self._with_values(capture, start)
        if found.leaving is None:
            return found
        new = [left for left in found.leaving.lefts if left.place not in self._settled]
        is_kept = not {o.target for o in found.mutations}.isdisjoint(self._unwritten)
        if not new and not is_kept:
            trim(found.recorder)
            return found
        self._agree_in_places(found, found.leaving)
        if start.contents or start.counted:
            raise _goes_on(new[0])
        calls = _Two(found, found.leaving, capture)
        program = calls.program()
        if program is not found:  # it would have to start from what such a call leaves
            raise _goes_on((new or found.leaving.lefts)[0])
        for kind, text in calls.notes:
            found.recorder.assume(kind, text)
        return found

    def _agree_in_places(self, found: Captured, leaving: Leaving) -> None:
        """Calls that write memory, and leave other places changed, are no calls of one table.

        Each is seen after others like itself, and not after these.
        """
        if not found.mutations:
            return
        places = {left.place for left in leaving.lefts}
        if self._places is None:
            self._places = places
        elif places != self._places:
            raise _goes_on(leaving.lefts[0])

    def _with_values(self, capture: Capture, start: Start) -> Captured:
        """A capture that finds what the first call has made, and may be the first to read it."""
        found = capture(start)
        late = [each for each in _used(start, found, held=True) if not each.is_filled]
        if not late:
            return found
        if self._fill is None or not self._fill(late):
            raise MutationError(
                "for other sizes the program reads what the first call has left, whose values "
                "cannot be computed while exporting",
                code="MG-M107",
                hint=_ONCE,
            )
        return self._with_values(capture, start)  # they may have told the way


def _goes_on(left: Left) -> MutationError:
    return side_effect(left.change.path, left.change.field, None, change=left.change)


def _note(change: Change) -> tuple[str, str]:
    kind = change.field if change.field in ("global", "closure", "class") else "attribute"
    return kind, (
        f"{change.path} is assigned while the program runs, which changes nothing of what a call "
        "computes: the exported program does not assign it"
    )


class _Two:
    """A program's first call, and the next one.

    ``start``: from where the program starts that ``program`` returns; ``settled``: the places that
    it may leave changed, ``notes``: what is to be said of them.
    """

    def __init__(self, first: Captured, leaving: Leaving, capture: Capture) -> None:
        self.first = first
        self.leaving = leaving
        self.capture = capture
        self.start = Start()
        self.settled = {left.place for left in leaving.lefts}
        self.notes: list[tuple[str, str]] = []
        self.unwritten: list[str] = []  # memory that the program does not keep anything in
        self._values: dict[int, torch.Tensor | None] = {}

    def program(self) -> Captured:
        """The program that both calls are."""
        try:
            start, second = self._next()
        except MonographError:
            raise
        except Exception as error:
            raise MutationError(
                f"a second call of the program raises {type(error).__name__}: {error}",
                code="MG-M107",
                hint="let each call leave the program as it was.",
                change=self.leaving.lefts[0].change,
            ) from error
        changing = list(second.leaving.lefts) if second.leaving is not None else []
        for left in changing:
            self._refuse_unless_unread(left)
        self.settled |= {left.place for left in changing}
        used = _used(start, second)
        held = _used(start, second, held=True)
        for stand_in in held:
            self._value(stand_in)
        is_free = all(map(self._is_made_of_sizes, used))
        is_shared = any(stand_in.shares for stand_in in used)
        trim(self.first.recorder)
        varies = any(left.varies for left in self.leaving.lefts)
        narrows = _relied_on(second) - _relied_on(self.first)
        is_plain = not second.numbers and not narrows and _is_same(self.first, second)
        if is_plain and (not varies or self._holds_for_other_sizes()):
            return self._as_first()
        is_continued = self._is_only_counting(start) or self._continues(start, second)
        is_made_anew = is_continued and is_free and not second.numbers
        if is_made_anew and (is_shared or (varies and self._holds_for_other_sizes())):
            return self._as_first()
        if self.first.mutations and is_free and not is_shared and self._is_kept_anew(used, second):
            return self._as_first()
        if second.mutations and any(left.varies for left in changing):
            raise self._other_program()  # the call after one of other sizes is another one again
        if not is_shared and self.fill(held) and (is_continued or self._agrees(second)):
            return self._as_second(start, second, {left.place for left in changing})
        raise self._other_program()

    # The second call -------------------------------------------------------------------------

    def _next(self) -> tuple[Start, Captured]:
        start = self.leaving.next_start(self.leaving.sizes)
        try:
            second = self.capture(start)
            is_steered = any(
                origin.read_at is not None and id(origin.tensor) in start.stand_ins
                for origin in second.recorder.entrance.origins
            )
        except Exception:
            if not start.stand_ins or not self.fill(start.stand_ins.values()):
                raise
            is_steered = True
        if is_steered:  # by values that were not known yet
            self.fill(start.stand_ins.values())
            second = self.capture(start)
        if second.leaving is not None:
            trim(second.recorder)
            counted = list(self._counting(second.leaving))
            if counted:
                start, second = self._with_numbers(start, second, counted)
        return start, second

    def _counting(self, leaving: Leaving) -> Iterator[tuple[Left, Counted]]:
        """Numbers that the second call has changed as well."""
        for left in leaving.lefts:
            change = left.change
            pairs = leaf_pairs(change.old, change.new)
            if not pairs or not _are_numbers(change.old):
                continue
            given = self.leaving.given(left)
            is_known = _are_numbers(given) and leaf_pairs(given, change.old) is not None
            value = given if is_known else change.old
            yield (
                left,
                Counted(left.saved, change.key, change.path, change.field, value, is_known),
            )

    def _with_numbers(
        self, start: Start, second: Captured, counted: list[tuple[Left, Counted]]
    ) -> tuple[Start, Captured]:
        """The second call again, with the numbers as state."""
        known = {id(saved.container) for saved in start.before}
        before = [*start.before]
        before += [left.saved for left, _ in counted if id(left.saved.container) not in known]
        numbers = Start(start.contents, before, [each for _, each in counted], start.stand_ins)
        try:
            third = self.capture(numbers)
        except ExportError as error:
            if all(left.varies for left, _ in counted):
                return start, second
            left = self._first_of(counted[0][0])
            raise side_effect(
                left.change.path,
                left.change.field,
                error.where,
                why="is another number at each call, and the program needs to know which",
            ) from error
        if third.leaving is not None:
            trim(third.recorder)
        self.settled |= {left.place for left, _ in counted}
        return numbers, third

    def _first_of(self, left: Left) -> Left:
        """What the first call has left in the same container, whose line can be found."""
        mine = [one for one in self.leaving.lefts if one.saved.container is left.saved.container]
        same = [one for one in mine if one.place == left.place]
        return next(iter([*same, *mine]), left)

    def _refuse_unless_unread(self, left: Left) -> None:
        if left.forms is not None and left.is_read:
            before, after = self._first_of(left).forms or left.forms
            raise MutationError(
                f"{left.change.path} is {before} before the call and {after} after it",
                code="MG-M103",
                hint="keep the state at one shape (write into a slice of a larger tensor), or "
                "pass it in and return it.",
                change=self._first_of(left).change,
            )
        if left.varies and not left.is_read:
            pairs = leaf_pairs(left.change.old, left.change.new)
            if pairs is not None:
                return  # other sizes at each call; see whether they matter
        raise _goes_on(self._first_of(left))

    # Whether both are one program -------------------------------------------------------------

    def _is_only_counting(self, start: Start) -> bool:
        """Whether the program starts from what the user has, but for numbers that are lifted."""
        return bool(start.counted) and all(start.counts(left.place) for left in self.leaving.lefts)

    def _continues(self, start: Start, second: Captured) -> bool:
        """Whether the second call, with what the first has made, is the first."""
        origins = second.recorder.entrance.origins
        found = {
            origin.node: start.stand_ins[id(origin.tensor)].node
            for origin in origins
            if id(origin.tensor) in start.stand_ins
        }
        sizes = {**self.leaving.sizes, **second.numbers}
        return _is_same(self.first, second, sizes, found=found, apart=second.counted)

    def _agrees(self, second: Captured) -> bool:
        """Whether both calls give the same for the example, bit by bit, though not by one way."""
        calls = (self.first, second)
        if second.numbers or _form_of(self.first) != _form_of(second):
            return False
        results = [captured.graph.output_node().args[0] for captured in calls]
        assert isinstance(results[0], tuple)
        assert isinstance(results[1], tuple)
        with without_modes(), torch.no_grad():
            for pair in zip(*results, strict=True):
                one, other = (
                    captured.recorder.knowledge.example(node) if isinstance(node, Node) else node
                    for captured, node in zip(calls, pair, strict=True)
                )
                if one is None and isinstance(pair[0], Node):
                    return False  # chance, or no values
                if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
                    if one.dtype != other.dtype or not torch.equal(one, other):
                        return False
                elif one != other:
                    return False
        return True

    def _is_made_of_sizes(self, stand_in: StandIn) -> bool:
        """Whether it is the same whatever the values of the arguments are, and at every call."""
        origins = {origin.node: origin for origin in self.first.recorder.entrance.origins}
        stack, seen = [stand_in.node], {stand_in.node}
        while stack:
            node = stack.pop()
            if isinstance(node.meta.get("val"), Expr) or node.target in _OF_FORMS:
                continue
            if node.op == "placeholder":
                origin = origins.get(node)
                if origin is None or origin.kind == "input" or origin.mutated:
                    return False
            if draws(node):
                return False
            sources = node.args[:1] if node.target in _AS_ANOTHER else node.all_input_nodes
            new = [each for each in sources if isinstance(each, Node) and each not in seen]
            seen.update(new)
            stack += new
        return True

    def _holds_for_other_sizes(self) -> bool:
        """Whether the first call is also what comes after a call with other sizes."""
        return all(map(self._holds_after_one, _OTHER_SIZES))

    def _holds_after_one(self, ways: Iterable[tuple[int, int]]) -> bool:
        """The first of these other sizes is tried for which the memory will do.

        Those that the first call holds for come before the others.
        """
        guards = self.first.recorder.sizes.env.guards

        def is_outside(sizes: Mapping[str, float]) -> bool:
            return not all(holds(g.test, sizes) for g in guards if sizes.keys() >= set(g.symbols))

        others = [_other_sizes(self.first, self.leaving, *way) for way in ways]
        for sizes in sorted(others, key=is_outside):
            with contextlib.suppress(MemoryError):
                return self._holds_after(sizes)
        return False

    def _holds_after(self, sizes: Mapping[str, float]) -> bool:
        start = self.leaving.next_start(sizes)
        try:
            other = self.capture(start)
        except ExportError:
            return False
        lefts = other.leaving.lefts if other.leaving is not None else []
        trim(other.recorder)
        if not {left.place for left in lefts} <= self.settled:
            return False
        used = _used(start, other)
        if not used and _is_same(self.first, other):
            return True
        return self._is_same_with(used, sizes, other)

    def _is_same_with(
        self, used: Iterable[StandIn], sizes: Mapping[str, float], other: Captured
    ) -> bool:
        """Whether ``other`` reads from larger tables, that ``sizes`` make, what the first makes."""
        from monograph.constraints.tables import Tables

        larger = Tables(self.first, sizes)
        nodes = {id(o.tensor): o.node for o in other.recorder.entrance.origins}
        given: dict[Node, torch.Tensor] = {}
        for each in used:
            found = larger.value(each.node)
            if not isinstance(found, torch.Tensor):
                return False
            given[nodes[id(each.tensor)]] = found
        now = self.leaving.sizes
        tables = Tables(self.first, now), Tables(other, now, given)
        if used and _is_same(self.first, other, now, tables=tables):
            return True
        if not self.first.mutations:
            return False
        from monograph.constraints.kept_tables import is_kept_anew, memory_after

        return is_kept_anew(self.first, other, now, memory_after(self.first, sizes), given)

    def _is_kept_anew(self, used: Iterable[StandIn], second: Captured) -> bool:
        """Whether each call writes and uses what would be found, in memory that stays."""
        if second.numbers or not self._is_same_with(used, self.leaving.sizes, second):
            return False
        return self._holds_for_other_sizes() and self._holds_after_one(_SMALLER)

    # The program ------------------------------------------------------------------------------

    def _as_first(self) -> Captured:
        """The program starts from what the user has: nothing of what it leaves matters."""
        self.notes = [_note(left.change) for left in self.leaving.lefts]
        if self.first.mutations:
            from monograph.constraints.kept_tables import leave_unwritten

            self.unwritten = leave_unwritten(self.first, self.leaving.sizes)
            self.notes += [("attribute", _UNWRITTEN.format(path)) for path in self.unwritten]
        return self.first

    def _as_second(self, start: Start, second: Captured, changing: Collection[Place]) -> Captured:
        """The program starts from what the first call has left."""
        self.start = start
        for left in self.leaving.lefts:
            if start.counts(left.place):
                continue
            if left.place in changing:
                self.notes.append(_note(left.change))
                continue
            self.notes.append((
                "settled",
                f"{left.change.path} is what the first call has made of it, as in eager mode "
                "after a call with the example: the program starts from there",
            ))  # fmt: skip
        return second

    def _value(self, stand_in: StandIn) -> torch.Tensor | None:
        """What the first call gives; None where that cannot be computed while exporting."""
        key = id(stand_in.tensor)
        if key not in self._values:
            try:
                with without_modes(), torch.no_grad():
                    found = self.first.recorder.knowledge.example(stand_in.node)
            except Exception:  # an example without values, an operator that refuses them
                found = None
            self._values[key] = found if isinstance(found, torch.Tensor) else None
        return self._values[key]

    def fill(self, stand_ins: Iterable[StandIn]) -> bool:
        """Give stand-ins their values; False where some have none."""
        for stand_in in stand_ins:
            if stand_in.is_filled:
                continue
            found = self._value(stand_in)
            if found is None or found.shape != stand_in.tensor.shape:
                return False
            if overlaps_itself(spec_of(stand_in.tensor)):  # no call could write it
                return False
            with without_modes(), torch.no_grad():
                stand_in.tensor.data.copy_(found)
            stand_in.is_filled = True
        return True

    def _other_program(self) -> MutationError:
        left = self.leaving.lefts[0]
        return MutationError(
            f"{left.change.path} is set by the first call, which is another program than the calls "
            "after it",
            code="MG-M107",
            hint=_ONCE,
            change=left.change,
        )


def _are_numbers(value: object) -> bool:
    """Whether it is a number, or a tuple of them."""
    items = value if isinstance(value, tuple) else (value,)
    return bool(items) and value is not MISSING and all(type(item) in NUMBERS for item in items)


def _used(start: Start, captured: Captured, *, held: bool = False) -> list[StandIn]:
    """The stand-ins whose values the program computes with; ``held``: and those in buffers."""
    return [
        start.stand_ins[id(origin.tensor)]
        for origin in captured.recorder.entrance.origins
        if id(origin.tensor) in start.stand_ins
        and (
            origin.node.users or origin.read_at is not None or (held and origin.kind != "constant")
        )
    ]


def _form_of(captured: Captured) -> tuple[object, ...]:
    targets = [(origin.kind, origin.target) for origin in captured.mutations]
    aliases = [output.alias for output in captured.outputs]
    return targets, aliases, captured.output_structure


def _relied_on(captured: Captured) -> set[str]:
    return {text_of(guard.test) for guard in captured.recorder.sizes.env.guards}


def _other_sizes(
    captured: Captured, leaving: Leaving, factor: int, summand: int
) -> dict[str, float]:
    """Sizes that another call might have had: all of them others than in the example."""
    symbols = captured.recorder.sizes.env.symbols
    found: dict[str, float] = {}
    for i, (name, hint) in enumerate(leaving.sizes.items()):
        lo, hi = symbols[name].range
        wanted = factor * hint + summand + i
        if hi is not None and wanted > hi:
            wanted = hi if hi != hint else hint - 1
        found[name] = hint if wanted < max(1, lo or 0) else wanted
    return found
