"""A size of an argument that is said in numbers which the program computes is asserted there.

The argument is looked at when the program is called, when none of these numbers is there yet.
"""

import math

import pytest
import torch
from torch import nn

import monograph

tensor = torch.tensor


def _double(x, n):
    count = n.item()
    torch._check(count >= 0)
    torch._check(x.shape[0] == 2 * count)
    return x.view(2, count)


def _square(x, n):
    count = n.item()
    torch._check(count >= 0)
    torch._check(x.shape[0] == count * count)
    return x.view(count, count)


def _power(x, n):
    count = n.item()
    torch._check(count >= 0)
    torch._check(x.shape[0] == 2**count)
    return x + count


def _logarithm(x):
    count = math.ceil(math.log2(x.shape[0]))
    assert 2**count == x.shape[0]
    return x + count


def _rounded_root(x):
    count = round(x.shape[0] ** (1 / 3))
    return x.view(count, count, count)


def _padded(x):
    count = x.shape[0]
    power = 2 ** math.ceil(math.log2(count))
    y = x.clone() if count == power else nn.functional.pad(x, (0, power - count))
    return y.view(power, 1)[:count] * power


CASES = [
    (_double, [(6, 3), (8, 4), (2, 1), (5, 3)]),
    (_square, [(9, 3), (16, 4), (1, 1), (8, 3)]),
    (_power, [(8, 3), (16, 4), (1, 0), (7, 3)]),
    (_logarithm, [(8,), (16,), (1,), (5,)]),
    (_rounded_root, [(27,), (8,), (1,), (9,)]),
    (_padded, [(8,), (5,), (13,), (1,), (2,)]),
]


@pytest.mark.parametrize(("function", "calls"), CASES)
def test_calls(function, calls):
    class Model(nn.Module):
        def forward(self, *args):
            return function(*args)

    made = [(torch.randn(call[0]), *map(tensor, call[1:])) for call in calls]
    shapes = ([{0: monograph.Dim.DYNAMIC}, *[None] * (len(made[0]) - 1)],)
    program = monograph.export(Model(), made[0], dynamic_shapes=shapes)
    for module in (program.module(), program.run_decompositions().module()):
        for args in made:
            try:
                expected = function(*args)
            except (RuntimeError, AssertionError):
                with pytest.raises((RuntimeError, monograph.MonographError)):
                    module(*args)
            else:
                torch.testing.assert_close(module(*args), expected)
