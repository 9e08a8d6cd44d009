"""Setting an attribute on a tensor.

What it shows
-------------
`setattr` puts a tensor on another tensor, under a name that is an argument.

Why it is hard
--------------
Tensors are Python objects too.

What Monograph does
-------------------
Lets Python set it. The string argument is checked at every call.

Limits
------
The random draw has no effect on the result and no draw follows it, so it is not in the graph.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.builtin",))


class TensorSetattr(nn.Module):
    def forward(self, x, attr):
        setattr(x, attr, torch.randn(3, 2))
        return x + 4


def model():
    return TensorSetattr()


def inputs():
    return call(torch.randn(3, 2), "attr")


def bad_inputs():
    return [call(torch.randn(3, 2), "other")]


EXPECT = Expect(
    operators=("add",),
    inputs=("USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=("constant-input",),
)
