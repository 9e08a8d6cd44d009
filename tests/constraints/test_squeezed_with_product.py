"""A question on one size, where the program demands a product of sizes: those that are equal in
the example go to the other side together.
"""

import pytest
import torch

import monograph
from monograph import Dim
from monograph.testing import assert_equal


def masked(x, mask):
    b, n, _ = x.shape
    mask = mask.squeeze().repeat(1, 4, 1).reshape(b * 4, n).int()
    return x.repeat(4, 1, 1) * mask[:, :, None]


def unused(x, mask):
    b, n, _ = x.shape
    mask.squeeze().repeat(1, 4, 1).reshape(b * 4, n)
    return torch.zeros_like(x)


def in_a_row(x, mask):
    return x.flatten(0, 1) * mask.squeeze().reshape(x.shape[0] * x.shape[1], 1)


SHAPES = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2


@pytest.mark.parametrize("start", [2, 1])
@pytest.mark.parametrize("program", [masked, unused, in_a_row])
def test_each_batch(program, start):
    given = torch.randn(start, 5, 3), torch.randint(0, 2, (start, 5))
    module = monograph.export(program, given, dynamic_shapes=SHAPES).module()
    for batch, length in [(2, 5), (1, 5), (3, 7), (1, 2), (0, 5), (3, 0), (1, 5)]:
        given = torch.randn(batch, length, 3), torch.randint(0, 2, (batch, length))
        assert_equal(module(*given), program(*given))


def test_sides_that_differ_stay_apart():
    def program(x, mask):
        mask = mask.squeeze()
        kept = mask.reshape(x.shape[0] * x.shape[1], 1)
        return x.flatten(0, 1) * kept + mask.dim()

    given = torch.randn(2, 5, 3), torch.randint(0, 2, (2, 5))
    module = monograph.export(program, given, dynamic_shapes=SHAPES).module()
    assert_equal(module(*given), program(*given))
    with pytest.raises(monograph.InputError):
        module(torch.randn(1, 5, 3), torch.randint(0, 2, (1, 5)))
