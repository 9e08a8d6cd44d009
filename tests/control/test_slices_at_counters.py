"""Slices at the counter of a loop: as many rows as they have, wherever it stands."""

import pytest
import torch

import monograph
from monograph import Dim


def one_at_a_time(x):
    state = torch.zeros(x.shape[0])
    for i in range(x.size(1)):
        state = torch.tanh(state + x[:, i : i + 1].squeeze(1))
    return state


def while_there_are_more(x):
    i, state = 0, torch.zeros(x.shape[0])
    while i < x.size(1):
        state = torch.tanh(state + x[:, i : i + 1].squeeze(1))
        i += 1
    return state


def down(x):
    state = torch.zeros(x.shape[0])
    for i in range(x.size(1) - 1, -1, -1):
        state = torch.tanh(state + x[:, i : i + 1].squeeze(1))
    return state


def reversed_order(x):
    state = torch.zeros(x.shape[0])
    for i in reversed(range(x.size(1))):
        state = torch.tanh(state + x[:, i : i + 1].squeeze(1))
    return state


def with_those_before(x):
    state = torch.zeros(x.shape[0])
    for i in range(2, x.size(1)):
        state = torch.tanh(state + x[:, i - 2 : i + 1].view(x.shape[0], 3).sum(1))
    return state


def in_twos(x):
    state = torch.zeros(x.shape[0])
    for i in range(0, x.size(1), 2):
        state = torch.tanh(state + x[:, i : i + 2].sum(1) + x[:, i : i + 1].squeeze(1))
    return state


def counted_down(x):
    """The number that goes round is no counter that grows."""
    i, state = 5, torch.zeros(x.shape[0])
    for row in x.unbind(1):
        state = torch.tanh(state + row * i + x.new_ones(abs(i)).sum())
        i = i - 2
    return state


def up_and_down(x):
    i, state = 0, torch.zeros(x.shape[0])
    for row in x.unbind(1):
        state = torch.tanh(state + row * i)
        i = 1 - i
    return state


def doubled(x):
    """A scan by doubling: no sum of steps, but never less than before."""
    y, step = x, 1
    while step < x.size(1):
        y = torch.cat([y[:, :step], y[:, step:] + y[:, :-step]], 1)
        step *= 2
    return y


def doubled_and_more(x):
    y, step, gap = x, 1, 1
    while step < x.size(1):
        y = torch.cat([y[:, :step], y[:, step:] * y[:, :-step]], 1)
        step, gap = step + gap, 2 * step
    return y


def doubled_below_zero(x):
    """Neither number holds a bound that the other one needs."""
    i, j, state = 1, 1, torch.zeros(x.shape[0])
    for row in x.unbind(1):
        state = state + row * i + x.new_ones(abs(j)).sum()
        i, j = 2 * j, 2 * i - 3
    return state


def listed(x):
    return torch.stack([x[:, i : i + 1].squeeze(1) * 2 for i in range(x.size(1))], 1)


PROGRAMS = [
    one_at_a_time, while_there_are_more, down, reversed_order, with_those_before, in_twos,
    counted_down, up_and_down, doubled, doubled_and_more, doubled_below_zero,
]  # fmt: skip


def require_same(program, sizes, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(3, 4),)
    exported = monograph.export(program, example, dynamic_shapes=shapes, strict=strict).module()
    for rows, steps in ((3, 4), (1, 1), (0, 3), (2, 6), *sizes):
        x = torch.randn(rows, steps)
        torch.testing.assert_close(exported(x), program(x))


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_step_has_its_rows(program):
    require_same(program, [(2, 0)], strict=False)


@pytest.mark.parametrize("program", [one_at_a_time, while_there_are_more])
def test_in_strict_mode(program):
    require_same(program, [(2, 0)], strict=True)


def test_a_list_of_them():
    require_same(listed, [], strict=False)
