"""Questions about sizes whose sides fit in no statement: the program is captured on both sides."""

import copy

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim


def mask_of(x, lengths):
    """None for one row, which is whole."""
    if x.shape[0] == 1:
        return None
    return torch.arange(x.shape[1])[None] < lengths[:, None]


def none_or_mask(x, lengths):
    mask = mask_of(x, lengths)
    y = x * 2
    if mask is not None:
        y = y.masked_fill(~mask, 0.0)
    return y.sum(1)


def without_the_batch(x):
    y = x.sin()
    return y[0] if y.shape[0] == 1 else y


def of_two_ranks(x, lengths):
    y = without_the_batch(x)
    return y.mean(-1) if y.dim() == 2 else y[None].sum(-1)


def several(x, wanted):
    return (x,) * (3 if x.shape[0] > wanted else 2)


def of_two_lengths(x, lengths):
    return torch.stack(several(x, 2)).sum(0) + lengths[:, None]


def name_of(x):
    return "one" if x.shape[0] == 1 else "many"


def by_name(x, lengths):
    return {"one": torch.sin, "many": torch.cos}[name_of(x)](x)


def by_table(x, lengths):
    return x * {1: 2, 3: 5}.get(x.shape[0], 1)


def both_axes(x, lengths):
    rows = None if x.shape[0] == 1 else x.mean(0)
    columns = None if x.shape[1] == 1 else x.mean(1)
    y = x if rows is None else x - rows
    return y if columns is None else y + columns[:, None]


def in_place(x, lengths):
    mask = mask_of(x, lengths)
    if mask is not None:
        x.mul_(mask)
    x.add_(1)
    return x, lengths


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("most", torch.zeros(()))
        self.linear = nn.Linear(4, 4)

    def forward(self, x, lengths):
        mask = mask_of(x, lengths)
        self.seen += 1
        if mask is None:
            self.most = self.most + x.max()
            return self.linear(x), lengths
        return self.linear(x * mask), lengths * self.seen.long()


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def masks(self, x, lengths):
        mask = mask_of(x, lengths)
        return {"mask": mask} if mask is not None else {}

    def forward(self, x, lengths):
        found = self.masks(x, lengths)
        for layer in self.layers:
            x = layer(x)
            if "mask" in found:
                x = x * found["mask"]
        return {"x": x, "size": x.shape[0]}


PROGRAMS = [
    none_or_mask,
    of_two_ranks,
    of_two_lengths,
    by_name,
    by_table,
    both_axes,
    in_place,
    Counting,
    Nested,
]
SIZES = ({0: Dim("b")}, {0: Dim("b")})


def call(rows):
    return torch.randn(rows, 4), torch.arange(rows) % 4 + 1


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("program", PROGRAMS)
def test_each_size(program, rows):
    program = program() if isinstance(program, type) else program
    rows_and_columns = {0: Dim("b"), 1: Dim("n")}
    shapes = (rows_and_columns, SIZES[1]) if program is both_axes else SIZES
    exported = monograph.export(program, call(rows), dynamic_shapes=shapes)
    for module in (exported.module(), exported.run_decompositions().module()):
        eager = copy.deepcopy(program)
        for size in (1, 1, 3, 2, 0, 5, 1):
            torch.manual_seed(size)
            given = call(size)
            same = copy.deepcopy(given)
            torch.testing.assert_close(module(*given), eager(*same), equal_nan=True)
            torch.testing.assert_close(given, same, equal_nan=True)


def test_results_of_two_ranks_are_refused():
    with pytest.raises(monograph.ConstraintViolationError):
        monograph.export(without_the_batch, (torch.randn(1, 4),), dynamic_shapes=SIZES[:1])


def test_sizes_that_nobody_asks_about_stay_one_program():
    exported = monograph.export(lambda x, y: x + y[:, None], call(1), dynamic_shapes=SIZES)
    assert all(node.target is not torch.ops.higher_order.cond for node in exported.graph.nodes)
