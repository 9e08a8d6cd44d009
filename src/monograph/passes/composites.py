"""The parts of composite operators whose own code asks sizes and strides for a fast way.

Torch's functions give a program for the sizes that get the same answers: not for one row, where
there were two. These ask nothing that is not settled, and give one program for all sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import NotImplementedType
from typing import Any

import torch

from monograph.inference.layout_flow import only_splits
from monograph.inference.rules import RULES, View
from monograph.inference.rules.table import is_canonical
from monograph.ir.spec import spec_of
from monograph.shapes.expr import Expr
from monograph.shapes.questions import either, equal, not_less
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import Operator

__all__ = ["INSTEAD", "PARTS", "view_of_any_layout"]

aten = torch.ops.aten
Size = int | torch.SymInt
Part = torch.Tensor | NotImplementedType
Parts = Sequence[torch.Tensor] | NotImplementedType


def _matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    if right.dim() == 1:
        if left.dim() == 1:
            return aten.dot.default(left, right)
        return aten.mv.default(_as_rows(left), right).view(left.shape[:-1])
    if right.dim() == 2:
        rows = left.unsqueeze(0) if left.dim() == 1 else _as_rows(left)
        return _as_before(aten.mm.default(rows, right), left)
    rows = left.unsqueeze(0) if left.dim() == 1 else left
    batch = _joined(rows.shape[:-2], right.shape[:-2])
    found = aten.bmm.default(_as_batch(rows, batch), _as_batch(right, batch))
    return found.view((*batch, *left.shape[-2:-1], right.shape[-1]))


def _linear(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    if weight.dim() == 1:
        found = _matmul(x, weight)
        return found if bias is None else found + bias
    rows = x.unsqueeze(0) if x.dim() == 1 else _as_rows(x)
    columns = weight.t()
    if bias is None:
        return _as_before(aten.mm.default(rows, columns), x)
    return _as_before(aten.addmm.default(bias, rows, columns), x)


def _as_rows(x: torch.Tensor) -> torch.Tensor:
    """All dimensions but the last as one."""
    return x if x.dim() == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _as_before(found: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The rows of ``_as_rows``, with another number of columns, as the dimensions of ``x``."""
    return found if x.dim() == 2 else found.view((*x.shape[:-1], found.shape[-1]))


def _as_batch(x: torch.Tensor, batch: Sequence[Size]) -> torch.Tensor:
    """The matrices of ``x``, repeated to ``batch``, one after the other."""
    matrix = x.shape[-2:]
    if len(batch) == 1 and x.dim() == 3 and _is(x.shape[0], batch[0]):
        return x
    return x.expand((*batch, *matrix)).reshape((math.prod(batch), *matrix))


def _joined(left: Sequence[Size], right: Sequence[Size]) -> tuple[Size, ...]:
    """The batch that both are broadcast to: they fit, or the product would have been refused."""
    rank = max(len(left), len(right))
    sizes = [(1,) * (rank - len(shape)) + tuple(shape) for shape in (left, right)]
    return tuple(b if _is(a, 1) else a for a, b in zip(*sizes, strict=True))


def _is(size: Size, other: Size) -> bool:
    """Whether two sizes are known to be the same, without asking for it."""
    one, two = expression_of(size), expression_of(other)
    for item in (one, two):
        if isinstance(item, Expr):
            known: bool = item.scope.owner.is_known(equal(one, two))
            return known
    return bool(one == two)


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    if attn_mask is not None and attn_mask.dtype is torch.bool:
        nothing = aten.zeros_like.default(attn_mask, dtype=query.dtype)
        attn_mask = nothing.masked_fill(attn_mask.logical_not(), -math.inf)
    if isinstance(scale, torch.SymFloat):  # the operator below takes a plain number
        query, scale = query * scale, 1.0
    math_of = aten._scaled_dot_product_attention_math.default
    options = {"scale": scale, "enable_gqa": enable_gqa}
    return math_of(query, key, value, attn_mask, dropout_p, is_causal, **options)[0]


def _reshape(x: torch.Tensor, shape: Sequence[Size]) -> Part:
    found = RULES[aten.reshape.default](spec_of(x), [expression_of(size) for size in shape])
    if found is None:
        return NotImplemented
    if not isinstance(found, View):
        x = aten.clone.default(x, memory_format=torch.contiguous_format)
    return view_of_any_layout(x, shape)


def view_of_any_layout(x: Any, shape: Sequence[Any]) -> torch.Tensor:
    """A view of ``x``; of a copy, where ``x`` may lie otherwise when the program is called."""
    recorder = x.value.recorder
    spec = x.value.spec
    found = RULES[aten.view.default](spec, [expression_of(size) for size in shape])
    fits_any = isinstance(found, View) and only_splits(spec.shape, found.spec.shape)
    if not fits_any and recorder.layouts.follows_inputs(x.value):
        x = aten.clone.default(x, memory_format=torch.contiguous_format)
    before, recorder.context.rules = recorder.context.rules, None
    try:
        view: torch.Tensor = recorder.record(aten.view.default, (x, shape))
    finally:
        recorder.context.rules = before
    return view


def _flatten(x: torch.Tensor, start_dim: int = 0, end_dim: int = -1) -> Part:
    rank = x.dim()
    if rank == 0:
        return NotImplemented
    first, last = start_dim % rank, end_dim % rank
    if first == last:
        return x
    size = math.prod(x.shape[first : last + 1])
    return _reshape(x, (*x.shape[:first], size, *x.shape[last + 1 :]))


def _contiguous(x: Any, *, memory_format: Any = torch.contiguous_format) -> Any:
    """A copy, unless ``x`` lies like that however the inputs of the program lie."""
    if not x.value.recorder.layouts.follows_inputs(x.value):
        if memory_format is not torch.contiguous_format:
            return NotImplemented
        if x.value.spec.is_contiguous():
            return x
    return aten.clone.default(x, memory_format=memory_format)


def _to(x: Any, *others: Any, memory_format: Any = None, **options: Any) -> Any:
    """The same of ``x.to(memory_format=...)``."""
    if memory_format in (None, torch.preserve_format):
        return NotImplemented
    if not x.value.recorder.layouts.follows_inputs(x.value):
        return NotImplemented
    kinds = {"dtype": options.get("dtype"), "device": options.get("device")}
    for other in others:
        if isinstance(other, torch.Tensor):
            kinds = {"dtype": other.dtype, "device": other.device}
        elif isinstance(other, torch.dtype):
            kinds["dtype"] = other
        elif isinstance(other, torch.device):
            kinds["device"] = other
    return aten._to_copy.default(x, memory_format=memory_format, **kinds)


def _diff(
    x: torch.Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: torch.Tensor | None = None,
    append: torch.Tensor | None = None,
) -> torch.Tensor:
    parts = [part for part in (prepend, x, append) if part is not None]
    found = aten.cat.default(parts, dim) if len(parts) > 1 else x
    for _ in range(n):
        after, before = aten.slice.Tensor(found, dim, 1), aten.slice.Tensor(found, dim, 0, -1)
        found = after ^ before if x.dtype is torch.bool else after - before
    return found


def _group_norm(
    x: Any,
    groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """Torch's parts make no copy of what is row-major in the example; the kernel wants that.

    It looks at the strides of a single row, too, and does not take it for one of several that lie
    with their channels innermost.
    """
    is_certain = x.value.spec.scope is None or is_canonical(x.value.spec)
    if is_certain and not x.value.recorder.layouts.follows_inputs(x.value):
        return NotImplemented
    rows = aten.clone.default(x, memory_format=torch.contiguous_format)
    batch, channels, *rest = x.shape
    norm = aten.native_group_norm.default
    weight, bias = (None if each is None else _contiguous(each) for each in (weight, bias))
    return norm(rows, weight, bias, batch, channels, math.prod(rest), groups, eps)[0]


def _batch_norm(
    x: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    mean: torch.Tensor | None,
    var: torch.Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Part:
    if training or mean is None or var is None:
        return NotImplemented
    norm = aten._native_batch_norm_legit_no_training.default
    return norm(x, weight, bias, mean, var, momentum, eps)[0]


def _embedding_bag(
    weight: torch.Tensor,
    indices: torch.Tensor,
    offsets: torch.Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: torch.Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Part:
    # The operator with gradients, of Core ATen: torch's rule takes the one that has none wherever
    # the weight asks for none while it is replaced. It reads indices as they lie.
    indices, offsets = (aten.contiguous.default(x) for x in (indices, offsets))
    if padding_idx is None:
        padding_idx = -1
    elif padding_idx < 0:
        padding_idx += weight.shape[0]
    bags = (scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx)
    return aten._embedding_bag.default(weight, indices, offsets, *bags)


def _chunk(x: torch.Tensor, chunks: int, dim: int = 0) -> Parts:
    """Torch's own makes pieces of one size, of which there are none for nothing."""
    total = x.shape[dim]
    size = -(-total // chunks)
    before = size * (chunks - 1)
    found = expression_of(total)
    if not isinstance(found, Expr):
        return NotImplemented
    fills = either(equal(found, 0), not_less(found, expression_of(before) + 1))
    if not found.scope.owner.is_known(fills):
        return NotImplemented
    return aten.split_with_sizes.default(x, [*[size] * (chunks - 1), total - before], dim)


def _roll(x: torch.Tensor, shifts: Sequence[Size], dims: Sequence[int] = ()) -> torch.Tensor:
    """Torch's own divides by sizes, which may be 0."""
    if not dims:
        return _roll(x.flatten(), shifts, (0,)).view(x.shape)
    for shift, dim in zip(shifts, dims, strict=True):
        places = aten.arange.default(x.shape[dim], device=x.device)
        places = aten.remainder.Scalar(aten.sub.Scalar(places, shift), x.shape[dim])
        x = aten.index_select.default(x, dim, places)
    return x


# In place of torch's functions for operators that are none of Core ATen.
INSTEAD: dict[Operator, Callable[..., torch.Tensor]] = {aten.roll.default: _roll}

# What is NotImplemented is left to torch's parts.
PARTS: dict[Operator, Callable[..., Part | Parts]] = {
    aten.matmul.default: _matmul,
    aten.linear.default: _linear,
    aten.scaled_dot_product_attention.default: _attention,
    aten.reshape.default: _reshape,
    aten.flatten.using_ints: _flatten,
    aten.contiguous.default: _contiguous,
    aten.to.dtype_layout: _to,
    aten.to.device: _to,
    aten.to.dtype: _to,
    aten.to.other: _to,
    aten.chunk.default: _chunk,
    aten.diff.default: _diff,
    aten.embedding_bag.default: _embedding_bag,
    aten.embedding_bag.padding_idx: _embedding_bag,
    aten.batch_norm.default: _batch_norm,
    aten.group_norm.default: _group_norm,
}
