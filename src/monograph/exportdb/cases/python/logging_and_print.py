"""Logging and printing.

What it shows
-------------
`logging.info` and `print` with sizes.

Why it is hard
--------------
Nothing of it can be part of a graph.

What Monograph does
-------------------
It happens once, while capturing; the exported program does not print.
"""

import logging

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.side-effect",))


class Logging(nn.Module):
    def forward(self, x):
        logging.getLogger("a model").info("shape %s", tuple(x.shape))
        print("", end="")
        return x + 1


def model():
    return Logging()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
