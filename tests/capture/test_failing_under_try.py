"""An operator that the program may see fail, ``try: x[n]``: for the sizes for which it fails eager

mode goes on in the handler, so the program is not for these sizes, unless what both ways give is
one result of a branch. Where the program does not catch it, an index out of range is the same error
in both.
"""

import pytest
import torch

from monograph import InputError
from monograph.exporting import export
from monograph.shapes.dims import Dim
from monograph.testing import assert_equal

ANY = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC})


def item_or_first(x, y):
    try:
        return x[y.shape[0]]
    except IndexError:
        return x[:1]


def item_or_none(x, y):
    try:
        return x.select(1, y.shape[0])
    except Exception:
        return torch.zeros(0)


def viewed_or_doubled(x, y):
    try:
        return x.view(y.shape[0], -1)
    except RuntimeError:
        return x * 2


def viewed_by_rows_or_doubled(x, y):
    try:
        return x.view(x.shape[1], -1) + y.shape[0]
    except RuntimeError:
        return x * 2


PROGRAMS = [item_or_first, item_or_none, viewed_or_doubled, viewed_by_rows_or_doubled]
KEPT = (item_or_none, viewed_by_rows_or_doubled)  # both ways


@pytest.mark.parametrize("program", PROGRAMS)
def test_sizes_for_which_it_fails_are_refused(program):
    made = export(program, (torch.ones(3, 4), torch.ones(2)), dynamic_shapes=ANY).module()
    taken = refused = 0
    for rows, columns, n in [(3, 4, 2), (3, 4, 1), (2, 2, 2), (0, 3, 0), (4, 0, 1), (3, 3, 4)]:
        x, y = torch.rand(rows, columns), torch.ones(n)
        try:
            found = made(x, y)
        except InputError:
            refused += 1
            continue
        taken += 1
        assert_equal(found, program(x, y), strided=program not in KEPT)
    assert taken
    assert bool(refused) is (program not in KEPT)


def test_an_index_out_of_range_is_refused_by_the_export_as_by_eager_mode():
    program = lambda x, y: x[y.shape[0]]  # noqa: E731
    with pytest.raises(IndexError, match="out of range"):
        export(program, (torch.ones(3, 4), torch.ones(3)), dynamic_shapes=ANY)
    made = export(program, (torch.ones(3, 4), torch.ones(2)), dynamic_shapes=ANY).module()
    with pytest.raises(InputError):
        made(torch.ones(3, 4), torch.ones(3))


def number_or_first(x, y):
    try:
        return x[3] + y.shape[0]
    except IndexError:
        return x[:1]


@pytest.mark.parametrize("rows", [2, 5])
def test_a_plain_index_is_refused_where_it_goes_the_other_way(rows):
    spec = ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    args = (torch.ones(rows, 4), torch.ones(2))
    made = export(number_or_first, args, dynamic_shapes=spec).module()
    for other in range(8):
        x, y = torch.rand(other, 4), torch.ones(3)
        if (other > 3) == (rows > 3):
            assert_equal(made(x, y), number_or_first(x, y))
        else:
            with pytest.raises(InputError):
                made(x, y)
