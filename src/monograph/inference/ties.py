"""Sizes that an operator wants to be equal, found by trying: those that are in the example."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from monograph.inference.fakes import specs_in, substitute
from monograph.inference.rules.table import is_row_at_most, is_row_of
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.env import Alone, ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import Test, either, equal, not_less
from monograph.shapes.supposing import forget, mark

__all__ = [
    "fewest_fixed",
    "fewest_ties",
    "require_stretched_rows",
    "stretched_by_sides",
    "stretched_rows",
    "ties_of_broadcasting",
]

_MOST_TRIED = 64  # ways to tie the sizes of one call
_Classes = list[list[Int]]  # sizes that are to be equal
Column = Mapping[Int, None]  # the sizes of one dimension


def fewest_ties(env: ShapeEnv, args: object, passes: Callable[[], bool]) -> list[Test] | None:
    """The fewest equalities between sizes in ``args`` under which an operator ``passes``.

    Only sizes that are equal in the example are tied. None where that does not help. Nothing that
    is learned while trying stays.
    """
    classes = [list(sizes) for sizes in _sizes_by_example(env, args).values() if len(sizes) > 1]
    return _fewest(env, classes, passes)


def fewest_fixed(env: ShapeEnv, args: object, passes: Callable[[], bool]) -> list[Test] | None:
    """The fewest sizes that have to be those of the example, for an operator that ``passes`` so."""
    by_example = _sizes_by_example(env, args)
    classes = [
        [number, size] for number, sizes in by_example.items() for size in sizes if size != number
    ]
    return _fewest(env, classes, passes)


def require_stretched_rows(env: ShapeEnv, specs: Sequence[TensorSpec]) -> None:
    """A part of one row at most that is broadcast to another size has its row.

    ``x + y[:, :1]`` fails where ``y`` has no columns, unless ``x`` has one or none, either. Left
    open, it makes torch ask for zeros and ones in all other dimensions, too; so these are tied.
    """
    columns = list(_columns(env, specs))
    rows = {size for sizes in columns for size in sizes if is_row_at_most(size)}
    if not any(sizes.keys() & rows and sizes.keys() - rows for sizes in columns):
        return
    for sizes in columns:
        by_example: dict[int | None, Int] = {}
        for size in sorted(sizes.keys() - rows, key=str):
            first = by_example.setdefault(env.hint(size), size)
            if env.hint(size) is not None:
                env.require(equal(first, size))
    for sizes in _columns(env, specs):
        for row in sizes if sizes.keys() - rows else ():
            if row in rows:
                env.require(not_less(row, 1))


def stretched_by_sides(
    env: ShapeEnv, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments of a pointwise operator, with the sizes that they are stretched to.

    A size that is 1 (or that of the first row, if there is one) on one side of a branch, and on
    the other that of another operand, gives the size of that operand on both.
    """
    specs = specs_in((args, tuple(kwargs.values())))
    if any(spec.strides != contiguous_strides(spec.shape) for spec in specs):
        return args, kwargs

    def on_both_sides(size: Int, column: Column) -> Int:
        known = env.sides.get(size, ()) if isinstance(size, Expr) else ()
        sides = {env.scope.normal(side) for side in known}
        for whole in column:
            if whole in sides and sides <= {whole, 1, env.scope.minimum(1, whole)}:
                return whole
        return size

    return _stretched(env, args, kwargs, on_both_sides)


def stretched_rows(
    env: ShapeEnv,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    *,
    gives_views: bool = False,
) -> tuple[tuple[object, ...], dict[str, object]] | None:
    """The arguments of a pointwise operator, the first rows among them as often as there are rows.

    ``x - x[:1]``: of no rows there is no first one, and the sizes agree; of any other number it is
    stretched to all. So is a number of rows that is known when the program runs, beside a plain
    number: it is that, or 1. None where there is no such size.
    """
    specs = specs_in((args, tuple(kwargs.values())))
    is_made_in_order = not gives_views and all(
        spec.strides == contiguous_strides(spec.shape) for spec in specs
    )
    columns = list(_columns(env, specs))
    if all(len(sizes) < 2 for sizes in columns):
        return None
    rows: dict[Int, Int] = {}

    def whole_of(size: Int, column: Column) -> Int:
        for whole in column:
            if whole == size:
                continue
            if is_row_of(size, whole):
                return rows.setdefault(size, whole)
            if is_made_in_order and _is_that_or_one(env, size, whole):
                return rows.setdefault(size, whole)
        return size

    stretched = _stretched(env, args, kwargs, whole_of)
    return stretched if rows else None


def ties_of_broadcasting(
    env: ShapeEnv,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    passes: Callable[[], bool],
) -> list[Test] | None:
    """What is taken to be equal where tensors are brought to one shape, the last dimension first.

    Sizes that differ as they are written, and are equal in the example, are taken for equal: torch
    does that on fake tensors, after many questions. None where nothing is to be tied, where a size
    may be broadcast, and where an operator does not pass with these ties.
    """
    classes: _Classes = []
    for sizes in _columns(env, specs_in((args, tuple(kwargs.values())))):
        if len(sizes) < 2:
            continue
        if not _is_one_size(env, sizes):
            return None
        classes.append(list(sizes))
    if not classes or not _holds_with(env, classes, passes):
        return None
    return list(_tests(classes))


def _is_one_size(env: ShapeEnv, sizes: Column) -> bool:
    """Whether sizes that differ as they are written may be one; none is the first row of some."""
    if len({env.hint(size) for size in sizes} - {None}) > 1:
        return False
    first, *others = sizes
    if any(env.known(equal(first, other)) is False for other in others):
        return False
    return not any(map(is_row_at_most, sizes))


def _is_that_or_one(env: ShapeEnv, size: Int, whole: Int) -> bool:
    """Whether ``size``, which no example tells, has to be ``whole`` or 1."""
    if not isinstance(size, Expr) or isinstance(whole, Expr) or whole == 0:
        return False
    same, one = equal(size, whole), equal(size, 1)
    if env.hint(size) is not None or env.known(same) is not None or env.known(one) is not None:
        return False
    return env.require(either(same, one))


def _stretched(
    env: ShapeEnv,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    choose: Callable[[Int, Column], Int],
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Arguments with the size that ``choose`` gives for each, of those in its dimension."""
    columns = list(_columns(env, specs_in((args, tuple(kwargs.values())))))

    def stretched(spec: TensorSpec) -> TensorSpec:
        sizes = map(env.scope.normal, reversed(spec.shape))
        found = tuple(itertools.starmap(choose, zip(sizes, columns, strict=False)))[::-1]
        if spec.strides == contiguous_strides(spec.shape):
            return spec.with_layout(found, contiguous_strides(found))
        triples = zip(spec.shape, found, spec.strides, strict=True)
        strides = tuple(
            step if env.scope.normal(size) == whole else 0 for size, whole, step in triples
        )
        return spec.with_layout(found, strides)

    named = {name: substitute(value, stretched, _itself) for name, value in kwargs.items()}
    return tuple(substitute(value, stretched, _itself) for value in args), named


def _itself(item: Expr | FloatExpr) -> object:
    return item


def _columns(env: ShapeEnv, specs: Sequence[TensorSpec]) -> Iterator[Column]:
    """The different sizes in each dimension, without the number 1, as they come."""
    shapes = [[env.scope.normal(size) for size in reversed(spec.shape)] for spec in specs]
    for sizes in itertools.zip_longest(*shapes, fillvalue=1):
        yield dict.fromkeys(size for size in sizes if size != 1)


def _sizes_by_example(env: ShapeEnv, args: object) -> dict[int, dict[Int, None]]:
    """The different sizes in ``args``, by what they are in the example."""
    found: dict[int, dict[Int, None]] = {}
    for size in _sizes_in(args):
        now = env.scope.normal(size)
        hint = env.hint(now)
        if hint is not None:
            found.setdefault(hint, {})[now] = None
    return found


def _sizes_in(item: object) -> Iterator[Int]:
    if isinstance(item, TensorSpec):
        yield from item.shape
    elif isinstance(item, Expr):
        yield item
    elif isinstance(item, (list, tuple)):
        for each in item:
            yield from _sizes_in(each)


def _fewest(env: ShapeEnv, classes: _Classes, passes: Callable[[], bool]) -> list[Test] | None:
    left = _MOST_TRIED

    def suffices(classes: _Classes) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and _holds_with(env, classes, passes)

    if not classes or not suffices(classes):
        return None
    needed: _Classes = []
    while classes:
        current = classes.pop()
        for parts in _halves(current):
            rest = [part for part in parts if len(part) > 1]
            if suffices([*needed, *classes, *rest]):
                classes += rest
                break
        else:
            needed.append(current)
    return list(_tests(needed))


def _holds_with(env: ShapeEnv, classes: _Classes, passes: Callable[[], bool]) -> bool:
    known, listener, trial = mark(env), env.listener, env.trial
    env.listener, env.trial = Alone(), None  # nobody is told of attempts
    try:
        for test in _tests(classes):
            env.assume(test)
        return passes()
    finally:
        env.listener, env.trial = listener, trial
        forget(env, known)


def _halves(sizes: list[Int]) -> Iterator[_Classes]:
    """The ways to make two classes of one, the most uneven first."""
    for count in range(1, len(sizes) // 2 + 1):
        for part in itertools.combinations(sizes, count):
            yield [list(part), [size for size in sizes if size not in part]]


def _tests(classes: _Classes) -> Iterator[Test]:
    for first, *others in classes:
        for other in others:
            yield equal(first, other)
