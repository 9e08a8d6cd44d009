"""A plain function.

What it shows
-------------
A function that is no module is exported.

Why it is hard
--------------
Other exporters want an `nn.Module`.

What Monograph does
-------------------
Exports functions, methods, `functools.partial` and modules alike.
"""

import torch

from monograph.exportdb import Case, call

CASE = Case(tags=("python.closure",))


WEIGHT = torch.ones(3)


def scaled(x, factor=2.0):
    return x * WEIGHT * factor


def model():
    return scaled


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
