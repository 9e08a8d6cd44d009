"""A question about sizes has two sides: capture the other one too, and see whether it matters.

Libraries ask ``if q_length > 1`` where both answers lead to the same program, and models raise an
error on the other side. So every question that narrowed the capture is tried again as if the
example had sizes with the opposite answer. Where the two programs are the same on the sizes of
one side, the question is dropped; where the other side raises, it is a precondition.
See docs/notes/0006.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from monograph.capture.python.frames import is_raised_by_program
from monograph.capture.session import Captured
from monograph.constraints.other_ways import Follow, is_one_program
from monograph.constraints.same_program import is_same_program
from monograph.constraints.tables import Tables
from monograph.diagnostics import MonographError
from monograph.shapes.crossings import crossings
from monograph.shapes.env import Guard, ShapeEnv
from monograph.shapes.expr import Atom, Expr, Int
from monograph.shapes.questions import (
    All,
    Compare,
    OneOf,
    Some,
    Test,
    both,
    either,
    equal,
    holds,
    negated,
    not_less,
    symbols_of,
    text_of,
    with_sizes,
)
from monograph.shapes.text import format_expr, parse

__all__ = ["candidates", "settle"]

Attempt = Callable[[dict[str, float]], Captured]

_CONTIGUOUS = torch.ops.aten.contiguous.default
_MOST_REFUSED = 4  # sizes on one side of a question that the program is tried with
_MOST_SIDES = 16  # captures in search of the other sides of questions
_MOST_POINTS = 3  # sizes that are compared one by one
_MOST_TABLES = 16  # sizes of one table, likewise


@dataclass(frozen=True)
class _Region:
    """The values of one size that a capture holds for."""

    lo: int | None
    hi: int | None
    holes: frozenset[int] = frozenset()

    def points(self) -> list[int] | None:
        """All of them, if they are few."""
        if self.lo is None or self.hi is None or self.hi - self.lo > 2 * _MOST_POINTS:
            return None
        found = [v for v in range(self.lo, self.hi + 1) if v not in self.holes]
        return found if len(found) <= _MOST_POINTS else None

    def joined(self, points: list[int]) -> _Region | None:
        """With ``points`` too, where that leaves no gap."""
        lo, hi, holes, left = self.lo, self.hi, self.holes - set(points), set(points)
        while lo is not None and lo - 1 in left:
            lo -= 1
        while hi is not None and hi + 1 in left:
            hi += 1
        region = _Region(lo, hi, holes)
        return region if all(region.has(point) for point in points) else None

    def has(self, value: int) -> bool:
        """Whether ``value`` is one of them."""
        above = self.lo is None or value >= self.lo
        return above and (self.hi is None or value <= self.hi) and value not in self.holes


def settle(captured: Captured, attempt: Attempt, follow: Follow | None = None) -> Captured:
    """``captured``, or a capture of the other side of one of its questions, for as many sizes as

    can be shown. ``attempt`` captures the program as if the example had the sizes it is given;
    ``follow`` runs it along the graph of a capture, which costs less, and is tried first.
    """
    questions = _questions(captured)
    if questions and follow is not None:
        example = _hints(captured)
        if is_one_program(captured, example, questions, follow, _sizes_of_other_side):
            return captured
    tried: set[str] = set()
    joined: dict[str, set[int]] = {}  # sizes that came from the other side of a question
    for _ in range(_MOST_SIDES):
        guard = _next(captured, tried)
        if guard is None:
            break
        tried.add(_key(guard))
        other = _captured_on_other_side(captured, guard, attempt)
        if other is None:
            continue
        found = _merged(captured, other, guard, joined, attempt)
        if found is None and _is_number(guard):
            found = _merged_with_all_alike(captured, guard, joined, attempt)
        if found is None:
            found = _merged_at_a_point(captured, other, _hints(captured))
        if found is None and not joined:
            found = _merged_at_a_point(other, captured, _hints(captured))
        if found is not None and found is not captured:
            tried.clear()  # what differed from the one may be the other
            captured = found
    return captured


def _captured_on_other_side(captured: Captured, guard: Guard, attempt: Attempt) -> Captured | None:
    """A capture with sizes for which ``guard`` does not hold.

    Some of them the program may refuse itself, in eager mode too: it refuses all, if it does those
    that are tried.
    """
    refused: Exception | None = None
    for hints in itertools.islice(_other_sides(captured, guard), _MOST_REFUSED):
        try:
            return _captured_with(hints, _hints(captured), captured, attempt, guard)
        except MonographError:
            return None
        except Exception as error:
            if not is_raised_by_program(error):
                return None
            refused = refused or error
    if refused is not None:
        guard.kind = "precondition"
        guard.message = f"{type(refused).__name__}: {refused}".split("\n")[0][:200]
    return None


def _captured_with(
    hints: dict[str, float],
    example: dict[str, float],
    mine: Captured,
    attempt: Attempt,
    guard: Guard | None = None,
) -> Captured:
    """A capture with ``hints``; where the program takes no such sizes, with all that are equal in

    the example changed together: what it demands may be no equation of two of them. They are to
    be on the other side of ``guard``, too.
    """
    try:
        return attempt(hints)
    except Exception:
        alike = _with_all_alike(hints, example)
        env = mine.recorder.sizes.env
        if alike == hints or not all(_is_allowed(env, *each) for each in alike.items()):
            raise
        if guard is not None and holds(guard.test, alike):
            raise
        with contextlib.suppress(Exception):
            return attempt(alike)
        raise


def _with_all_alike(hints: dict[str, float], example: dict[str, float]) -> dict[str, float]:
    """``hints``, and what was equal in ``example`` to a size that is another now, like it."""
    changed = {example[name]: hints[name] for name in hints if hints[name] != example[name]}
    return {name: changed.get(size, hints[name]) for name, size in example.items()}


def _is_number(guard: Guard) -> bool:
    """Whether it makes one size a number."""
    return guard.solved and len(guard.symbols) == 1


def _merged_with_all_alike(
    mine: Captured, guard: Guard, joined: dict[str, set[int]], attempt: Attempt
) -> Captured | None:
    """The same where all sizes that are equal in the example go to the other side together.

    A batch of 1 is then as any other, and not what is broadcast.
    """
    hints = _hints(mine)
    alike = [name for name, hint in hints.items() if hint == hints[guard.symbols[0]]]
    sizes = hints | dict.fromkeys(alike, hints[guard.symbols[0]] + 1)
    env = mine.recorder.sizes.env
    if len(alike) == 1 or not all(_is_allowed(env, name, sizes[name]) for name in alike):
        return None
    try:
        other = attempt(sizes)
    except Exception:
        return None
    return _merged(mine, other, guard, joined, attempt, may_tie=True)


def _key(guard: Guard) -> str:
    return f"{text_of(guard.test)} {guard.where}"


def _next(captured: Captured, tried: set[str]) -> Guard | None:
    return next((guard for guard in _questions(captured) if _key(guard) not in tried), None)


def _questions(captured: Captured) -> list[Guard]:
    """The guards that exclude sizes which were declared, because the program has asked."""
    env = captured.recorder.sizes.env
    found = []
    for guard in env.guards:
        names = guard.symbols
        is_ours = all(n in captured.declared and env.symbols[n].hint is not None for n in names)
        if guard.kind == "branch" and guard.is_narrowing and names and is_ours:
            found.append(guard)
    return found


def _other_sides(captured: Captured, guard: Guard) -> Iterator[dict[str, float]]:
    """Sizes for which ``guard`` does not hold and everything before it does."""
    guards = captured.recorder.sizes.env.guards
    return _sizes_of_other_sides(captured, guards, guard, _hints(captured))


def _sizes_of_other_side(
    captured: Captured, guards: list[Guard], guard: Guard, hints: dict[str, float]
) -> dict[str, float] | None:
    """The first of them, for the guards of a capture with the sizes ``hints``."""
    return next(_sizes_of_other_sides(captured, guards, guard, hints), None)


def _sizes_of_other_sides(
    captured: Captured, guards: list[Guard], guard: Guard, hints: dict[str, float]
) -> Iterator[dict[str, float]]:
    env = captured.recorder.sizes.env
    before = list(itertools.takewhile(lambda g: g is not guard, guards))
    for changed in candidates(env, guard, hints):
        values = _with_what_follows(before, hints, changed)
        if not all(_is_allowed(env, name, value) for name, value in values.items()):
            continue
        known = [g for g in before if set(g.symbols) <= set(values)]
        if not holds(guard.test, values) and all(holds(g.test, values) for g in known):
            yield values


def _with_what_follows(
    guards: list[Guard], hints: dict[str, float], changed: dict[str, int]
) -> dict[str, float]:
    """``hints`` with the sizes in ``changed``, and with those that ``guards`` make follow."""
    values, settled = hints | changed, set(changed)
    for guard in guards:
        names = [name for name in guard.symbols if name not in settled]
        if not names or not _is_equation(guard) or not set(guard.symbols) <= set(values):
            continue
        for name in names:
            if not holds(guard.test, values):
                found = _solved_for(guard, name, values)
                if found is not None:
                    values[name] = found
        settled.update(guard.symbols)
    return values


def _is_equation(guard: Guard) -> bool:
    return isinstance(guard.test, Compare) and guard.test.kind == "eq"


def _solved_for(guard: Guard, name: str, values: dict[str, float]) -> int | None:
    """The value of the size ``name`` with which the equation ``guard`` holds, if it is linear."""
    expr = _expression(guard)
    assert expr is not None
    try:
        at_zero, at_one = (expr.evaluate(values | {name: value}) for value in (0, 1))
    except (ArithmeticError, ValueError):  # a division by zero at one of them
        return None
    slope = at_one - at_zero
    if not slope or at_zero % slope:
        return None
    return -at_zero // slope


def _hints(captured: Captured) -> dict[str, float]:
    """The values of the declared symbols for the example."""
    symbols = captured.recorder.sizes.env.symbols
    return {
        name: symbol.hint
        for name, symbol in symbols.items()
        if name in captured.declared and symbol.hint is not None
    }


def _is_allowed(env: ShapeEnv, name: str, value: float) -> bool:
    lo, hi = env.symbols[name].range
    if name in env.sets:
        return value in env.sets[name]
    return (lo is None or value >= lo) and (hi is None or value <= hi)


def candidates(env: ShapeEnv, guard: Guard, hints: dict[str, float]) -> Iterator[dict[str, int]]:
    """Sizes near the example's, and near the numbers that ``guard`` mentions."""
    sizes = {name: hint for name, hint in hints.items() if isinstance(hint, int)}
    names = [name for name in guard.symbols if name in sizes]
    parts = guard.test.parts if isinstance(guard.test, (All, Some)) else (guard.test,)
    asked = [part.expr for part in parts if isinstance(part, (Compare, OneOf))]
    constants = {abs(number) for e in asked for number in (e.const, *(c for _, c in e.terms))}
    choices: dict[str, list[int]] = {}
    for name in names:
        hint = sizes[name]
        near = [hint + 1, hint - 1, 2, 1, *sizes.values()]
        near += [c + d for c in sorted(constants) for d in (0, 1, -1)]
        near += [*env.sets.get(name, ()), 0, hint + 2, 2 * hint, 3 * hint, 64, 1000]
        for expr in asked:
            near += crossings(expr, name, hints, *env.symbols[name].range)
        choices[name] = list(dict.fromkeys(n for n in near if n >= 0))
    for name in names:  # with the sizes that are tied to it
        for value in choices[name]:
            yield dict.fromkeys(sorted(_tied(env, name)), value)
    for name in names:
        for value in choices[name]:
            yield {name: value}
    for pair in itertools.islice(itertools.product(*choices.values()), 400):
        yield dict(zip(names, pair, strict=True))


def _expression(guard: Guard) -> Expr | None:
    """What a simple question is about."""
    return guard.test.expr if isinstance(guard.test, (Compare, OneOf)) else None


def _tied(env: ShapeEnv, name: str) -> frozenset[str]:
    """The sizes that are always equal to the size ``name``, itself among them."""

    def now(other: str) -> object:
        symbol = env.symbols[other].expr
        return env.scope.normal(symbol) if isinstance(symbol, Expr) else symbol

    mine = now(name)
    if not isinstance(mine, Expr):
        return _equated(env, name)
    return frozenset(other for other in env.symbols if now(other) is mine)


def _equated(env: ShapeEnv, name: str) -> frozenset[str]:
    """What guards make equal to the size ``name``, which is a number by now."""
    pairs = [set(guard.symbols) for guard in env.guards if _equates(guard)]
    found = {name}
    for _ in pairs:
        found.update(*(pair for pair in pairs if pair & found))
    return frozenset(found)


def _equates(guard: Guard) -> bool:
    """Whether it says that two sizes are the same."""
    expr = _expression(guard) if _is_equation(guard) else None
    if expr is None or expr.const or len(expr.terms) != 2 or len(guard.symbols) != 2:
        return False
    return sum(coefficient for _, coefficient in expr.terms) == 0 and _is_linear(expr)


def _is_linear(expr: Expr) -> bool:
    return all(
        len(monomial) == 1 and expr.scope.atoms[monomial[0]].kind == "symbol"
        for monomial, _ in expr.terms
    )


def _is_about(guard: Guard, tied: frozenset[str]) -> bool:
    """Whether ``guard`` is about these sizes, which are always equal, alone."""
    if len(guard.symbols) > 1 and guard.solved:
        return False  # it ties them
    return bool(guard.symbols) and tied.issuperset(guard.symbols)


# Joining two captures ------------------------------------------------------------------------


def _merged(
    mine: Captured,
    other: Captured,
    guard: Guard,
    joined: dict[str, set[int]],
    attempt: Attempt,
    may_tie: bool = False,
) -> Captured | None:
    """One of the two, for the sizes of both; None where they differ.

    ``may_tie``: ``other`` may ask for equal sizes where they are equal in the example.
    """
    envs = mine.recorder.sizes.env, other.recorder.sizes.env
    name = guard.symbols[0]
    if not _is_about(guard, _tied(envs[0], name)):
        return _merged_without(mine, other, guard)
    if name in envs[0].sets:
        return _merged_in_set(mine, other, name)
    rest = _tests(envs[0], None, but=name), _tests(envs[1], None, but=name)
    regions = _region(envs[0], name), _region(envs[1], name)
    ways = [(mine, other, (0, 1)), (other, mine, (1, 0))]
    if _copies(other) > _copies(mine):
        ways.reverse()
    for kept, dropped, order in ways:
        a, b = order
        points = _points(envs[b], name, regions[b])
        union = regions[a].joined(points) if points else None
        if points is None and _is_either_side(envs[a], envs[b], name, guard, regions):
            union = _adjacent(regions[a], regions[b])
        tied = _tied(envs[a], name)
        sizes = [{}] if points is None else [dict.fromkeys(sorted(tied), point) for point in points]
        if union is None or not (
            all(_is_same(kept, dropped, size) for size in sizes)
            or (points is None and _is_same_for_tables(kept, dropped, tied, regions[b]))
        ):
            continue
        gained = rest[1] - rest[0]
        if may_tie and not joined:
            gained -= {text_of(each.test) for each in envs[1].guards if _equates(each)}
        if kept is other and (gained or not _holds_for_example(mine, other, name)):
            continue  # it would lose sizes that an earlier question has joined
        if not _covers_the_rest(kept, dropped, name, points, joined, attempt):
            continue
        if not _demands_hold(envs[a], envs[b]):
            continue
        there = negated(guard.test) if kept is mine else guard.test
        demands = _demands_of(kept, dropped, there)
        if demands is None:
            continue
        for each in sorted(tied):
            joined.setdefault(each, set()).update(points or ())
        found = _widened(kept, name, union, guard, points)
        if demands:
            _restart(found, [*found.recorder.sizes.env.guards, *demands])
        return found
    return None


def _merged_without(mine: Captured, other: Captured, guard: Guard) -> Captured | None:
    """``mine`` without ``guard``, which is about several sizes, where both are one program."""
    env, tests = mine.recorder.sizes.env, _tests(other.recorder.sizes.env, None, guard)
    if not (_tests(env, guard) >= tests and is_same_program(mine, other)):
        return None
    demands = _demands_of(mine, other, negated(guard.test))
    if demands is None:
        return None
    _restart(mine, [*(each for each in env.guards if each is not guard), *demands])
    return mine


def _demands_of(kept: Captured, dropped: Captured, there: Test) -> list[Guard] | None:
    """What the program itself demands in ``dropped`` alone, of sizes for which that is captured.

    What operators demand they demand in ``kept``, too. None: it cannot be said there.
    """
    env, other = kept.recorder.sizes.env, dropped.recorder.sizes.env
    known = {text_of(guard.test) for guard in env.guards}
    own = [
        guard
        for guard in other.guards
        if guard.kind == "precondition" and guard.is_of_program and text_of(guard.test) not in known
    ]
    found = []
    for guard in own:
        names = dict.fromkeys((*symbols_of(there), *guard.symbols))
        sizes = {n: env.symbols[n].expr for n in names if n in env.symbols}
        exprs: dict[str, Int] = {n: e for n, e in sizes.items() if isinstance(e, Expr)}
        if len(exprs) < len(names):
            return None
        test = either(*(_asked_in(env, each, exprs) for each in (negated(there), guard.test)))
        if test is not True:
            found.append(replace(guard, test=test, symbols=symbols_of(test), solved=False))
    return found


def _is_same(kept: Captured, dropped: Captured, size: dict[str, int]) -> bool:
    """For a ``size``, or for any; and where one reads from a table what the other one makes."""
    if is_same_program(kept, dropped, size):
        return True
    if not size:
        return False
    tables = Tables(kept, size), Tables(dropped, size)
    if is_same_program(kept, dropped, size, tables=tables):
        return True
    if not kept.mutations:
        return False
    from monograph.constraints.kept_tables import is_kept_anew, memory_before

    return is_kept_anew(kept, dropped, size, memory_before(kept))


def _is_same_for_tables(
    kept: Captured, dropped: Captured, tied: frozenset[str], region: _Region
) -> bool:
    """For all sizes that one table does for; for some of them, if it is a large one."""
    if region.lo is None or region.hi is None:
        return False
    lo, hi = region.lo, region.hi
    sample = list(range(lo, min(hi, lo + _MOST_TABLES) + 1))
    if len(sample) > _MOST_TABLES:
        middle = (lo + hi) // 2
        sample = [*range(lo, lo + 4), middle - 1, middle, hi - 1, hi]
    sizes = (dict.fromkeys(sorted(tied), size) for size in sample if region.has(size))
    return all(_is_same(kept, dropped, size) for size in sizes)


def _merged_at_a_point(
    kept: Captured, dropped: Captured, values: dict[str, float]
) -> Captured | None:
    """``kept``, where ``dropped`` is for the only sizes that it leaves out.

    Such as a table for two sizes, which is looked up by both of them. ``values``: the example.
    """
    env, other = kept.recorder.sizes.env, dropped.recorder.sizes.env
    sizes = [name for name in values if isinstance(other.symbols[name].expr, Expr)]
    regions = {name: _region(other, name) for name in sizes if name not in other.sets}
    point = {name: r.lo for name, r in regions.items() if r.lo is not None and r.lo == r.hi}

    def leaves_out(guard: Guard) -> bool:
        is_at_point = bool(guard.symbols) and point.keys() >= set(guard.symbols)
        return is_at_point and not holds(guard.test, point)

    left_out = [guard for guard in env.guards if leaves_out(guard)]
    open_sizes = {n: size for n, size in point.items() if not _is_at(_region(env, n), size)}
    weaker = {id(guard): _or_at(env, guard, open_sizes) for guard in left_out}
    staying = [weaker.get(id(guard), guard) for guard in env.guards]
    staying = [guard for guard in staying if guard.test is not True]
    known = {text_of(guard.test) for guard in staying}
    more = [guard for guard in other.guards if not point.keys() >= set(guard.symbols)]
    if not left_out or any(guard.kind == "precondition" for guard in left_out):
        return None
    if not all(text_of(guard.test) in known for guard in more):
        return None
    if not all(holds(g.test, values) for g in staying if values.keys() >= set(g.symbols)):
        return None
    if not _is_same(kept, dropped, point) or _demands_of(kept, dropped, True) != []:
        return None
    _restart(kept, staying)
    return kept


def _is_at(region: _Region, size: int) -> bool:
    return region.lo == region.hi == size


def _or_at(env: ShapeEnv, guard: Guard, point: dict[str, int]) -> Guard:
    """``guard``, or the sizes are those of ``point``: no others are let in by that."""
    excluded = negated(guard.test)
    parts = excluded.parts if isinstance(excluded, All) else (excluded,)
    if point.keys() <= set(guard.symbols) and all(map(_is_of_one_size, parts)):
        return replace(guard, test=True)  # it excludes nothing but the point
    test = guard.test
    at_point: Test = True
    for name, size in point.items():
        expr = env.symbols[name].expr
        assert isinstance(expr, Expr)
        at_point = both(at_point, equal(expr, size))
    test = either(test, at_point)
    return replace(guard, test=test, asked=text_of(test), symbols=symbols_of(test), solved=False)


def _is_of_one_size(test: Test) -> bool:
    """Whether it says which number one size is."""
    if not isinstance(test, Compare) or test.kind != "eq" or len(test.expr.terms) != 1:
        return False
    return len(test.expr.symbols()) == 1 and _is_linear(test.expr)


def _points(env: ShapeEnv, name: str, region: _Region) -> list[int] | None:
    """All values of the size ``name``, if they are few."""
    points = region.points()
    return None if points is None else [point for point in points if _admits(env, name, point)]


def _is_either_side(
    kept: ShapeEnv,
    dropped: ShapeEnv,
    name: str,
    guard: Guard,
    regions: tuple[_Region, _Region],
) -> bool:
    """Whether a size that ``kept`` or ``dropped`` has in its region is one that it holds for.

    But for what both of them rely on, which stays.
    """
    opposite = None if _is_bound(guard) else guard
    if opposite is not None and regions[0] != regions[1]:
        return False
    mine, others = (_unbounded(env, name, opposite) for env in (kept, dropped))
    return others <= mine


def _unbounded(env: ShapeEnv, name: str, opposite: Guard | None) -> set[str]:
    """What is relied on of the size ``name`` alone that no region tells, as text."""
    tied = _tied(env, name)
    return {
        text_of(g.test)
        for g in env.guards
        if _is_about(g, tied) and g.kind != "precondition" and not _is_bound(g)
        and (opposite is None or g.asked != opposite.asked)
    }  # fmt: skip


def _is_bound(guard: Guard) -> bool:
    """Whether it bounds one size, or is a hole in it: a region tells it."""
    expr = guard.test.expr if isinstance(guard.test, Compare) else None
    if expr is None or len(expr.terms) != 1 or len(expr.terms[0][0]) != 1:
        return False
    return expr.scope.atoms[expr.terms[0][0][0]].kind == "symbol"


def _copies(captured: Captured) -> int:
    """How often it asks for a copy in order, where what follows may rely on that."""
    return sum(node.target is _CONTIGUOUS for node in captured.graph.nodes)


def _holds_for_example(mine: Captured, other: Captured, name: str) -> bool:
    """Whether the guards of ``other`` that stay hold for the example that ``mine`` is made of."""
    env, values = other.recorder.sizes.env, mine.recorder.sizes.env.values
    tied = _tied(env, name)
    staying = [guard for guard in env.guards if not _is_about(guard, tied)]
    known = [guard for guard in staying if set(guard.symbols) <= set(values)]
    return all(holds(guard.test, values) for guard in known)


def _merged_in_set(mine: Captured, other: Captured, name: str) -> Captured | None:
    """The same for a size that is one of a few values."""
    envs = mine.recorder.sizes.env, other.recorder.sizes.env
    points = [v for v in envs[0].sets[name] if _admits(envs[1], name, v)]
    before = [v for v in envs[0].sets[name] if _admits(envs[0], name, v)]
    tests = [_tests(env, None, but=name) for env in envs]
    if not tests[0] >= tests[1] or _demands_of(mine, other, True) != []:
        return None
    guards, tied = envs[0].guards, _tied(envs[0], name)
    sizes = [dict.fromkeys(sorted(tied), v) for v in (*before, *points)]
    kept = [
        g for g in guards if not _is_about(g, tied) or all(holds(g.test, size) for size in sizes)
    ]
    _restart(mine, kept)  # so that its sizes are no longer those of one side
    if all(is_same_program(mine, other, dict.fromkeys(sorted(tied), point)) for point in points):
        return mine
    _restart(mine, guards)
    return None


def _admits(env: ShapeEnv, name: str, value: int) -> bool:
    tied = _tied(env, name)
    sizes = dict.fromkeys(sorted(tied), value)
    return all(holds(g.test, sizes) for g in env.guards if _is_about(g, tied))


def _covers_the_rest(
    kept: Captured,
    dropped: Captured,
    name: str,
    points: list[int] | None,
    joined: dict[str, set[int]],
    attempt: Attempt,
) -> bool:
    """Whether ``dropped`` holds for all other sizes that ``kept`` holds for.

    It may leave out sizes that an earlier question has joined to ``kept``: then these corners are
    captured, and compared, one by one.
    """
    one, two = kept.recorder.sizes.env, dropped.recorder.sizes.env
    known = _tests(one, None, but=name)
    tied = _tied(one, name)
    at_points = [dict.fromkeys(sorted(tied), point) for point in points or ()]
    extra = [g for g in two.guards if _is_extra(g, _tied(two, name), known)]
    for guard in extra:
        if points is None:
            return False
        if tied.issuperset(guard.symbols) and all(holds(guard.test, size) for size in at_points):
            continue  # what is tied has such sizes
        others = guard.symbols
        if len(others) != 1 or not joined.get(others[0]):
            return False
        third = others[0]
        if _region(two, third).joined(sorted(joined[third])) is None:
            return False
        for size, corner in itertools.product(at_points, joined[third]):
            sizes = size | dict.fromkeys(_tied(one, third), corner)
            try:
                example = _hints(kept)
                found = _captured_with(example | sizes, example, kept, attempt)
            except Exception:
                return False
            env = found.recorder.sizes.env
            ours, theirs = _tied(env, name), _tied(env, third)
            left = [g for g in env.guards if not _is_about(g, theirs) and not _is_met(g, sizes)]
            if any(_is_extra(g, ours, known) for g in left):
                return False
            if not is_same_program(kept, found, sizes):
                return False
    return True


def _is_met(guard: Guard, sizes: dict[str, int]) -> bool:
    """Whether ``guard`` is about these sizes alone, which it holds for."""
    return sizes.keys() >= set(guard.symbols) and holds(guard.test, sizes)


def _demands_hold(kept: ShapeEnv, dropped: ShapeEnv) -> bool:
    """Whether what ``kept`` demands of the program's callers is so wherever ``dropped`` holds.

    A demand of a batch of 1 (``n == a * b``) may be another one for others (``m * n == a * b``).
    """
    known = {text_of(guard.test) for guard in dropped.guards}
    for guard in kept.guards:
        if guard.kind != "precondition" or not guard.solved or text_of(guard.test) in known:
            continue
        if _equates(guard) or len(guard.symbols) < 2:
            continue  # it is the same demand whatever the other sizes are
        sizes = {n: dropped.symbols[n].expr for n in guard.symbols if n in dropped.symbols}
        names: dict[str, Int] = {n: e for n, e in sizes.items() if isinstance(e, Expr)}
        is_asked = len(names) == len(guard.symbols)
        if not is_asked or not dropped.is_known(_asked_in(dropped, guard.test, names)):
            return False
    return True


def _asked_in(env: ShapeEnv, test: Test, names: dict[str, Int]) -> Test:
    """``test``, about the sizes of the same names in ``env``."""
    return with_sizes(test, lambda size: parse(format_expr(size), env.scope, names))


def _is_extra(guard: Guard, tied: frozenset[str], known: set[str]) -> bool:
    if guard.kind == "precondition" or _is_about(guard, tied):
        return False
    return text_of(guard.test) not in known


def _adjacent(left: _Region, right: _Region) -> _Region | None:
    """Two ranges without a gap between them, as one."""
    below, above = sorted((left, right), key=lambda region: (region.lo is not None, region.lo or 0))
    if below.hi is not None and above.lo is not None and above.lo > below.hi + 1:
        return None
    hi = None if below.hi is None or above.hi is None else max(below.hi, above.hi)
    holes = {h for h in below.holes | above.holes if not (below.has(h) or above.has(h))}
    return _Region(below.lo, hi, frozenset(holes))


def _tests(
    env: ShapeEnv, without: Guard | None, opposite_of: Guard | None = None, but: str = ""
) -> set[str]:
    """What is relied on, as text, except for what is about the size ``but`` alone.

    Also what is not proved to exclude any sizes: nothing says that it holds on the other side.
    """
    tied = _tied(env, but) if but else frozenset[str]()
    found = set()
    for guard in env.guards:
        if guard is without or guard.kind == "precondition":
            continue
        if opposite_of is not None and guard.asked == opposite_of.asked:
            continue
        if not _is_about(guard, tied):
            found.add(text_of(guard.test))
    return found


def _region(env: ShapeEnv, name: str) -> _Region:
    symbol = env.symbols[name].expr
    assert isinstance(symbol, Expr)
    now = env.scope.normal(symbol)
    if isinstance(now, int):
        return _Region(now, now)
    bare = env.scope.atom_of(now)
    atom = bare if bare is not None and bare.kind == "symbol" else symbol.atoms()[0]
    holes = set()
    for expr in env.decider.distinct:
        other = env.scope.normal(expr)
        value = _hole(other, atom) if isinstance(other, Expr) else None
        if value is not None:
            holes.add(value)
    return _Region(atom.lo, atom.hi, frozenset(holes))


def _hole(expr: Expr, atom: Atom) -> int | None:
    if len(expr.terms) != 1 or expr.terms[0][0] != (atom.index,):
        return None
    slope = expr.terms[0][1]
    return None if expr.const % slope else -expr.const // slope


def _widened(
    captured: Captured, name: str, region: _Region, guard: Guard, points: list[int] | None
) -> Captured:
    """``captured`` with the guards on the size ``name`` that ``region`` makes needless dropped.

    ``points``: the sizes that were joined to its own, if they are few.
    """
    env = captured.recorder.sizes.env
    symbol, tied = env.symbols[name], _tied(env, name)
    assert isinstance(symbol.expr, Expr)
    # The corners of the region: a bound that fails at one of them is no longer true.
    corners = [v for v in (region.lo, region.hi) if v is not None]
    corners += [v + d for v in list(corners) for d in (1, 2, -1, -2)]
    corners = [v for v in {*corners, *_mentioned(env, tied)} if region.has(v)]
    kept = []
    for each in env.guards:
        if not _is_about(each, tied) or each.kind == "precondition":
            kept.append(each)
        elif _is_bound(each):
            if all(holds(each.test, dict.fromkeys(sorted(tied), v)) for v in corners):
                kept.append(each)
        elif points is not None:
            kept.append(_unless_one_of(each, symbol.expr, tied, points))
        elif each.asked != guard.asked:
            kept.append(each)
    lo, hi = symbol.range
    bounds = []
    if region.lo is not None and (lo is None or region.lo > lo):
        bounds.append(not_less(symbol.expr, region.lo))
    if region.hi is not None and (hi is None or region.hi < hi):
        bounds.append(not_less(region.hi, symbol.expr))
    texts = {text_of(g.test) for g in kept}
    for test in bounds:
        if text_of(test) not in texts:
            kept.append(
                replace(
                    guard, test=test, symbols=[name], solved=False, asked=text_of(test), answer=True
                )
            )
    _restart(captured, kept)
    return captured


def _unless_one_of(guard: Guard, size: Expr, tied: frozenset[str], points: list[int]) -> Guard:
    """``guard``, which ``points`` are excepted from where it does not hold for them."""
    failing = [p for p in points if not holds(guard.test, dict.fromkeys(sorted(tied), p))]
    if not failing:
        return guard
    test = either(guard.test, OneOf(size, tuple(failing)))
    return replace(guard, test=test, symbols=symbols_of(test), solved=False)


def _mentioned(env: ShapeEnv, tied: frozenset[str]) -> list[int]:
    found = []
    for guard in env.guards:
        expr = _expression(guard)
        if _is_about(guard, tied) and expr is not None:
            slope = abs(sum(c for _, c in expr.terms)) or 1
            found += [abs(expr.const) // slope + d for d in (-1, 0, 1)]
    return found


def _restart(captured: Captured, guards: list[Guard]) -> None:
    captured.recorder.sizes.env.restart(guards)
