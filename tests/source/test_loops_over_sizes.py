"""Loops over a size that varies are one operator in both modes, however people write them."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.testing import assert_equal


class Recurrent(nn.Module):
    """A cell, from zeros; ``forward`` is what the tests differ in."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 4)

    def start(self, x):
        return torch.zeros(x.shape[0], 4)


class OverRange(Recurrent):
    def forward(self, x):
        h = self.start(x)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return h


class OverRows(Recurrent):
    def forward(self, x):
        h = self.start(x)
        for row in x.transpose(0, 1):
            h = self.cell(row, h)
        return h


class OverUnbound(Recurrent):
    def forward(self, x):
        h = self.start(x)
        for row in x.unbind(1):
            h = self.cell(row, h)
        return h


class OverUnboundByTorch(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for i, row in enumerate(torch.unbind(x, dim=1)):
            h = self.cell(row, h * i)
            out.append(h)
        return torch.stack(out, dim=1), h


class OverTwo(Recurrent):
    def forward(self, x):
        h = self.start(x)
        for a, b in zip(x.unbind(1), x.sin().unbind(1), strict=False):
            h = self.cell(a, h) + b
        return h


class OverSplit(Recurrent):
    def forward(self, x):
        h = self.start(x)
        for row in x.split(1, dim=1):
            h = self.cell(row.squeeze(1), h)
        return h


class OverChunks(Recurrent):
    def forward(self, x):
        h = self.start(x)
        for row in torch.chunk(x, x.shape[1], dim=1):
            h = self.cell(row.squeeze(1), h)
        return h


class OverPairs(nn.Module):
    """Not one row at a time: Python goes over what the tensor consists of."""

    def forward(self, x):
        total = 0
        for pair in x.split((2, 2), dim=-1):
            total = total + pair.sin()
        return total


class ListPlus(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
            out += [h]
        return torch.stack(out, 1)


class Backwards(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for t in reversed(range(x.shape[1])):
            h = self.cell(x[:, t], h)
            out.append(h)
        out.reverse()
        return torch.stack(out, 1)


class TurnedBySlice(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for t in range(x.shape[1] - 1, -1, -1):
            h = self.cell(x[:, t], h)
            out.append(h)
        return torch.stack(out[::-1], 1)


class InFront(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for t in range(x.shape[1] - 1, -1, -1):
            h = self.cell(x[:, t], h)
            out.insert(0, h)
        return torch.stack(out, 1)


class Comprehension(Recurrent):
    def forward(self, x):
        return torch.stack([self.cell(row) for row in x.unbind(1)], dim=1)


class WrittenInPlace(Recurrent):
    def forward(self, x):
        h, out = self.start(x), torch.empty_like(x)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
            out[:, t] = h
        return out


class FirstStepDiffers(Recurrent):
    """The step is asked for, which is a size only where the loop is an operator."""

    def forward(self, x):
        h = self.start(x)
        for t in range(x.shape[1]):
            h = x[:, t] if t == 0 else self.cell(x[:, t], h)
        return h


class LastStepDiffers(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for t in reversed(range(x.shape[1])):
            h = self.cell(x[:, t], h)
            if t > 0:
                h = h + x[:, t - 1]
            out.append(h)
        return torch.stack(out, 1)


class WhileOver(Recurrent):
    def forward(self, x):
        h, t = self.start(x), 0
        while t < x.shape[1]:
            h = self.cell(x[:, t], h)
            t += 1
        return h


class TwoLists(nn.Module):
    """Lists with a row in each iteration: as long as what they are joined with."""

    def forward(self, x):
        means, most = [], []
        for i in range(x.shape[0]):
            means.append(x[i].mean(0))
            most.append(x[i].sum(0))
        both = torch.cat((torch.stack(means), torch.stack(most)), 1)
        return torch.cat((both, x.sum(1)), 1), torch.stack(means) + x.mean(1)


class SomeRows(nn.Module):
    """A list that is no longer than what it is made of, and how long is not known."""

    def forward(self, x):
        rows = [x.sum(1)[0]]
        for i in range(1, x.shape[0]):
            if x.shape[1] > 3:
                rows.append(x[i].mean(0))
        return torch.stack(rows).sum(0)


class FromNone(Recurrent):
    """The state is nothing at first: the first iteration stands before the loop of the others."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(4, 4)

    def forward(self, x):
        state, out = None, []
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            out.append(state[0])
        return torch.stack(out, 1)


class FromNoneTested(Recurrent):
    def forward(self, x):
        h, out = None, []
        for row in x.unbind(1):
            new = row if h is None else self.cell(row, h)
            out.append(new)
            h = new
        return torch.stack(out, 1)


KINDS = {
    kind.__name__: kind
    for kind in (
        OverRange,
        OverRows,
        OverUnbound,
        OverUnboundByTorch,
        OverTwo,
        OverSplit,
        OverChunks,
        OverPairs,
        ListPlus,
        Backwards,
        TurnedBySlice,
        InFront,
        Comprehension,
        WrittenInPlace,
        FirstStepDiffers,
        LastStepDiffers,
        WhileOver,
        TwoLists,
        SomeRows,
        FromNone,
        FromNoneTested,
    )
}


def exported(model, strict):
    shapes = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    return monograph.export(model, (torch.randn(3, 5, 4),), dynamic_shapes=(shapes,), strict=strict)


@pytest.mark.parametrize(("name", "strict"), itertools.product(KINDS, (False, True)))
def test_any_length(name, strict):
    torch.manual_seed(0)
    model = KINDS[name]()
    programs = [exported(model, strict)]
    programs.append(programs[0].run_decompositions())
    for batch, length in ((3, 5), (1, 1), (2, 2), (1, 17), (2, 0)):
        x = torch.randn(batch, length, 4)
        try:
            expected = model(x)
        except (RuntimeError, ValueError):
            assert length == 0  # nothing to stack, or pieces without rows
            continue
        for program in programs:
            assert_equal(program.module()(x), expected)


class Appended(nn.Module):
    """The last piece is shorter than the others."""

    def forward(self, x):
        out = []
        for i in range(0, x.shape[1], 4):
            out.append(x[:, i : i + 4].cumsum(1))
        return torch.cat(out, dim=1), len(out)


class Split(nn.Module):
    """What is put together is as large as what was taken apart: there is a sum of both."""

    def forward(self, x):
        return x + torch.cat([piece.softmax(1) for piece in x.split(4, dim=1)], dim=1)


class SplitBatch(nn.Module):
    def forward(self, x):
        pieces = [piece.flatten(1).cumsum(0) for piece in torch.split(x, 2)]
        return torch.cat(pieces).view(x.shape[0], x.shape[1], -1)


class SplitWithState(Recurrent):
    def forward(self, x):
        h, out = self.start(x), []
        for piece in x.split(3, 1):
            h = self.cell(piece.sum(1), h)
            out += [piece + h[:, None]]
        return torch.cat(out, -2), h


class InHalf(nn.Module):
    def forward(self, x):
        return torch.cat([c.cumsum(1) for c in x.chunk((x.shape[1] + 1) // 2, dim=1)], dim=1)


class TakenAgain(nn.Module):
    """Pieces of unequal size are gone over, and looked at."""

    def forward(self, x):
        parts = [x[:, i : i + 4] for i in range(0, x.shape[1], 4)]
        h = torch.zeros(x.shape[0], 4)
        for part in parts:
            h = h * 0.5 + part.sum(1)
        return h, parts[-1].sum(1)


class Growing(nn.Module):
    def forward(self, x):
        out = [x[:, :2]]
        for i in range(x.shape[1]):
            out.append(x[:, : i + 1].cumsum(1))
        return torch.cat(out, 1)


class Blocks(nn.Module):
    """What goes on behind the loop belongs to the same list."""

    def forward(self, x):
        blocks, length = [], x.shape[1]
        for k in range((length + 1) // 2 - 1):
            blocks.append(x[:, 2 * k + 2 : 2 * k + 3])
        blocks.append(x[:, length - 1 :])
        return torch.cat(blocks, 1)


class EndsEarly(nn.Module):
    """Not all pieces are put together."""

    def forward(self, x):
        out = []
        for i, piece in enumerate(x.split(4, 1)):
            out.append(piece + i)
            if i >= 1:
                break
        return torch.cat(out, 1)


PIECES = {
    kind.__name__: kind
    for kind in (
        Appended, Split, SplitBatch, SplitWithState, InHalf, TakenAgain, Growing, Blocks, EndsEarly,
    )
}  # fmt: skip


@pytest.mark.parametrize(("name", "strict"), itertools.product(PIECES, (False, True)))
def test_pieces_of_unequal_size(name, strict):
    torch.manual_seed(0)
    model = PIECES[name]()
    programs = [exported(model, strict)]
    programs.append(programs[0].run_decompositions())
    for batch, length in ((3, 5), (1, 1), (2, 4), (1, 17), (2, 0), (5, 8)):
        x = torch.randn(batch, length, 4)
        try:
            expected = model(x)
        except (RuntimeError, ValueError, IndexError):
            assert length == 0  # nothing to join
            continue
        for program in programs:
            assert_equal(program.module()(x), expected)


def test_what_is_unequal_is_not_stacked():
    """Eager mode refuses it, too, where the last piece is shorter: that is said."""

    def stacked(x):
        out = []
        for i in range(0, x.shape[0], 4):
            out.append(x[i : i + 4])
        return torch.stack(out)

    shapes = ({0: Dim.DYNAMIC},)
    with pytest.raises(monograph.ConstraintViolationError, match="tensors of unequal size"):
        monograph.export(stacked, (torch.randn(8, 3),), dynamic_shapes=shapes)


@pytest.mark.parametrize("name", ["OverUnboundByTorch", "Backwards"])
def test_it_is_saved(name, tmp_path):
    torch.manual_seed(0)
    model = KINDS[name]()
    monograph.save(exported(model, False), tmp_path / "loop.pt2")
    loaded = monograph.load(tmp_path / "loop.pt2")
    for length in (1, 9):
        x = torch.randn(2, length, 4)
        assert_equal(loaded.module()(x), model(x))


# Lists as long as a size, without a loop: each is one tensor.
SEVEN = [7]
LISTS = {
    "range": lambda x: torch.tensor(list(range(x.shape[1]))),
    "range with a step": lambda x: torch.tensor(list(range(1, 2 * x.shape[1] + 1, 2))),
    "range backwards": lambda x: torch.tensor(list(range(x.shape[1]))[::-1]),
    "behind a number": lambda x: torch.tensor(SEVEN + list(range(x.shape[1] - 9))),
    "of a dtype": lambda x: torch.tensor(list(range(x.shape[1])), dtype=torch.int32),
    "one number": lambda x: torch.tensor([0] * x.shape[1]),
    "floats": lambda x: torch.tensor([0.5] * x.shape[1]),
    "a size": lambda x: torch.tensor(x.shape[1] * [x.shape[0]]),
    "two numbers": lambda x: torch.tensor([1, 2] * x.shape[1]),
    "less than none": lambda x: torch.tensor([1] * (x.shape[1] - 3) + [2]),
    "tensors": lambda x: torch.stack([x.sum()] * x.shape[1]),
    "their sum": lambda x: sum([x.sum()] * (x.shape[1] + 1)),
    "listed rows": lambda x: torch.stack(list(x.sin().unbind(1))),
}


class Listing(nn.Module):
    def __init__(self, made):
        super().__init__()
        self.made = made

    def forward(self, x):
        return self.made(x), x


@pytest.mark.parametrize("name", LISTS)
def test_lists_as_long_as_a_size(name):
    model = Listing(LISTS[name])
    module = exported(model, False).module()
    for batch, length in ((3, 5), (1, 1), (2, 2), (1, 17), (2, 0)):
        x = torch.randn(batch, length, 4)
        try:
            expected = model(x)
        except RuntimeError:
            assert length == 0  # nothing to stack
            continue
        if length or name not in ("range", "range with a step", "range backwards", "one number",
                                  "a size", "two numbers"):  # fmt: skip
            assert_equal(module(x), expected)
        else:  # of another dtype than all others
            with pytest.raises(RuntimeError, match="empty list has floats"):
                module(x)
