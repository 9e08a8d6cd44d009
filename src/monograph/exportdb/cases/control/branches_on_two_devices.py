"""Branches on different devices.

What it shows
-------------
One branch moves its result to another device.

Why it is hard
--------------
A tensor is on one device.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Move the result after the branch.
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


class OneDevice(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda: x * 2, lambda: x * 1)


def rewrite_after():
    return OneDevice()


EXPECT = Expect(code="MG-C105")
