"""Where the sides of a branch differ in size, the result lies in memory as in eager mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from monograph import Dim, export

Program = Callable[[torch.Tensor], torch.Tensor]


def _first(x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] > 4:
        x = x[:, :4]
    return x


def _last_of_a_window(x: torch.Tensor) -> torch.Tensor:
    x = torch.cat([x, x], 1)
    if x.shape[1] > 6:
        x = x[:, -6:]
    return x


def _transposed(x: torch.Tensor) -> torch.Tensor:
    y = x + 1
    return (y[:, -4:] if y.shape[1] > 4 else y).t()


SIDES: dict[str, Program] = {
    "the first": _first,
    "the last of a window": _last_of_a_window,
    "transposed": _transposed,
}


@pytest.mark.parametrize("program", SIDES)
@pytest.mark.parametrize("length", [5, 3])
def test_rows_are_as_far_apart_as_before(program: str, length: int) -> None:
    crop = SIDES[program]
    varying = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    module = export(crop, (torch.randn(2, length),), dynamic_shapes=varying).module()
    for shape in ((2, 5), (3, 3), (3, 9), (2, 4)):
        x = torch.randn(*shape, requires_grad=True)
        expected, got = crop(x), module(x)
        assert torch.equal(got, expected)
        assert got.stride() == expected.stride()
        (gradient,) = torch.autograd.grad(got.square().sum(), x)
        assert torch.equal(gradient, torch.autograd.grad(expected.square().sum(), x)[0])


def _first_or_last(x: torch.Tensor) -> torch.Tensor:
    return x[:, :4] if x.sum() > 0 else x[:, -4:]


def _expanded(x: torch.Tensor) -> torch.Tensor:
    return x[:, :1].expand(-1, 5) if x.sum() > 0 else x[:, 1:2].expand(-1, 5)


@pytest.mark.parametrize("program", [_first_or_last, _expanded])
def test_parts_of_an_argument_lie_as_in_it(program: Program) -> None:
    module = export(program, (torch.ones(2, 8),), strict=True).module()
    for x in (torch.ones(2, 8), -torch.ones(2, 8)):
        assert module(x).stride() == program(x).stride()
        assert torch.equal(module(x), program(x))
