"""Rules of Fourier transforms with sizes that vary, as the kernels of the MKL give them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.pointwise import is_less
from monograph.inference.rules.table import must_hold_if_varies, rule
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.expr import Int
from monograph.shapes.questions import not_less

aten = torch.ops.aten


@rule(aten._fft_c2c.default)
def _complex(
    x: TensorSpec, dims: Sequence[int], normalization: int, forward: bool
) -> TensorSpec | None:
    order = _outermost_first(x, dims)
    return None if not order else _transformed(x, x.shape, order, x.dtype)


@rule(aten._fft_r2c.default)
def _from_real(
    x: TensorSpec, dims: Sequence[int], normalization: int, onesided: bool
) -> TensorSpec | None:
    order = _outermost_first(x, dims[:-1])
    if order is None or not x.dtype.is_floating_point:
        return None
    shape, last = list(x.shape), dims[-1]
    if onesided:
        shape[last] = shape[last] // 2 + 1
    return _transformed(x, shape, [*order, last], x.dtype.to_complex())


@rule(aten._fft_c2r.default)
def _to_real(
    x: TensorSpec, dims: Sequence[int], normalization: int, size: Int
) -> TensorSpec | None:
    between = x if len(dims) == 1 else _complex(x, dims[:-1], normalization, False)
    if between is None or not x.dtype.is_complex:
        return None
    shape, last = list(x.shape), dims[-1]
    shape[last] = size
    return _transformed(between, shape, [last], x.dtype.to_real())


@rule(aten.istft.default)
def _from_spectrogram(
    x: TensorSpec,
    n_fft: int,
    hop: int | None = None,
    width: int | None = None,
    window: TensorSpec | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: Int | None = None,
    return_complex: bool = False,
) -> TensorSpec | None:
    hop, width = n_fft // 4 if hop is None else hop, n_fft if width is None else width
    numbers = (n_fft, hop, width)
    if x.scope is None or not x.dtype.is_complex or len(x.shape) not in (2, 3):
        return None
    if not all(isinstance(n, int) for n in numbers) or not 0 < hop <= width <= n_fft:
        return None
    if not _fits_window(x, n_fft, width, window, onesided, return_complex):
        return None
    frames, half = x.shape[-1], n_fft // 2 if center else 0
    size = length if length is not None else n_fft + hop * (frames - 1) - 2 * half
    shape = (*x.shape[:-2], size)
    if not all(must_hold_if_varies(n, not_less(n, 1)) for n in (*shape, frames)):
        return None
    dtype = x.dtype if return_complex else x.dtype.to_real()
    if window is not None:
        dtype = torch.promote_types(dtype, window.dtype)
    return TensorSpec.of(shape, contiguous_strides(shape), dtype, x.device)


def _fits_window(
    x: TensorSpec,
    n_fft: int,
    width: int,
    window: TensorSpec | None,
    onesided: bool | None,
    return_complex: bool,
) -> bool:
    """Whether there are as many frequencies as a window of this width has."""
    rows = x.shape[-2]
    onesided = rows != n_fft if onesided is None else onesided
    if rows != (n_fft // 2 + 1 if onesided else n_fft) or (return_complex and onesided):
        return False
    if window is None:
        return True
    is_real = window.dtype.is_floating_point or return_complex
    return window.shape == (width,) and window.device == x.device and is_real


def _transformed(
    x: TensorSpec, shape: Sequence[Int], dims: Sequence[int], dtype: torch.dtype
) -> TensorSpec | None:
    """The dimensions that are transformed lie innermost, the others outside as they lay."""
    if x.scope is None or x.device.type != "cpu" or not torch.backends.mkl.is_available():
        return None
    others = _outermost_first(x, [d for d in range(len(x.shape)) if d not in dims])
    if others is None:
        return None
    order = [*others, *dims]
    strides: list[Int] = [0] * len(order)
    for dim, stride in zip(order, contiguous_strides(tuple(shape[d] for d in order)), strict=True):
        strides[dim] = stride
    return TensorSpec.of(tuple(shape), tuple(strides), dtype, x.device)


def _outermost_first(x: TensorSpec, dims: Sequence[int]) -> list[int] | None:
    """Dimensions by their strides; None where the order is not that of all sizes."""
    found: list[int] = []
    for dim in dims:
        at = len(found)
        while at and is_less(x.strides[found[at - 1]], x.strides[dim]):
            at -= 1
        if at and not is_less(x.strides[dim] - 1, x.strides[found[at - 1]]):
            return None
        found.insert(at, dim)
    return found
