"""Bags of embeddings, decomposed: the operator of Core ATen, with the gradient of eager mode."""

import itertools

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize("padding", [None, 3, -2])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_bag_decomposed(mode, padding, trains):
    model = nn.EmbeddingBag(10, 8, mode=mode, padding_idx=padding).requires_grad_(trains)
    example = torch.tensor([3, 8, 1, 3, 5]), torch.tensor([0, 2])
    sizes = {0: Dim.DYNAMIC}
    program = monograph.export(model, example, dynamic_shapes=(sizes, sizes)).run_decompositions()
    targets = {str(node.target) for node in program.graph.nodes}
    assert "aten._embedding_bag.default" in targets
    for bags, step in itertools.product((2, 1, 4), (1, 3)):  # rows that lie one by one, and apart
        rows = torch.arange(2 * bags * step).view(2 * bags, step) % 10
        starts = torch.arange(0, 2 * bags, 2).repeat_interleave(step).view(bags, step)
        given = rows[:, 0], starts[:, 0]
        expected, found = model(*given), program.module()(*given)
        torch.testing.assert_close(found, expected)
        assert found.requires_grad == expected.requires_grad
        if trains:
            model.zero_grad()
            expected.square().sum().backward()
            of_eager = model.weight.grad.clone()
            module = program.module()
            module(*given).square().sum().backward()
            torch.testing.assert_close(module.weight.grad, of_eager)
