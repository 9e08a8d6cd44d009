"""``torch.broadcast_shapes`` of sizes that vary: as operators broadcast, whatever name it has."""

import itertools

import pytest
import torch
from torch import broadcast_shapes

from monograph import InputError
from monograph.exporting import export
from monograph.shapes.dims import Dim
from monograph.testing import assert_equal


def filled(x, y):
    return torch.ones(torch.broadcast_shapes(x.shape, y.shape))


def stretched(x, y):
    return x.expand(broadcast_shapes(x.shape, y.shape[:1], (1, 1)))


def numbers(x, y):
    return list(torch.functional.broadcast_shapes(x.shape, y.shape)), x + y


@pytest.mark.parametrize("program", [filled, stretched, numbers])
@pytest.mark.parametrize("example", [(2, 3, 3), (2, 3, 1), (3, 1, 3), (4, 1, 1)])
def test_it_broadcasts_as_operators_do(program, example):
    rows, columns, size = example
    args = (torch.ones(rows, columns), torch.ones(size))
    spec = tuple(dict.fromkeys(range(t.dim()), Dim.AUTO) for t in args)
    made = export(program, args, dynamic_shapes=spec).module()
    for rows, columns, size in [example, *itertools.product((0, 1, 3), (0, 1, 4), (1, 2, 4))]:
        x, y = torch.rand(rows, columns), torch.rand(size)
        try:
            expected = program(x, y)
        except RuntimeError:
            with pytest.raises(RuntimeError):
                made(x, y)
            continue
        try:
            found = made(x, y)
        except InputError:
            assert (rows, columns, size) != example
            continue
        assert_equal(found, expected)


def test_shapes_that_do_not_fit_are_refused():
    x, y = torch.ones(2, 3), torch.ones(2)
    with pytest.raises(RuntimeError, match="cannot be broadcast"):
        export(filled, (x, y), dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO}, {0: Dim.AUTO}))
