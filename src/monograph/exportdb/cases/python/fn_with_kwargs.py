"""Positional, keyword, starred and double-starred arguments.

What it shows
-------------
One forward takes a tensor, a tuple, `*args`, a keyword-only argument and `**kwargs`.

Why it is hard
--------------
The flat inputs of the graph need names, and calls may pass arguments in several ways.

What Monograph does
-------------------
Names each placeholder after the argument that it comes from, and accepts an argument by position or
by name.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.data-structure",))


class FnWithKwargs(nn.Module):
    def forward(self, pos0, tuple0, *myargs, mykw0, **mykwargs):
        out = pos0
        for arg in tuple0:
            out = out * arg
        for arg in myargs:
            out = out * arg
        out = out * mykw0
        return out * mykwargs["input0"] * mykwargs["input1"]


def model():
    return FnWithKwargs()


def inputs():
    t = [torch.randn(4) for _ in range(8)]
    return call(t[0], (t[1], t[2]), t[3], t[4], mykw0=t[5], input0=t[6], input1=t[7])


def bad_inputs():
    t = [torch.randn(4) for _ in range(8)]
    return [
        call(t[0], (t[1],), t[3], t[4], mykw0=t[5], input0=t[6], input1=t[7]),
        call(t[0], (t[1], t[2]), t[3], t[4], mykw0=t[5], input0=t[6]),
    ]


EXPECT = Expect(
    operators=("mul", "mul", "mul", "mul", "mul", "mul", "mul"),
    inputs=(
        "USER_INPUT",
        "USER_INPUT",
        "USER_INPUT",
        "USER_INPUT",
        "USER_INPUT",
        "USER_INPUT",
        "USER_INPUT",
        "USER_INPUT",
    ),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
