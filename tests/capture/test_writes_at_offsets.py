"""Writes through views that lie somewhere in the memory, as sizes say."""

import pytest
import torch

import monograph
from monograph import Dim


def last_of_all(x):
    y = x * 1
    flat = y.view_as(y).view(-1)
    flat[..., -1] = y[..., -1].sum()
    return y


def last_of_the_row(x):
    y = x * 1
    flat = y.view_as(y).view(-1)
    flat[..., -1] = y[..., -1]
    return y


def halves(x):
    y = x * 1
    middle = y.shape[0] // 2
    y[middle:] = y[:1] * 2
    y.view(-1)[:2] = y.view(-1)[-2:]
    return y


CASES = [(last_of_all, 1), (last_of_all, 4), (last_of_the_row, 1), (halves, 1), (halves, 4)]


@pytest.mark.parametrize(("program", "rows"), CASES)
def test_as_eager_mode_where_it_runs(program, rows):
    example = torch.randn(rows, 4)
    exported = monograph.export(program, (example,), dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO},))
    taken = 0
    for sizes in ((rows, 4), (1, 3), (3, 4), (2, 2), (6, 5)):
        x = torch.randn(sizes)
        try:
            expected, found = program(x.clone()), exported.module()(x.clone())
        except RuntimeError:  # monograph.InputError is one
            continue
        torch.testing.assert_close(found, expected)
        taken += 1
    assert taken
