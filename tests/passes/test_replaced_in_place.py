"""What stands in place of an operator takes the sizes and layouts that are there."""

import itertools

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.testing import assert_equal


@pytest.mark.parametrize("shapes", [None, ({0: Dim.DYNAMIC},)])
def test_a_view_of_what_a_rule_lays_otherwise(shapes):
    """Written into columns is what lies across; the rule of ``select_scatter`` lies so, too."""

    def program(x):
        kept = torch.zeros(x.shape[0], 2, 4, 5)
        for i in range(3):
            kept[..., i] = x[..., i].transpose(0, 1).contiguous().transpose(0, 1)
        return kept.view(x.shape[0], 5, 8), torch.fft.irfft(kept + 0j).view(x.shape[0], 8, 8)

    args = (torch.randn(2, 2, 4, 3),)
    module = monograph.export(program, args, dynamic_shapes=shapes).run_decompositions().module()
    for rows in (2,) if shapes is None else (1, 2, 5):
        x = torch.randn(rows, 2, 4, 3)
        assert_equal(module(x), program(x), tolerance=1e-5)


@pytest.mark.parametrize("table", [None, {}])
def test_a_size_inside_is_a_product_that_gives_no_symbol(table):
    layer = nn.Linear(4, 3)

    def windows(x):
        parts = x[:, : (x.shape[1] + 1) // 2].reshape(-1, 2, 4)
        return monograph.cond(
            parts.sum() > 0,
            lambda parts: layer(parts).sigmoid(),
            lambda parts: layer(parts).flatten(0, 1).view(-1, 2, 3) * 2,
            (parts,),
        )

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(windows, (torch.randn(2, 5, 2, 4),), dynamic_shapes=shapes)
    module = program.run_decompositions(table).module()
    for rows, steps, sign in itertools.product((1, 2, 5), (1, 2, 7), (1, -1)):
        x = sign * torch.rand(rows, steps, 2, 4)
        with torch.no_grad():
            assert_equal(module(x), windows(x), tolerance=1e-5)
