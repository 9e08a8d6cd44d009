"""Under ``torch.vmap``, what is made of sizes alone is made of sizes that vary, too."""

import pytest
import torch
from torch.func import vmap

from monograph import Dim, export


def pairs(row):
    i, j = torch.triu_indices(row.shape[0], row.shape[0], 1)
    return torch.outer(row, row)[i, j]


def weighted(row):
    return row * torch.linspace(0, 1, row.shape[0])


@pytest.mark.parametrize("of_row", [pairs, weighted])
def test_any_size(of_row):
    program = vmap(of_row)
    varying = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    module = export(program, (torch.randn(2, 5),), dynamic_shapes=varying).module()
    for shape in ((2, 5), (3, 7), (1, 2), (2, 1), (0, 3)):
        x = torch.randn(*shape)
        torch.testing.assert_close(module(x), program(x))
