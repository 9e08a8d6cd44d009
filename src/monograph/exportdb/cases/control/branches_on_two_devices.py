"""Branches on different devices.

What it shows
-------------
One branch moves its result to another device.

Why it is hard
--------------
What comes after the branch is captured once, for a tensor on one device: kernels, promotions and
later factories depend on it.

What Monograph does
-------------------
Refuses it, and shows what both sides return.

Use instead
-----------
Compute on one device in both branches, and move the result after the branch, where it always
happens.

See also
--------
program_for_another_device, cond_dtype_mismatch
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond", "torch.device"), support=Support.UNSUPPORTED)


class TwoDevices(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda: x * 2, lambda: x.to("meta"))  # refused: MG-C105


def model():
    return TwoDevices()


def inputs():
    return call(torch.ones(3))


class MovedAfterwards(nn.Module):
    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda: x * 2, lambda: x + 1)
        return y.to(x.device)


def rewrite_after():
    return MovedAfterwards()


EXPECT = Expect(code="MG-C105")
