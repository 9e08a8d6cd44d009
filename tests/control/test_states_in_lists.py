"""Lists whose items are several things each, written in loops and branches: states of layers."""

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim

CELLS = nn.ModuleList([nn.LSTMCell(6, 6), nn.LSTMCell(6, 6)])


def pairs(x):
    return [(torch.zeros(x.size(0), 6), torch.zeros(x.size(0), 6)) for _ in CELLS]


def states_of_layers(x):
    states, rows = pairs(x), []
    for row in x.unbind(1):
        for i, cell in enumerate(CELLS):
            h, c = cell(row, states[i])
            states[i] = (h, c)
            row = h
        rows.append(row)
    return torch.stack(rows, 1), states[-1]


def as_the_cell_returns_it(x):
    states = pairs(x)
    row = x[:, 0]
    for t in range(x.size(1)):
        row = x[:, t]
        for i in range(2):
            states[i] = CELLS[i](row, states[i])
            row = states[i][0]
    return row, states


def without_a_first_state(x):
    states = [None] * 2
    row = x[:, 0]
    for t in range(x.size(1)):
        row = x[:, t]
        for i in range(2):
            states[i] = CELLS[i](row, states[i])
            row = states[i][0]
    return row, states


def lists_of_lists(x):
    states = [[x[:, 0], x[:, 0] * 2], [x[:, 0] * 3]]
    for t in range(x.size(1)):
        states[0] = [states[0][1] + x[:, t], states[0][0]]
        states[1][0] = torch.tanh(states[1][0] + x[:, t])
    return states


def dictionaries(x):
    states = [{"h": x[:, 0], "n": 0}]
    for t in range(x.size(1)):
        states[0] = {"h": torch.tanh(states[0]["h"] + x[:, t]), "n": states[0]["n"] + 1}
    return states[0]["h"], states[0]["n"] * x.sum()


def while_values_say_so(x):
    states, n = [(x[:, 0], x[:, 0] * 0)], 0
    while n < x.size(1) and states[0][0].sum() < 4:
        states[0] = (states[0][0] + x[:, n].abs(), states[0][1] + 1)
        n = n + 1
    return states[0]


def in_a_branch(x):
    states = [(x, x + 1), (x * 2, x * 3)]
    if x.sum() > 0:
        states[1] = (x - 1, x - 2)
    return states[0][1] + states[1][0] * states[1][1]


OF_SIZES = (
    states_of_layers, as_the_cell_returns_it, without_a_first_state, lists_of_lists, dictionaries
)  # fmt: skip
OF_VALUES = while_values_say_so, in_a_branch


@pytest.mark.parametrize(
    ("program", "strict"),
    [(program, False) for program in OF_SIZES] + [(program, True) for program in OF_VALUES],
)
def test_a_list_of_states(program, strict):
    varies = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    x = torch.randn(2, 5, 6)
    exported = monograph.export(program, (x,), dynamic_shapes=(varies,), strict=strict)
    for sizes in ((2, 5), (1, 1), (3, 8), (0, 4)):
        for sign in (1, -1):
            given = torch.randn(*sizes, 6).abs() * sign
            torch.testing.assert_close(exported.module()(given), program(given))
