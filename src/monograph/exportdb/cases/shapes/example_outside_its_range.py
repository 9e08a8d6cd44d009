"""An example outside the declared range.

What it shows
-------------
`Dim("n", min=8)` with an example of 3 rows.

Why it is hard
--------------
The program is captured with the example, which must be one of the inputs that it will hold for.

What Monograph does
-------------------
Refuses it before the capture, with the argument, the range and the size.

Use instead
-----------
Another example, or another range. An example needs no special size: one row will do for a range
from 0.

See also
--------
example_batch_of_one, another_size_than_the_example
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-shape",), support=Support.UNSUPPORTED)


class Outside(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return Outside()


def inputs():
    return call(torch.randn(3))


def dynamic_shapes():
    return {"x": {0: Dim("n", min=8)}}


def dynamic_shapes_instead():
    return {"x": {0: Dim("n", min=2)}}


def more_sizes():
    return [call(torch.randn(n)) for n in (2, 8)]


EXPECT = Expect(code="MG-S103")
