"""Lists of lists of numbers, as long as sizes: distances, masks and tables that become tensors."""

import pytest
import torch

from monograph import Dim, export


def products(x):
    n, m = x.shape
    return x + torch.tensor([[i * j for j in range(m)] for i in range(n)]).reshape(n, m)


def distances(x):
    n = x.shape[0]
    relative = [[j - i for j in range(n)] for i in range(n)]
    return torch.tensor(relative, dtype=torch.float32).reshape(n, n) @ x


def causal(x):
    n = x.shape[0]
    mask = torch.tensor([[j <= i for j in range(n)] for i in range(n)], dtype=torch.bool)
    return (x @ x.T).masked_fill(~mask.reshape(n, n), 0.0)


def fractions(x):
    n, m = x.shape
    table = [[(i + 1) / (j + 1) for j in range(m)] for i in range(n)]
    return torch.tensor(table).reshape(n, m) * x


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [products, distances, causal])
def test_tables_are_those_of_eager_mode(program, strict):
    is_right(program, strict, ((0, 3), (1, 1), (2, 3), (3, 2), (5, 7), (2, 0), (0, 0)))


def test_a_table_of_fractions_has_rows():
    is_right(fractions, False, ((1, 1), (2, 3), (3, 2), (5, 7)))


def is_right(program, strict, shapes):
    ways = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    example = (torch.rand(2, 3),)
    made = export(program, example, dynamic_shapes=(ways,), strict=strict).module()
    for sizes in shapes:
        x = torch.rand(sizes)
        found, expected = made(x), program(x)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected)
