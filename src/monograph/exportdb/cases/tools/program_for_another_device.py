"""A program that is used on another device.

What it shows
-------------
`torch.arange(n, device=x.device)`: exported where the example is, used elsewhere, such as a program
of a GPU that is served, or tested, on a machine without one.

Why it is hard
--------------
The device is an argument of the factory by then, burnt into the graph.

What Monograph does
-------------------
Devices are data: `program.to_device("cuda")` gives the program for another one, arguments of
factories, promised results and subgraphs included. Where the device is missing, the tensors stay
until the program is loaded where it is.

Limits
------
A program that uses several devices is refused (MG-F104): which of them moves is for you to say.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.device", "torch.file"))


class WithPositions(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        return x + self.scale * torch.arange(x.shape[0], device=x.device)


def model():
    return WithPositions()


def inputs():
    return call(torch.randn(3))


def use(program):
    moved = program.to_device("meta")
    assert moved.module()(torch.ones(3, device="meta")).is_meta
    assert program.to_device("cuda").to_device("cpu").module()(torch.zeros(3)).tolist()[0] == 0
