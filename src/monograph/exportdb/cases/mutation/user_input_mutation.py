"""Writing to an argument.

What it shows
-------------
An argument is multiplied in place.

Why it is hard
--------------
The graph must be functional, and the caller must see the write.

What Monograph does
-------------------
Returns the new content as a `USER_INPUT_MUTATION`; the program's module writes it back.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.mutation",))


class UserInputMutation(nn.Module):
    def forward(self, x):
        x.mul_(2)
        return x.cos()


def model():
    return UserInputMutation()


def inputs():
    return call(torch.randn(3, 2))


def more_inputs():
    return [call(torch.zeros(3, 2))]


EXPECT = Expect(
    operators=("mul", "cos"),
    inputs=("USER_INPUT",),
    outputs=("USER_INPUT_MUTATION", "USER_OUTPUT"),
    assumptions=(),
)
