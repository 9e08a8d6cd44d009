"""What lists of rows are joined to has the strides of a new tensor, where a size is 1, too."""

import pytest
import torch

import monograph
from monograph import Dim

D = Dim.DYNAMIC


def grown(x):
    state, rows = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        state = state * 0.5 + x[:, t]
        rows.append(state)
    return rows


def listed(x):
    return [x[:, t] * 2 for t in range(x.shape[1])]


@pytest.mark.parametrize("join", [torch.stack, torch.cat])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("rows", [grown, listed])
def test_strides_are_those_of_eager_mode(rows, dim, join):
    def program(x):
        return join(rows(x), dim)

    example, sizes = torch.randn(2, 3, 4), {0: D, 1: D, 2: D}
    made = monograph.export(program, (example,), dynamic_shapes=(sizes,)).module()
    for shape in ((2, 3, 4), (1, 3, 4), (3, 1, 4), (2, 3, 1), (1, 1, 4), (1, 3, 1)):
        x = torch.randn(shape)
        found, expected = made(x), program(x)
        assert torch.equal(found, expected)
        assert found.stride() == expected.stride()
