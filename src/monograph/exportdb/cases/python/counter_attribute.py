"""A counter on the model.

What it shows
-------------
`self.calls += 1` with a Python integer.

Why it is hard
--------------
A Python number changes from call to call.

What Monograph does
-------------------
Captures a second call, which changes the number again: it becomes state of the program, a buffer
without dimensions that every call writes.

Limits
------
Where Python must know the number (`if self.calls % 10 == 0`) it is refused; strict mode takes both
sides of such a branch.

See also
--------
state_that_counts, append_to_attribute
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.side-effect", "python.object-model"))


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


EXPECT = Expect(inputs=("BUFFER", "USER_INPUT"), outputs=("BUFFER_MUTATION", "USER_OUTPUT"))
