"""What torch's own code goes through without looking stays within its memory while exporting.

Where it did not, the process died, or something else in it was another value.
"""

import pytest
import torch
import torch.nn.functional as F

from monograph import Dim, export

PADS = [(-1, 1, -2, 1), (1, -1), (-1, 2, 1, -2), (2, 0, -1, 0), (-1, -1, -1, -1)]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("pad", PADS)
def test_pads_that_cut_off(pad, batch):
    """Composite operators ask how strides compare, which is answered for some of many sizes."""

    def program(x):
        if len(pad) == 2:
            x = x[0]
        return F.pad(x, pad, "circular")

    shapes = (dict.fromkeys(range(4), Dim.AUTO),)
    ep = export(program, (torch.rand(batch, 3, 6, 7),), dynamic_shapes=shapes)
    for sizes in ((batch, 3, 6, 7), (2, 2, 5, 9)):
        x = torch.rand(sizes)
        torch.testing.assert_close(ep.module()(x), program(x))


def lu_unpack(a, b):
    return torch.lu_unpack(*torch.linalg.lu_factor(a))


def lu_solve(a, b):
    return torch.lu_solve(b, *torch.linalg.lu_factor(a))


def linalg_lu_solve(a, b):
    return torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b)


def ldl_solve(a, b):
    return torch.linalg.ldl_solve(*torch.linalg.ldl_factor(a + a.mT), b)


def unsafe_index(a, b):
    return torch.ops.aten._unsafe_index.Tensor(a, [None, torch.arange(a.shape[1]) - 1])


@pytest.mark.parametrize("program", [lu_unpack, lu_solve, linalg_lu_solve, ldl_solve, unsafe_index])
def test_pivots_are_places(program):
    """No kernel is called with pivots that are out of its memory."""
    shapes = ({0: Dim.AUTO}, {0: Dim.AUTO})
    args = torch.rand(2, 3, 3) + torch.eye(3), torch.rand(2, 3, 2)
    for spec in (None, shapes, (dict.fromkeys(range(3), Dim.AUTO),) * 2):
        ep = export(program, args, dynamic_shapes=spec)
        torch.testing.assert_close(ep.module()(*args), program(*args))
