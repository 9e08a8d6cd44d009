"""A class method, called three ways.

What it shows
-------------
A `classmethod` is called on the instance, on `self.__class__` and on `type(self)`.

Why it is hard
--------------
Exporters that read bytecode must model classes and descriptors.

What Monograph does
-------------------
Runs the program, so that Python resolves the calls.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model",))


class ClassMethod(nn.Module):
    @classmethod
    def method(cls, x):
        return x + 1

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        x = self.linear(x)
        return self.method(x) * self.__class__.method(x) * type(self).method(x)


def model():
    return ClassMethod()


def inputs():
    return call(torch.randn(3, 4))


def more_inputs():
    return [call(torch.zeros(3, 4))]


def bad_inputs():
    return [call(torch.randn(4, 4)), call(torch.randn(3, 4).double())]


EXPECT = Expect(
    operators=("t", "addmm", "add", "add", "mul", "add", "mul"),
    inputs=("PARAMETER", "PARAMETER", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
