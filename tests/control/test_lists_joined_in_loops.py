"""Lists and tuples that a loop over a size makes anew, with what they had at either end."""

import pytest
import torch

import monograph
from monograph import Dim


def in_front(x):
    out = ()
    for row in x:
        out = (row * 2, *out)
    return torch.stack(out)


def behind(x):
    out = []
    for i in range(x.shape[0]):
        out = [*out, x[i] * 2]
    return torch.stack(out)


def on_both_sides(x):
    out = [x[0]]
    for i in range(x.shape[0]):
        out = [x[i] + i, *out, x[i] - i]
    return torch.stack(out)


def twice(x):
    out = ()
    for row in x:
        out = (*out, row, *out)
    return torch.stack(out).sum(0)


def of_numbers(x):
    out = []
    for i in range(x.shape[0]):
        out = [i * i, *out]
    return torch.tensor(out) + 1


def beside_what_stays(x):
    first = (x.sum(), x.mean())
    out = ()
    for row in x:
        out = (*out, row)
    return (*first, torch.stack(out))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize(
    "program", [in_front, behind, on_both_sides, twice, of_numbers, beside_what_stays]
)
def test_as_many_rows_as_there_are(program, batch, strict):
    shapes = ({0: Dim.DYNAMIC},)
    exported = monograph.export(
        program, (torch.randn(batch, 3),), dynamic_shapes=shapes, strict=strict
    )
    for rows in (batch, 1, 5, 2, 5):
        x = torch.randn(rows, 3)
        torch.testing.assert_close(exported.module()(x), program(x))
