"""Decomposed recurrent layers take batches that are empty, where eager mode does."""

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_no_rows(kind, batch_first, grad):
    module = kind(8, 4, 2, batch_first=batch_first, bidirectional=True).eval()
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    with torch.set_grad_enabled(grad):
        program = monograph.export(module, (torch.randn(2, 5, 8),), dynamic_shapes=shapes)
        run = program.run_decompositions().module()
        for batch, steps in ((2, 5), (1, 3), (0, 5), (3, 1)):
            x = torch.randn(*((batch, steps) if batch_first else (steps, batch)), 8)
            torch.testing.assert_close(run(x)[0], module(x)[0], rtol=1e-4, atol=1e-5)


def test_layers_that_are_never_empty_are_decomposed():
    module = nn.LSTM(8, 4, batch_first=True).eval()
    shapes = ({0: Dim("batch", min=1), 1: Dim("steps", min=1)},)
    program = monograph.export(module, (torch.randn(2, 5, 8),), dynamic_shapes=shapes)
    found = {str(node.target) for node in program.run_decompositions().graph.nodes}
    assert "aten.lstm.input" not in found
