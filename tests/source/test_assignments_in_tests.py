"""``while (k := f(k)):`` assigns in its test, in each iteration and once more at the end."""

import pytest
import torch

from monograph import Dim, export


def down(x):
    k, y = x.shape[1], x
    while (k := k - 1) > 0:
        y = y + x[:, k : k + 1]
    return y, k


def another_name(x):
    k, y = x.shape[1], x
    while (j := k) > 0:
        y = y + x[:, j - 1 : j]
        k -= 1
    return y, j


def both_sides(x):
    k, y = 0, x
    while (n := x.shape[1]) > 2 and (k := k + 1) < n:
        y = y * 2 + k
    return y


@pytest.mark.parametrize("program", [down, another_name, both_sides])
def test_sizes_end_the_loop(program):
    varying = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    module = export(program, (torch.randn(2, 5),), dynamic_shapes=varying).module()
    for shape in ((2, 5), (1, 7), (3, 1), (2, 2)):
        x = torch.randn(*shape)
        torch.testing.assert_close(module(x), program(x))


def until_small(x):
    while (total := x.abs().sum()) > 1:
        x = x * 0.5
    return x, total


def test_data_ends_the_loop():
    module = export(until_small, (torch.ones(4),), strict=True).module()
    for x in (torch.ones(4), torch.zeros(4), torch.full((4,), 100.0)):
        torch.testing.assert_close(module(x), until_small(x))
