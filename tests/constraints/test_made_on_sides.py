"""Symbols that are made on one side of a question, used again on another side: nothing that was

known of them on the first side is known on the second.
"""

import bisect
import math

import pytest
import torch

from monograph.exporting import export
from monograph.shapes.dims import Dim
from monograph.testing import assert_equal

ANY = {0: Dim.DYNAMIC}


def halves_in_a_table(x):
    size = x.shape[0]
    place, count = bisect.bisect([1, 3, 5], size), len({size % 2: 1, 1: 2})
    return x * place, count


def halves_in_branches(x):
    size = x.shape[0]
    if size <= 4:
        found = size // 2 if size % 2 == 0 else 7
    else:
        found = (2 if size // 2 < 3 else 9) if size % 2 == 0 else 8
    return x + found


def roots_in_branches(x):
    size = x.shape[0]
    return x * (math.floor(math.log(size + 1)) if size < 4 else 3)


@pytest.mark.parametrize("program", [halves_in_a_table, halves_in_branches, roots_in_branches])
@pytest.mark.parametrize("example", [3, 4, 6])
@pytest.mark.parametrize("strict", [False, True])
def test_each_side_has_its_own_bounds(program, example, strict):
    made = export(program, (torch.ones(example),), dynamic_shapes=(ANY,), strict=strict).module()
    for size in range(10):
        x = torch.ones(size)
        assert_equal(made(x), program(x))
