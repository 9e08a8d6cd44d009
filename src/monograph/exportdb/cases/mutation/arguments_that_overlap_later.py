"""Arguments that share memory at a later call.

What it shows
-------------
The program, which writes one of its arguments, was captured with two separate tensors, and is
called with two views of one.

Why it is hard
--------------
The program that was captured would give other results than eager mode.

What Monograph does
-------------------
Refuses the call.

Use instead
-----------
Pass a copy.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.aliasing", "torch.mutation"))


class Separate(nn.Module):
    def forward(self, a, b):
        a.add_(1)
        return a + b


def model():
    return Separate()


def inputs():
    return call(torch.ones(3), torch.ones(3))


def more_inputs():
    return [call(torch.zeros(3), torch.ones(3))]


def bad_inputs():
    return [(lambda x: call(x[:3], x[1:]))(torch.ones(4))]


EXPECT = Expect(code="MG-I104")
