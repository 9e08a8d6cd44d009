"""A check of a size.

What it shows
-------------
`if x.shape[-1] != 4: raise ValueError(...)`, as models check what they are given.

Why it is hard
--------------
The check is a branch on a size that may be declared.

What Monograph does
-------------------
Where the size is static, nothing is left of it. Where it varies, what the check demands becomes the
range of the size.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "python.exception"))


class Checked(nn.Module):
    def forward(self, x):
        if x.shape[0] > 16:
            raise ValueError("at most 16 rows")
        return x * 2


def model():
    return Checked()


def inputs():
    return call(torch.randn(3, 4))


def dynamic_shapes():
    return {"x": {0: Dim("rows", max=16)}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (0, 1, 16)]


def bad_sizes():
    return [call(torch.randn(17, 4))]
