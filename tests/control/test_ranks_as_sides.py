"""What ``squeeze`` leaves out for some sizes is a branch of the program, and has both sides.

What follows has another number of dimensions on one side than on the other.
"""

import pytest
import torch
from torch.nn import functional as F

from monograph import Dim, export

WEIGHT = torch.linspace(-1, 1, 5)


def _score(x):
    return (x * WEIGHT).sum(-1, keepdim=True)


def _a_new_last_dimension(x):
    return _score(x).squeeze()[..., None] * x


def _written_to_a_column(x):
    y = torch.zeros(x.shape[0], 3)
    y[:, 0] = _score(x).squeeze()
    return y


def _added_to_a_column(x):
    y = torch.zeros(x.shape[0], 3)
    y[:, 1] += _score(x).squeeze()
    return y.sum(1)


def _an_index_of_another_rank(x):
    score = (x * WEIGHT).squeeze()
    y = torch.zeros_like(x)
    y[torch.arange(x.shape[0])[:, None], score.topk(2)[1]] = 1.0
    return y


def _asked_for_its_rank(x):
    y = _score(x).squeeze()
    if y.dim() == 0:
        y = y.unsqueeze(0)
    return y.cumsum(0)


def _a_loss(x):
    return F.l1_loss(_score(x).squeeze(), _score(x).squeeze().detach() * 2)


def _one_of_two_dimensions(x):
    return x.unsqueeze(1).squeeze((0, 1)).reshape(-1).sum() + x


def _twice(x):
    first, second = _score(x).squeeze(), (x.sin() @ WEIGHT).squeeze(0)
    return (first + second)[..., None].expand(x.shape)


PROGRAMS = (
    _a_new_last_dimension, _written_to_a_column, _added_to_a_column, _an_index_of_another_rank,
    _asked_for_its_rank, _a_loss, _one_of_two_dimensions, _twice,
)  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("rows", [2, 1])
def test_both_sides_are_in_the_program(program, rows, strict):
    ep = export(program, (torch.randn(rows, 5),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict)
    for other in (2, 0, 1, 3, 5):
        x = torch.randn(other, 5)
        torch.testing.assert_close(ep.module()(x), program(x), equal_nan=True)


def test_a_result_of_another_rank_is_refused_in_words():
    ep = export(
        lambda x: x.squeeze(0).sum(0), (torch.randn(2, 5),), dynamic_shapes=({0: Dim.DYNAMIC},)
    )
    torch.testing.assert_close(ep.module()(torch.ones(3, 5)), torch.full((5,), 3.0))
    with pytest.raises(Exception, match="s0 != 1"):
        ep.module()(torch.ones(1, 5))
