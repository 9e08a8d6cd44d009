"""``mask.nonzero().squeeze()``: how many rows there are only the values tell.

With one row, ``squeeze`` leaves that dimension out. Where what follows is the same program, the
exported one gives what eager mode gives; else one row is refused when it runs.
"""

import pytest
import torch

from monograph import Dim, MonographError, export


def _rows(x):
    return (x.sum(1) > 0).nonzero().squeeze()


def _given(x):
    return _rows(x)


def _an_index(x):
    return x[_rows(x)]


def _an_index_of_columns(x):
    return x.T[:, _rows(x)].sum()


def _an_index_of_an_operator(x):
    return x.index_select(0, _rows(x))


def _written_to(x):
    y = torch.zeros_like(x)
    y[_rows(x)] = x[_rows(x)] * 2
    return y


def _a_number_written(x):
    y = x.clone()
    y[_rows(x)] = 7
    return y


def _of_two_masks(x):
    others = torch.where(x.sum(1) <= 0)[0].squeeze()
    return torch.cat([x[_rows(x)].reshape(-1), x[others].reshape(-1)])


def _rows_that_are_taken(x):
    return x[x[:, 0] > 0].squeeze(0).sum()


def _values(x):
    return torch.masked_select(x, x > 0).squeeze().sin()


SAME = (
    _given, _an_index, _an_index_of_columns, _an_index_of_an_operator, _written_to,
    _a_number_written, _of_two_masks, _rows_that_are_taken, _values,
)  # fmt: skip


def _written_to_in_place(x):
    y = x + 0
    y[_rows(x)].mul_(2)  # of one row, this is a view
    return y


def _asked_for_its_rank(x):
    rows = _rows(x)
    return x.sum() if rows.dim() == 0 else rows.sum()


def _as_many_as_there_are(x):
    return _rows(x).numel()


OTHERS = (_written_to_in_place, _asked_for_its_rank, _as_many_as_there_are)


def _with(count, rows=4):
    x = -torch.rand(rows, 3) - 0.1
    x[torch.randperm(rows)[:count]] *= -1
    return x


def _exported(program, strict, count=2):
    return export(program, (_with(count),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict)


def _expect_same(found, expected):
    assert type(found) is type(expected)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", SAME)
@pytest.mark.parametrize("rows", [2, 1])
def test_one_row_is_as_in_eager_mode(program, rows, strict):
    ep = _exported(program, strict, rows)
    assert not any("squeeze" in str(found) for found in ep.assumptions)
    for each in (ep, ep.run_decompositions()):
        for count in (2, 1, 0, 3):
            x = _with(count)
            _expect_same(each.module()(x), program(x))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", OTHERS)
def test_one_row_is_refused_where_it_is_another_program(program, strict):
    ep = _exported(program, strict)
    assert any("squeeze" in str(found) for found in ep.assumptions)
    for count in (2, 0, 3):
        x = _with(count)
        _expect_same(ep.module()(x), program(x))
    with pytest.raises((MonographError, RuntimeError), match="squeeze"):
        ep.module()(_with(1))
