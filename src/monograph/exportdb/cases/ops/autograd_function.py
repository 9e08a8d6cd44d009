"""A custom autograd function.

What it shows
-------------
A `torch.autograd.Function` with a forward and a backward of its own.

Why it is hard
--------------
Its forward runs without gradients and its backward is Python that runs later, if at all.

What Monograph does
-------------------
Captures the forward. Gradients of the exported program are those of the captured operators, which
is listed in `ep.assumptions`; inside `torch.autograd.grad` the custom backward is captured.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.autograd",))


class MyAutogradFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output + 1


class AutogradFunction(nn.Module):
    def forward(self, x):
        return MyAutogradFunction.apply(x)


def model():
    return AutogradFunction()


def inputs():
    return call(torch.randn(3, 2))


EXPECT = Expect(
    operators=("clone",),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=("gradient",),
)
