"""The stages of an export: capture, both sides of questions, ranges of sizes, assembly."""

from __future__ import annotations

import contextlib
import operator
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from monograph.assembly import assembled
from monograph.capture.inputs import Root
from monograph.capture.python.frames import caller_line
from monograph.capture.python.saved import Change
from monograph.capture.python.sites import Span
from monograph.capture.session import Captured, capture
from monograph.capture.settling import Unsettled
from monograph.capture.start import Start
from monograph.collection import rarer_collection
from monograph.constraints.between_calls import Calls
from monograph.constraints.one_or_two import Twins
from monograph.control.on_demand import expect_control_flow
from monograph.diagnostics import (
    ControlFlowError,
    ExportError,
    MutationError,
    PythonFeatureError,
    ShapeError,
    SourceLine,
)
from monograph.diagnostics.watching import Watch, current_watch
from monograph.ir.program import Parts
from monograph.shapes.decide import Patience
from monograph.shapes.env import AS_EVER, PUT_TOGETHER, TAKEN_AS_EQUAL, Guard

__all__ = ["exported", "mode_of"]

if TYPE_CHECKING:
    from monograph.source.strict import Strict

expect_control_flow()

Place = tuple[str, Span]  # a file, and where a statement stands in it

_ASSERT = torch.ops.aten._assert_scalar.default
_MOST_SITES = 32  # statements on sizes that are tried as operators
_MOST_ROUNDS = 6  # in which statements are found inside the sides of those before
# What questions about sizes may cost in captures of other sides, and of statements as operators:
# they are for more sizes only, and what takes too long is left. In all, and in one of them.
_MOST_EFFORT, _MOST_EFFORT_EACH = 20_000_000, 8_000_000
_MOST_FAILURES = 6  # of such trials in one export: one statement of 32 that does not fit is found


@rarer_collection()
def exported(
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
    *,
    strict: bool,
    preserved: tuple[str, ...] = (),
    collected: list[ExportError] | None = None,
    is_one_side: bool = False,
) -> Parts:
    """The parts of the program that ``root`` is for these arguments; errors have no advice yet.

    ``collected`` gets the refusals after which the capture goes on with what holds for the example
    inputs. ``is_one_side``: the program may hold for fewer sizes than were declared.
    """
    mode = mode_of(strict)
    watch = current_watch() or Watch()

    calls = Calls()
    first: list[tuple[Captured, dict[str, float] | None]] = []
    refusals: dict[tuple[str, int], str] = {}
    failures: list[str] = []
    patience = Patience(_MOST_EFFORT, _MOST_EFFORT_EACH)
    twins = Twins()
    unsettled = Unsettled()
    ranks = _Ranks(mode)

    def capture_once(
        shapes: object,
        hints: dict[str, float] | None = None,
        turned: frozenset[str] = frozenset(),
        mode: Strict | None = mode,
        first: Captured | None = None,
        patience: Patience | None = None,
        is_for_all: bool = False,
        singles: frozenset[str] = frozenset(),
    ) -> Captured:
        def once(start: Start) -> Captured:
            return capture(
                root,
                args,
                kwargs,
                watched=frozenset(preserved),
                dynamic_shapes=shapes,
                hints=hints,
                strict=mode,
                collected=collected if first is None else None,
                turned=turned,
                start=start,
                first=first,
                patience=patience,
                is_for_all=is_for_all,
                are_two=twins.are_two,
                unsettled=unsettled,
                singles=singles,
                not_single=ranks.known(mode),
            )

        return _without_chance(partial(calls.captured, once), None if collected else mode)

    def attempt(shapes: object) -> Captured:
        def once(hints: dict[str, float] | None, mode: Strict | None = mode) -> Captured:
            return capture_once(shapes, hints, mode=mode)

        def other(hints: dict[str, float] | None, mode: Strict | None = mode) -> Captured:
            return capture_once(shapes, hints, mode=mode, patience=patience)

        def follow(first: Captured) -> Captured:
            return capture_once(shapes, mode=None, first=first)  # nothing new is converted

        is_by_example = strict or collected is not None
        for_all = partial(
            _captured_for_all, root, args, kwargs, None if is_by_example else shapes, capture_once
        )
        with watch.during("capture"):
            captured, hints = for_all(mode) or (_begun(partial(once, None), mode), None)
        captured = ranks.asserted(
            captured, lambda singles: capture_once(shapes, hints, singles=singles)
        )
        first.append((captured, hints))
        with watch.during("both sides of questions"):
            captured = _settled(captured, other, None if strict or collected else follow)
        audited = mode if mode is not None and mode.audits else None
        if not _narrowing(captured, audited is not None):
            return captured
        widening = audited or _widening()

        def again() -> Captured:
            found, _ = for_all(widening) or (other(None, widening), None)
            return _settled(found, lambda hints: other(hints, widening))

        with watch.during("branches on sizes"):
            captured = _widened(captured, widening, again, failures)
        refusals.update(widening.refusals)
        return captured

    try:
        captured = twins.attempted(partial(attempt, shapes), first)
    except (ShapeError, PythonFeatureError) as error:
        error.where = error.where or caller_line()
        raise
    except MutationError as error:
        if error.where is None and isinstance(error.change, Change):
            error.where = _line_of(error.change, strict, root, args, kwargs, shapes)
        raise
    if os.environ.get("MONOGRAPH_REPEAT") == "1":
        from monograph.constraints.same_program import refuse_difference

        refuse_difference(captured, attempt(shapes))
    if collected is None:
        with watch.during("order of keys"):
            begun, hints = first[0]
            _note_order(captured, begun, lambda turned: capture_once(shapes, hints, turned))
    if not is_one_side:
        with watch.during("ranges of sizes"):
            _refuse_violations(captured, shapes, attempt, refusals)
    with watch.during("assembly"):
        return assembled(captured, (args, kwargs), preserved)


class _Ranks:
    """Which numbers at run time are asserted to be other ones than 1 (``constraints/ranks.py``)."""

    def __init__(self, mode: Strict | None) -> None:
        self._mode = mode
        self._matter: dict[str, bool] | None = None  # None: it is to be found out

    def known(self, mode: Strict | None) -> dict[str, bool] | None:
        """Of a capture in this mode: where other statements are converted, all are asserted."""
        return self._matter if mode is None or mode is self._mode else {}

    def asserted(
        self, captured: Captured, attempt: Callable[[frozenset[str]], Captured]
    ) -> Captured:
        """``captured``, with the assertions that it needs; ``attempt`` takes numbers for 1."""
        if not captured.recorder.sizes.env.not_single:
            return captured
        from monograph.constraints.ranks import which_matter

        self._matter = which_matter(captured, attempt)
        return attempt(frozenset()) if any(self._matter.values()) else captured


def mode_of(strict: bool) -> Strict | None:
    """What reads the program's source, where something does; it is loaded then."""
    if strict:
        from monograph.source.strict import Strict

        return Strict()
    marks = sys.modules.get("monograph.source.convert")
    if marks is not None and marks.is_used():
        from monograph.source.modes import Converting

        return Converting()
    return None


def _begun(attempt: Callable[[], Captured], mode: Strict | None) -> Captured:
    """The first capture; what other exports have lowered need not fit this program."""
    try:
        return attempt()
    except ExportError as error:
        if mode is None or not mode.begins_anew(error):
            raise
        return attempt()


def _without_chance(attempt: Callable[[], Captured], mode: Strict | None) -> Captured:
    """What ``attempt`` captures; in strict mode, chance must be of no matter to it.

    What is refused cannot be captured with other luck: the time or an identity that it has asked
    for, before, is what is told.
    """
    try:
        captured = attempt()
    except ExportError:
        chances = {} if mode is None else mode.chances.found
        for place, chance in chances.items():
            if not chance.is_set:
                raise chance.refusal(place) from None
        raise
    if mode is not None and mode.chances.found:
        from monograph.constraints.chance import require_no_chance

        require_no_chance(captured, mode.chances, attempt)
    return captured


def _widening() -> Strict:
    """What reads the source of branches that have narrowed the sizes."""
    from monograph.source.modes import Widening

    return Widening()


def _settled(
    captured: Captured,
    attempt: Callable[[dict[str, float]], Captured],
    follow: Callable[[Captured], Captured] | None = None,
) -> Captured:
    """``captured``, or the capture of another side of its questions, where it has asked any."""
    if not captured.recorder.sizes.env.guards:
        return captured
    from monograph.constraints.both_sides import settle

    return settle(captured, attempt, follow)


def _note_order(
    captured: Captured, begun: Captured, attempt: Callable[[frozenset[str]], Captured]
) -> None:
    """Note which dictionaries must have their keys in order, where there are any."""
    if begun.arguments.dictionaries(begun.root.signature):
        from monograph.constraints.key_order import note_order

        note_order(captured, begun, attempt)


def _refuse_violations(
    captured: Captured,
    shapes: object,
    attempt: Callable[[object], Captured],
    refusals: dict[tuple[str, int], str],
) -> None:
    """Raise where the capture is narrower than what was declared, where anything was."""
    if not captured.declared:
        captured.recorder.sizes.env.summarise()
        return
    from monograph.constraints.violations import refuse_violations

    refuse_violations(captured, shapes, attempt, refusals)


def _captured_for_all(
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
    capture_once: Callable[..., Captured],
    mode: Strict | None,
) -> tuple[Captured, dict[str, float]] | None:
    """The capture with usual sizes in place of each 1 that varies, if it holds for all sizes."""
    if shapes is None:
        return None
    from monograph.constraints.usual_sizes import captured_for_all

    patience = Patience(_MOST_EFFORT_EACH, _MOST_EFFORT_EACH)
    attempt = partial(capture_once, shapes, mode=mode, patience=patience, is_for_all=True)
    return captured_for_all(root, args, kwargs, shapes, attempt)


def _narrowing(captured: Captured, is_audited: bool) -> list[Guard]:
    """The guards that exclude sizes which are to be in: in strict mode, all that exclude any."""
    declared, env = captured.declared, captured.recorder.sizes.env
    varying = {name for name, d in declared.items() if is_audited or d.kind != "AUTO"}
    return [
        guard
        for guard in env.guards
        if guard.is_narrowing
        and guard.kind != "precondition"
        and varying & env.sizes_behind(guard.symbols)
    ]


def _widened(
    captured: Captured, mode: Strict, again: Callable[[], Captured], failures: list[str]
) -> Captured:
    """Where a branch or a loop has narrowed the sizes, both its sides as operators, if they fit.

    ``failures``: what has stood against that in this export, whatever sizes it was tried with.
    """
    for _ in range(_MOST_ROUNDS):
        places = mode.open_places(_narrowing(captured, mode.audits))
        if not places or len(failures) >= _MOST_FAILURES:
            break
        captured = _converted(captured, mode, places[:_MOST_SITES], again, failures)
    return captured


def _demands(captured: Captured) -> int:
    """How many equalities a program asserts when it runs: of sizes that a branch has made, say.

    What was no assertion before may not hold, for the example even: it was decided of the sizes.
    Those are left out that are equal in the example, and taken to be equal for that, sums that were
    computed, and what an operator has given whenever it was tried.
    """
    asserted = [node.args for node in captured.graph.nodes if node.target is _ASSERT]
    of_sizes = sum(
        isinstance(test, Node)
        and test.target is operator.eq
        and not str(text).startswith((TAKEN_AS_EQUAL, PUT_TOGETHER, AS_EVER))
        for test, text in asserted
    )
    env = captured.recorder.sizes.env
    return of_sizes + sum(map(env.is_of_one_side, env.guards))


def _promotions(captured: Captured) -> int:
    """How many results have another dtype than a side gives: strict mode tells it."""
    return sum(found.kind == "promoted" for found in captured.assumptions)


def _converted(
    captured: Captured,
    mode: Strict,
    places: list[Place],
    again: Callable[[], Captured],
    failures: list[str],
) -> Captured:
    """The program with the statements at ``places`` as operators, but for those that do not fit."""
    before = mode.learned()
    if len(failures) >= _MOST_FAILURES or not mode.learn_places(places):
        return captured
    try:
        converted = again()
        if _demands(converted) > _demands(captured):
            raise ControlFlowError(
                "the sizes that its sides give are no one expression, and what follows needs them "
                "to be equal to others",
                code="MG-C115",
            )
        if _promotions(converted) > _promotions(captured):
            raise ControlFlowError(
                "its sides give other dtypes, and each call has that of its side",
                code="MG-C115",
            )
        return converted
    except Exception as error:  # the capture before it stands
        failures.append(str(error))
        mode.unlearn(before, places, for_good=len(places) == 1)
        if len(places) == 1 and isinstance(error, ExportError):
            file, span = places[0]
            mode.refusals[file, span[0]] = error.what.split("\n")[0]
        if len(places) > 1:
            for some in _parted(places, mode, error):
                captured = _converted(captured, mode, some, again, failures)
    return captured


def _parted(places: list[Place], mode: Strict, error: Exception) -> tuple[list[Place], list[Place]]:
    """Two parts of ``places``: that where ``error`` has come from last, or else halves."""
    where = error.where if isinstance(error, ExportError) else None
    last = None if where is None else mode.place_around(where, places)
    if last is not None:
        return [place for place in places if place != last], [last]
    middle = len(places) // 2
    return places[:middle], places[middle:]


def _line_of(
    change: Change,
    strict: bool,
    root: Root,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    shapes: object,
) -> SourceLine | None:
    """The line that makes a change: the program runs once more, and is watched."""
    from monograph.source.audit import Culprit
    from monograph.source.modes import Converting
    from monograph.source.strict import Strict

    looking = Strict() if strict else Converting()
    looking.culprit = Culprit(change)
    with contextlib.suppress(ExportError):
        capture(root, args, kwargs, dynamic_shapes=shapes, strict=looking)
    return looking.culprit.where
