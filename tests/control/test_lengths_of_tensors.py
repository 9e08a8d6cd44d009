"""``len(x)`` where a loop, a comprehension or a generator goes by it, and rows that are generated

or folded.
"""

import functools
import itertools
import math
from functools import reduce

import pytest
import torch

from monograph import Dim, export


def of_len(x):
    return x * sum(i * i for i in range(len(x)))


def listed(x):
    return x[[i for i in range(len(x))]]  # noqa: C416


def a_loop(x):
    total = 0
    for i in range(len(x)):
        total += i * i
    return x * total


def a_loop_backwards(x):
    total = torch.zeros(3)
    for i in reversed(range(len(x))):
        total = total * 0.5 + x[i]
    return total


def the_length_of_a_range(x):
    return x * len(range(0, len(x), 2))


def rows_by_number(x):
    return torch.stack([x[i] * i for i in range(len(x))])


def rows_backwards(x):
    return torch.stack([x[i] for i in reversed(range(len(x)))])


def even_numbers(x):
    return x[[i for i in range(len(x)) if i % 2 == 0]]


def turned(x):
    return x[list(range(len(x)))[::-1]]


def angles(x):
    return x * torch.tensor([math.sin(i) for i in range(len(x))])[:, None]


def a_sum_of_rows(x):
    return sum(row.sum() for row in x) + 1


def a_list_of_rows(x):
    return torch.stack(list(row * 2 for row in x))  # noqa: C400


def a_tuple_of_rows(x):
    return torch.stack(tuple(row * 2 for row in x))


def a_sum_of_lengths(x):
    return sum(len(row) for row in x) * x


def folded(x):
    return functools.reduce(lambda total, row: total * 0.5 + row, x)


def folded_from_a_start(x):
    return functools.reduce(lambda total, row: total * 0.5 + row, x, torch.zeros(3))


def folded_by_an_operator(x):
    return functools.reduce(torch.add, x.unbind(0)) + 1


def folded_numbers(x):
    return x * reduce(lambda total, i: total + i * i, range(len(x)), 1)


PROGRAMS = [
    *(folded, folded_from_a_start, folded_by_an_operator, folded_numbers),
    *(of_len, listed, a_loop, a_loop_backwards, the_length_of_a_range, rows_by_number),
    *(rows_backwards, even_numbers, turned, angles),
    *(a_sum_of_rows, a_list_of_rows, a_tuple_of_rows, a_sum_of_lengths),
]
# Of no row at all these make another thing: a number, or an error.
NOT_OF_NONE = (a_sum_of_rows, a_sum_of_lengths)


@pytest.mark.parametrize(
    ("program", "strict", "example"), list(itertools.product(PROGRAMS, (False, True), (7, 1)))
)
def test_all_lengths(program, strict, example):
    module = export(
        program, (torch.randn(example, 3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
    ).module()
    for n in (7, 0, 1, 2, 3, 6, 11):
        x = torch.randn(n, 3)
        try:
            expected = program(x)
        except (RuntimeError, IndexError, TypeError):
            continue
        if n or program not in NOT_OF_NONE:
            torch.testing.assert_close(module(x), expected)
