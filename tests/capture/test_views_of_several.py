"""Writes into views of tensors that an operator has given views of together with others."""

import pytest
import torch

from monograph import Dim, export


def of_a_grid(x, y):
    seen = torch.meshgrid(y.flatten()[:2], x.flatten()[:3], indexing="ij")[0]
    seen.diagonal()[torch.tensor([0])] = 2
    return seen


def of_the_second(x, y):
    seen = torch.meshgrid(y.flatten()[:2], x.flatten()[:3], indexing="xy")[1]
    seen.diagonal().add_(2)
    return seen


def broadcast(x, y):
    one, other = torch.broadcast_tensors(y[:1], x)
    other.diagonal(dim1=0, dim2=2)[torch.tensor([0])] = 1
    return one + other


def with_more_dimensions(x, y):
    one, other = torch.atleast_3d(x[0], y)
    one.diagonal()[torch.tensor([0])] += 1
    return one, other


PROGRAMS = [of_a_grid, of_the_second, broadcast, with_more_dimensions]


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.int64])
@pytest.mark.parametrize("varies", [False, True])
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_written_is_seen(program, varies, dtype):
    args = [torch.rand(2, 3, 4).mul(9).to(dtype) for _ in range(2)]
    shapes = (dict.fromkeys(range(3), Dim.AUTO),) * 2 if varies else None
    ep = export(program, tuple(args), dynamic_shapes=shapes)
    mine, eager = ([x.clone() for x in args] for _ in range(2))
    torch.testing.assert_close(ep.module()(*mine), program(*eager))
    torch.testing.assert_close(mine, eager)
