"""A tensor that is repeated to the sizes of another one may have one row, or as many rows: a

program that says which covers no other call, whatever is made of the sizes afterwards.
"""

import pytest
import torch

from monograph import Dim, export
from monograph.diagnostics import MonographError

REPEATED = {
    "expand": lambda x, y: y.expand(x.shape),
    "expand_as": lambda x, y: y.expand_as(x),
    "broadcast_to": lambda x, y: torch.broadcast_to(y, x.shape),
    "expand_rows": lambda x, y: y.expand(len(x), -1),
    "copy_": lambda x, y: x.clone().copy_(y),
    "set": lambda x, y: x.clone().__setitem__(slice(None), y),
    "masked_scatter": lambda x, y: x.masked_scatter(x > 0, y.expand_as(x)),
    "add_": lambda x, y: x.clone().add_(y),
    "where": lambda x, y: torch.where(x > 0, x, y),
    "broadcast_tensors": lambda x, y: torch.broadcast_tensors(x, y)[1],
}
USED = {
    "zeros": lambda x, y: torch.zeros(y.shape[0]),
    "rows": lambda x, y: y.sum() / len(y),
    "view": lambda x, y: y.abs().expand(2, *y.shape),
    "arange": lambda x, y: torch.arange(y.shape[0]) * 2,
}


@pytest.mark.parametrize("rows", [3, 1])
@pytest.mark.parametrize("used", USED)
@pytest.mark.parametrize("repeated", REPEATED)
def test_a_row_is_not_taken_for_as_many_rows(repeated, used, rows):
    def program(x, y):
        return REPEATED[repeated](x, y), USED[used](x, y)

    varying = {0: Dim.DYNAMIC}
    example = torch.ones(rows, 4), torch.ones(rows, 4)
    exported = export(program, example, dynamic_shapes=(varying, varying)).module()
    for sizes in [(rows, rows), (5, 5), (3, 1), (0, 1), (1, 1), (0, 0), (1, 5)]:
        call = [torch.ones(n, 4) for n in sizes]
        try:
            expected = program(*call)
        except RuntimeError:
            expected = None
        try:
            given = exported(*call)
        except (MonographError, RuntimeError):
            assert sizes[0] != sizes[1]
            continue
        assert expected is not None
        torch.testing.assert_close(given, expected, equal_nan=True)
