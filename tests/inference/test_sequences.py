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


class Packed(nn.Module):
    """A recurrent layer over sequences whose lengths are in a tensor."""

    def __init__(self, layer, total=False, enforce_sorted=False):
        super().__init__()
        self.layer, self.total, self.enforce_sorted = layer, total, enforce_sorted

    def forward(self, x, lengths):
        first = self.layer.batch_first
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, first, self.enforce_sorted)
        found, last = self.layer(packed)
        total = x.shape[1 if first else 0] if self.total else None
        return nn.utils.rnn.pad_packed_sequence(found, first, -1.0, total), last


def _padded(module, *lengths, steps):
    x = R(len(lengths), steps, 3)
    return x if module.layer.batch_first else x.transpose(0, 1).clone(), torch.tensor(lengths)


PACKED = {
    "LSTM": lambda: Packed(nn.LSTM(3, 4, batch_first=True)),
    "LSTM, projected": lambda: Packed(nn.LSTM(3, 4, proj_size=2)),
    "GRU, steps first": lambda: Packed(nn.GRU(3, 4, 2, bidirectional=True), total=True),
    "RNN, padded to the batch": lambda: Packed(nn.RNN(3, 4, batch_first=True), total=True),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_sequences_stay_one_operator(name):
    module = PACKED[name]().eval()
    args = _padded(module, 4, 2, steps=5)
    others = [
        _padded(module, 6, 3, 1, steps=7), _padded(module, 1, steps=1),
        _padded(module, 2, steps=4), _padded(module, 1, 1, steps=2),
    ]  # fmt: skip
    shapes = ({0: D, 1: D}, {0: D})
    assert_exports(module, args, dynamic_shapes=shapes, more_inputs=others, tolerance=1e-5)
    program = export(module, args, dynamic_shapes=shapes)
    names = [str(node.target) for node in program.run_decompositions().graph.nodes]
    assert "aten._pack_padded_sequence.default" in names
    for given in (args, *others):
        torch.testing.assert_close(
            program.run_decompositions().module()(*given), module(*given), rtol=0, atol=1e-5
        )


def test_packed_sequences_that_are_sorted_want_a_length_for_each_row():
    module = Packed(nn.LSTM(3, 4, batch_first=True), enforce_sorted=True).eval()
    args, other = _padded(module, 4, 2, steps=5), _padded(module, 6, 6, 1, steps=6)
    program = export(module, args, dynamic_shapes=({0: D, 1: D}, {0: D}))
    torch.testing.assert_close(program.module()(*other), module(*other))
    with pytest.raises(monograph.InputError):
        program.module()(R(3, 5, 3), torch.tensor([4, 2]))
    with pytest.raises(RuntimeError, match="greater than 0"):
        program.module()(R(2, 5, 3), torch.tensor([4, 0]))


def test_packed_sequences_of_plain_sizes():
    module = PACKED["GRU, steps first"]().eval()
    others = [_padded(module, 5, 1, steps=5), _padded(module, 1, 1, steps=5)]
    assert_exports(module, _padded(module, 4, 2, steps=5), more_inputs=others, tolerance=1e-5)
