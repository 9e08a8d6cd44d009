"""A function may return another kind of thing for some sizes: what has called it goes on with each.

Its sides cannot be joined where it ends: they differ in their number of dimensions, or one of them
is None. So the statement that calls it has both, and what follows there.
"""

import pytest
import torch
from torch import nn

from monograph import Dim, export


def _ranked(x):
    best = x.sum(-1).squeeze().topk(2, -1)
    return best[0] * 2, best[1]


def _written_where_they_are(x):
    values, places = _ranked(x)
    y = torch.zeros_like(x)
    y[torch.arange(x.shape[0])[:, None], places] = values[..., None]
    return y


def _rows(x):
    if x.shape[0] == 1:
        return x[0]
    return x


def _of_one_or_several(x):
    rows = _rows(x)
    return (rows * 2).reshape(-1).cumsum(0)


def _mean(x):
    return x.mean(1).squeeze()


def _twice_the_mean(x):
    return _mean(x) * 2


def _two_calls_away(x):
    mean = _twice_the_mean(x)
    if mean.dim() == 1:
        mean = mean[None]
    return mean + x.sum(1)


def _offset(x):
    return None if x.shape[0] > 3 else x.sum(0)


def _perhaps_none(x):
    offset = _offset(x)
    return x if offset is None else x - offset


def _both_or_one(x):
    return (x, x * 2) if x.shape[0] > 2 else (x,)


def _as_many_as_there_are(x):
    total = 0
    for part in _both_or_one(x):
        total = total + part.sum()
    return total


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def score(self, x):
        return self.linear(x).squeeze()

    def forward(self, x):
        weights = self.score(x).softmax(-1)
        return (weights[..., None] * x).sum(-2).reshape(x.shape[0], 3)


PROGRAMS = (
    _written_where_they_are, _of_one_or_several, _two_calls_away, _perhaps_none,
    _as_many_as_there_are, Attention(),
)  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS)
def test_it_goes_on_with_each(program, strict):
    shapes = ({0: Dim.DYNAMIC},)
    ep = export(program, (torch.randn(2, 4, 3),), dynamic_shapes=shapes, strict=strict)
    for rows in (2, 1, 0, 3, 5):
        x = torch.randn(rows, 4, 3)
        torch.testing.assert_close(ep.module()(x), program(x), equal_nan=True)
