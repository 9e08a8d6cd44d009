"""Functions that are chosen by the type of their argument, in a program that calls them first."""

import contextlib
import functools

import pytest
import torch
from torch import nn

from monograph import Dim, export
from monograph.diagnostics import MonographError


def _function():
    """One that nobody has called: what it has chosen before is kept by Python."""

    @functools.singledispatch
    def scale(item):
        return 0

    @scale.register
    def _(item: int):
        return item + 1

    @scale.register
    def _(item: float):
        return item / 2

    @scale.register
    def _(item: torch.Tensor):
        return item * 2

    @scale.register
    def _(item: list):
        return sum(map(scale, item))

    return scale


class Method(nn.Module):
    @functools.singledispatchmethod
    def scale(self, item):
        return 0

    @scale.register
    def _(self, item: int):
        return item + 1

    @scale.register
    def _(self, item: torch.Tensor):
        return item * 2

    def forward(self, x):
        return self.scale(x) + self.scale(x.shape[0])


def _of_tensors():
    scale = _function()
    return lambda x: scale(x)


def _of_sizes():
    scale = _function()
    return lambda x: x + scale(x.shape[0]) + scale(x.shape[0] / 3)


def _of_parts():
    table = {"scale": _function()}
    return lambda x: table["scale"]([x, x.shape[0], 2.5])


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("make", [_of_tensors, _of_sizes, _of_parts, Method])
def test_the_first_call_is_in_the_program(make, strict):
    program = make()
    made = export(
        program, (torch.ones(3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
    ).module()
    for size in (0, 1, 2, 7):
        x = torch.arange(size) + 1.0
        assert torch.equal(made(x), program(x))


def test_what_the_program_registers_is_gone_afterwards():
    scale = _function()

    def program(x):
        scale.register(complex, lambda item: 5)
        return scale(x)

    with contextlib.suppress(MonographError):
        export(program, (torch.ones(3),))
    assert scale(1j) == 0
