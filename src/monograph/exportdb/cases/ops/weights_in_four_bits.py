"""Weights of four bits in a tensor subclass.

What it shows
-------------
A parameter of a class that holds packed integers and a scale, and says with `__torch_dispatch__`
what operators do to it: how torchao and others quantise weights.

Why it is hard
--------------
The parameter has no memory of its own. What is in the file must be what it consists of, under
names that another program finds again.

What Monograph does
-------------------
The tensors that it consists of (`__tensor_flatten__`) are buffers, `lin.weight.packed` and
`lin.weight.scale`. What the class does with them is recorded; nothing of the class is left, so that
the program runs where the class is not installed.

Limits
------
No gradient reaches such a weight: the integers have none. Arguments of such classes are refused;
pass the tensors that they consist of.

See also
--------
tensor_subclass, quantised_layers
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.subclass", "torch.module", "torch.dtype"))


class FourBits(torch.Tensor):
    @staticmethod
    def __new__(cls, packed, scale, shape):
        return torch.Tensor._make_wrapper_subclass(cls, shape, dtype=scale.dtype)

    def __init__(self, packed, scale, shape):
        self.packed, self.scale = packed, scale

    def __tensor_flatten__(self):
        return ["packed", "scale"], None

    @classmethod
    def __tensor_unflatten__(cls, parts, context, size, stride):
        return cls(parts["packed"], parts["scale"], size)

    @classmethod
    def __torch_dispatch__(cls, op, types, args, kwargs=None):
        if op is torch.ops.aten.detach.default:
            (weight,) = args
            return cls(weight.packed, weight.scale, weight.shape)
        given = [unpacked(arg) if isinstance(arg, FourBits) else arg for arg in args]
        return op(*given, **(kwargs or {}))


def unpacked(weight):
    low, high = weight.packed & 15, weight.packed >> 4
    numbers = torch.stack([low, high], -1).flatten(1).to(weight.scale.dtype)
    return (numbers - 8) * weight.scale


def packed(weight):
    scale = weight.abs().amax(1, keepdim=True) / 7
    numbers = ((weight / scale).round() + 8).to(torch.uint8)
    return FourBits(numbers[:, 0::2] | (numbers[:, 1::2] << 4), scale, weight.shape)


class Quantised(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 4)
        weight = packed(self.lin.weight.detach())
        self.lin.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x):
        return self.lin(x).relu()


def model():
    return Quantised()


def inputs():
    return call(torch.randn(2, 8))


def dynamic_shapes():
    return {"x": {0: Dim("rows", min=0)}}


def more_sizes():
    return [call(torch.randn(n, 8)) for n in (0, 1, 7)]


EXPECT = Expect(inputs=("PARAMETER", "BUFFER", "BUFFER", "USER_INPUT"))
