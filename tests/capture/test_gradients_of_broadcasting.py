"""A gradient is summed up where a single row was broadcast, also where it is `x[:1]` of any size.

The engine of autograd takes it unheard that a size that it does not know is not 1; one that is
`min(1, n)` is, but of an empty tensor.
"""

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph import Dim
from monograph.testing.compare import assert_equal

VARIES = (Dim.DYNAMIC, Dim.DYNAMIC)

LOSSES = {
    "difference": lambda y: y - y[:1],
    "of columns": lambda y: y * y[:, :1],
    "of both": lambda y: y - y[:1] - y[:, :1],
    "quotient": lambda y: y / (y[:1].abs() + 1),
    "choice": lambda y: torch.where(y > 0, y, y[:1]),
    "expanded": lambda y: y[:1].expand(y.shape),
    "interpolated": lambda y: torch.lerp(y, y[:1], 0.3),
    "written": lambda y: (y * 1).add_(y[:1]),
    "copied": lambda y: torch.zeros_like(y).copy_(y[:1]),
    "the last": lambda y: y - y[-1:],
    "weighted loss": lambda y: F.binary_cross_entropy(
        y.sigmoid(), y.sigmoid().detach(), weight=y[:1].abs().detach()
    ),
    "sum of products": lambda y: torch.einsum("ij,ij->i", y, y[:1]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_row_of_any_size_is_summed_up(name):
    def gradient(x):
        y = x.detach().requires_grad_()
        return torch.autograd.grad(LOSSES[name](y).pow(2).sum(), y)[0]

    ep = monograph.export(gradient, (torch.randn(3, 4),), dynamic_shapes=(VARIES,))
    for shape in ((3, 4), (1, 4), (3, 1), (1, 1), (6, 2)):
        x = torch.randn(shape)
        assert_equal(ep.module()(x), gradient(x))


def test_what_is_broadcast_to_a_size_of_the_example_is_not_taken_for_larger_than_it_is():
    def f(x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            first, second = torch.broadcast_tensors(x, y)
        return first + second

    args = (torch.randn(3), torch.randn(1, 1))
    ep = monograph.export(f, args, dynamic_shapes=((Dim.AUTO,), (Dim.AUTO, Dim.AUTO)))
    for x, y in (args, (torch.randn(5), torch.randn(1, 1))):
        assert_equal(ep.module()(x, y), f(x, y))
