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
Puts the list back as it was, and lists the change in `ep.assumptions`. Strict mode, where every
effect must be in the graph, refuses it.

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

CASE = Case(tags=("python.side-effect", "python.object-model"), strict=Support.UNSUPPORTED)


class History(nn.Module):
    def __init__(self):
        super().__init__()
        self.history = []

    def forward(self, x):
        y = x * 2
        self.history.append(y)
        return y + 1


def model():
    return History()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


EXPECT = Expect(strict_code="MG-M107")
