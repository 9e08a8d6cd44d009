"""Bags of embeddings, decomposed: the operator of Core ATen, with the gradient of eager mode."""

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
    for bags in (2, 1, 4):
        given = torch.arange(2 * bags) % 10, torch.arange(0, 2 * bags, 2)
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
