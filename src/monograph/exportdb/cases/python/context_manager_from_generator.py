"""A context manager made of a generator.

What it shows
-------------
`contextlib.contextmanager` around a generator.

Why it is hard
--------------
The generator is suspended inside the block.

What Monograph does
-------------------
Runs it as Python does.
"""

import contextlib

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.context-manager",))


class FromGenerator(nn.Module):
    @contextlib.contextmanager
    def shifted(self, x):
        yield x + 1

    def forward(self, x):
        with self.shifted(x) as y:
            return y * 2


def model():
    return FromGenerator()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
