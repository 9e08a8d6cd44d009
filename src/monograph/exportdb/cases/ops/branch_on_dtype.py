"""A branch on the dtype.

What it shows
-------------
`if x.dtype == torch.float16: x = x.float()`.

Why it is hard
--------------
The program is captured with one dtype.

What Monograph does
-------------------
The branch of the example; a call with another dtype is refused.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dtype", "python.control-flow"))


class OnDtype(nn.Module):
    def forward(self, x):
        if x.dtype == torch.float16:
            x = x.float()
        return x.softmax(-1)


def model():
    return OnDtype()


def inputs():
    return call(torch.randn(3).half())


def more_inputs():
    return [call(torch.ones(3).half())]


def bad_inputs():
    return [call(torch.randn(3))]


EXPECT = Expect(code="MG-I102")
