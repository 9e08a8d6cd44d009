"""``slice(start, stop, step).indices(n)`` of a size, and loops over numbers that numpy makes."""

import itertools

import numpy as np
import pytest
import torch

from monograph import Dim, export

BOUNDS = (None, 0, 2, -1, -3)


def of_all_slices(x):
    found = []
    for start, stop in itertools.product(BOUNDS, BOUNDS):
        for step in (None, 1, 2, -1, -2):
            found += slice(start, stop, step).indices(x.size(1))
    return torch.tensor(found)


def of_sizes(x):
    n = x.size(1)
    found = [*slice(n // 2, n - 1).indices(n), *slice(n + 2, None, -1).indices(n)]
    return torch.tensor(found), slice(None, x.size(0)).indices(n)


def in_a_loop(x):
    total = x.sum(1)
    for t in range(*slice(-3, None).indices(x.size(1))):
        total = total * 0.5 + x[:, t]
    return total, x[:, slice(*slice(1, None, 2).indices(x.size(1)))]


def over_an_array(x):
    total = x.sum(1)
    for t in np.arange(x.size(1)):
        total = total * 0.5 + x[:, t] * float(t)
    return total


def over_the_list_of_one(x):
    total = x.sum(1)
    for t in list(np.arange(0, x.size(1), 2)):
        total = total * 0.5 + x[:, t]
    return total + sum(share * 2 for share in np.linspace(0, 1, x.size(1) + 1))


PROGRAMS = [of_all_slices, of_sizes, in_a_loop, over_an_array, over_the_list_of_one]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_they_are_what_python_says(program, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(2, 5, 4),)
    call = export(program, example, dynamic_shapes=shapes, strict=strict).module()
    for size in ((2, 5), (1, 1), (2, 0), (3, 2), (0, 4), (4, 8)):
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))
