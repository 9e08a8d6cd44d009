"""Rules of matrix products."""

from __future__ import annotations

import torch

from monograph.diagnostics import OperatorError
from monograph.inference.rules.table import (
    broadcast,
    fresh,
    must_hold_if_varies,
    rule,
    tied,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Int
from monograph.shapes.questions import equal

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


@rule(aten.mm.default, aten.bmm.default)
def _mm(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    _check_dtypes(left, right)
    if len(left.shape) < 2 or len(left.shape) != len(right.shape):
        return None
    if left.shape[-1] != right.shape[-2] or left.shape[:-2] != right.shape[:-2]:
        return None
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
    batches = left.shape[:-2], right.shape[:-2]
    batch = broadcast(batches) or _agreed(*batches)
    if batch is None:
        return None
    columns = right.shape[-1:] if len(right.shape) > 1 else ()
    return fresh(left, (*batch, *left.shape[-2:-1], *columns))


def _agreed(left: tuple[Int, ...], right: tuple[Int, ...]) -> tuple[Int, ...] | None:
    """Batches of one rank that are equal in the example: equal from here on."""
    if len(left) != len(right) or not tied((), stretched=zip(left, right, strict=True)):
        return None
    return left
