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


def test_rows_of_lengths_decomposed():
    """A rule that takes rows apart whose number is not known leaves the operator whole."""

    class Packed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.LSTM(6, 4, batch_first=True)

        def forward(self, x, lengths):
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            rows, (last, _) = self.layer(packed)
            rows, _ = torch.nn.utils.rnn.pad_packed_sequence(rows, batch_first=True)
            return last[-1], rows.sum((1, 2))

    model, varies = Packed(), Dim.DYNAMIC
    example = torch.randn(2, 5, 6), torch.tensor([3, 5])
    program = monograph.export(model, example, dynamic_shapes=({0: varies, 1: varies}, {0: varies}))
    module = [program.run_decompositions()][0].module()  # a line that indexes
    for lengths in ([3, 5], [1], [4, 2, 2]):
        given = torch.randn(len(lengths), max(lengths), 6), torch.tensor(lengths)
        torch.testing.assert_close(module(*given), model(*given))
