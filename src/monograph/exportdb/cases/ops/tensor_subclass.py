"""A tensor subclass.

What it shows
-------------
A subclass of `torch.Tensor` with a method of its own.

Why it is hard
--------------
A subclass may change what every operator does.

What Monograph does
-------------------
Refuses tensors of such classes, as inputs, as state, and made inside: with the class gone, its
methods would be gone silently. A class that says what it consists of (`__tensor_flatten__`) is
taken apart, see `weights_in_four_bits`.

Use instead
-----------
A function, or an object that holds the tensor.

See also
--------
weights_in_four_bits
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.subclass", "python.object-model"), support=Support.UNSUPPORTED)


class Tagged(torch.Tensor):
    def doubled(self):
        return self * 2


class MakesTagged(nn.Module):
    def forward(self, x):
        tagged = x.as_subclass(Tagged)  # refused: MG-P104
        return tagged.doubled().as_subclass(torch.Tensor)


def model():
    return MakesTagged()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]


def doubled(x):
    return x * 2


class CallsFunction(nn.Module):
    def forward(self, x):
        return doubled(x)


def rewrite_function():
    return CallsFunction()


EXPECT = Expect(code="MG-P104")
