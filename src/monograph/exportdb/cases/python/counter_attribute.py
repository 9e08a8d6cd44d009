"""A counter on the model.

What it shows
-------------
`self.calls += 1` with a Python integer.

Why it is hard
--------------
The exported program would count no further.

What Monograph does
-------------------
What does not change the result is left out; a count that enters the result is refused or listed.
Strict mode refuses the assignment.

Use instead
-----------
A buffer: `self.calls += 1` with a tensor is part of the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.side-effect", "python.object-model"), strict=Support.UNSUPPORTED)


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x + 1


def model():
    return Counter()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


EXPECT = Expect(strict_code="MG-M107")
