"""Writes through what is a view, or a copy, as its argument lies in memory: each such operator."""

import itertools

import pytest
import torch

import monograph
from monograph import MonographError
from monograph.shapes.dims import Dim
from monograph.testing import drawn_tensor

OPERATORS = {
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "reshape": lambda x: x.reshape(-1),
    "reshape to itself": lambda x: x.reshape(x.shape),
    "reshape as": lambda x: x.reshape_as(x.flatten()),
    "split": lambda x: x.reshape(*x.shape[:-1], 1, x.shape[-1]),
    "contiguous": lambda x: x.contiguous(),
    "to": lambda x: x.to(x.dtype, memory_format=torch.contiguous_format),
    "ravel of a view": lambda x: x[..., ::2].ravel(),
    "ravel of a turned view": lambda x: x.transpose(0, -1).ravel(),
    "flatten of a view": lambda x: x[..., ::2].flatten(),
    "contiguous of a view": lambda x: x[..., :1].contiguous(),
}
SHAPES = ((4,), (1, 4), (4, 1), (1, 1), (3, 4), (2, 1, 4))
WRITES = {
    "of the copy": lambda x, v: v.add_(1),
    "of a view of the copy": lambda x, v: v[..., :1].mul_(3),
    "of the argument": lambda x, v: x.add_(1),
}
CASES = list(itertools.product(OPERATORS, SHAPES, WRITES, ("contiguous", "spaced"), (True, False)))


@pytest.mark.parametrize(("name", "shape", "write", "layout", "varies"), CASES[::9])
def test_some(name, shape, write, layout, varies):
    _holds(name, shape, write, layout, varies)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "shape", "write", "layout", "varies"), CASES)
def test_each(name, shape, write, layout, varies):
    _holds(name, shape, write, layout, varies)


def _holds(name, shape, write, layout, varies):
    def program(x):
        v = OPERATORS[name](x)
        WRITES[write](x, v)
        return v * 2, x + 1

    x = drawn_tensor(shape, torch.float32, layout=layout, among=(0, 3))
    sizes = (dict.fromkeys(range(x.dim()), Dim.DYNAMIC),) if varies else None
    try:
        made = monograph.export(program, (x,), dynamic_shapes=sizes)
    except MonographError:
        return
    made.verify(program, samples=30)
