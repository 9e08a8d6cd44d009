"""Numbers that were computed before a branch or a loop, and are read inside of it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import monograph
from monograph import Dim


def _two_ends(x: Tensor) -> Tensor:
    height, width = x.shape
    ratio = width / (height * 1.0)
    low, high = -1.0, 1.0
    if ratio > 1:
        low, high = -1 / ratio, 1 / ratio
    return torch.linspace(low, high, height + 1)


def _four_ends(x: Tensor) -> tuple[Tensor, Tensor]:
    height, width = x.shape[0] // 2, x.shape[1] // 2
    ratio = (width + 1) / ((height + 1) * 1.0)
    top, bottom, left, right = -1.0, 1.0, -1.0, 1.0
    if ratio > 1:
        top, bottom = -1 / ratio, 1 / ratio
    elif ratio < 1:
        left, right = -ratio, ratio
    return torch.linspace(top, bottom, height + 1), torch.linspace(left, right, width + 1)


def _scaled(x: Tensor) -> Tensor:
    scale = (x.shape[0] * 0.5 + 1.0) ** -0.5
    if x.sum() > 0:
        return x * scale + scale
    return x / scale


def _nested(x: Tensor) -> Tensor:
    scale = (x.shape[0] * 0.5 + x.shape[1]) / 3.0
    shift = scale * 2.0 - 1.0
    if x.sum() > 0:
        return x * shift if x.max() > 1 else x - scale
    return x + shift


def _summed(x: Tensor) -> Tensor:
    scale = (x.shape[0] * 0.5 + x.shape[1]) / 3.0
    total = x.sum()
    while total < 9.0:
        total = total.abs() + scale * 0.5 + 1.0
    return total


@pytest.mark.parametrize(
    ("function", "strict"),
    [(_two_ends, False), (_two_ends, True), (_four_ends, False), (_scaled, True), (_nested, True),
     (_summed, True)],
)  # fmt: skip
def test_a_float_of_several_steps(function: Callable[[Tensor], object], strict: bool) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Tensor) -> object:
            return function(x)

    dynamic = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(Model(), (torch.randn(8, 6),), dynamic_shapes=dynamic, strict=strict)
    forms = (program, program.run_decompositions())
    for sizes in ((8, 6), (6, 8), (4, 4), (2, 9), (1, 1)):
        for x in (torch.randn(sizes), torch.rand(sizes) + 1, -torch.rand(sizes)):
            for form in forms:
                torch.testing.assert_close(form.module()(x), function(x))
