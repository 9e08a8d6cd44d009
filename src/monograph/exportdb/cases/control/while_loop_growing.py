"""A while loop whose state grows.

What it shows
-------------
Every iteration appends a row.

Why it is hard
--------------
What is carried has another size in each iteration.

What Monograph does
-------------------
The size that grows is unknown inside the loop, and after it.
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.loop", "torch.dynamic-shape", "model.sequence"))


class GrowingLoop(nn.Module):
    def forward(self, x, n):
        def goes_on(i, rows):
            return i < n

        def body(i, rows):
            return i + 1, torch.cat([rows, rows[-1:] + 1])

        return while_loop(goes_on, body, (torch.tensor(0), x))[1]


def model():
    return GrowingLoop()


def inputs():
    return call(torch.ones(1, 2), torch.tensor(3))


def more_inputs():
    return [call(torch.ones(1, 2), torch.tensor(0)), call(torch.ones(1, 2), torch.tensor(5))]
