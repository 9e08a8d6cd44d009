"""Operators that fail inside ``try``: eager mode takes them where the sizes are others."""

import pytest
import torch

import monograph
from monograph import MonographError
from monograph.shapes.dims import Dim
from monograph.testing import drawn_tensor

TRIED = {
    "matmul": lambda x, y: x @ y,
    "add": lambda x, y: x + y,
    "cat": lambda x, y: torch.cat([x, y], 0),
    "view": lambda x, y: x.view(y.shape),
    "linear": torch.nn.functional.linear,
    "where": lambda x, y: torch.where(x > 0, x, y),
    "expand": lambda x, y: x.expand(y.shape),
    "stack": lambda x, y: torch.stack([x, y]),
    "in place": lambda x, y: (x * 1).add_(y),
}


def trying(name):
    def program(x, y):
        try:
            return TRIED[name](x, y)
        except RuntimeError:
            return x - 1

    return program


@pytest.mark.parametrize("name", TRIED)
@pytest.mark.parametrize("shapes", [((2, 4), (3, 5)), ((4,), (3,))])
def test_what_fails_for_the_example_is_wrong_for_no_other_size(name, shapes):
    example = tuple(drawn_tensor(shape, torch.float32, among=(0, 3)) for shape in shapes)
    sizes = tuple(dict.fromkeys(range(x.dim()), Dim.DYNAMIC) for x in example)
    program = trying(name)
    try:
        made = monograph.export(program, example, dynamic_shapes=sizes)
    except MonographError:  # the sizes are those of the example
        made = monograph.export(program, example)
    made.verify(program, samples=30)


@pytest.mark.parametrize("name", ["matmul", "linear"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.complex64])
def test_factors_of_two_dtypes_fail_as_in_eager_mode(name, dtype):
    example = torch.ones(4, 4), torch.ones(4, 4, dtype=dtype)
    program = trying(name)
    monograph.export(program, example).verify(program, samples=10)
    with pytest.raises(RuntimeError, match="same dtype"):
        monograph.export(lambda x, y: TRIED[name](x, y), example)
    with pytest.raises(RuntimeError):
        monograph.export(torch.mm, (torch.ones(4), torch.ones(4)))


def test_who_decomposes_a_program_may_catch_exceptions():
    sizes = ({0: Dim.DYNAMIC},)
    program = monograph.export(
        lambda x: x[:1].unsqueeze(-1) @ x.unsqueeze(-2), (torch.ones(4, 3),), dynamic_shapes=sizes
    )
    try:
        decomposed = program.run_decompositions()
    except (RuntimeError, IndexError):
        raise AssertionError from None
    for each in (program, decomposed):
        assert each.module()(torch.ones(2, 3)).shape == (2, 3, 3)
