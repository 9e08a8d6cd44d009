"""Operators whose results have sizes that depend on values: their symbols, made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.data_dependence import number_in
from monograph.capture.operators.registry import rescues
from monograph.diagnostics import ExportError, MissingFakeError
from monograph.inference.fakes import Outcome, Result
from monograph.inference.infer import infer
from monograph.ir.registry import Registry
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal, not_less
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    Operator,
    propagates_real_tensors,
    schema_of,
    without_modes,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

aten = torch.ops.aten
Rule = Callable[..., Any]
Argument = Any  # of an operator, or a container of some
_RULES: Registry[Rule] = Registry()
_rule = _RULES.registers


@rescues("new symbols")
def _outcome_of(
    recorder: Recorder,
    op: Operator,
    tensors: tuple[Any, ...],
    options: dict[str, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    error: ExportError,
) -> Outcome | None:
    """The outcome of ``op`` with fresh symbols; None where there is no rule for it."""
    rule = _RULES.get(op)
    if rule is None or error.code != "MG-D104":
        return None
    if op in _GIVEN_TENSORS:
        found = rule(recorder, args, tensors)
    else:
        found = rule(recorder, op, *args, **kwargs)
    if found is None:
        return None
    if isinstance(found, TensorSpec):
        return Outcome((Result(found),), None)
    return Outcome(tuple(Result(spec) for spec in found), type(found))


@rescues("example")
def _outcome_by_example(
    recorder: Recorder,
    op: Operator,
    tensors: tuple[Any, ...],
    options: dict[str, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    error: ExportError,
) -> Outcome | None:
    """What an operator without a fake implementation gives, by what it gives for the example.

    Where the user has asked torch for fake tensors that carry real ones: the operator is run.
    Only how many dimensions there are, and of which type, is taken for granted.
    """
    if not isinstance(error, MissingFakeError) or not propagates_real_tensors():
        return None
    if schema_of(op).is_mutable:
        return None
    try:
        given, named = _example_of(recorder, (tensors, options))
    except LookupError:
        return None
    with without_modes(), torch.no_grad():
        found = op(*given, **named)
    results = found if isinstance(found, (tuple, list)) else (found,)
    if not all(isinstance(each, torch.Tensor) for each in results):
        return None
    what = f"a size of what {op} gives"
    made = []
    for each in results:
        shape = tuple(_count(recorder, what, None) for _ in range(each.dim()))
        strides = contiguous_strides(shape)
        made.append(Result(TensorSpec.of(shape, strides, each.dtype, each.device)))
    recorder.assume(
        "kept-whole",
        f"{op} has no fake implementation: it gives row-major tensors of as many dimensions, and "
        "of the same type, as for the example",
        recorder.here(),
    )
    return Outcome(tuple(made), type(found) if isinstance(found, (tuple, list)) else None)


def _example_of(recorder: Recorder, item: Argument) -> Argument:
    """What arguments are for the example.

    Raises:
        LookupError: that is not known.
    """
    if type(item) in (tuple, list):
        return type(item)(_example_of(recorder, each) for each in item)
    if type(item) is dict:
        return {name: _example_of(recorder, each) for name, each in item.items()}
    number = expression_of(item)
    found: object = item
    if isinstance(item, torch.Tensor):
        with without_modes():
            found = recorder.knowledge.example(recorder.read(recorder.value_of(item)))
        found = found.clone() if isinstance(found, torch.Tensor) else None
    elif isinstance(number, Expr):
        found = recorder.sizes.env.hint(number)
    if found is None and item is not None:
        raise LookupError("an example")
    return found


def _count(recorder: Recorder, what: str, limit: Int | None, least: Int = 0) -> Expr:
    """A size between ``least`` and ``limit``."""
    lo, hi = (n if isinstance(n, int) else None for n in (least, limit))
    symbol = recorder.sizes.fresh(what, lo or 0, hi)
    if limit is not None and hi is None:
        recorder.sizes.env.assume(not_less(limit, symbol))
    if lo is None:
        recorder.sizes.env.assume(not_less(symbol, least))
    return symbol


def _selected(recorder: Recorder, tensor: torch.Tensor) -> Int:
    """How many elements of ``tensor`` are not zero: one symbol, however often it is asked."""
    value = recorder.value_of(tensor)
    what = "the number of elements that are not zero"
    key = (what, recorder.read(value))
    found = recorder.sizes.once(key, lambda: _count(recorder, what, value.spec.numel))
    return recorder.sizes.env.scope.normal(found)


def _fresh(
    spec: TensorSpec, shape: tuple[Int, ...], dtype: torch.dtype | None = None
) -> TensorSpec:
    return TensorSpec.of(shape, contiguous_strides(shape), dtype or spec.dtype, spec.device)


@_rule(aten.nonzero.default, aten.argwhere.default)
def _nonzero(recorder: Recorder, specs: tuple[Any, ...], tensors: tuple[Any, ...]) -> TensorSpec:
    x: TensorSpec = specs[0]
    count, rank = _selected(recorder, tensors[0]), len(x.shape)
    return TensorSpec.of((count, rank), (1, count), torch.int64, x.device)


@_rule(aten.nonzero_numpy.default)
def _nonzero_numpy(
    recorder: Recorder, specs: tuple[Any, ...], tensors: tuple[Any, ...]
) -> list[TensorSpec]:
    x: TensorSpec = specs[0]
    count, rank = _selected(recorder, tensors[0]), max(len(x.shape), 1)
    return [TensorSpec.of((count,), (1,), torch.int64, x.device) for _ in range(rank)]


@_rule(aten.masked_select.default)
def _masked_select(
    recorder: Recorder, specs: tuple[Any, ...], tensors: tuple[Any, ...]
) -> TensorSpec:
    x, mask = specs
    if x.shape == mask.shape:
        return _fresh(x, (_selected(recorder, tensors[1]),))
    return _fresh(x, (_count(recorder, "the number of elements that the mask selects", None),))


@_rule(aten.index.Tensor)
def _index(
    recorder: Recorder, specs: tuple[Any, ...], tensors: tuple[Any, ...]
) -> TensorSpec | None:
    """Boolean masks become as many index vectors as they have dimensions."""
    x, indices = specs
    expanded: list[Any] = []
    for index, tensor in zip(indices, tensors[1], strict=True):
        if index is None or index.dtype not in (torch.bool, torch.uint8):
            expanded.append(index)
            continue
        known = recorder.knowledge.value(recorder.value_of(tensor))
        count = _selected(recorder, tensor) if known is None else int(known.sum())
        vector = TensorSpec.of((count,), (1,), torch.int64, x.device)
        expanded += [vector] * len(index.shape)
    if len(expanded) > len(x.shape):
        return None
    outcome = infer(
        aten.index.Tensor, (x, expanded), {}, recorder.context.unpatched, recorder.sizes.env
    )
    assert outcome.single is not None
    return outcome.single.spec


@_rule(aten._pad_packed_sequence.default)
def _pad_packed_sequence(
    recorder: Recorder, specs: tuple[Any, ...], tensors: tuple[Any, ...]
) -> tuple[TensorSpec, TensorSpec] | None:
    data, batch_sizes, batch_first, _, total = specs
    first = number_in(recorder, recorder.call(aten.select.int, (tensors[1], 0, 0)))
    rows = recorder.size_of(first)
    if isinstance(total, int) and total <= 0:
        total = batch_sizes.shape[0]
    shape = (total, rows, *data.shape[1:])
    strides = contiguous_strides(shape)
    if batch_first:
        shape, strides = (rows, total, *shape[2:]), (strides[1], strides[0], *strides[2:])
    padded = TensorSpec.of(shape, strides, data.dtype, data.device)
    return padded, _fresh(batch_sizes, (rows,))


_GIVEN_TENSORS = frozenset(_RULES)  # besides the specs


@_rule(aten.repeat_interleave.Tensor)
def _repeat_interleave(
    recorder: Recorder, op: Operator, repeats: TensorSpec, *, output_size: Int | None = None
) -> TensorSpec:
    count = output_size if output_size is not None else _count(recorder, "the sum of repeats", None)
    return _fresh(repeats, (count,), torch.int64)


@_rule(aten.repeat_interleave.self_Tensor)
def _repeat_interleave_of(
    recorder: Recorder, op: Operator, x: TensorSpec, repeats: TensorSpec, dim: int | None = None, *,
    output_size: Int | None = None,
) -> TensorSpec:  # fmt: skip
    count = output_size if output_size is not None else _count(recorder, "the sum of repeats", None)
    if dim is None:
        return _fresh(x, (count,))
    at = dim % len(x.shape)
    return _fresh(x, (*x.shape[:at], count, *x.shape[at + 1 :]))


def _distinct(recorder: Recorder, limit: Int) -> Expr:
    return _count(recorder, "the number of distinct values", limit)


@_rule(aten._unique2.default)
def _unique2(
    recorder: Recorder, op: Operator, x: TensorSpec, is_sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> tuple[TensorSpec, ...]:  # fmt: skip
    count = _distinct(recorder, x.numel)
    inverse = x.shape if return_inverse else (0,)
    counts = (count,) if return_counts else (0,)
    return (
        _fresh(x, (count,)), _fresh(x, inverse, torch.int64), _fresh(x, counts, torch.int64),
    )  # fmt: skip


@_rule(aten.unique_consecutive.default)
def _unique_consecutive(
    recorder: Recorder, op: Operator, x: TensorSpec, return_inverse: bool = False,
    return_counts: bool = False, dim: int | None = None,
) -> tuple[TensorSpec, ...]:  # fmt: skip
    if dim is None or (dim == 0 and len(x.shape) == 1):  # as the kernel tells them apart
        return _unique2(recorder, op, x, True, return_inverse, return_counts)
    return _unique_dim(recorder, op, x, dim)


@_rule(aten.unique_dim.default)
def _unique_dim(
    recorder: Recorder, op: Operator, x: TensorSpec, dim: int, *flags: bool
) -> tuple[TensorSpec, ...]:
    """The kernel returns the inverse and the counts whether they are asked for or not."""
    at = dim % max(len(x.shape), 1)
    count = _distinct(recorder, x.shape[at])
    return (
        _fresh(x, (*x.shape[:at], count, *x.shape[at + 1 :])),
        _fresh(x, (x.shape[at],), torch.int64),
        _fresh(x, (count,), torch.int64),
    )


@_rule(aten.one_hot.default)
def _one_hot(recorder: Recorder, op: Operator, x: TensorSpec, classes: int = -1) -> TensorSpec:
    count = _count(recorder, "the number of classes", None)
    return _fresh(x, (*x.shape, count))


@_rule(aten.bincount.default)
def _bincount(
    recorder: Recorder,
    op: Operator,
    x: TensorSpec,
    weights: TensorSpec | None = None,
    minlength: Int = 0,
) -> TensorSpec:
    count = _count(recorder, "the number of bins", None, minlength)
    if weights is None:
        return _fresh(x, (count,), torch.int64)
    dtype = weights.dtype if weights.dtype == torch.float32 else torch.float64
    return _fresh(x, (count,), dtype)


@_rule(aten._pack_padded_sequence.default)
def _pack_padded_sequence(
    recorder: Recorder, op: Operator, x: TensorSpec, lengths: TensorSpec, batch_first: bool
) -> tuple[TensorSpec, TensorSpec] | None:
    """All rows at their valid steps, and how many rows each step has."""
    if len(x.shape) < 2 or len(lengths.shape) != 1:
        return None
    rows, steps = x.shape[:2] if batch_first else (x.shape[1], x.shape[0])
    env = recorder.sizes.env
    for demand in (equal(lengths.shape[0], rows), not_less(rows, 1), not_less(steps, 1)):
        if not env.require(demand):
            return None
    longest = _count(recorder, "the longest of the lengths", steps, 1)
    total = _count(recorder, "the sum of the lengths", rows * steps, rows)
    env.assume(not_less(total, longest))
    batch_sizes = TensorSpec.of((longest,), (1,), torch.int64, torch.device("cpu"))
    return _fresh(x, (total, *x.shape[2:])), batch_sizes


@_rule(aten.ctc_loss.Tensor)
def _ctc_loss(
    recorder: Recorder, op: Operator, scores: TensorSpec, targets: TensorSpec,
    lengths: TensorSpec, target_lengths: TensorSpec, blank: int = 0, reduction: int = 1,
    zero_infinity: bool = False,
) -> TensorSpec:  # fmt: skip
    is_of_each = reduction == 0 and len(scores.shape) == 3
    return _fresh(scores, (scores.shape[1],) if is_of_each else ())


@_rule(aten._ctc_loss.Tensor)
def _ctc_loss_and_states(
    recorder: Recorder, op: Operator, scores: TensorSpec, targets: TensorSpec,
    lengths: TensorSpec, target_lengths: TensorSpec, blank: int = 0, zero_infinity: bool = False,
) -> tuple[TensorSpec, TensorSpec] | None:  # fmt: skip
    if len(scores.shape) != 3:
        return None
    steps, rows, _ = scores.shape
    limit = 2 * targets.shape[1] + 1 if len(targets.shape) == 2 else None
    states = _count(recorder, "the states of the longest of the targets", limit, 1)
    return _fresh(scores, (rows,)), _fresh(scores, (rows, steps, states))
