"""A decorated forward.

What it shows
-------------
A decorator wraps `forward` and changes its result.

Why it is hard
--------------
The code that runs is not the code of `forward`.

What Monograph does
-------------------
Runs the wrapper as Python does.
"""

import functools

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.closure",))


def plus_one(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1

    return wrapper


class Decorator(nn.Module):
    @plus_one
    def forward(self, x, y):
        return x + y


def model():
    return Decorator()


def inputs():
    return call(torch.randn(3, 2), torch.randn(3, 2))


EXPECT = Expect(
    operators=("add", "add"),
    inputs=("USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
