"""A dictionary of the standard library that counts by sizes: right or refused, and soon.

Its copies ask no key for its hash: a number of one side was fixed for all sizes, which the other
side contradicts, so that the question was asked there again, and again.
"""

import collections

import pytest
import torch

from monograph import Dim, InputError, export


def by_parity(x):
    table = collections.defaultdict(int)
    for each in (x.shape[0] // 2, 3):
        table[each % 2] += each
    return x * (table[0] - table[1])


def in_order(x):
    table = collections.OrderedDict()
    for each in (x.shape[0] // 2, 3):
        table[each % 2] = table.get(each % 2, 0) + each
    return x * (table.get(0, 0) - table[1])


@pytest.mark.parametrize("program", [by_parity, in_order])
def test_both_parities(program):
    varying = ((Dim.AUTO,),)
    module = export(program, (torch.ones(5),), dynamic_shapes=varying, strict=True).module()
    torch.testing.assert_close(module(torch.ones(5)), program(torch.ones(5)))
    taken = 0
    for n in (2, 3, 4, 6, 7, 8):
        x = torch.randn(n)
        try:
            found = module(x)
        except InputError:
            continue
        taken += 1
        torch.testing.assert_close(found, program(x))
    assert taken >= 2
