"""The first or the last row of a tensor beside all of its rows: stretched to all, of none, too."""

import pytest
import torch
from torch import nn

import monograph
from monograph.testing import assert_equal

ROWS = {
    "first": lambda x: x[:1],
    "last": lambda x: x[-1:],
    "first column": lambda x: x[:, :1],
    "last column": lambda x: x[:, -1:],
    "a copy": lambda x: x[:, :1].clone(),
    "a permuted one": lambda x: x.transpose(0, 1)[:1].transpose(0, 1),
}
OPERATORS = {
    "difference": lambda x, row: x - row,
    "the other way round": lambda x, row: row / (x.abs() + 1),
    "choice": lambda x, row: torch.where(row > 0, x, 1.0),
    "filled": lambda x, row: x.masked_fill(row > 0, 1.0),
    "its own mask": lambda x, row: row.masked_fill(x > 0, 1.0),
    "in place": lambda x, row: x.clone().sub_(row),
    "copied": lambda x, row: x.clone().copy_(row),
    "written": lambda x, row: torch.zeros_like(x).index_fill(2, torch.tensor([0]), 1.0) + row,
    "three": lambda x, row: torch.addcmul(x, row, x),
    "expanded": lambda x, row: row.expand_as(x) * 2,
    "by its sizes": lambda x, row: torch.cat([x, row.expand(x.shape)], -1),
    "products": lambda x, row: row.unsqueeze(-1) @ x.unsqueeze(-2),
    "attention": lambda x, row: nn.functional.scaled_dot_product_attention(
        x.unsqueeze(2), x.unsqueeze(2), x.unsqueeze(2), attn_mask=row[..., :1].unsqueeze(2)
    ),
    "cross": lambda x, row: torch.linalg.cross(x, row),
    "likeness": lambda x, row: nn.functional.cosine_similarity(x, row, dim=-1),
    "distance": lambda x, row: nn.functional.pairwise_distance(x, row),
    "both": lambda x, row: torch.broadcast_tensors(x, row)[1] + 1,
}
SIZES = ((4, 5), (1, 5), (4, 1), (0, 5), (4, 0), (2, 2), (3, 7))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("which", ROWS)
def test_a_row_beside_all_rows_of_any_number(which, name):
    row, operator = ROWS[which], OPERATORS[name]

    def f(x):
        return operator(x, row(x))

    dims = dict.fromkeys((0, 1), monograph.Dim.DYNAMIC)
    program = monograph.export(f, (torch.randn(4, 5, 3),), dynamic_shapes=(dims,))
    for each in (program, program.run_decompositions()):
        for sizes in SIZES:
            x = torch.randn(*sizes, 3)
            assert_equal(each.module()(x), f(x), tolerance=1e-5, strided=False)


@pytest.mark.parametrize("name", [n for n in OPERATORS if n != "attention"])
@pytest.mark.parametrize("which", ROWS)
def test_a_row_beside_as_many_rows_as_values_say(which, name):
    row, operator = ROWS[which], OPERATORS[name]

    def f(x, mask):
        chosen = x[mask] if which in ("first", "last") else x[:, mask]
        return operator(chosen, row(chosen))

    rows = 4 if which in ("first", "last") else 5
    example = torch.randn(4, 5, 3), torch.arange(rows) < rows - 1
    program = monograph.export(f, example)
    for count in range(rows + 1):
        call = torch.randn(4, 5, 3), torch.arange(rows) < count
        assert_equal(program.module()(*call), f(*call), tolerance=1e-5, strided=False)


@pytest.mark.parametrize("other", [(slice(1), slice(2)), (slice(1), slice(1, None))])
def test_a_row_beside_a_part_of_the_rows(other):
    def f(x):
        return x[other[0]] - x[other[1]]

    dims = ({0: monograph.Dim.DYNAMIC},)
    module = monograph.export(f, (torch.randn(4, 3),), dynamic_shapes=dims).module()
    for rows in range(5):
        x = torch.randn(rows, 3)
        assert_equal(module(x), f(x))
