"""A call with another structure.

What it shows
-------------
The program was captured with two positional arguments, and is called with one.

Why it is hard
--------------
A program has no default values and no optional arguments: those were decided when it was
captured. The number of inputs and the containers around them are part of the signature.

What Monograph does
-------------------
Refuses the call before anything runs, and shows what was expected and what came.

Use instead
-----------
Call the program as it was captured: positional arguments by position, keywords by name, the same
keys. For a call with and one without an argument, export two programs.

See also
--------
optional_absent_then_given, two_methods_of_one_model
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.data-structure",))


class TwoArguments(nn.Module):
    def forward(self, x, y):
        return x + y


def model():
    return TwoArguments()


def inputs():
    return call(torch.randn(3), torch.randn(3))


def more_inputs():
    return [call(torch.ones(3), torch.ones(3))]


def bad_inputs():
    return [call(torch.randn(3))]


EXPECT = Expect(code="MG-I101")
