"""A branch on the device.

What it shows
-------------
`if x.device.type == "cpu"`, and tensors created on `x.device`.

Why it is hard
--------------
The program is captured on one device.

What Monograph does
-------------------
The branch of the example's device; the device is data of the program, `to_device` moves it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.device", "python.control-flow"))


class OnDevice(nn.Module):
    def forward(self, x):
        if x.device.type == "cpu":
            x = x * 2
        return x + torch.arange(3, device=x.device)


def model():
    return OnDevice()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]
