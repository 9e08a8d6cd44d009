"""Operators asked with numbers, several times: for kernels that want the very sizes.

Many operators of torch compute with plain numbers (``x.size(0)`` in C++), or have no implementation
that takes sizes that vary. Such an operator is run on fake tensors of several sizes, and what it
gives for all of them tells how its result's sizes depend on those of its arguments. That is a
guess, so it is asserted when the program runs; a size for which none is found is known only then.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, pairwise
from typing import Any

import torch

from monograph.diagnostics import DataDependentError, ExportError, OperatorError
from monograph.inference.fakes import (
    Outcome,
    Result,
    numbers_in,
    outcome_on_fakes,
    specs_in,
    substitute,
)
from monograph.inference.rules.pointwise import elementwise
from monograph.inference.rules.table import is_canonical
from monograph.ir.spec import TensorSpec, contiguous_strides, spec_of
from monograph.shapes.env import AS_EVER, ShapeEnv
from monograph.shapes.expr import Expr, Int, value_of
from monograph.shapes.floats import FloatExpr, float_value
from monograph.shapes.questions import equal, not_less
from monograph.torch_internals import (
    COMPOSITE,
    Operator,
    has_kernel,
    real_operators,
    schema_of,
    storage_key,
)

__all__ = [
    "laid_as_in_examples",
    "outcome_by_examples",
    "outcome_of_kernel",
    "pointwise_outcome",
]

Values = dict[str, Any]  # of symbols, for one example
Arguments = tuple[tuple[object, ...], dict[str, object]]

_MOST = 32  # examples of one call
_ENOUGH_FOR_LAYOUT = 4
_MOST_ELEMENTS = 1_000_000  # of a tensor with values
_MOST_ELEMENTS_OF_CALL = 1_000_000
_MOST_MADE = 300_000_000
# Their results have other sizes, or there is none, as the values of their arguments are: known to
# have them where a call with other values is refused, and does not show it.
_BY_VALUES = {
    getattr(torch.ops.aten, name).default
    for name in (
        "_ctc_loss", "_pack_padded_sequence", "argwhere", "linalg_lstsq", "nonzero_numpy",
        "one_hot",
    )
} | {torch.ops.aten.tensor_split.tensor_indices_or_sections}  # fmt: skip
# Their kernels go to where integers say without looking: pivots of 0 are outside of the memory.
_BY_PLACES = {
    getattr(torch.ops.aten, name).default
    for name in ("linalg_ldl_solve", "linalg_lu_solve", "lu_solve", "lu_unpack")
} | {torch.ops.aten._unsafe_index.Tensor}
_UNSEEN_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_NO_EXAMPLE = (ExportError, ZeroDivisionError)  # it is refused, or some size of it is none
_PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)


def outcome_by_examples(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv
) -> Outcome | None:
    """What ``op`` gives; None where it is not one thing for all sizes, or shares memory.

    The results' sizes are new symbols, of which the environment is told what was found.
    """
    sizes = _sizes_in((args, tuple(kwargs.values())), env)
    names = list(dict.fromkeys(name for size in sizes for name in _names_of(size)))
    tried: list[tuple[Values, Outcome]] = []
    for values in _examples(env, names):
        try:
            with warnings.catch_warnings(action="ignore"):
                outcome = _outcome(op, *_with_numbers(values, args, kwargs))
        except _NO_EXAMPLE:
            outcome = None
        if outcome is not None:
            tried.append((values, outcome))
        elif not tried:  # the example itself
            return None
    if tried and not _rule_out_ones(env, tried):
        return None
    examples = [values for values, _ in tried]
    if not all(len({values[name] for values in examples}) > 1 for name in names):
        return None
    outcomes = [outcome for _, outcome in tried]
    given = _sizes_in((args, tuple(kwargs.values())), env, with_strides=False)
    fit = _Fit(env, examples, [size for size in given if isinstance(size, Expr)])
    results = fit.results([outcome.results for outcome in outcomes])
    return None if results is None else Outcome(results, outcomes[0].container)


def outcome_of_kernel(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object]
) -> Outcome | None:
    """What an operator without a rule gives for a few numbers, seen by calling it.

    Fake tensors tell it as well, and load torch's compiler, which takes seconds. And some tell
    another layout than the kernel.
    """
    specs = specs_in((args, tuple(kwargs.values())))
    if not _may_be_seen(op, specs) or torch.is_autocast_enabled("cpu"):
        return None
    if any(spec.numel > _MOST_ELEMENTS_OF_CALL for spec in specs):
        return None
    # Its two largest tensors, each element with each, as often as its numbers say.
    made = math.prod(sorted(spec.numel for spec in specs)[-2:]) * math.prod(numbers_in(args))
    if made > _MOST_MADE:
        from monograph.inference.amounts import most_made  # few programs have such calls

        made = most_made(op, args, specs, made)
    if made > _MOST_MADE:
        return None
    found, other = (_outcome_on_tensors(op, args, kwargs, fill) for fill in (0, 1))
    if found is None and other is None and op.name().startswith("aten::linalg"):
        found, other = (_outcome_on_tensors(op, args, kwargs, n, on_diagonal=True) for n in (1, 2))
    if found is None or other is None:  # it cannot divide by zero, or a 1 is no index
        return found or other
    return found if _told(found) == _told(other) else None


def pointwise_outcome(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object]
) -> Outcome | None:
    """What a pointwise operator without a rule gives for sizes that vary.

    Its shape and its layout are those of all such operators; a call of the kernel with few elements
    tells the type of the elements, and whether it is an operator like the others.
    """
    specs = specs_in((args, tuple(kwargs.values())))
    if not specs or not all(is_canonical(spec) and not spec.bits for spec in specs):
        return None
    few = tuple(substitute(arg, _with_few_elements, _two) for arg in args)
    named = {name: substitute(value, _with_few_elements, _two) for name, value in kwargs.items()}
    seen = outcome_of_kernel(op, few, named)
    result = None if seen is None else seen.single
    if result is None or result.spec is None or result.source != -1:
        return None
    dtype = result.spec.dtype
    if elementwise(specs_in((few, tuple(named.values()))), dtype) is not result.spec:
        return None
    found = elementwise(specs, dtype)
    return None if found is None else Outcome((Result(found),), None)


def _with_few_elements(spec: TensorSpec) -> TensorSpec:
    shape = tuple(min(size, 2) if isinstance(size, int) else 2 for size in spec.shape)
    return spec.with_layout(shape, contiguous_strides(shape))


def _two(size: Expr | FloatExpr) -> float:
    return 2.0 if isinstance(size, FloatExpr) else 2


def _told(outcome: Outcome) -> list[tuple[TensorSpec | None, int, Int]]:
    return [(each.spec, each.source, each.offset) for each in outcome.results]


def _may_be_seen(op: Operator, specs: Sequence[TensorSpec]) -> bool:
    """Whether what it gives is told by sizes alone, and nothing else comes of a call."""
    if op is torch.ops.aten.index.Tensor:
        return not any(spec.dtype in (torch.bool, torch.uint8) for spec in specs[1:])
    if op.namespace != "aten" or schema_of(op).is_mutable:
        return False
    if op in _BY_VALUES or op in _BY_PLACES:
        return False
    return not _UNSEEN_TAGS.intersection(op.tags) and all(
        isinstance(each.type, torch.TensorType) or str(each.type) == "List[Tensor]"
        for each in schema_of(op).returns
    )


def laid_as_in_examples(
    op: Operator,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    env: ShapeEnv,
    outcome: Outcome,
) -> Outcome:
    """``outcome`` with the layout that the results have where the sizes are plain numbers.

    For operators whose implementation for sizes that vary promises another one.
    """
    sizes = _sizes_in((args, tuple(kwargs.values())), env)
    names = list(dict.fromkeys(name for size in sizes for name in _names_of(size)))
    found: list[tuple[Result, ...]] = []
    for values in islice(_examples(env, names), _ENOUGH_FOR_LAYOUT):
        with contextlib.suppress(*_NO_EXAMPLE):
            given = _with_numbers(values, args, kwargs)
            example = outcome_of_kernel(op, *given) or outcome_on_fakes(op, *given, None)
            found.append(example.results)
    results = []
    for result, *examples in zip(outcome.results, *found, strict=True):
        specs = [each.spec for each in examples if each.spec is not None]
        order = _order(specs) if specs and result.source < 0 else None
        if order is not None and result.spec is not None:
            shape = result.spec.shape
            result = Result(result.spec.with_layout(shape, _strides(shape, order)))
        results.append(result)
    return Outcome(tuple(results), outcome.container)


def _rule_out_ones(env: ShapeEnv, tried: list[tuple[Values, Outcome]]) -> bool:
    """Leave the examples whose results are of the first one's form; False where others differ.

    Some operators drop a dimension of size 1: then that size is not 1, which is a guard.
    """
    form = _form(tried[0][1])
    others = [values for values, outcome in tried if _form(outcome) != form]
    if not others:
        return True
    for name in others[0]:
        is_one = {id(values) for values, _ in tried if values[name] in (0, 1)}
        if is_one == {id(values) for values in others} and tried[0][0][name] > 1:
            tried[:] = [pair for pair in tried if id(pair[0]) not in is_one]
            size = env.symbols[name].expr
            return isinstance(size, Expr) and env.decide(not_less(size, 2))
    return False


def _form(outcome: Outcome) -> object:
    """What does not depend on sizes: how many results, and the dimensions of each."""

    def of(result: Result) -> object:
        if result.parts is not None:
            return [of(part) for part in result.parts]
        return None if result.spec is None else len(result.spec.shape)

    return outcome.container, [of(result) for result in outcome.results]


def _outcome(op: Operator, args: tuple[object, ...], kwargs: dict[str, object]) -> Outcome | None:
    try:
        return outcome_on_fakes(op, args, kwargs, None)
    except DataDependentError:
        if not has_kernel(op, COMPOSITE):
            return None
    # Parts of it depend on values, which need not be the tensors': a mask that it makes itself.
    tried = (_outcome_on_tensors(op, args, kwargs, fill) for fill in (0, 1, 2))
    found = [outcome for outcome in tried if outcome is not None]
    are_alike = len(found) > 1 and all(each.specs() == found[0].specs() for each in found)
    return found[0] if are_alike else None


def _outcome_on_tensors(
    op: Operator,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    fill: int,
    *,
    on_diagonal: bool = False,
) -> Outcome | None:
    """What the operator gives for tensors full of one number, or for multiples of the identity."""
    tensors: list[torch.Tensor] = []

    def make(spec: TensorSpec) -> torch.Tensor:
        if spec.bits or spec.device.type != "cpu" or spec.numel > _MOST_ELEMENTS:
            raise OperatorError("too large, or elsewhere")
        made = torch.empty_strided(spec.shape, spec.strides, dtype=spec.dtype)
        if on_diagonal and made.dim() > 1:
            made.zero_().diagonal(dim1=-2, dim2=-1).fill_(fill)
        else:
            made.fill_(fill)
        tensors.append(made)
        return made

    def same(size: object) -> object:
        return size

    quiet = warnings.catch_warnings(action="ignore")  # of values that are not the program's
    with real_operators(), torch.no_grad(), torch.random.fork_rng([]), quiet:
        named = {name: substitute(value, make, same) for name, value in kwargs.items()}
        try:
            found = op(*(substitute(arg, make, same) for arg in args), **named)
        except (RuntimeError, IndexError, ValueError):
            return None
        memory = {storage_key(tensor): i for i, tensor in enumerate(tensors)}
        items = found if isinstance(found, (list, tuple)) else (found,)
        if not all(isinstance(item, torch.Tensor) and _is_plain(item) for item in items):
            return None
        results = tuple(_result(item, memory) for item in items)
    return Outcome(results, None if items is not found else type(found))


def _is_plain(found: torch.Tensor) -> bool:
    return found.layout is torch.strided and not found.is_nested


def _result(found: torch.Tensor, memory: dict[int, int]) -> Result:
    """``memory``: which argument has it, by its key."""
    source = memory.get(storage_key(found), -1)
    return Result(spec_of(found), source, int(found.storage_offset()) if source >= 0 else 0)


# Examples ------------------------------------------------------------------------------------


def _sizes_in(item: object, env: ShapeEnv, *, with_strides: bool = True) -> list[Expr | FloatExpr]:
    """The sizes that vary in the arguments, each once."""
    found: dict[Expr | FloatExpr, None] = {}

    def on_size(size: Expr | FloatExpr) -> None:
        now = env.scope.normal(size) if isinstance(size, Expr) else size
        if isinstance(now, (Expr, FloatExpr)):
            found[now] = None

    def on_spec(spec: TensorSpec) -> None:
        for size in (*spec.shape, *(spec.strides if with_strides else ())):
            if isinstance(size, Expr):
                on_size(size)

    substitute(item, on_spec, on_size)
    return list(found)


def _names_of(size: Expr | FloatExpr) -> list[str]:
    return size.symbols() if isinstance(size, FloatExpr) else [a.name for a in size.symbols()]


def _with_numbers(values: Values, args: tuple[object, ...], kwargs: dict[str, object]) -> Arguments:
    """The arguments with the sizes that they have in one example."""

    def number(size: Expr | FloatExpr) -> float:
        if isinstance(size, FloatExpr):
            return float_value(size, values)
        return value_of(size.scope.normal(size), values)

    def spec(item: TensorSpec) -> TensorSpec:
        if item.scope is None:
            return item
        numbers = ([value_of(item.scope.normal(n), values) if isinstance(n, Expr) else n
                    for n in each] for each in (item.shape, item.strides))  # fmt: skip
        shape, strides = map(tuple, numbers)
        return item.with_layout(shape, strides)

    named = {name: substitute(value, spec, number) for name, value in kwargs.items()}
    return tuple(substitute(arg, spec, number) for arg in args), named


def _examples(env: ShapeEnv, names: Sequence[str]) -> Iterator[Values]:
    """The example's sizes, then others: those that are equal together, all at once, each alone."""
    first = {name: env.hint(env.symbols[name].expr) for name in names}
    for name, value in first.items():
        if value is None:
            first[name] = _some_value(env, name)
    groups: dict[object, list[str]] = {}
    for name in names:
        groups.setdefault(first[name], []).append(name)
    steps: list[Callable[[Any], Any]] = [
        lambda n: n + 1, lambda n: 2 * n, lambda n: n + 2, lambda n: type(n)(1), lambda n: 3 * n,
    ]  # fmt: skip
    if any(_has_highest(env, name) for name in names):  # there are few that are larger
        steps += [lambda n: n - 1, lambda n: n - 2]
    together = zip(groups.values(), _PRIMES, strict=False)
    changes: list[Values] = [
        {},
        dict(zip(names, _PRIMES, strict=False)),
        {name: prime for group, prime in together for name in group},
        *({name: step(first[name]) for name in names} for step in steps),
        # Before groups: sizes that never differ cannot be told apart.
        *({name: steps[0](first[name])} for name in names),
        # A size that is 1 may be stretched to another one, which the result has then.
        *({name: steps[3](first[name])} for name in names),
    ]
    for step in steps:
        changes += [{name: step(first[name]) for name in group} for group in groups.values()]
    changes += [{name: steps[1](first[name])} for name in names]
    seen: list[Values] = []
    for change in changes:
        values = {**first, **change}
        if values not in seen and _may_be(env, values):
            seen.append(values)
            yield values
            if len(seen) == _MOST:
                return


def _has_highest(env: ShapeEnv, name: str) -> bool:
    expr = env.symbols[name].expr
    return isinstance(expr, Expr) and expr.atoms()[0].hi is not None


def _some_value(env: ShapeEnv, name: str) -> float:
    expr = env.symbols[name].expr
    if isinstance(expr, FloatExpr):
        return 1.5
    atom = expr.atoms()[0]
    wanted = max(3, atom.lo or 0)
    return wanted if atom.hi is None else min(wanted, atom.hi)


def _may_be(env: ShapeEnv, values: Values) -> bool:
    """Whether what is known of sizes allows these."""
    for name, value in values.items():
        expr = env.symbols[name].expr
        if isinstance(expr, Expr):
            atom = expr.atoms()[0]
            if (atom.lo is not None and value < atom.lo) or (
                atom.hi is not None and value > atom.hi
            ):
                return False
        if name in env.sets and value not in env.sets[name]:
            return False
    return all(_value(fact, values, 0) >= 0 for fact in env.decider.facts) and all(
        _value(fact, values, 1) != 0 for fact in env.decider.distinct
    )


def _value(expr: Expr, values: Values, otherwise: int) -> int:
    try:
        return value_of(expr.scope.normal(expr), values)
    except (KeyError, ArithmeticError):
        return otherwise


# What all examples have in common ------------------------------------------------------------


class _Fit:
    """Sizes of results as expressions of the sizes of arguments."""

    def __init__(self, env: ShapeEnv, examples: list[Values], sizes: list[Expr]) -> None:
        self.env = env
        self.examples = examples
        self.terms: list[tuple[Int, list[int]]] = [
            (size, [value_of(size, values) for values in examples]) for size in sizes
        ]

    def results(self, found: Sequence[tuple[Result, ...]]) -> tuple[Result, ...] | None:
        """One result for what it was in each example."""
        made = [self._result(each) for each in zip(*found, strict=True)]
        return None if None in made else tuple(result for result in made if result is not None)

    def _result(self, found: tuple[Result, ...]) -> Result | None:
        first = found[0]
        if first.parts is not None:
            parts = [each.parts for each in found if each.parts is not None]
            fitted = self.results(parts) if len(parts) == len(found) else None
            if fitted is None:
                return None
            made = Result(None)
            made.parts = fitted
            return made
        if first.spec is None:
            is_one = all(
                r.spec is None and r.parts is None and r.is_constant == first.is_constant
                and r.constant == first.constant for r in found
            )  # fmt: skip
            return first if is_one else None
        specs = [each.spec for each in found if each.spec is not None and each.source < 0]
        spec = self._spec(specs) if len(specs) == len(found) else None
        return None if spec is None else Result(spec)

    def _spec(self, specs: list[TensorSpec]) -> TensorSpec | None:
        first = specs[0]
        if len({(s.dtype, s.device, s.bits, len(s.shape)) for s in specs}) > 1:
            return None
        order = _order(specs)
        if order is None:
            return None
        shape = tuple(
            self._size(list(sizes)) for sizes in zip(*(s.shape for s in specs), strict=True)
        )
        return TensorSpec.of(shape, _strides(shape, order), first.dtype, first.device, first.bits)

    def _size(self, numbers: list[int]) -> Expr:
        """A symbol for a size, of which is known what was found."""
        env = self.env
        name = env.numbered("u")
        symbol = env.symbol(name, None, "a size of a result", 0, is_unbacked=True)
        found = self._expression(numbers)
        if found is not None:
            test = equal(symbol, found)
            env.listener.assert_at_run_time(test, AS_EVER)
            env.assume(test)
        return symbol

    def _expression(self, numbers: list[int]) -> Int | None:
        if len(set(numbers)) == 1:
            # An argument that was this in all examples, too, is no constant elsewhere.
            return next((size for size, given in self.terms if given == numbers), numbers[0])
        for size, given in self.terms:
            line = _line(given, numbers)
            if line is not None:
                return size * line[0] + line[1]
        found = self._of_two(numbers)
        return self._of_one(numbers) if found is None else found

    def _of_two(self, numbers: list[int]) -> Int | None:
        """A line through the sum or the product of two sizes, or the smaller or larger one."""
        scope = self.env.scope
        for (one, left), (other, right) in combinations(self.terms, 2):
            pairs = list(zip(left, right, strict=True))
            line = _line([x + y for x, y in pairs], numbers)
            if line is not None:
                return (one + other) * line[0] + line[1]
            line = _line([x * y for x, y in pairs], numbers)
            if line is not None:
                return one * other * line[0] + line[1]
            if [min(pair) for pair in pairs] == numbers:
                return scope.minimum(one, other)
            if [max(pair) for pair in pairs] == numbers:
                return scope.maximum(one, other)
        return None

    def _of_one(self, numbers: list[int]) -> Int | None:
        """A part of one size, as pooling leaves it, or the pairs in it."""
        scope = self.env.scope
        for size, given in self.terms:
            for step in range(2, 9):
                for start in range(-step, 2 * step + 1):
                    if [(n + start) // step for n in given] == numbers:
                        return scope.floordiv(size + start, step)
            for other in (-1, 1):
                if [n * (n + other) // 2 for n in given] == numbers:
                    return scope.floordiv(size * (size + other), 2)
        return None


def _line(given: list[int], numbers: list[int]) -> tuple[int, int] | None:
    """``a`` and ``b`` where each number is ``a * given + b``; ``a`` is not 0."""
    for (x, y), (other_x, other_y) in pairwise(zip(given, numbers, strict=True)):
        if x != other_x:
            slope, rest = divmod(other_y - y, other_x - x)
            start = y - x * slope
            holds = not rest and all(n == slope * m + start
                                     for m, n in zip(given, numbers, strict=True))  # fmt: skip
            return (slope, start) if holds and slope else None
    return None


def _order(specs: list[TensorSpec]) -> list[int] | None:
    """The dimensions from the outermost to the innermost, as all specs lie in memory."""
    rank = len(specs[0].shape)
    telling = max(specs, key=lambda spec: sum(size > 1 for size in spec.shape))
    candidates = [
        list(range(rank)),
        sorted(range(rank), key=lambda i: -telling.strides[i]),
    ]
    for order in candidates:
        if all(_lies_so(spec, order) for spec in specs):
            return order
    return None


def _strides(shape: tuple[Int, ...], order: list[int]) -> tuple[Int, ...]:
    """Without gaps, in this order of the dimensions."""
    strides: list[Int] = [0] * len(shape)
    for place, stride in zip(
        order, contiguous_strides(tuple(shape[i] for i in order)), strict=True
    ):
        strides[place] = stride
    return tuple(strides)


def _lies_so(spec: TensorSpec, order: list[int]) -> bool:
    if spec.numel == 0:
        return True
    wanted = contiguous_strides(tuple(spec.shape[i] for i in order))
    return all(
        spec.shape[i] == 1 or spec.strides[i] == stride
        for i, stride in zip(order, wanted, strict=True)
    )
