"""A list on the model that grows.

What it shows
-------------
`self.history.append(x)` in forward.

Why it is hard
--------------
The list outlives the call: it would hold a tensor of the capture, without data, and an exported
program appends nothing.

What Monograph does
-------------------
Captures a second call, which finds a list of one tensor and leaves one of two: the list grows with
each call, which no state of a program can. It is refused in both modes. A list that each call
clears and fills is captured.

Use instead
-----------
Return the tensor, and let the caller keep it. A history of fixed length is a buffer that is
written with `copy_` or by index.

See also
--------
growing_buffer, counter_attribute
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.side-effect", "python.object-model"), support=Support.UNSUPPORTED)


class History(nn.Module):
    def __init__(self):
        super().__init__()
        self.history = []

    def forward(self, x):
        y = x * 2
        self.history.append(y)  # refused: MG-M107
        return y + 1


def model():
    return History()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


class OfFixedLength(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("history", torch.zeros(4, 3))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        y = x * 2
        self.history[self.calls % 4] = y
        self.calls += 1
        return y + 1


def rewrite_of_fixed_length():
    return OfFixedLength()


EXPECT = Expect(code="MG-M107")
