"""Sequences of lengths that vary by themselves: padded, and taken apart."""

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, export
from monograph.testing import assert_exports

D = Dim.DYNAMIC
R = torch.randn


@pytest.mark.parametrize("batch_first", [True, False])
def test_two_sequences_padded_to_the_longer(batch_first):
    assert_exports(
        lambda a, b: nn.utils.rnn.pad_sequence([a, b], batch_first, -1.0),
        (R(3, 2), R(5, 2)), dynamic_shapes=({0: D}, {0: D}),
        more_inputs=[(R(6, 2), R(1, 2)), (R(4, 2), R(4, 2)), (R(1, 2), R(1, 2))],
    )  # fmt: skip


def test_rows_cut_to_lengths_and_padded():
    def cut(rows, lengths):
        pieces = [row[:n] for row, n in zip(rows, lengths.tolist(), strict=True)]
        return nn.utils.rnn.pad_sequence(pieces, True, -1)

    program = export(cut, (torch.arange(8).reshape(2, 4), torch.tensor([4, 3])))
    rows = torch.arange(8).reshape(2, 4) + 10
    for lengths in ([1, 2], [2, 2], [4, 4], [3, 1]):
        torch.testing.assert_close(
            program.module()(rows, torch.tensor(lengths)), cut(rows, torch.tensor(lengths))
        )


@pytest.mark.parametrize("split", [torch.unsafe_split, torch.Tensor.split])
def test_the_number_of_pieces_is_part_of_the_program(split):
    program = export(lambda x: split(x, 5), (R(6, 2),), dynamic_shapes=({0: D},))
    assert [tuple(t.shape) for t in program.module()(R(9, 2))] == [(5, 2), (4, 2)]
    with pytest.raises(monograph.InputError):
        program.module()(R(5, 2))


def test_a_count_beside_a_size_is_settled_by_the_size():
    """No edge is left where all are loops, but as many are added as there are nodes."""

    def weights(x, edges):
        edges = edges[:, edges[0] != edges[1]]
        loops = torch.arange(x.shape[0]).expand(2, -1)
        edges = torch.cat([edges, loops], 1)
        if edges[1].numel() == 0:
            return x
        return x.index_add(0, edges[1], x[edges[0]])

    program = export(
        weights, (R(4, 2), torch.tensor([[0, 1, 2], [1, 1, 0]])), dynamic_shapes=({0: D}, {1: D})
    )
    for args in (
        (R(3, 2), torch.tensor([[0, 2], [1, 2]])),
        (R(2, 2), torch.tensor([[1], [1]])),
    ):
        torch.testing.assert_close(program.module()(*args), weights(*args))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrence_of_any_length_and_batch(kind):
    shapes = ({0: D, 1: D},)
    layer = kind(3, 4, num_layers=2, batch_first=True, bidirectional=True).eval()
    more = [(R(1, 7, 3),), (R(3, 1, 3),), (R(1, 1, 3),)]
    assert_exports(layer, (R(2, 5, 3),), dynamic_shapes=shapes, more_inputs=more, tolerance=1e-5)
