"""Nested results compared: structures, and leaf by leaf values, dtypes, shapes and strides."""

from __future__ import annotations

import torch

from monograph.ir.structure import flatten

__all__ = ["assert_equal", "significant_strides"]


@torch.no_grad()  # a tensor of eager mode may refuse to be differentiated
def assert_equal(
    actual: object, expected: object, *, tolerance: float = 0.0, strided: bool = True
) -> None:
    """Two nested results are of one structure and, leaf by leaf, equal.

    Tensors must agree in shape, strides of dimensions larger than 1, dtype, device, and in value
    up to ``tolerance`` (relative and absolute). ``strided``: the strides matter.
    """
    leaves, structure = flatten(actual)
    wanted, wanted_structure = flatten(expected)
    assert structure == wanted_structure, f"{structure} != {wanted_structure}"
    for one, other in zip(leaves, wanted, strict=True):
        if isinstance(other, torch.Tensor):
            torch.testing.assert_close(
                *_in_parts(one, other),
                rtol=tolerance,
                atol=tolerance,
                equal_nan=True,
                check_stride=False,
            )
            found, wanted_strides = significant_strides(one), significant_strides(other)
            assert not strided or found == wanted_strides, f"strides {found} != {wanted_strides}"
        else:
            assert type(one) is type(other), f"{one!r} is no {type(other).__name__}"
            assert one == other or one != one, f"{one!r} != {other!r}"


def _in_parts(one: object, other: torch.Tensor) -> tuple[object, torch.Tensor]:
    """Both, complex numbers as their two parts: beside an infinity the other part is compared.

    A number of which a part is NaN is NaN.
    """
    if not isinstance(one, torch.Tensor) or one.dtype != other.dtype or not other.is_complex():
        return one, other
    found, wanted = (
        torch.view_as_real(torch.where(each.isnan(), complex("nan+nanj"), each.detach()))
        for each in (one, other)
    )
    return found, wanted


def significant_strides(tensor: torch.Tensor) -> tuple[int, ...]:
    """The strides that matter: of dimensions with more than one element."""
    if tensor.numel() == 0:
        return ()
    return tuple(s for s, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)
