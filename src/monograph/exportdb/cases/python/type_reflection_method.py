"""A class found with type().

What it shows
-------------
`type(a)` is asked for a class method.

Why it is hard
--------------
The class is only known by looking at the object.

What Monograph does
-------------------
Leaves it to Python.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.builtin",))


class A:
    @classmethod
    def func(cls, x):
        return 1 + x


class TypeReflectionMethod(nn.Module):
    def forward(self, x):
        a = A()
        return type(a).func(x)


def model():
    return TypeReflectionMethod()


def inputs():
    return call(torch.randn(3, 4))


class TypeReflectionMethodRewrite(nn.Module):
    def forward(self, x):
        return A.func(x)


def rewrite_direct():
    return TypeReflectionMethodRewrite()


EXPECT = Expect(
    operators=("add",),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
