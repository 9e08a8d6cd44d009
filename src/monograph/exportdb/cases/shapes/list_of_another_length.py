"""A list of tensors of another length.

What it shows
-------------
The program was captured with a list of three tensors, and is called with two.

Why it is hard
--------------
The number of inputs is part of the program's signature.

What Monograph does
-------------------
Refuses the call, and says which structure was expected.

Use instead
-----------
Stack the tensors, and declare that dimension.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.data-structure",))


class ListOfTensors(nn.Module):
    def forward(self, xs):
        return torch.stack(xs).sum(0)


def model():
    return ListOfTensors()


def inputs():
    return call([torch.randn(2), torch.randn(2), torch.randn(2)])


def more_inputs():
    return [call([torch.ones(2), torch.ones(2), torch.ones(2)])]


def bad_inputs():
    return [call([torch.randn(2), torch.randn(2)])]


EXPECT = Expect(code="MG-I101")
