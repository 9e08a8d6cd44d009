"""An attribute that is built at the first call.

What it shows
-------------
`if self.mask is None: self.mask = build(...)`.

Why it is hard
--------------
A tensor of the capture would stay behind on the model.

What Monograph does
-------------------
Captures a second call, which finds the mask and leaves it as it is. The program starts from there:
the mask is a constant of it. The model is left as it was.

See also
--------
state_that_settles, lazy_buffer
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model", "torch.mutation"))


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


EXPECT = Expect(operators=("mul",), assumptions=("settled",))
