"""Assigning a list of tensors to an attribute.

What it shows
-------------
Forward replaces a list of tensors on the model, then reads it.

Why it is hard
--------------
The new list is state that the program leaves behind.

What Monograph does
-------------------
Captures a second call from there: nothing of the list is read before it is replaced, so that it
is no state. The assignment is listed in `ep.assumptions`.

Limits
------
The exported program does not assign the attribute. A tensor attribute that is read and then
replaced becomes a buffer, whose new content is kept.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model", "torch.mutation"))


class ModelAttrMutation(nn.Module):
    def __init__(self):
        super().__init__()
        self.attr_list = [torch.randn(3, 2), torch.randn(3, 2)]

    def recreate_list(self):
        return [torch.zeros(3, 2), torch.zeros(3, 2)]

    def forward(self, x):
        self.attr_list = self.recreate_list()
        return x.sum() + self.attr_list[0].sum()


def model():
    return ModelAttrMutation()


def inputs():
    return call(torch.randn(3, 2))


def more_inputs():
    return [call(torch.ones(3, 2))]


EXPECT = Expect(
    operators=("zeros", "sum", "sum", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=("attribute",),
)
