"""Rules of matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.diagnostics import OperatorError
from monograph.inference.rules.table import (
    RULES,
    View,
    broadcast_or_tied,
    fresh,
    is_row_at_most,
    must_hold_if_varies,
    rule,
    tied,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Int
from monograph.shapes.questions import equal
from monograph.torch_internals import Operator

aten = torch.ops.aten


def _check_dtypes(left: TensorSpec, right: TensorSpec) -> None:
    """Raise what eager mode raises; torch's fake tensors do not."""
    if left.dtype != right.dtype:
        one, other = (str(spec.dtype).removeprefix("torch.") for spec in (left, right))
        raise OperatorError(f"expected m1 and m2 to have the same dtype, but got: {one} != {other}")


@rule(aten.linear.default)
def _linear(x: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec | None:
    """Row-major, however ``x`` lies."""
    _check_dtypes(x, weight)
    if len(weight.shape) != 2 or len(x.shape) < 2:
        return None
    if bias is not None and (bias.dtype != x.dtype or len(bias.shape) != 1):
        return None
    rows, columns = weight.shape
    if not tied([(x.shape[-1], columns), *([(bias.shape[0], rows)] if bias is not None else ())]):
        return None
    if x.device != weight.device or x.numel == 0:
        return None
    return fresh(x, (*x.shape[:-1], weight.shape[0]))


@rule(aten.mm.default)
def _mm(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    return _product(left, right, rank=2)


@rule(aten.bmm.default)
def _bmm(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    return _product(left, right, rank=3)


def _product(left: TensorSpec, right: TensorSpec, rank: int) -> TensorSpec | None:
    """Row-major; nothing is broadcast."""
    _check_dtypes(left, right)
    if len(left.shape) != rank or len(right.shape) != rank:
        return None
    batches = zip(left.shape[:-2], right.shape[:-2], strict=True)
    if not tied([*batches, (left.shape[-1], right.shape[-2])]):
        return None
    left, right = left.normal(), right.normal()
    return fresh(left, (*left.shape[:-1], right.shape[-1]))


@rule(aten.addmm.default)
def _addmm(
    bias: TensorSpec, left: TensorSpec, right: TensorSpec, **scales: object
) -> TensorSpec | None:
    if len(left.shape) != 2 or len(right.shape) != 2 or bias.dtype != left.dtype:
        return None
    found = _mm(left, right)
    if found is None or bias.shape not in (found.shape, found.shape[1:]):
        return None
    return found


@rule(aten.matmul.default)
def _matmul(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    """Row-major, whether the kernel folds the batch into the rows or broadcasts it."""
    if not left.shape or not right.shape:
        return None
    _check_dtypes(left, right)
    inner = right.shape[-2] if len(right.shape) > 1 else right.shape[0]
    if left.shape[-1] != inner and not must_hold_if_varies(inner, equal(left.shape[-1], inner)):
        return None
    if left.numel == 0 or right.numel == 0:
        return None
    batch = broadcast_or_tied(left.shape[:-2], right.shape[:-2])
    if batch is None:
        return None
    columns = right.shape[-1:] if len(right.shape) > 1 else ()
    return fresh(left, (*batch, *left.shape[-2:-1], *columns))


@rule(aten.dot.default, aten.vdot.default)
def _dot(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    _check_dtypes(left, right)
    if len(left.shape) != 1 or len(right.shape) != 1 or left.device != right.device:
        return None
    return fresh(left, ()) if tied([(left.shape[0], right.shape[0])]) else None


# Sums of products ----------------------------------------------------------------------------

_Label = str | int  # a letter, or the place of a dimension of the ellipsis, counted from its end


@rule(aten.einsum.default)
def _einsum(
    equation: str, operands: Sequence[TensorSpec], *, path: Sequence[int] | None = None
) -> TensorSpec | None:
    """As ATen computes it for sizes from 2: sums, and matrix products of two at a time.

    Source: ``einsum`` and ``sumproduct_pair`` of aten/src/ATen/native/Linear.cpp.
    """
    first = operands[0]
    if all(x.scope is None for x in operands) or not all(map(_is_usual, operands)):
        return None
    if first.dtype is torch.bool or any(
        x.dtype != first.dtype or x.device != first.device for x in operands
    ):
        return None
    labels = _labels_of(equation, operands)
    if labels is None or not _are_alike(operands, labels[1:]):
        return None
    kept, *given = labels
    known = {label for each in given for label in each}
    # Those of the ellipsis come first, as in ATen, and letters by their code.
    summed = sorted(known.difference(kept), key=lambda label: (isinstance(label, str), label))
    order = [*kept, *summed]
    parts = [_aligned(x.normal(), each, order) for x, each in zip(operands, given, strict=True)]
    found = _contracted(parts, range(len(kept), len(order)), path)
    if found is None or not summed:
        return found if len(operands) > 1 else None  # of one alone it is a view
    if len(operands) == 1:
        return _of_rule(aten.sum.dim_IntList, found, [*range(len(kept), len(order))])
    return _of_rule(aten.view.default, found, found.shape[: len(kept)])


def _is_usual(x: TensorSpec) -> bool:
    """Whether there is something, and no size is one row at most, which is not multiplied."""
    return x.numel != 0 and not any(map(is_row_at_most, x.shape))


def _labels_of(equation: str, operands: Sequence[TensorSpec]) -> list[list[_Label]] | None:
    """What each dimension of the result, and of each operand, is called; None for what is rare.

    That is a diagonal, and what is an error.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    texts = inputs.split(",")
    if len(texts) != len(operands):
        return None
    given: list[list[_Label]] = []
    longest = 0
    for text, x in zip(texts, operands, strict=True):
        letters, count = text.replace("...", "", 1), 0
        if "..." in text:
            count = len(x.shape) - len(letters)
            longest = max(longest, count)
        if count < 0 or len(letters) + count != len(x.shape):
            return None
        given.append(_spelled(text, count))
    if arrow:
        kept = _spelled(output, longest)
    else:
        letters = inputs.replace(",", "").replace("...", "")
        single: list[_Label] = [n for n in sorted(letters) if letters.count(n) == 1]
        kept = [*range(-longest, 0), *single]
    are_known = {*kept} <= {label for each in given for label in each}
    is_plain = all(len({*each}) == len(each) and _are_names(each) for each in (kept, *given))
    return [kept, *given] if are_known and is_plain else None


def _spelled(text: str, count: int) -> list[_Label]:
    """One label for each letter, and ``count`` for the ellipsis."""
    before, dots, after = text.partition("...")
    return [*before, *(range(-count, 0) if dots else ()), *after]


def _are_names(labels: Sequence[_Label]) -> bool:
    return all(isinstance(n, int) or (n.isascii() and n.isalpha()) for n in labels)


def _are_alike(operands: Sequence[TensorSpec], given: Sequence[Sequence[_Label]]) -> bool:
    """Whether dimensions of one label are equal, or of the number 1; they are tied here."""
    sizes: dict[_Label, Int] = {}
    pairs: list[tuple[Int, Int]] = []
    for x, labels in zip(operands, given, strict=True):
        for label, size in zip(labels, x.shape, strict=True):
            if size != 1 and sizes.setdefault(label, size) != size:
                pairs.append((sizes[label], size))
    return tied((), stretched=pairs)


def _aligned(x: TensorSpec, labels: Sequence[_Label], order: Sequence[_Label]) -> TensorSpec:
    """A view with a dimension for each label, of one where ``x`` has none."""
    places = [labels.index(label) if label in labels else None for label in order]
    shape = tuple(1 if at is None else x.shape[at] for at in places)
    return x.with_layout(shape, tuple(1 if at is None else x.strides[at] for at in places))


def _contracted(
    parts: Sequence[TensorSpec], summed: Sequence[int], path: Sequence[int] | None
) -> TensorSpec | None:
    """What two at a time come to, until one is left: a sum is taken where the last two meet."""
    rest = [*parts]
    chosen = iter((0, 1) * len(parts) if path is None else path)
    while len(rest) > 1:
        first, second = sorted((next(chosen, 0), next(chosen, 0)))
        if not 0 <= first < second < len(rest):
            return None
        right, left = rest.pop(second), rest.pop(first)
        dims = [dim for dim in summed if all(x.shape[dim] == 1 for x in rest)]
        found = _pair(_summed_alone(left, right, dims), _summed_alone(right, left, dims), dims)
        if found is None:
            return None
        rest.insert(0 if path is None else len(rest), found)
    return rest[0]


def _summed_alone(x: TensorSpec, other: TensorSpec, dims: Sequence[int]) -> TensorSpec | None:
    """``x`` without what it has in those of ``dims`` in which ``other`` has but one."""
    alone = [dim for dim in dims if x.shape[dim] != 1 and other.shape[dim] == 1]
    return _of_rule(aten.sum.dim_IntList, x, alone, True) if alone else x


def _pair(
    left: TensorSpec | None, right: TensorSpec | None, dims: Sequence[int]
) -> TensorSpec | None:
    """The product of two, summed over ``dims``: what only the right one has lies innermost."""
    if left is None or right is None:
        return None
    summed = [dim for dim in dims if left.shape[dim] != 1]
    if not summed:
        return _of_rule(aten.mul.Tensor, left, right)
    batch: list[int] = []
    of_left: list[int] = []
    of_right: list[int] = []
    for dim in range(len(left.shape)):
        if dim not in summed:
            is_left, is_right = left.shape[dim] != 1, right.shape[dim] != 1
            (batch if is_left and is_right else of_left if is_left else of_right).append(dim)
    if of_left and of_right and of_right[-1] < of_left[0]:
        of_left, of_right = of_right, of_left
    order = [*batch, *of_left, *summed, *of_right]
    whole = [1 if dim in summed else _longer(left, right, dim) for dim in order]
    made = fresh(left, whole)
    back = [order.index(dim) for dim in range(len(order))]
    shape, strides = (tuple(known[at] for at in back) for known in (made.shape, made.strides))
    return made.with_layout(shape, strides)


def _longer(left: TensorSpec, right: TensorSpec, dim: int) -> Int:
    size: Int = right.shape[dim] if left.shape[dim] == 1 else left.shape[dim]
    return size


def _of_rule(op: Operator, *args: object) -> TensorSpec | None:
    """The spec that the rule of ``op`` gives."""
    found = RULES[op](*args)
    if isinstance(found, View):
        return found.spec
    return found if isinstance(found, TensorSpec) else None
