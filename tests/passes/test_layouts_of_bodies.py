"""What a branch or a loop gives, and takes, lies as before where operators in it are decomposed."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.testing import assert_equal, assert_specs_hold


def _selected(z, y):
    z[:, :, 1] = y.transpose(0, 1)
    return z


def _sliced(z, y):
    z[:, :, 1:2] = y.transpose(0, 1).unsqueeze(-1)
    return z


def _scattered(z, y):
    return z.select_scatter(y.transpose(0, 1), 2, 0)


def _turned(z, y):
    """The result lies in another order of the dimensions, before and after."""
    return z.transpose(0, 1).select_scatter(y, 2, 0).transpose(0, 1)


def _masked(z, y):
    return z.masked_fill(y.transpose(0, 1).unsqueeze(-1) > 0, 2.0)


WRITES = {w.__name__.strip("_"): w for w in (_selected, _sliced, _scattered, _turned, _masked)}


def _inside(write, z, y):
    return monograph.cond(y.sum() > 0, lambda z, y: write(z.clone(), y), lambda z, y: z * 2, (z, y))


def _before(write, z, y):
    written = write(z.clone(), y)
    branches = (lambda z: z.reshape(z.shape[0], -1).sin(), lambda z: z.view(z.shape[0], -1))
    return monograph.cond(y.sum() > 0, *branches, (written,))


def _around(write, z, y):
    def step(i, z):
        return i + 1, write(z.clone(), y)

    return monograph.while_loop(lambda i, z: i < 2, step, (torch.tensor(0), z))[1]


PLACES = {place.__name__.strip("_"): place for place in (_inside, _before, _around)}


class Viewed(nn.Module):
    def __init__(self, write, place):
        super().__init__()
        self.write, self.place = WRITES[write], PLACES[place]

    def forward(self, x, y):
        z = torch.zeros(x.shape[0], 4, x.shape[1], dtype=x.dtype) + x[:, None, :1]
        z = self.place(self.write, z, y)
        return z.reshape(z.shape[0], -1), z.view(-1) if z.is_contiguous() else z


CASES = [(write, place, torch.float32) for write, place in itertools.product(WRITES, PLACES)]
CASES += [(write, "inside", torch.complex64) for write in WRITES if write != "masked"]


@pytest.mark.parametrize(("write", "place", "dtype"), CASES)
def test_a_body_lies_as_it_is_taken_to(write, place, dtype):
    def arguments(batch, length):
        return torch.randn(batch, length).to(dtype), torch.randn(4, batch).to(torch.float32)

    model = Viewed(write, place)
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {1: Dim.DYNAMIC})
    program = monograph.export(model, arguments(3, 5), dynamic_shapes=shapes)
    for made in (program, program.run_decompositions(), program.run_decompositions({})):
        for sizes in ((3, 5), (2, 9), (1, 4)):
            given = arguments(*sizes)
            assert_equal(made.module()(*given), model(*given))
        assert_specs_hold(made, arguments(4, 7))
