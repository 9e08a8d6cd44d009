"""A context manager of the user's.

What it shows
-------------
A class with `__enter__` and `__exit__` that switches a flag on and off.

Why it is hard
--------------
The flag is read while the block runs.

What Monograph does
-------------------
Runs it as Python does; the flag is as before afterwards.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.context-manager",))


class Doubling:
    active = False

    def __enter__(self):
        Doubling.active = True

    def __exit__(self, *problem):
        Doubling.active = False


class ContextManager(nn.Module):
    def scale(self, x):
        return x * 2 if Doubling.active else x

    def forward(self, x):
        with Doubling():
            y = self.scale(x)
        return y + self.scale(x)


def model():
    return ContextManager()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
