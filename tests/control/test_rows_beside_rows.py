"""Loops over one tensor's length that cut rows of another, whose length is declared by itself."""

import pytest
import torch

import monograph
from monograph import Dim

D = Dim.DYNAMIC


def kept(state, row, mask):
    return torch.where(mask > 0, torch.tanh(row + state), state)


def sliced(x, mask):
    state, rows = x.new_zeros(x.size(0), 8), []
    for t in range(x.size(1)):
        state = kept(state, x[:, t], mask[:, t : t + 1])
        rows.append(state)
    return torch.stack(rows, 1)


def sliced_for_the_last(x, mask):
    state = x.new_zeros(x.size(0), 8)
    for t in range(x.size(1)):
        state = kept(state, x[:, t], mask[:, t : t + 1])
    return state


def multiplied(x, mask):
    state, rows = x.new_zeros(x.size(0), 8), []
    for t in range(x.size(1)):
        state = state + x[:, t] * mask[:, t : t + 1]
        rows.append(state)
    return torch.stack(rows, 1)


def selected(x, mask):
    state, rows = x.new_zeros(x.size(0), 8), []
    for t in range(x.size(1)):
        state = kept(state, x[:, t], mask[:, t, None])
        rows.append(state)
    return torch.stack(rows, 1)


def in_pairs(x, mask):
    state, rows = x.new_zeros(x.size(0), 8), []
    for row, one in zip(x.unbind(1), mask.unbind(1), strict=True):
        state = kept(state, row, one[:, None])
        rows.append(state)
    return torch.stack(rows, 1)


@pytest.mark.parametrize("f", [sliced, sliced_for_the_last, multiplied, selected, in_pairs])
@pytest.mark.parametrize("example", [(2, 9), (1, 6)])
def test_masks_beside_rows(f, example):
    def given(batch, length):
        return torch.randn(batch, length, 8), torch.randint(0, 2, (batch, length)).float()

    program = monograph.export(f, given(*example), dynamic_shapes=({0: D, 1: D}, {0: D, 1: D}))
    module = program.module()
    for sizes in (example, (1, 9), (3, 4), (2, 1), (1, 1)):
        args = given(*sizes)
        torch.testing.assert_close(module(*args), f(*args))
    assert not any("u" in str(a.text) for a in program.assumptions if a.kind == "narrowed")
