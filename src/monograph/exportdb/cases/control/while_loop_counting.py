"""A while loop with a counter.

What it shows
-------------
`while_loop` carries a counter and a tensor.

Why it is hard
--------------
The number of iterations is only known when the program runs.

What Monograph does
-------------------
One node with two subgraphs; no iteration at all is fine.
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.loop",))


class Counting(nn.Module):
    def forward(self, x, n):
        def goes_on(i, x):
            return i < n

        def body(i, x):
            return i + 1, x * 2

        return while_loop(goes_on, body, (torch.tensor(0), x))[1]


def model():
    return Counting()


def inputs():
    return call(torch.ones(3), torch.tensor(3))


def more_inputs():
    return [call(torch.ones(3), torch.tensor(0)), call(torch.ones(3), torch.tensor(6))]
