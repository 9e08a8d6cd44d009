"""Operators under ``vmap`` over a batch that varies: the rules whose counterparts in C++ count it.

Torch's own rules in C++ ask for plain numbers where they fold the mapped dimension into another.
These do the same with sizes that vary, and keep operators whole where torch opens them up.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence

import torch

from monograph.capture.operators.mapping import (
    Affine,
    Batch,
    Given,
    Mapped,
    Results,
    Rule,
    by_torch,
    maps,
    means,
)
from monograph.torch_internals import Operator

__all__: list[str] = []

_aten = torch.ops.aten

# Shapes ---------------------------------------------------------------------------------------


def _rank(x: Given) -> int:
    """How many dimensions one row has."""
    return x.tensor.dim() - 1 if isinstance(x, Mapped) else x.dim()


def _rows(x: Given, size: Batch) -> torch.Tensor:
    """A tensor with the mapped dimension in front, also where each row is the same."""
    return x.tensor if isinstance(x, Mapped) else x.expand(size, *x.shape)


def _row(x: Given) -> torch.Tensor:
    """A tensor as it is, with the mapped dimension in front where it has one."""
    return x.tensor if isinstance(x, Mapped) else x


def _joined(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The dimensions ``dim`` and ``dim + 1`` as one."""
    shape = x.shape
    return x.reshape(*shape[:dim], shape[dim] * shape[dim + 1], *shape[dim + 2 :])


def _parted(x: torch.Tensor, dim: int, size: Batch, rest: Batch) -> torch.Tensor:
    """One dimension as two: ``size`` times ``rest``."""
    shape = x.shape
    return x.reshape(*shape[:dim], size, rest, *shape[dim + 1 :])


def _against(x: Given, rank: int, at: int) -> torch.Tensor:
    """A tensor that meets rows of ``rank`` dimensions: its own begin at dimension ``at``."""
    rest = rank - at - _rank(x)
    tensor = x.tensor if isinstance(x, Mapped) else x.unsqueeze(0)
    return tensor.reshape(tensor.shape[0], *[1] * at, *tensor.shape[1:], *[1] * rest)


def _is_mapped(*tensors: object) -> bool:
    return any(isinstance(tensor, Mapped) for tensor in tensors)


# Normalisation --------------------------------------------------------------------------------


@maps("layer_norm native_layer_norm")
def _layer_norm(
    op: Operator,
    size: Batch,
    x: Given,
    shape: Sequence[int],
    weight: Affine,
    bias: Affine,
    *options: object,
) -> Results:
    if not _is_mapped(weight, bias):
        return op(_row(x), shape, weight, bias, *options)
    results = op(_row(x), shape, None, None, *options)
    return _scaled(results, size, x, weight, bias, _rank(x) - len(shape))


@maps("group_norm")
def _group_norm(
    op: Operator,
    size: Batch,
    x: Given,
    groups: int,
    weight: Affine,
    bias: Affine,
    *options: object,
) -> Results:
    affine = (None, None) if _is_mapped(weight, bias) else (weight, bias)
    if isinstance(x, Mapped):
        found = op(_joined(x.tensor, 0), groups, *affine, *options)
        found = _parted(found, 0, *x.tensor.shape[:2])
    else:
        found = op(x, groups, *affine, *options)
    return _scaled(found, size, x, weight, bias, 1) if _is_mapped(weight, bias) else found


@maps("native_group_norm")
def _native_group_norm(
    op: Operator,
    size: Batch,
    x: Given,
    weight: Affine,
    bias: Affine,
    count: Batch,
    *options: object,
) -> Results:
    affine = (None, None) if _is_mapped(weight, bias) else (weight, bias)
    if isinstance(x, Mapped):
        results = op(_joined(x.tensor, 0), *affine, count * size, *options)
        results = tuple(_parted(result, 0, size, count) for result in results)
    else:
        results = op(x, *affine, count, *options)
    return _scaled(results, size, x, weight, bias, 1) if _is_mapped(weight, bias) else results


def _scaled(
    results: Results, size: Batch, x: Given, weight: Affine, bias: Affine, at: int
) -> Results:
    """What was normalised without weight and bias, which differ from row to row, and with them.

    They are dimensions of a row from ``at`` on. Other results are the same with and without.
    """
    first, *others = (results,) if isinstance(results, torch.Tensor) else results
    assert first is not None
    if not isinstance(x, Mapped):  # normalised once for all rows
        first = first.unsqueeze(0)
        others = [_rows(other, size) for other in others if other is not None]
    rank = _rank(x)
    if weight is not None:
        first = first * _against(weight, rank, at)
    if bias is not None:
        first = first + _against(bias, rank, at)
    return first if isinstance(results, torch.Tensor) else (first, *others)


@maps("batch_norm native_batch_norm _native_batch_norm_legit cudnn_batch_norm")
def _batch_norm(
    op: Operator,
    size: Batch,
    x: Given,
    weight: Affine,
    bias: Affine,
    mean: Affine,
    variance: Affine,
    training: bool,
    *options: object,
) -> Results:
    rows = _rows(x, size)
    state = (mean, variance)
    if op is _aten.batch_norm.default and not training and not _is_mapped(weight, bias, *state):
        found = op(_joined(rows, 0), weight, bias, *state, training, *options)
        return _parted(found, 0, *rows.shape[:2])
    if training and any(isinstance(tensor, torch.Tensor) for tensor in state):
        raise RuntimeError(
            "batch norm in training writes its running statistics, which are not mapped over"
        )
    return _over_channels(op, size, rows, weight, bias, state, (training, *options))


@maps("_native_batch_norm_legit.no_stats")
def _batch_norm_without_state(
    op: Operator, size: Batch, x: Given, weight: Affine, bias: Affine, *options: object
) -> Results:
    return _over_channels(op, size, _rows(x, size), weight, bias, (), options)


def _over_channels(
    op: Operator,
    size: Batch,
    rows: torch.Tensor,
    weight: Affine,
    bias: Affine,
    state: tuple[Affine, ...],
    options: tuple[object, ...],
) -> Results:
    """Batch norm in which each row has channels of its own."""

    def of_channels(tensor: Affine) -> torch.Tensor | None:
        return None if tensor is None else _joined(_rows(tensor, size), 0)

    def copied(tensor: Affine) -> torch.Tensor | None:
        """To be written: whether it lies in its tensor must not depend on sizes."""
        return (
            None
            if tensor is None
            else _joined(_rows(tensor, size).clone(memory_format=torch.contiguous_format), 0)
        )

    channels = rows.shape[2]
    copies = [(copied if options[0] else of_channels)(tensor) for tensor in state]
    folded = _joined(rows.movedim(0, 1), 1)
    results = op(folded, of_channels(weight), of_channels(bias), *copies, *options)
    for tensor, copy in zip(state, copies, strict=True):
        if isinstance(tensor, Mapped) and copy is not None and options[0]:
            tensor.tensor.copy_(_parted(copy, 0, size, channels))
    first, *others = results if isinstance(results, tuple) else (results,)
    first = _parted(first, 1, size, channels).movedim(1, 0)
    # In evaluation torch returns nothing for what it would keep.
    kept = [
        other.reshape(size, channels) if options[0] or not state
        else other.reshape(1, *other.shape).expand(size, *other.shape)
        for other in others
    ]  # fmt: skip
    return (first, *kept) if others else first


# Convolutions ---------------------------------------------------------------------------------


@maps("conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding")
def _convolution(
    op: Operator,
    size: Batch,
    x: Given,
    weight: Given,
    bias: Affine,
    stride: object,
    padding: object,
    dilation: object,
    groups: Batch,
) -> torch.Tensor:
    def call(x: torch.Tensor, weight: torch.Tensor, bias: Affine, groups: Batch) -> torch.Tensor:
        return op(x, weight, bias, stride, padding, dilation, groups)

    return _convolved(call, size, x, weight, bias, groups, False)


@maps("conv_transpose1d conv_transpose2d.input conv_transpose3d.input")
def _transposed_convolution(
    op: Operator,
    size: Batch,
    x: Given,
    weight: Given,
    bias: Affine,
    stride: object,
    padding: object,
    output_padding: object,
    groups: Batch,
    dilation: object,
) -> torch.Tensor:
    def call(x: torch.Tensor, weight: torch.Tensor, bias: Affine, groups: Batch) -> torch.Tensor:
        return op(x, weight, bias, stride, padding, output_padding, groups, dilation)

    return _convolved(call, size, x, weight, bias, groups, True)


@maps("convolution")
def _any_convolution(
    op: Operator,
    size: Batch,
    x: Given,
    weight: Given,
    bias: Affine,
    stride: object,
    padding: object,
    dilation: object,
    transposed: bool,
    output_padding: object,
    groups: Batch,
) -> torch.Tensor:
    def call(x: torch.Tensor, weight: torch.Tensor, bias: Affine, groups: Batch) -> torch.Tensor:
        return op(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups)

    return _convolved(call, size, x, weight, bias, groups, transposed)


def _convolved(
    call: Callable[..., torch.Tensor],
    size: Batch,
    x: Given,
    weight: Given,
    bias: Affine,
    groups: Batch,
    transposed: bool,
) -> torch.Tensor:
    """Rows that share their weights are one batch; others are groups of channels."""
    rows = _rows(x, size)
    is_single = _rank(x) == _rank(weight) - 1  # each row is an image without a batch
    if not _is_mapped(weight):
        is_whole = not isinstance(bias, Mapped)
        folded = rows if is_single else _joined(rows, 0)
        found = call(folded, weight, bias if is_whole else None, groups)
        if not is_single:
            found = _parted(found, 0, *rows.shape[:2])
        return (
            found
            if not isinstance(bias, Mapped)
            else found + _against(bias, found.dim() - 1, 0 if is_single else 1)
        )
    weights = _rows(weight, size)
    channels = weights.shape[2] * groups if transposed else weights.shape[1]
    if bias is not None:
        bias = _joined(_rows(bias, size), 0)
    if (
        not isinstance(x, Mapped) and isinstance(groups, int) and groups == 1
    ):  # one input, and the outputs of all rows
        folded = _joined(weights.movedim(0, 1), 1) if transposed else _joined(weights, 0)
        at = 0 if is_single else 1
        return _parted(call(x, folded, bias, groups), at, size, channels).movedim(at, 0)
    if is_single:
        rows = rows.unsqueeze(1)
    folded = _joined(rows.movedim(0, 1), 1)
    found = call(folded, _joined(weights, 0), bias, groups * size)
    found = _parted(found, 1, size, channels).movedim(1, 0)
    return found.squeeze(1) if is_single else found


@maps("convolution_backward")
def _convolution_backward(
    op: Operator,
    size: Batch,
    gradient: Given,
    x: Given,
    weight: Given,
    bias_sizes: object,
    stride: object,
    padding: object,
    dilation: object,
    transposed: bool,
    output_padding: object,
    groups: Batch,
    wanted: Sequence[bool],
) -> Results:
    options = (stride, padding, dilation, transposed, output_padding)
    gradients, rows = _rows(gradient, size), _rows(x, size)
    if not _is_mapped(weight) and not any(wanted[1:]):
        found = op(_joined(gradients, 0), _joined(rows, 0), weight, bias_sizes, *options, groups,
                   wanted)[0]  # fmt: skip
        return _parted(found, 0, *rows.shape[:2]), None, None
    weights = _rows(weight, size)
    of_input, of_weight, of_bias = op(
        _joined(gradients.movedim(0, 1), 1), _joined(rows.movedim(0, 1), 1), _joined(weights, 0),
        [gradients.shape[2] * size], *options, groups * size, wanted,
    )  # fmt: skip
    if wanted[0]:
        of_input = _parted(of_input, 1, size, rows.shape[2]).movedim(1, 0)
    if wanted[1]:
        of_weight = _parted(of_weight, 0, size, weights.shape[1])
    if wanted[2]:
        of_bias = of_bias.reshape(size, gradients.shape[2])
    return tuple(
        found if is_wanted else None
        for found, is_wanted in zip((of_input, of_weight, of_bias), wanted, strict=True)
    )


# Windows and images: each row is a batch, or an image of one -----------------------------------

_IMAGES = {
    1: "avg_pool1d max_pool1d max_pool1d_with_indices adaptive_avg_pool1d adaptive_max_pool1d"
       " reflection_pad1d replication_pad1d upsample_linear1d upsample_linear1d.vec"
       " upsample_nearest1d upsample_nearest1d.vec _upsample_nearest_exact1d"
       " _upsample_nearest_exact1d.vec col2im reflection_pad1d_backward"
       " replication_pad1d_backward",
    2: "avg_pool2d max_pool2d max_pool2d_with_indices adaptive_avg_pool2d adaptive_max_pool2d"
       " _adaptive_avg_pool2d reflection_pad2d replication_pad2d upsample_nearest2d"
       " upsample_nearest2d.vec _upsample_nearest_exact2d _upsample_nearest_exact2d.vec"
       " upsample_bilinear2d upsample_bilinear2d.vec upsample_bicubic2d upsample_bicubic2d.vec"
       " _upsample_bilinear2d_aa _upsample_bilinear2d_aa.vec _upsample_bicubic2d_aa"
       " _upsample_bicubic2d_aa.vec im2col fractional_max_pool2d max_unpool2d grid_sampler"
       " grid_sampler_2d avg_pool2d_backward max_pool2d_with_indices_backward"
       " _adaptive_avg_pool2d_backward adaptive_max_pool2d_backward reflection_pad2d_backward"
       " replication_pad2d_backward fractional_max_pool2d_backward",
    3: "avg_pool3d max_pool3d max_pool3d_with_indices adaptive_avg_pool3d adaptive_max_pool3d"
       " _adaptive_avg_pool3d reflection_pad3d replication_pad3d upsample_nearest3d"
       " upsample_nearest3d.vec _upsample_nearest_exact3d _upsample_nearest_exact3d.vec"
       " upsample_trilinear3d upsample_trilinear3d.vec fractional_max_pool3d max_unpool3d"
       " grid_sampler_3d avg_pool3d_backward max_pool3d_with_indices_backward"
       " _adaptive_avg_pool3d_backward adaptive_max_pool3d_backward reflection_pad3d_backward"
       " replication_pad3d_backward fractional_max_pool3d_backward",
}  # fmt: skip


def _folded(dimensions: int) -> Rule:
    def rule(op: Operator, size: Batch, *args: object, **kwargs: object) -> Results:
        first = args[0]
        assert isinstance(first, (torch.Tensor, Mapped))
        is_batch = _rank(first) == dimensions + 2

        def folded(arg: object) -> object:
            if not isinstance(arg, (torch.Tensor, Mapped)):
                return arg
            rows = _rows(arg, size)
            is_batch_too = is_batch or (op in _SAMPLED and arg is not first)
            return _joined(rows, 0) if is_batch_too else rows

        results = op(*map(folded, args), **{n: folded(arg) for n, arg in kwargs.items()})
        if not is_batch:
            return results
        count = _rows(first, size).shape[1]
        if isinstance(results, torch.Tensor):
            return _parted(results, 0, size, count)
        return tuple(_parted(result, 0, size, count) for result in results)

    return rule


_SAMPLED = frozenset({_aten.fractional_max_pool2d.default, _aten.fractional_max_pool3d.default})

for _dimensions, _names in _IMAGES.items():
    maps(_names)(_folded(_dimensions))


@maps(
    "upsample_linear1d_backward upsample_nearest1d_backward _upsample_nearest_exact1d_backward"
    " upsample_nearest2d_backward _upsample_nearest_exact2d_backward upsample_bilinear2d_backward"
    " upsample_bicubic2d_backward _upsample_bilinear2d_aa_backward _upsample_bicubic2d_aa_backward"
    " upsample_nearest3d_backward _upsample_nearest_exact3d_backward upsample_trilinear3d_backward"
)
def _upsample_backward(
    op: Operator,
    size: Batch,
    gradient: Mapped,
    output_size: object,
    input_size: Sequence[Batch],
    *options: object,
    **named: object,
) -> torch.Tensor:
    count, *rest = input_size
    found = op(_joined(gradient.tensor, 0), output_size, [count * size, *rest], *options, **named)
    return _parted(found, 0, size, count)


# How rows lie, which torch asks of each row ------------------------------------------------------


@maps("reshape")
def _reshaped(op: Operator, size: Batch, x: Mapped, shape: Sequence[Batch]) -> torch.Tensor:
    known = [n for n in shape if not (isinstance(n, int) and n == -1)]
    if len(known) == len(shape) - 1 and _rank(x):
        rest = _product(x.tensor.shape[1:]) // _product(known)
        shape = [rest if isinstance(n, int) and n == -1 else n for n in shape]
    return op(x.tensor, [size, *shape])


def _product(sizes: Sequence[Batch]) -> Batch:
    return functools.reduce(operator.mul, sizes, 1)  # ``math.prod`` would make numbers of them


@maps("contiguous")
def _contiguous(
    op: Operator,
    size: Batch,
    x: Mapped,
    *,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> torch.Tensor:
    if memory_format is torch.contiguous_format:
        return op(x.tensor)
    found = op(_joined(x.tensor, 0), memory_format=memory_format)
    return _parted(found, 0, *x.tensor.shape[:2])


# Along a dimension, element by element, and by index --------------------------------------------


@maps("gather scatter.src scatter.value scatter.reduce scatter.value_reduce scatter_add"
       " scatter_reduce.two")  # fmt: skip
def _indexed(
    op: Operator, size: Batch, x: Given, dim: int, *args: object, **options: object
) -> torch.Tensor:
    """All tensors are of as many dimensions, or of none."""
    rank = _rank(x)

    def rows(arg: object) -> object:
        if not isinstance(arg, (torch.Tensor, Mapped)):
            return arg
        found = _rows(arg, size)
        return found if found.dim() > 1 else found.unsqueeze(1)

    found = op(rows(x), _after_the_mapped(dim, max(rank, 1)), *map(rows, args), **options)
    return found if rank or found.dim() == 1 else found.squeeze(1)


@maps("cumsum cumprod logcumsumexp")
def _along(
    op: Operator, size: Batch, x: Mapped, dim: int, *options: object, **named: object
) -> Results:
    if not _rank(x):
        return op(x.tensor.unsqueeze(1), 1, *options, **named).squeeze(1)
    return op(x.tensor, _after_the_mapped(dim, _rank(x)), *options, **named)


@maps("diagonal_scatter")
def _diagonal_scatter(
    op: Operator, size: Batch, x: Given, source: Given, offset: int, one: int, other: int
) -> torch.Tensor:
    one, other = (_after_the_mapped(dim, _rank(x)) for dim in (one, other))
    return op(_rows(x, size), _rows(source, size), offset, one, other)


@maps("slice_backward select_backward unfold_backward")
def _of_part(
    op: Operator,
    size: Batch,
    gradient: Mapped,
    sizes: Sequence[Batch],
    dim: int,
    *part: Batch | None,
) -> torch.Tensor:
    return op(gradient.tensor, [size, *sizes], _after_the_mapped(dim, len(sizes)), *part)


@maps("diagonal_backward")
def _of_diagonal(
    op: Operator,
    size: Batch,
    gradient: Mapped,
    sizes: Sequence[Batch],
    offset: int,
    one: int,
    other: int,
) -> torch.Tensor:
    one, other = (_after_the_mapped(dim, len(sizes)) for dim in (one, other))
    return op(gradient.tensor, [size, *sizes], offset, one, other)


@maps("linalg_cross")
def _cross(op: Operator, size: Batch, x: Given, y: Given, *, dim: int = -1) -> torch.Tensor:
    rank = max(_rank(x), _rank(y))
    one, other = (_against(tensor, rank, rank - _rank(tensor)) for tensor in (x, y))
    return op(one, other, dim=_after_the_mapped(dim, rank))


@maps("cat")
def _joined_tensors(op: Operator, size: Batch, tensors: Sequence[Given], dim: int) -> torch.Tensor:
    rank = max(map(_rank, tensors))
    rows = [_rows(x, size) for x in tensors if _rank(x) == rank]  # others are torch's empty ones
    return op(rows, _after_the_mapped(dim, rank))


def _quantile(
    op: Operator,
    size: Batch,
    x: Given,
    q: Given | float,
    dim: int | None,
    keepdim: bool,
    **options: object,
) -> torch.Tensor:
    rows, rank = _rows(x, size), _rank(x)
    if isinstance(q, Mapped):  # each quantile of each row, of which those of the row remain
        count, is_one = q.tensor.shape[1:].numel(), q.tensor.dim() == 1
        asked = q.tensor.reshape(-1)
        every = _quantile(op, size, Mapped(rows), asked, dim, keepdim, **options)
        own = _parted(every, 1, size, count).diagonal(0, 0, 1).movedim(-1, 0)
        return own.squeeze(1) if is_one else own
    if dim is None or not rank:
        rows, dim = rows.reshape(size, -1), 0
    found = op(rows, q, _after_the_mapped(dim, rows.dim() - 1), keepdim, **options)
    several = isinstance(q, torch.Tensor) and q.dim() == 1
    if keepdim and found.dim() - several != rank + 1:  # of all elements
        found = found.reshape(*found.shape[:-1], *[1] * rank)
    return found.movedim(1, 0) if several else found


maps("quantile quantile.scalar nanquantile nanquantile.scalar")(_quantile)


@maps("masked_select")
def _masked_select(op: Operator, size: Batch, x: Given, mask: Given) -> torch.Tensor:
    if isinstance(mask, Mapped):
        raise RuntimeError(
            "vmap: masked_select gives each row as many elements as its mask has, and rows of a"
            " mask that is mapped over differ in that"
        )
    rank = max(_rank(x), mask.dim())
    rows = _against(x, rank, rank - _rank(x))
    rows, mask = torch.broadcast_tensors(rows, mask)
    return rows.reshape(size, -1).index_select(1, mask[0].reshape(-1).nonzero().squeeze(1))


@maps("stft stft.center istft")
def _spectrum(
    op: Operator, size: Batch, x: Mapped, *args: object, **options: object
) -> torch.Tensor:
    if _is_mapped(*args):
        raise RuntimeError(f"{op}: a window that is mapped over cannot be captured")
    rows = x.tensor
    if _rank(x) == (2 if op is _aten.istft.default else 1):
        return op(rows, *args, **options)
    found = op(_joined(rows, 0), *args, **options)
    return _parted(found, 0, *rows.shape[:2])


@maps("lu_unpack lu_solve")
def _of_matrices(op: Operator, size: Batch, *args: object) -> Results:
    return op(*(_rows(a, size) if isinstance(a, (torch.Tensor, Mapped)) else a for a in args))


def _after_the_mapped(dim: int, rank: int) -> int:
    """A dimension of a row, where the mapped one is in front."""
    return dim % rank + 1


# Operators that are computed with others, which have rules of their own --------------------------


@means("masked_fill.Tensor")
def _masked_fill(x: torch.Tensor, mask: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.where(mask, value.to(x.dtype), x)


@means("masked_scatter")
def _masked_scatter(x: torch.Tensor, mask: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    x, mask = torch.broadcast_tensors(x, mask)
    counted = mask.reshape(-1).cumsum(0) - 1
    found = source.reshape(-1)[counted.clamp_min(0).clamp_max(source.numel() - 1)]
    return torch.where(mask, found.reshape(x.shape), x)


@means("isclose")
def _isclose(
    x: torch.Tensor,
    y: torch.Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> torch.Tensor:
    close = x == y
    if equal_nan and x.is_floating_point():
        close = close | (x.isnan() & y.isnan())
    if not rtol and not atol:
        return close
    difference = (x - y).abs()
    return close | (difference.isfinite() & (difference <= atol + (rtol * y).abs()))


@means("isin.Tensor_Tensor")
def _isin(
    x: torch.Tensor, y: torch.Tensor, *, assume_unique: bool = False, invert: bool = False
) -> torch.Tensor:
    found = (x.unsqueeze(-1) == y.reshape(-1)).any(-1)
    return found.logical_not() if invert else found


@means("margin_ranking_loss")
def _margin_ranking_loss(
    x: torch.Tensor, y: torch.Tensor, target: torch.Tensor, margin: float = 0.0, reduction: int = 1
) -> torch.Tensor:
    loss = (-target * (x - y) + margin).clamp_min(0)
    if not reduction:
        return loss
    return loss.mean() if reduction == 1 else loss.sum()


by_torch(
    "native_layer_norm_backward native_group_norm_backward native_batch_norm_backward"
    " nll_loss_forward nll_loss_backward nll_loss2d_forward nll_loss2d_backward"
    " soft_margin_loss soft_margin_loss_backward multi_margin_loss"
    " multilabel_margin_loss_forward"
)
