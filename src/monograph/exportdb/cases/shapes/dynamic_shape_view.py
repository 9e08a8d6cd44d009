"""A view whose sizes are computed from sizes.

What it shows
-------------
A new shape is put together from a part of the old one.

Why it is hard
--------------
Arithmetic on `torch.Size` must keep its meaning.

What Monograph does
-------------------
Records the view: with numbers where the sizes are fixed, else with the input's own size.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class DynamicShapeView(nn.Module):
    def forward(self, x):
        new_x_shape = x.size()[:-1] + (2, 5)
        x = x.view(*new_x_shape)
        return x.permute(0, 2, 1)


def model():
    return DynamicShapeView()


def inputs():
    return call(torch.randn(10, 10))


def bad_inputs():
    return [call(torch.randn(10, 5, 2))]


EXPECT = Expect(
    operators=("view", "permute"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n, 10)) for n in (0, 1, 2, 33)]
