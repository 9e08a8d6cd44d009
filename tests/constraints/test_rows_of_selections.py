"""The first row of some that a mask selects: broadcast, where it is there."""

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph import Dim

USES = {
    "add": lambda x, y: x + y,
    "where": lambda x, y: torch.where(x > 0, x, y),
    "expand": lambda x, y: y.expand_as(x),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, 0.0),
    "compare": lambda x, y: x > y,
    "copy": lambda x, y: x.clone().copy_(y),
    "broadcast": lambda x, y: torch.broadcast_tensors(x, y)[1],
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
}


@pytest.mark.parametrize("use", USES)
def test_the_first_row_of_a_selection_is_broadcast(use):
    def program(x):
        return USES[use](x, x[x[:, 0] > 0][:1])

    x = torch.randn(5, 4)
    x[0, 0] = 1.0
    found = monograph.export(program, (x,), dynamic_shapes=({0: Dim.DYNAMIC},))
    for module in (found.module(), found.run_decompositions().module()):
        for n in (0, 1, 2, 9):
            x = torch.randn(n, 4)
            x[:1, 0] = 1.0
            torch.testing.assert_close(module(x), program(x), equal_nan=True)
        with pytest.raises(RuntimeError):
            module(-torch.ones(3, 4))
    with pytest.raises(RuntimeError):
        program(-torch.ones(3, 4))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_take_along_dim_broadcasts(dim):
    def program(x):
        part = [x[:1], x[:, :1]][dim == 0]
        return torch.take_along_dim(x, part.argsort(dim), dim), torch.take_along_dim(
            part, x.argsort(dim) * 0, dim
        )

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    found = monograph.export(program, (torch.randn(2, 7, 4),), dynamic_shapes=shapes)
    for module in (found.module(), found.run_decompositions().module()):
        for sizes in ((2, 7), (1, 1), (3, 1), (1, 4), (5, 2)):
            x = torch.randn(*sizes, 4)
            torch.testing.assert_close(module(x), program(x))


def test_a_question_that_a_warning_alone_depends_on_is_no_matter():
    def program(x):
        kept = x[x > 0]
        if kept.shape[0] != x.shape[0]:
            print("some are left out")
        return kept * 2

    found = monograph.export(program, (torch.randn(5),), dynamic_shapes=({0: Dim.DYNAMIC},))
    for x in (torch.randn(7), torch.ones(3), torch.ones(0)):
        torch.testing.assert_close(found.module()(x), program(x))
