"""What gives its items one after the other does so for all sizes: generators with a state, and

the functions of ``itertools`` that go over one or several things.
"""

import itertools
import operator

import pytest
import torch

from monograph import Dim, export
from monograph.diagnostics import MonographError


def states(rows, h):
    for row in rows:
        h = torch.tanh(h * 0.5 + row)
        yield h


def decayed(x, rate):
    weight = 1.0
    for t in range(x.shape[0]):
        weight *= rate
        yield t, x[t] * weight


def generator(x):
    h = x.sum(0)  # has the name of the generator's own
    for state in states(x, x.sum(0)):
        h = h * 0.5 + state
    return h


def generator_in_a_list(x):
    rows = list(states(x, x.sum(0)))
    return torch.stack(rows) if x.shape[0] else x


def generator_beside_others(x):
    total = x.sum(0)
    for i, (state, row) in enumerate(zip(states(x, total), x, strict=True)):
        total = total + i * state * row
    return total


def generator_of_a_generator(x):
    return sum(row for _, row in decayed(x, 0.5)) + sum(states(states(x, x.sum(0)), 0)) + x.sum(0)


def its_first_items(x):
    total = x.sum(0)
    for state in itertools.islice(states(x, total), 3):
        total = total * 0.5 + state
    return total


def accumulated(x):
    return torch.stack(list(itertools.accumulate(x.unbind(0)))) if x.shape[0] else x


def accumulated_by_a_function(x):
    w, out = 1.0, []
    for h in itertools.accumulate(x, lambda h, row: torch.tanh(h * w + row)):  # noqa: B023
        w = w * 0.9  # the function sees it
        out.append(h)
    return torch.stack(out) if out else x


def accumulated_from(x):
    return torch.stack(list(itertools.accumulate(x, operator.mul, initial=x.sum(0))))


def differences(x):
    return sum((b - a).abs().sum() for a, b in itertools.pairwise(x)) + x.sum()


def counted(x):
    total = x.sum(0)
    for i, row in zip(itertools.count(1), x, strict=False):
        total = total + row / i
    return total


def one_after_another(x):
    total = x.sum(0)
    for row in itertools.chain(x, x.unbind(0), [total]):
        total = torch.tanh(total + row)
    return total


def pieces_of_two(x):
    return torch.cat([part.cumsum(0) for part in itertools.chain(x.split(2), x.split(3))])


def some(x):
    total = x.sum(0)
    for row in itertools.islice(x.unbind(0), max(x.shape[0] - 1, 0)):
        total = total * 0.5 + row
    for row in itertools.islice(x, 1, None, 2):
        total = total * 0.5 + row
    return total


PROGRAMS = (
    generator, generator_in_a_list, generator_beside_others, generator_of_a_generator,
    its_first_items, accumulated, accumulated_by_a_function, accumulated_from, differences,
    counted, one_after_another, pieces_of_two, some,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_items_come_in_their_order(program):
    is_right(program)


def is_right(program, strict=False):
    ways = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    example = (torch.rand(2, 3),)
    made = export(program, example, dynamic_shapes=(ways,), strict=strict).module()
    for size in (0, 1, 2, 3, 5, 7):
        x = torch.rand(size, 3)
        found, expected = made(x), program(x)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected)


def twice(x):
    rows = states(x, x.sum(0))
    total = x.sum(0)
    for row in rows:
        total = total + row
    for row in rows:
        total = total * 2 + row
    return total


def stateless(x):
    for row in x:
        yield row * 2


def twice_without_a_state(x):
    rows = stateless(x)
    return x.sum(0) + len(list(rows)) + 10 * len(list(rows))


def twice_in_loops(x):
    rows, total = stateless(x), x.sum(0)
    for row in rows:
        total = total + row
    for row in rows:
        total = total * 2 + row
    return total


def twice_in_lists(x):
    rows = itertools.accumulate(x, initial=x.sum(0))
    first, second = list(rows), list(rows)
    return x.sum(0) + len(first) + 10 * len(second)


def in_another_loop(x):
    rows, total = states(x, x.sum(0)), x.sum(0)
    for _ in x:
        for row in rows:
            total = total * 0.5 + row
    return total


def left_early(x):
    rows, total = states(x, x.sum(0)), x.sum(0)
    for row in rows:
        total = total + row
        if total.shape[0] > 2:
            break
    return total


TWICE = (
    twice, twice_without_a_state, twice_in_loops, twice_in_lists, in_another_loop, left_early,
)  # fmt: skip


@pytest.mark.parametrize("program", TWICE)
def test_what_gives_its_items_once_is_never_gone_over_again(program):
    try:
        is_right(program)
    except MonographError:
        return
