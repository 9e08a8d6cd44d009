"""Tensors that are drawn: of given sizes and dtype, in many layouts, with many kinds of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

__all__ = ["LAYOUTS", "VALUES", "drawn_tensor"]

# From the simplest to the oddest: what fails is made simpler in this order.
LAYOUTS = (
    "contiguous", "offset", "transposed", "channels last", "spaced", "expanded", "conjugated",
)  # fmt: skip
VALUES = ("ones", "zeros", "few", "normal", "special", "extreme")


def drawn_tensor(
    shape: Sequence[int],
    dtype: torch.dtype = torch.float32,
    *,
    layout: str = "contiguous",
    values: str = "normal",
    among: tuple[int, int] = (0, 1),
    seed: int = 0,
    device: torch.device | str = "cpu",
    requires_grad: bool = False,
) -> torch.Tensor:
    """The same tensor for the same arguments.

    ``layout``: "contiguous", "offset" (it starts in the middle of its memory), "transposed",
    "channels last", "spaced" (every other element of its memory), "expanded" (one row many times),
    "conjugated". Where a shape or a dtype has no such layout, the tensor is contiguous.
    ``values``: "ones", "zeros", "few" (many ties), "normal", "special" (NaN, infinities, zeros of
    both signs, the least numbers; of integers the largest, too), "extreme" (the largest floats
    among them, whose squares overflow). ``among``: the integers that are drawn, but for "special"
    ones.
    """
    random = torch.Generator().manual_seed(seed)
    target = torch.empty(0, dtype=dtype, device=device)

    def filled(sizes: Sequence[int]) -> torch.Tensor:
        found = _drawn(math.prod(sizes), dtype, values, among, random)
        return found.to(target).reshape(tuple(sizes))

    sizes = tuple(int(size) for size in shape)
    make = _LAYOUTS.get(layout, _contiguous) if _has(layout, sizes, dtype) else _contiguous
    tensor = make(filled, sizes)
    return tensor.detach().requires_grad_() if requires_grad else tensor


def _drawn(
    count: int, dtype: torch.dtype, values: str, among: tuple[int, int], random: torch.Generator
) -> torch.Tensor:
    if values in ("ones", "zeros"):
        return torch.full((count,), values == "ones", dtype=dtype)
    if dtype is torch.bool:
        return torch.randint(0, 2, (count,), generator=random).bool()
    if not (dtype.is_floating_point or dtype.is_complex):
        low, high = among
        plain = torch.randint(low, high + 1, (count,), generator=random).to(dtype)
        return _mixed(plain, _special(dtype), random) if values in _SPECIAL else plain
    if values == "few":
        plain = torch.randint(-2, 3, (count,), generator=random).to(dtype)
    else:
        plain = torch.randn(count, generator=random).to(dtype)
    if dtype.is_complex:
        plain = plain + 1j * torch.randn(count, generator=random).to(dtype)
    if values not in _SPECIAL:
        return plain
    special = _special(dtype)
    if values == "extreme":
        largest = torch.finfo(dtype).max
        special = torch.cat(
            [special, torch.tensor([largest, -largest], dtype=torch.float64).to(dtype)]
        )
    return _mixed(plain, special, random)


_SPECIAL = ("special", "extreme")


def _special(dtype: torch.dtype) -> torch.Tensor:
    if not (dtype.is_floating_point or dtype.is_complex):
        limits = torch.iinfo(dtype)
        return torch.tensor([limits.min, limits.max, 0, 1], dtype=dtype)
    least = torch.finfo(dtype).tiny
    found = [math.nan, math.inf, -math.inf, 0.0, -0.0, least, 1.0]
    return torch.tensor(found, dtype=torch.float64).to(dtype)


def _mixed(plain: torch.Tensor, special: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Every third value is a special one, or so."""
    which = torch.randint(0, len(special), plain.shape, generator=random)
    return torch.where(torch.rand(plain.shape, generator=random) < 0.3, special[which], plain)


# Layouts ---------------------------------------------------------------------------------------

_Filled = Callable[[Sequence[int]], torch.Tensor]


def _has(layout: str, sizes: tuple[int, ...], dtype: torch.dtype) -> bool:
    if layout == "conjugated":
        return dtype.is_complex
    if layout == "channels last":
        return len(sizes) in (4, 5)
    if layout in ("spaced", "expanded"):
        return bool(sizes)
    return layout != "transposed" or len(sizes) > 1


def _contiguous(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    return filled(sizes)


def _offset(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    return filled((math.prod(sizes) + 3,))[3:].view(sizes)


def _transposed(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    return filled(sizes[::-1]).permute(*range(len(sizes) - 1, -1, -1))


def _spaced(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    return filled((*sizes[:-1], 2 * sizes[-1]))[..., ::2]


def _expanded(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    return filled((1, *sizes[1:])).expand(sizes)


def _channels_last(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    form = torch.channels_last if len(sizes) == 4 else torch.channels_last_3d
    return filled(sizes).contiguous(memory_format=form)


def _conjugated(filled: _Filled, sizes: tuple[int, ...]) -> torch.Tensor:
    return filled(sizes).conj()


_LAYOUTS: dict[str, Callable[[_Filled, tuple[int, ...]], torch.Tensor]] = {
    "offset": _offset,
    "transposed": _transposed,
    "spaced": _spaced,
    "expanded": _expanded,
    "channels last": _channels_last,
    "conjugated": _conjugated,
}
