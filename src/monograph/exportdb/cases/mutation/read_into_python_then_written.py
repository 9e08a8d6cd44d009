"""State that is read into Python, and written later.

What it shows
-------------
`n = self.steps.item()` of a constant tensor, then `self.steps.add_(1)`.

Why it is hard
--------------
The number would be frozen, and wrong at the next call.

What Monograph does
-------------------
Refuses it, with the line that reads and the line that writes.

Use instead
-----------
Register the tensor as a buffer, and compute with it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.mutation", "python.object-model"), support=Support.UNSUPPORTED)


class ReadThenWritten(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = torch.tensor(3)

    def forward(self, x):
        n = self.steps.item()
        self.steps.add_(1)  # refused: MG-M104
        return x * n


def model():
    return ReadThenWritten()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]


class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.tensor(3))

    def forward(self, x):
        n = self.steps.clone()
        self.steps.add_(1)
        return x * n


def rewrite_buffer():
    return Buffer()


EXPECT = Expect(code="MG-M104")
