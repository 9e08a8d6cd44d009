"""Tensors whose rows are as many as a product of sizes, taken apart and put together again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.testing import assert_equal

MERGED = {
    "product": lambda x: x.flatten(0, 1),
    "doubled": lambda x: torch.cat([x, x]).flatten(0, 1),
    "with more": lambda x: torch.cat([x, x.new_ones(x.shape[0], 3, *x.shape[2:])], 1).flatten(0, 1),
    "halved": lambda x: x[:, ::2].flatten(0, 1),
    "quotient": lambda x: x.mean(1)[: x.shape[0] // 2 + 1],
    "sum": lambda x: torch.cat([x[:, 0], x[0]]),
    "both": lambda x: torch.cat([x.flatten(0, 1), x[0]]),
}


def _split(rows):
    return torch.cat([piece * piece.shape[0] for piece in rows.split(4)])


def _large(rows):
    return torch.cat([piece * piece.shape[0] for piece in torch.split(rows, 64)])


def _ones(rows):
    return torch.cat([piece * piece.shape[0] for piece in rows.split(1)])


def _slices(rows):
    made = []
    for i in range(0, rows.shape[0], 4):
        made.append(rows[i : i + 4] * 2)
    return torch.cat(made)


PIECES = {"split": _split, "large": _large, "ones": _ones, "slices": _slices}


class Apart(nn.Module):
    def __init__(self, merged, pieces):
        super().__init__()
        self.merged, self.pieces = MERGED[merged], PIECES[pieces]

    def forward(self, x):
        rows = self.merged(x)
        made = self.pieces(rows)
        return made + rows, made.shape[0]


class Back(nn.Module):
    """What is put together is taken apart as before."""

    def forward(self, x):
        rows = x.flatten(0, 1)
        rows = torch.cat([piece.softmax(0) for piece in rows.split(8)], dim=0)
        return rows.unflatten(0, (x.shape[0], -1)).sum(1)


def _holds(model):
    program = monograph.export(
        model, (torch.randn(2, 9, 3),), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    )
    for sizes in ((2, 9), (1, 9), (3, 4), (5, 1), (1, 1), (4, 8)):
        x = torch.randn(*sizes, 3)
        assert_equal(program.module()(x), model(x))


@pytest.mark.parametrize("merged", MERGED)
@pytest.mark.parametrize("pieces", PIECES)
def test_pieces_of_as_many_rows_as_sizes_give(merged, pieces):
    _holds(Apart(merged, pieces))


def test_pieces_that_are_taken_apart_as_before():
    _holds(Back())
