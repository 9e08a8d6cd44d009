"""Lists that are made at their length, ``[None] * n``, and filled by a loop over a size."""

import pytest
import torch

from monograph import Dim, export
from monograph.diagnostics import MonographError


def forwards(x):
    outs, h = [None] * x.shape[0], x.sum(0)
    for t in range(x.shape[0]):
        h = torch.tanh(x[t] + h)
        outs[t] = h
    return torch.stack(outs), h


def backwards(x):
    n, h = x.shape[0], x.sum(0)
    outs = [None] * n
    for t in reversed(range(n)):
        h = torch.tanh(x[t] + h)
        outs[t] = h
    return torch.stack(outs)


def downwards(x):
    h = x.sum(0)
    outs = [None] * x.shape[0]
    for t in range(x.shape[0] - 1, -1, -1):
        h = torch.tanh(x[t] + h)
        outs[t] = h
    return torch.stack(outs)


def several(x):
    outs, sums, numbers = [None] * len(x), [0.0] * len(x), [0] * len(x)
    for t, row in enumerate(x):
        outs[t] = row * 2
        sums[t] = row.sum()
        numbers[t] = t * 3
    return torch.stack(outs) + torch.stack(sums)[:, None] + torch.tensor(numbers)[:, None]


def of_its_length(x):
    outs = [None for _ in range(len(x))]
    for i in range(len(outs)):
        outs[i] = x[i] * i
    return outs[-1] + torch.stack(outs).sum(0)


def in_layers(x):
    for layer in range(2):
        outs = [None] * x.shape[0]
        for t in range(x.shape[0]):
            outs[t] = x[t] * 2 + layer
        x = torch.stack(outs)
    return x


class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.nn.GRUCell(3, 3)

    def forward(self, x):
        states, h = [None] * x.size(0), x.new_zeros(1, 3)
        for t in range(x.size(0)):
            h = self.cell(x[t : t + 1], h)
            states[t] = h
        return torch.cat(states)


FILLED = [forwards, backwards, downwards, several, of_its_length, in_layers, Recurrent()]


def _name(program):
    return getattr(program, "__name__", type(program).__name__)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", FILLED, ids=_name)
def test_a_loop_may_fill_it(program, strict):
    made = export(
        program, (torch.randn(3, 3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
    ).module()
    for size in (1, 2, 5, 8):
        x = torch.randn(size, 3)
        torch.testing.assert_close(made(x), program(x))


def read_meanwhile(x):
    outs = [None] * x.shape[0]
    for t in range(x.shape[0]):
        outs[t] = x[t] if t == 0 else outs[t - 1] + x[t]
    return torch.stack(outs)


def with_another_name(x):
    outs = [None] * x.shape[0]
    same = outs
    for t in range(x.shape[0]):
        outs[t] = x[t]
    return torch.stack(same)


def not_to_its_end(x):
    outs = [x.sum(0)] * x.shape[0]
    for t in range(x.shape[0] - 1):
        outs[t] = x[t]
    return torch.stack(outs)


def every_second(x):
    outs = [x.sum(0)] * x.shape[0]
    for t in range(0, x.shape[0], 2):
        outs[t] = x[t]
    return torch.stack(outs)


def at_another_place(x):
    outs = [x.sum(0)] * (x.shape[0] + 1)
    for t in range(x.shape[0]):
        t = t + 1
        outs[t] = x[t - 1]
    return torch.stack(outs)


def left_early(x):
    outs = [x.sum(0)] * x.shape[0]
    for t in range(x.shape[0]):
        if t == 2:
            break
        outs[t] = x[t]
    return torch.stack(outs)


def an_item_alone(x):
    rows = list(x.unbind(0))
    rows[0] = rows[0] * 2
    return torch.stack(rows)


REFUSED = [read_meanwhile, with_another_name, not_to_its_end, every_second, at_another_place,
           left_early, an_item_alone]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", REFUSED, ids=_name)
def test_what_else_is_done_with_it_is_never_wrong(program, strict):
    try:
        made = export(
            program, (torch.randn(3, 3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
        ).module()
    except MonographError:
        return
    for size in (1, 2, 3, 5, 8):
        x = torch.randn(size, 3)
        try:
            found = made(x)
        except MonographError:
            continue
        torch.testing.assert_close(found, program(x))
