"""A specification with a name that is no argument.

What it shows
-------------
A misspelt argument in `dynamic_shapes`.

Why it is hard
--------------
A name that is silently ignored leaves the size fixed, and the first batch of another size fails
in production.

What Monograph does
-------------------
Refuses it, and names the argument that was probably meant.

Use instead
-----------
The names of the arguments of `forward`. A specification may also be a tuple in their order, or
one entry for a program with one argument.

See also
--------
specification_of_one_argument, specification_of_keyword_arguments
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-shape",), support=Support.UNSUPPORTED)


class Named(nn.Module):
    def forward(self, inputs):
        return inputs + 1


def model():
    return Named()


def inputs():
    return call(torch.randn(3))


def dynamic_shapes():
    return {"input": {0: Dim("n")}}


def dynamic_shapes_instead():
    return {"inputs": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n)) for n in (0, 1, 8)]


EXPECT = Expect(code="MG-S102")
