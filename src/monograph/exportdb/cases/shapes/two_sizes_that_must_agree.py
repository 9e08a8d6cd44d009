"""Two sizes that must agree.

What it shows
-------------
Two inputs are multiplied whose sizes were declared with two names.

Why it is hard
--------------
The program only works where they are equal (or one is 1), so the declaration promises too much.

What Monograph does
-------------------
Refuses the declaration, and suggests one name for both.

Use instead
-----------
One `Dim` for both inputs.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-shape",), support=Support.UNSUPPORTED)


class MustAgree(nn.Module):
    def forward(self, a, b):
        return a * b  # refused: MG-S101


def model():
    return MustAgree()


def inputs():
    return call(torch.randn(3), torch.randn(3))


def dynamic_shapes():
    return {"a": {0: Dim("one")}, "b": {0: Dim("other")}}


def dynamic_shapes_instead():
    return (lambda n: {"a": {0: n}, "b": {0: n}})(Dim("n"))


def more_sizes():
    return [call(torch.randn(n), torch.randn(n)) for n in (0, 1, 8)]


EXPECT = Expect(code="MG-S101")
