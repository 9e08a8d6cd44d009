"""Greedy decoding of a transducer.

What it shows
-------------
For each frame, symbols are emitted until a blank comes.

Why it is hard
--------------
A loop inside a loop, each left when the data says so.

What Monograph does
-------------------
Refuses it in the default mode; strict mode captures the inner loop.

Use instead
-----------
A fixed number of emissions for each frame, masked.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("model.sequence", "python.control-flow", "torch.loop"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class Transducer(nn.Module):
    def __init__(self):
        super().__init__()
        self.emits = nn.Parameter(torch.eye(3))

    def forward(self, frames):
        state, emitted = torch.zeros(3), torch.tensor(0)
        for frame in frames:
            count = torch.tensor(0)
            while (frame + state).sum() > count:  # refused: MG-D101
                state = state * 0.5
                count = count + 1
            emitted = emitted + count
        return emitted, state


def model():
    return Transducer()


def inputs():
    return call(torch.ones(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


class FixedTransducer(nn.Module):
    def __init__(self):
        super().__init__()
        self.emits = nn.Parameter(torch.eye(3))

    def forward(self, frames):
        state, emitted = torch.zeros(3), torch.tensor(0)
        for frame in frames:
            count = torch.tensor(0)
            for _ in range(4):
                goes_on = (frame + state).sum() > count
                state = torch.where(goes_on, state * 0.5, state)
                count = count + goes_on
            emitted = emitted + count
        return emitted, state


def rewrite_fixed():
    return FixedTransducer()


EXPECT = Expect(code="MG-D101")
