"""A range whose length is in a tensor.

What it shows
-------------
`for _ in range(n.item())` repeats a step as often as a tensor says.

Why it is hard
--------------
Unrolling the loop would fix the number of the example.

What Monograph does
-------------------
Refuses it in the default mode; strict mode makes it a `while_loop` over a counter.

Use instead
-----------
`while_loop` with a counter, or a loop to the largest number with `torch.where(i < n, ...)`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value", "torch.loop"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class LoopCountInTensor(nn.Module):
    def forward(self, x, n):
        for _ in range(n.item()):  # refused: MG-D102
            x = x * 1.5 + 1
        return x


def model():
    return LoopCountInTensor()


def inputs():
    return call(torch.ones(3), torch.tensor(2))


def more_inputs():
    return [call(torch.ones(3), torch.tensor(0)), call(torch.ones(3), torch.tensor(7))]


class Bounded(nn.Module):
    def forward(self, x, n):
        for i in range(8):
            x = torch.where(i < n, x * 1.5 + 1, x)
        return x


def rewrite_bounded():
    return Bounded()


EXPECT = Expect(code="MG-D102")
