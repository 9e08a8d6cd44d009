"""An attribute that is built at the first call.

What it shows
-------------
`if self.mask is None: self.mask = build(...)`.

Why it is hard
--------------
A tensor of the capture would stay behind on the model.

What Monograph does
-------------------
The mask is computed in the program; the model is left as it was. Strict mode refuses the
assignment, since it outlives the call.

Use instead
-----------
Build the mask in `__init__`, or as a buffer.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.object-model", "torch.mutation"), strict=Support.UNSUPPORTED)


class LazyMask(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = None

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.arange(x.shape[-1]) + 1.0
        return x * self.mask


def model():
    return LazyMask()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


EXPECT = Expect(strict_code="MG-M107")
