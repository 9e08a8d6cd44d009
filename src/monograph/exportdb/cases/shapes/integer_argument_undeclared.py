"""An integer argument that is not declared.

What it shows
-------------
The program was captured with k = 3, and is called with another k.

Why it is hard
--------------
The number has become part of the program.

What Monograph does
-------------------
Refuses the call: it is never computed with the wrong number.

Use instead
-----------
Declare the argument, `dynamic_shapes={"k": Dim("k")}`, or pass a tensor.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class IntegerArgument(nn.Module):
    def forward(self, x, k: int):
        return x * k


def model():
    return IntegerArgument()


def inputs():
    return call(torch.randn(4), 3)


def more_inputs():
    return [call(torch.ones(4), 3)]


def bad_inputs():
    return [call(torch.randn(4), 4)]


EXPECT = Expect(code="MG-I103")
