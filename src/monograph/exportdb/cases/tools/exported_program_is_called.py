"""An exported program that is called itself.

What it shows
-------------
`ep(x)` in place of `ep.module()(x)`.

Why it is hard
--------------
A program is a graph, a signature and a state. What is called is a module made of it, which checks
its inputs and writes back what the program changed; that is made once, not at each call.

What Monograph does
-------------------
Refuses the call, and says what to write.

Use instead
-----------
`module = ep.module()`, then `module(x)` as often as you like. On the command line: `monograph run
model.pt2 --inputs in.pt`.

See also
--------
structure_of_the_inputs
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file",))


class Called(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return Called()


def inputs():
    return call(torch.randn(3))


def use(program):
    program(torch.randn(3))


EXPECT = Expect(code="MG-P105")
