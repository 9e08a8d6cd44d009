"""Unpacking a list of tensors.

What it shows
-------------
A list argument is unpacked with a starred target.

Why it is hard
--------------
Its elements are separate inputs of the graph.

What Monograph does
-------------------
Flattens the list; at the call, a list of another length is refused by name.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow", "python.data-structure"))


class ListUnpack(nn.Module):
    def forward(self, args):
        x, *y = args
        return x + y[0]


def model():
    return ListUnpack()


def inputs():
    return call([torch.randn(3, 2), torch.tensor(4), torch.tensor(5)])


def bad_inputs():
    return [
        call([torch.randn(3, 2), torch.tensor(4)]),
        call((torch.randn(3, 2), torch.tensor(4), torch.tensor(5))),
    ]


EXPECT = Expect(
    operators=("add",),
    inputs=("USER_INPUT", "USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
