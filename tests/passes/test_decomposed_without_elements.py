"""Decompositions hold for sizes of 0, for truths, and for numbers that are not finite."""

import pytest
import torch

import monograph
from monograph import Dim
from monograph.edges import from_torch

SQUARE = {
    "logsumexp": lambda x: x.logsumexp(-1),
    "index_add": lambda x: x.index_add(-1, torch.tensor([0]), x[..., :1]),
    "index_fill": lambda x: x.index_fill(0, torch.tensor([0]), 2),
    "index_copy": lambda x: x.index_copy(0, torch.tensor([0]), x[:1]),
    "softmax": lambda x: x.softmax(-1),
}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", SQUARE)
def test_sizes_of_zero(name, tied):
    """The sides of a question are not only the same because there is nothing to compare."""
    model, n = SQUARE[name], Dim("n")
    shapes = {0: n, 1: n} if tied else {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    program = monograph.export(model, (torch.randn(3, 3 if tied else 4),), dynamic_shapes=(shapes,))
    for module in (program.module(), program.run_decompositions().module()):
        for size in ((3, 3), (0, 0), (1, 1), (0, 3), (3, 0)):
            x = torch.randn(size)
            if tied and size[0] != size[1]:
                continue
            try:
                expected = model(x)
            except (IndexError, RuntimeError):
                continue
            torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("equation", ["...i,...i->...", "ij,kj->ik"])
def test_products_of_truths(equation):
    def model(x, y):
        return torch.einsum(equation, x, y)

    x = torch.ones(1, 4, dtype=torch.bool)
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2
    monograph.export(model, (x, x), dynamic_shapes=shapes).run_decompositions().verify(model)


@pytest.mark.parametrize(
    "model",
    [lambda x, y: torch.addcmul(x, x, y), lambda x, y: torch.mv(x, y[0])],
    ids=["addcmul", "mv"],
)
def test_complex_numbers_that_are_not_finite(model):
    x = torch.randn(3, 4, dtype=torch.complex64)
    program = monograph.export(model, (x, x.clone())).run_decompositions()
    program.verify(model, tolerance=1e-3, samples=30)


COUNTED = {
    "einsum": lambda x, z: torch.einsum("...i,...i->...", x, z),
    "product": lambda x, z: x * z,
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_count_beside_a_size(name):
    """A count that nobody knows is taken for the size beside it; that it is no 1 is told."""

    def model(x):
        return COUNTED[name](x, x.unique())

    program = monograph.export(
        model, (torch.arange(4.0)[None],), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    )
    assert any("taken to be equal" in str(assumption) for assumption in program.assumptions)
    program.verify(model, samples=20)


def test_gradients_cut_are_told_by_way_of_torch():
    def model(x, y):
        y[..., 0] = x[..., 0]
        z = y.view(-1)
        z.detach()[1] = -1
        return (z,)

    program = monograph.export(model, (torch.randn(3, 4), torch.randn(3, 4)))
    back = from_torch(program.to_torch())
    assert [a.kind for a in back.assumptions] == ["gradient"]
    back.verify(model)


def test_a_squeeze_of_a_single_number():
    def model(x):
        return x.sum().squeeze(0), x.sum().squeeze(-1), x.sum().squeeze()

    program = monograph.export(model, (torch.randn(3, 4),), dynamic_shapes=({0: Dim.DYNAMIC},))
    program.run_decompositions().verify(model, tolerance=1e-4)


def test_group_norm_of_a_weight_with_gaps():
    def model(x, weight, bias):
        return torch.nn.functional.group_norm(x, 2, weight, bias)

    wide = torch.randn(2, 6, 2)
    arguments = torch.randn(3, 6, 5), wide[0, :, 0], wide[1, :, 1]
    for example in (arguments, tuple(each.contiguous() for each in arguments)):
        module = monograph.export(model, example).run_decompositions().module()
        torch.testing.assert_close(module(*arguments), model(*arguments))
