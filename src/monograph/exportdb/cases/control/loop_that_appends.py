"""A loop's body that appends to a list.

What it shows
-------------
`found.append(x)` inside the body of a `while_loop`.

Why it is hard
--------------
The body is captured once, and runs any number of times.

What Monograph does
-------------------
Refuses it. In a Python loop that strict mode converts, such a list is kept as rows of a tensor.

Use instead
-----------
Carry a tensor and write rows into it, or use `scan`.
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.loop", "python.side-effect"), support=Support.UNSUPPORTED)


class Appends(nn.Module):
    def forward(self, x):
        found = []

        def body(i, x):
            found.append(x)
            return i + 1, x * 2

        return while_loop(lambda i, x: i < 3, body, (torch.tensor(0), x))[1]  # refused: MG-C113


def model():
    return Appends()


def inputs():
    return call(torch.ones(3))


class CarriesAll(nn.Module):
    def forward(self, x):
        def body(i, x):
            return i + 1, x * 2

        return while_loop(lambda i, x: i < 3, body, (torch.tensor(0), x))[1]


def rewrite_without():
    return CarriesAll()


EXPECT = Expect(code="MG-C113")
