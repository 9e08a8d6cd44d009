"""Python numbers that go on changing.

What it shows
-------------
A step that counts and a rate that decays, both in the result.

Why it is hard
--------------
They are other numbers at each call, and no tensors.

What Monograph does
-------------------
Captures a second call, which changes them again: they enter the graph as tensors without
dimensions, which every call reads and writes. They are in `ep.state_dict` and in files.

Limits
------
Numbers, and tuples of numbers, whose Python type stays. What Python must know of them (the length
of a loop, a branch in the default mode) is refused.

See also
--------
counter_attribute, state_that_settles
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model", "torch.mutation"))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.step, self.rate = 0, 1.0

    def forward(self, x):
        self.step += 1
        self.rate = self.rate * 0.5
        return x * self.rate + self.step


def model():
    return Counting()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3)), call(torch.ones(2, 3))]


EXPECT = Expect(
    inputs=("BUFFER", "BUFFER", "USER_INPUT"),
    outputs=("BUFFER_MUTATION", "BUFFER_MUTATION", "USER_OUTPUT"),
)
