"""Operators that fail for some values, where the program catches that: as in the example."""

import pytest
import torch

import monograph


def _multiplied(x, y):
    rows = x[x > 0]
    try:
        return rows @ y
    except RuntimeError:
        return rows - 1


def _put_together(x, y):
    rows = x[x > 0]
    try:
        return torch.stack([rows, y[:, 0]]) * 2
    except RuntimeError:
        return y * 3


def _viewed(x, y):
    rows = x[x > 0]
    try:
        return rows.view(2, 2)
    except RuntimeError:
        return rows + 1


def _caught_outside(x, y):
    try:
        return _inner(x, y)
    except (RuntimeError, ValueError):
        return x.sum()


def _inner(x, y):
    return x[x > 0] @ y


def _given(count):
    return torch.tensor([1.0] * count + [0.0] * (6 - count)), torch.ones(4, 2)


PROGRAMS = (_multiplied, _put_together, _viewed, _caught_outside)


@pytest.mark.parametrize("example", [3, 4])
@pytest.mark.parametrize("program", PROGRAMS)
def test_it_fails_or_not_as_in_the_example(program, example):
    module = monograph.export(program, _given(example)).module()
    for count in (3, 4, 5):
        try:
            found = module(*_given(count))
        except RuntimeError as error:
            assert (count == 4) != (example == 4), count
            assert "may see fail" in str(error)  # noqa: PT017
        else:
            torch.testing.assert_close(found, program(*_given(count)))
