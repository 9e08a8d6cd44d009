"""How many elements a call of an operator may make: whether it is cheap to see what it gives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch

from monograph.inference.fakes import numbers_in
from monograph.ir.spec import TensorSpec
from monograph.torch_internals import Operator

__all__ = ["most_made"]

# They make no more than their tensors have together, or broadcast: whatever their numbers are.
_ADD_UP = frozenset({
    "addcdiv", "addcmul", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "broadcast_tensors", "cosine_embedding_loss", "cosine_similarity", "cross_entropy_loss",
    "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "gru", "gru_cell", "hinge_embedding_loss",
    "huber_loss", "istft", "kl_div", "l1_loss", "linalg_solve", "lstm", "lstm_cell",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "nll_loss",
    "nll_loss2d", "nll_loss_nd", "poisson_nll_loss", "rnn_relu", "rnn_relu_cell", "rnn_tanh",
    "rnn_tanh_cell", "smooth_l1_loss", "soft_margin_loss", "stack", "triplet_margin_loss",
})  # fmt: skip
_Amount = Callable[[tuple[object, ...], Sequence[TensorSpec]], int]


def most_made(
    op: Operator, args: tuple[object, ...], specs: Sequence[TensorSpec], otherwise: int
) -> int:
    """The most elements that a result may have, and what is computed on the way to it.

    ``otherwise``: where nothing is known of the operator.
    """
    name = op.name().removeprefix("aten::").partition(".")[0]
    if torch.Tag.pointwise in op.tags or name in _ADD_UP:
        return _together(specs)
    known = _AMOUNTS.get(name)
    return otherwise if known is None else max(known(args, specs), _together(specs))


def _together(specs: Sequence[TensorSpec]) -> int:
    shapes = [reversed(spec.shape) for spec in specs]
    broadcast = math.prod(max(sizes) for sizes in itertools.zip_longest(*shapes, fillvalue=1))
    return max(sum(spec.numel for spec in specs), broadcast if _broadcast(specs) else 0)


def _broadcast(specs: Sequence[TensorSpec]) -> bool:
    """Whether they may be broadcast to one shape."""
    places = itertools.zip_longest(*(reversed(spec.shape) for spec in specs), fillvalue=1)
    return all(len({*sizes, 1}) <= 2 for sizes in places)


def _of_attention(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    """The scores: of each query with each key."""
    query, key = specs[:2]
    return query.numel // max(query.shape[-1], 1) * key.shape[-2]


def _of_convolution(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    """All channels at each place, those that are padded among them."""
    image, weight = specs[:2]
    places = image.numel // max(image.shape[1 - len(weight.shape)], 1)
    padding = args[4] if len(args) > 4 and isinstance(args[4], (list, tuple)) else ()
    most = max((n for n in padding if isinstance(n, int)), default=0)
    return places * weight.shape[0] * (1 + 2 * most) ** (len(weight.shape) - 2)


def _of_transposed(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    """All channels at each place; of each place of the image there are as many as it has steps."""
    image, weight = specs[:2]
    places = image.numel // max(image.shape[1 - len(weight.shape)], 1)
    return places * math.prod((*weight.shape, *numbers_in(args)))


def _of_einsum(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    """What the letters of the result stand for, of two operands: they are multiplied at once."""
    equation = str(args[0]).replace(" ", "")
    letters, arrow, result = equation.partition("->")
    operands = letters.split(",")
    if "." in equation or not arrow or len(operands) != 2:
        return math.prod(spec.numel for spec in specs)
    sizes: dict[str, int] = {}
    for operand, spec in zip(operands, specs, strict=False):
        sizes.update(zip(operand, spec.shape, strict=False))
    return math.prod(sizes.get(letter, 1) for letter in result)


def _of_index(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    """The places that are indexed, each with all of the other dimensions."""
    indexed, indices = specs[0], args[1] if isinstance(args[1], (list, tuple)) else ()
    rest = [n for n, index in zip(indexed.shape, indices, strict=False) if index is None]
    return _together(specs[1:]) * math.prod((*rest, *indexed.shape[len(indices) :]))


def _of_padding(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    pads = args[1] if isinstance(args[1], (list, tuple)) else ()
    shape = list(specs[0].shape)
    for i, pad in enumerate(pads):
        shape[-1 - i // 2] += pad if isinstance(pad, int) else 0
    return math.prod(shape)


def _of_spectrum(args: tuple[object, ...], specs: Sequence[TensorSpec]) -> int:
    """A window at each step."""
    size, step = (n if isinstance(n, int) else None for n in (*args[1:3], None)[:2])
    return specs[0].numel * (size or 1) // max(step or (size or 4) // 4, 1) + (size or 1)


_AMOUNTS: dict[str, _Amount] = {
    "scaled_dot_product_attention": _of_attention,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _of_convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _of_transposed),
    "einsum": _of_einsum,
    "index": _of_index,
    "pad": _of_padding,
    "stft": _of_spectrum,
}  # fmt: skip
