"""Fast inference rules for the common operators.

A rule gets the operator's arguments with a ``TensorSpec`` for each tensor, and returns the specs
of the results: a ``TensorSpec`` for memory of its own, a ``View`` for the memory of the first
argument, a list or tuple of them, or None when it does not know, errors included (then the
operator is run on fake tensors). Rules must agree with the kernels, strides included: every
graph that the test-suite runs is compared, node by node, with what the kernels return.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from monograph.capture.abstract import TensorSpec, contiguous_strides, is_dense

__all__ = ["RULES", "View"]

aten = torch.ops.aten
Found = Any
RULES: dict[Any, Callable[..., Found]] = {}


class View(NamedTuple):
    """A result that shares the first argument's memory, ``offset`` elements further on."""

    spec: TensorSpec
    offset: int = 0


def _rule(*operators: Any) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
    def register(function: Callable[..., Found]) -> Callable[..., Found]:
        for operator in operators:
            RULES[operator] = function
        return function

    return register


def _fresh(spec: TensorSpec, shape: Sequence[int], dtype: torch.dtype | None = None) -> TensorSpec:
    sizes = tuple(shape)
    return TensorSpec.of(sizes, contiguous_strides(sizes), dtype or spec.dtype, spec.device)


def _is_canonical(spec: TensorSpec) -> bool:
    return spec.strides == contiguous_strides(spec.shape)


def _dim(spec: TensorSpec, dim: int) -> int | None:
    rank = len(spec.shape)
    return dim % rank if -rank <= dim < rank else None


# Pointwise -----------------------------------------------------------------------------------


def _category(dtype: torch.dtype) -> int:
    if dtype.is_complex:
        return 3
    if dtype.is_floating_point:
        return 2
    return 0 if dtype is torch.bool else 1


def _number_dtype(number: Any) -> torch.dtype:
    if isinstance(number, bool):
        return torch.bool
    if isinstance(number, int):
        return torch.int64
    if isinstance(number, float):
        return torch.get_default_dtype()
    return torch.promote_types(torch.get_default_dtype(), torch.complex32)


def _promoted(operands: Sequence[Any]) -> torch.dtype:
    """Torch's type promotion: tensors, then 0-d tensors, then Python numbers."""
    classes: list[torch.dtype | None] = [None, None, None]
    for operand in operands:
        if isinstance(operand, TensorSpec):
            which, dtype = (0 if operand.shape else 1), operand.dtype
        else:
            which, dtype = 2, _number_dtype(operand)
        known = classes[which]
        classes[which] = dtype if known is None else torch.promote_types(known, dtype)
    result: torch.dtype | None = None
    for dtype_ in classes:  # a weaker class counts only by its category
        if dtype_ is None:
            continue
        if result is None:
            result = dtype_
        elif _category(dtype_) > _category(result):
            result = torch.promote_types(result, dtype_)
    assert result is not None
    return result


def _elementwise(operands: Sequence[Any], dtype: torch.dtype) -> TensorSpec | None:
    """The layout that ``TensorIterator`` gives the result, for the layouts that are usual."""
    tensors = [operand for operand in operands if isinstance(operand, TensorSpec)]
    first = max(tensors, key=lambda spec: len(spec.shape))
    shape, strides = first.shape, first.strides
    placed = [spec for spec in tensors if spec.shape]
    if any(spec.device != first.device for spec in placed):
        return None
    if all(spec.shape == shape and spec.strides == strides for spec in placed):
        if _is_canonical(first) or is_dense(first):
            return TensorSpec.of(shape, strides, dtype, first.device)
        return None
    if not all(_is_canonical(spec) for spec in placed):
        return None
    rank = len(shape)
    sizes = list(shape)
    for spec in placed:
        for i, size in enumerate(spec.shape, rank - len(spec.shape)):
            if sizes[i] == 1:
                sizes[i] = size
            elif size not in (1, sizes[i]):
                return None
    return _fresh(first, sizes, dtype)


def _numbers_and_tensors(*operands: Any) -> bool:
    return all(isinstance(o, (TensorSpec, int, float, bool)) for o in operands)


@_rule(aten.add.Tensor, aten.sub.Tensor, aten.rsub.Scalar)
def _add(left: Any, right: Any, *rest: Any, alpha: Any = 1) -> Found:
    if rest or alpha != 1 or not _numbers_and_tensors(left, right):
        return None
    dtype = _promoted((left, right))
    return None if dtype is torch.bool else _elementwise((left, right), dtype)


@_rule(aten.mul.Tensor, aten.mul.Scalar, aten.maximum.default, aten.minimum.default)
def _mul(left: Any, right: Any) -> Found:
    if not _numbers_and_tensors(left, right):
        return None
    return _elementwise((left, right), _promoted((left, right)))


@_rule(aten.div.Tensor)
def _div(left: Any, right: Any) -> Found:
    if not _numbers_and_tensors(left, right):
        return None
    dtype = _promoted((left, right))
    if _category(dtype) < 2:
        dtype = torch.get_default_dtype()
    return _elementwise((left, right), dtype)


@_rule(aten.pow.Tensor_Scalar)
def _pow(base: Any, exponent: Any) -> Found:
    if not _numbers_and_tensors(base, exponent) or _category(base.dtype) < 2:
        return None
    return _elementwise((base,), _promoted((base, exponent)))


@_rule(
    aten.eq.Tensor, aten.ne.Tensor, aten.lt.Tensor, aten.le.Tensor, aten.gt.Tensor, aten.ge.Tensor,
    aten.eq.Scalar, aten.ne.Scalar, aten.lt.Scalar, aten.le.Scalar, aten.gt.Scalar, aten.ge.Scalar,
    aten.logical_and.default, aten.logical_or.default,
)  # fmt: skip
def _compare(left: Any, right: Any) -> Found:
    if not _numbers_and_tensors(left, right):
        return None
    return _elementwise((left, right), torch.bool)


@_rule(aten.where.self)
def _where(condition: TensorSpec, left: TensorSpec, right: TensorSpec) -> Found:
    return _elementwise((condition, left, right), _promoted((left, right)))


@_rule(aten.masked_fill.Scalar)
def _masked_fill(spec: TensorSpec, mask: TensorSpec, value: Any) -> Found:
    found = _elementwise((spec, mask), spec.dtype)
    return found if found is not None and found.shape == spec.shape else None


@_rule(
    aten.sin.default, aten.cos.default, aten.exp.default, aten.log.default, aten.sqrt.default,
    aten.rsqrt.default, aten.tanh.default, aten.sigmoid.default, aten.reciprocal.default,
    aten.erf.default, aten.log1p.default, aten.expm1.default,
)  # fmt: skip
def _float_unary(spec: TensorSpec) -> Found:
    dtype = spec.dtype if _category(spec.dtype) >= 2 else torch.get_default_dtype()
    return _elementwise((spec,), dtype)


@_rule(
    aten.relu.default, aten.neg.default, aten.silu.default, aten.hardswish.default,
    aten.hardsigmoid.default, aten.relu6.default, aten.bitwise_not.default,
    aten.logical_not.default, aten.floor.default, aten.ceil.default, aten.round.default,
)  # fmt: skip
def _same_unary(spec: TensorSpec) -> Found:
    return _elementwise((spec,), spec.dtype) if _category(spec.dtype) == 2 else None


RULES[aten.logical_not.default] = lambda spec: _elementwise((spec,), torch.bool)


@_rule(aten.gelu.default, aten.leaky_relu.default, aten.elu.default, aten.softplus.default)
def _activation(spec: TensorSpec, *rest: Any, **options: Any) -> Found:
    return _same_unary(spec)


@_rule(aten.clamp.default, aten.clamp_min.default, aten.clamp_max.default)
def _clamp(spec: TensorSpec, *bounds: Any) -> Found:
    if not all(bound is None or _numbers_and_tensors(bound) for bound in bounds):
        return None
    operands = [spec, *(bound for bound in bounds if bound is not None)]
    return _elementwise((spec,), _promoted(operands))


# Matrix products, convolutions, attention ----------------------------------------------------


@_rule(aten.linear.default)
def _linear(x: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> Found:
    if len(weight.shape) != 2 or len(x.shape) < 2 or x.shape[-1] != weight.shape[1]:
        return None
    if x.dtype != weight.dtype or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    if bias is not None and bias.dtype != x.dtype:
        return None
    if not (len(x.shape) == 2 or _is_canonical(x)) or x.device != weight.device or not x.numel:
        return None
    return _fresh(x, (*x.shape[:-1], weight.shape[0]))


@_rule(aten.mm.default, aten.bmm.default)
def _mm(left: TensorSpec, right: TensorSpec) -> Found:
    if left.dtype != right.dtype or len(left.shape) != len(right.shape):
        return None
    if left.shape[-1] != right.shape[-2] or left.shape[:-2] != right.shape[:-2]:
        return None
    return _fresh(left, (*left.shape[:-1], right.shape[-1]))


@_rule(aten.addmm.default)
def _addmm(bias: TensorSpec, left: TensorSpec, right: TensorSpec, **scales: Any) -> Found:
    if len(left.shape) != 2 or len(right.shape) != 2 or bias.dtype != left.dtype:
        return None
    found: TensorSpec | None = _mm(left, right)
    if found is None or bias.shape not in (found.shape, found.shape[1:]):
        return None
    return found


@_rule(aten.matmul.default)
def _matmul(left: TensorSpec, right: TensorSpec) -> Found:
    if left.dtype != right.dtype or len(left.shape) < 2 or len(right.shape) < 2:
        return None
    if left.shape[-1] != right.shape[-2] or not left.numel or not right.numel:
        return None
    if len(left.shape) == len(right.shape) and left.shape[:-2] == right.shape[:-2]:
        return _fresh(left, (*left.shape[:-1], right.shape[-1]))
    return None


@_rule(aten.conv2d.default)
def _conv2d(
    x: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Found:
    if len(x.shape) != 4 or x.dtype != weight.dtype or x.shape[1] != weight.shape[1] * groups:
        return None
    if x.device != weight.device or x.shape[1] == 1 or weight.shape[1] == 1 or not x.numel:
        return None  # one channel: channels-last and contiguous look alike
    if not (_is_canonical(x) and _is_canonical(weight)) or weight.shape[0] % groups:
        return None
    if bias is not None and (bias.shape != weight.shape[:1] or bias.dtype != x.dtype):
        return None
    sizes = _window(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return None if sizes is None else _fresh(x, (x.shape[0], weight.shape[0], *sizes))


def _window(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int] | None:
    """Sizes after a sliding window: floor((n + 2p - d(k - 1) - 1) / s) + 1."""
    found = []
    for i, size in enumerate(sizes):
        k, s, p, d = (v[i] if len(v) > 1 else v[0] for v in (kernel, stride, padding, dilation))
        out = (size + 2 * p - d * (k - 1) - 1) // s + 1
        if out <= 0 or p < 0 or s <= 0:
            return None
        found.append(out)
    return found


@_rule(aten.max_pool2d.default)
def _max_pool2d(
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Found:
    if len(x.shape) != 4 or ceil_mode or not _is_canonical(x) or x.shape[1] == 1 or not x.numel:
        return None
    kernel = kernel if len(kernel) == 2 else (kernel[0], kernel[0])
    if any(2 * p > k for p, k in zip(padding, kernel, strict=False)):
        return None
    sizes = _window(x.shape[2:], kernel, stride or kernel, padding, dilation)
    return None if sizes is None else _fresh(x, (*x.shape[:2], *sizes))


@_rule(aten.adaptive_avg_pool2d.default)
def _adaptive_avg_pool2d(x: TensorSpec, sizes: Sequence[int]) -> Found:
    if len(x.shape) != 4 or not _is_canonical(x) or x.shape[1] == 1 or not x.numel:
        return None
    if list(sizes) == [1, 1]:
        return None  # computed as a mean, whose layout follows another path
    return _fresh(x, (*x.shape[:2], *sizes))


@_rule(aten.batch_norm.default)
def _batch_norm(
    x: TensorSpec, weight: Any, bias: Any, mean: Any, var: Any, training: bool, *rest: Any
) -> Found:
    if training or mean is None or not _is_canonical(x) or len(x.shape) < 2 or not x.numel:
        return None
    per_channel = [spec for spec in (weight, bias, mean, var) if spec is not None]
    if any(spec.shape != x.shape[1:2] or spec.dtype != x.dtype for spec in per_channel):
        return None
    return x


@_rule(aten.layer_norm.default)
def _layer_norm(x: TensorSpec, shape: Sequence[int], *affine: Any) -> Found:
    count = len(shape)
    if not count or x.shape[-count:] != tuple(shape) or not _is_canonical(x) or not x.numel:
        return None
    for spec in affine[:2]:
        if spec is not None and (spec.shape != tuple(shape) or spec.dtype != x.dtype):
            return None
    return x


@_rule(aten.embedding.default)
def _embedding(table: TensorSpec, index: TensorSpec, *rest: Any) -> Found:
    if len(table.shape) != 2 or index.dtype not in (torch.int64, torch.int32):
        return None
    return _fresh(table, (*index.shape, table.shape[1]))


@_rule(aten.softmax.int, aten.log_softmax.int)
def _softmax(x: TensorSpec, dim: int, dtype: torch.dtype | None = None) -> Found:
    if not x.shape or _dim(x, dim) is None or not _is_canonical(x):
        return None
    if _category(dtype or x.dtype) != 2:
        return None
    return TensorSpec.of(x.shape, x.strides, dtype or x.dtype, x.device)


@_rule(aten.dropout.default)
def _dropout(x: TensorSpec, p: float, train: bool) -> Found:
    if not train or p == 0:
        return View(x)
    return None


# Reductions ----------------------------------------------------------------------------------


def _reduced(x: TensorSpec, dims: Sequence[int] | None, keepdim: bool) -> tuple[int, ...] | None:
    rank = len(x.shape)
    chosen = set(range(rank)) if not dims else {_dim(x, d) for d in dims}
    if None in chosen or (dims and len(chosen) != len(dims)):
        return None
    if keepdim:
        return tuple(1 if i in chosen else size for i, size in enumerate(x.shape))
    return tuple(size for i, size in enumerate(x.shape) if i not in chosen)


@_rule(aten.mean.dim, aten.sum.dim_IntList)
def _mean(
    x: TensorSpec,
    dims: Sequence[int] | None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Found:
    if _category(dtype or x.dtype) != 2 or not _is_canonical(x) or not x.shape:
        return None
    shape = _reduced(x, dims, keepdim)
    return None if shape is None else _fresh(x, shape, dtype)


@_rule(aten.mean.default, aten.sum.default)
def _mean_all(x: TensorSpec, *, dtype: torch.dtype | None = None) -> Found:
    return _fresh(x, (), dtype) if _category(dtype or x.dtype) == 2 else None


# Views ---------------------------------------------------------------------------------------


def _view_strides(spec: TensorSpec, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The strides that give ``spec``'s memory another shape; None where it needs a copy.

    Groups of old dimensions that lie without gaps are matched, from the right, with groups of
    new dimensions of the same product.
    """
    if spec.numel == 0:
        return None
    if _is_canonical(spec):
        return contiguous_strides(tuple(shape))
    strides = [0] * len(shape)
    new = len(shape) - 1
    chunk_stride = spec.strides[-1] if spec.strides else 1
    chunk, matched = 1, 1
    for old in range(len(spec.shape) - 1, -1, -1):
        chunk *= spec.shape[old]
        ends = old == 0 or (
            spec.shape[old - 1] != 1 and spec.strides[old - 1] != chunk * chunk_stride
        )
        if not ends:
            continue
        while new >= 0 and (matched < chunk or shape[new] == 1):
            strides[new] = matched * chunk_stride
            matched *= shape[new]
            new -= 1
        if matched != chunk:
            return None
        if old > 0:
            chunk_stride = spec.strides[old - 1]
            chunk, matched = 1, 1
    return tuple(strides) if new < 0 else None


def _complete(spec: TensorSpec, shape: Sequence[int]) -> tuple[int, ...] | None:
    """``shape`` with its -1 worked out."""
    known = math.prod(size for size in shape if size != -1)
    holes = sum(size == -1 for size in shape)
    if holes == 0:
        return tuple(shape) if known == spec.numel else None
    if holes > 1 or known <= 0 or spec.numel % known:
        return None
    return tuple(spec.numel // known if size == -1 else size for size in shape)


@_rule(aten.view.default, aten._unsafe_view.default)
def _view(x: TensorSpec, shape: Sequence[int]) -> Found:
    complete = _complete(x, shape)
    strides = None if complete is None else _view_strides(x, complete)
    return None if complete is None or strides is None else View(x.with_layout(complete, strides))


@_rule(aten.reshape.default)
def _reshape(x: TensorSpec, shape: Sequence[int]) -> Found:
    complete = _complete(x, shape)
    if complete is None or x.numel == 0:
        return None
    strides = _view_strides(x, complete)
    return _fresh(x, complete) if strides is None else View(x.with_layout(complete, strides))


@_rule(aten.flatten.using_ints)
def _flatten(x: TensorSpec, start: int = 0, end: int = -1) -> Found:
    first, last = _dim(x, start), _dim(x, end)
    if first is None or last is None or first > last:
        return None
    shape = (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    return View(x) if first == last else _reshape(x, shape)


@_rule(aten.unflatten.int)
def _unflatten(x: TensorSpec, dim: int, sizes: Sequence[int]) -> Found:
    at = _dim(x, dim)
    if at is None or any(size < 0 for size in sizes):
        return None
    return _view(x, (*x.shape[:at], *sizes, *x.shape[at + 1 :]))


@_rule(aten.transpose.int)
def _transpose(x: TensorSpec, first: int, second: int) -> Found:
    a, b = _dim(x, first), _dim(x, second)
    if a is None or b is None:
        return None
    order = list(range(len(x.shape)))
    order[a], order[b] = order[b], order[a]
    return _permute(x, order)


@_rule(aten.permute.default)
def _permute(x: TensorSpec, order: Sequence[int]) -> Found:
    dims = [_dim(x, dim) for dim in order]
    if None in dims or len(set(dims)) != len(x.shape) or len(dims) != len(x.shape):
        return None
    sizes = tuple(x.shape[dim] for dim in dims if dim is not None)
    return View(x.with_layout(sizes, tuple(x.strides[dim] for dim in dims if dim is not None)))


@_rule(aten.t.default)
def _t(x: TensorSpec) -> Found:
    return _permute(x, range(len(x.shape))[::-1]) if len(x.shape) <= 2 else None


@_rule(aten.unsqueeze.default)
def _unsqueeze(x: TensorSpec, dim: int) -> Found:
    rank = len(x.shape) + 1
    if not -rank <= dim < rank:
        return None
    at = dim % rank
    stride = x.shape[at] * x.strides[at] if at < len(x.shape) else 1
    return View(
        x.with_layout(
            (*x.shape[:at], 1, *x.shape[at:]), (*x.strides[:at], stride, *x.strides[at:])
        )
    )


@_rule(aten.squeeze.dim)
def _squeeze(x: TensorSpec, dim: int) -> Found:
    at = _dim(x, dim)
    if at is None:
        return None
    if x.shape[at] != 1:
        return View(x)
    return View(
        x.with_layout(x.shape[:at] + x.shape[at + 1 :], x.strides[:at] + x.strides[at + 1 :])
    )


@_rule(aten.select.int)
def _select(x: TensorSpec, dim: int, index: int) -> Found:
    at = _dim(x, dim)
    if at is None or not -x.shape[at] <= index < x.shape[at]:
        return None
    spec = x.with_layout(x.shape[:at] + x.shape[at + 1 :], x.strides[:at] + x.strides[at + 1 :])
    return View(spec, (index % x.shape[at]) * x.strides[at])


@_rule(aten.slice.Tensor)
def _slice(
    x: TensorSpec, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Found:
    at = _dim(x, dim)
    if at is None or step <= 0:
        return None
    size = x.shape[at]
    first, last, step = slice(start, end, step).indices(size)
    last = max(last, first)
    sizes = list(x.shape)
    strides = list(x.strides)
    sizes[at] = (last - first + step - 1) // step
    strides[at] *= step
    return View(x.with_layout(tuple(sizes), tuple(strides)), first * x.strides[at])


@_rule(aten.expand.default)
def _expand(x: TensorSpec, shape: Sequence[int], *, implicit: bool = False) -> Found:
    added = len(shape) - len(x.shape)
    if added < 0:
        return None
    sizes, strides = list(shape), [0] * len(shape)
    for i in range(len(shape)):
        if i < added:
            if sizes[i] < 0:
                return None
            strides[i] = 0
            continue
        old, stride = x.shape[i - added], x.strides[i - added]
        if sizes[i] in (-1, old):
            sizes[i], strides[i] = old, stride
        elif old != 1:
            return None
    if any(sizes[i] == 1 for i in range(added)):
        return None  # the stride of a new dimension of size 1 is a special case
    return View(x.with_layout(tuple(sizes), tuple(strides)))


@_rule(aten.split.Tensor)
def _split(x: TensorSpec, size: int, dim: int = 0) -> Found:
    at = _dim(x, dim)
    if at is None or size <= 0 or x.shape[at] == 0:
        return None
    return [_slice(x, at, i, i + size) for i in range(0, x.shape[at], size)]


@_rule(aten.chunk.default)
def _chunk(x: TensorSpec, chunks: int, dim: int = 0) -> Found:
    at = _dim(x, dim)
    if at is None or chunks <= 0 or x.shape[at] == 0:
        return None
    return _split(x, -(-x.shape[at] // chunks), at)


@_rule(aten.unbind.int)
def _unbind(x: TensorSpec, dim: int = 0) -> Found:
    at = _dim(x, dim)
    return None if at is None else [_select(x, at, i) for i in range(x.shape[at])]


@_rule(aten.detach.default, aten.alias.default, aten.lift_fresh.default)
def _same(x: TensorSpec) -> Found:
    return View(x)


@_rule(aten.contiguous.default)
def _contiguous(x: TensorSpec, *, memory_format: Any = torch.contiguous_format) -> Found:
    if memory_format is not torch.contiguous_format:
        return None
    return View(x) if x.is_contiguous() else _fresh(x, x.shape)


# Copies and factories ------------------------------------------------------------------------


@_rule(aten.clone.default)
def _clone(x: TensorSpec, *, memory_format: Any = None) -> Found:
    if memory_format is torch.contiguous_format:
        return _fresh(x, x.shape)
    if memory_format in (None, torch.preserve_format) and is_dense(x):
        return x
    return None


@_rule(aten.to.dtype)
def _to_dtype(
    x: TensorSpec, dtype: torch.dtype, non_blocking: bool = False, copy: bool = False, *rest: Any
) -> Found:
    if rest or not is_dense(x):
        return None
    if dtype == x.dtype and not copy:
        return View(x)
    return TensorSpec.of(x.shape, x.strides, dtype, x.device)


def _factory(
    shape: Sequence[int],
    dtype: torch.dtype | None,
    device: torch.device | None,
    layout: Any,
) -> Found:
    if layout not in (None, torch.strided) or any(size < 0 for size in shape):
        return None
    device = device or torch.device("cpu")
    if device.type == "cuda":
        return None  # the index of the current device is filled in by torch
    sizes = tuple(shape)
    strides = contiguous_strides(sizes)
    return TensorSpec.of(sizes, strides, dtype or torch.get_default_dtype(), device)


@_rule(aten.zeros.default, aten.ones.default, aten.rand.default, aten.randn.default)
def _zeros(
    shape: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None,
) -> Found:  # fmt: skip
    return _factory(shape, dtype, device, layout)


@_rule(aten.empty.memory_format)
def _empty(
    shape: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None, memory_format: Any = None,
) -> Found:  # fmt: skip
    if memory_format not in (None, torch.contiguous_format):
        return None
    return _factory(shape, dtype, device, layout)


@_rule(aten.full.default)
def _full(
    shape: Sequence[int], fill: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None,
) -> Found:  # fmt: skip
    return _factory(shape, dtype or _number_dtype(fill), device, layout)


@_rule(aten.arange.default)
def _arange(
    end: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None
) -> Found:
    if not isinstance(end, int) or isinstance(end, bool) or end < 0:
        return None
    return _factory((end,), dtype or torch.int64, device, layout)


@_rule(aten.zeros_like.default, aten.ones_like.default, aten.empty_like.default)
def _like(
    x: TensorSpec, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None, memory_format: Any = None,
) -> Found:  # fmt: skip
    if memory_format not in (None, torch.preserve_format) or not is_dense(x):
        return None
    if layout not in (None, torch.strided) or (device or x.device) != x.device:
        return None
    return TensorSpec.of(x.shape, x.strides, dtype or x.dtype, x.device)


# Joining -------------------------------------------------------------------------------------


@_rule(aten.cat.default)
def _cat(tensors: Sequence[TensorSpec], dim: int = 0) -> Found:
    first = tensors[0]
    at = _dim(first, dim)
    if at is None or any(
        spec.dtype != first.dtype
        or spec.device != first.device
        or len(spec.shape) != len(first.shape)
        or spec.shape[:at] != first.shape[:at]
        or spec.shape[at + 1 :] != first.shape[at + 1 :]
        or not _is_canonical(spec)
        for spec in tensors
    ):
        return None
    if len(first.shape) == 4 and any(1 in spec.shape for spec in tensors):
        return None  # channels-last and contiguous may look alike
    size = sum(spec.shape[at] for spec in tensors)
    return _fresh(first, (*first.shape[:at], size, *first.shape[at + 1 :]))


@_rule(aten.stack.default)
def _stack(tensors: Sequence[TensorSpec], dim: int = 0) -> Found:
    first = tensors[0]
    rank = len(first.shape) + 1
    if not -rank <= dim < rank or any(
        spec.shape != first.shape or spec.dtype != first.dtype or spec.device != first.device
        for spec in tensors
    ):
        return None
    at = dim % rank
    return _fresh(first, (*first.shape[:at], len(tensors), *first.shape[at:]))
