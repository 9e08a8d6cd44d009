"""A branch on a number out of a tensor that follows from what is known of it.

What it shows
-------------
A number is read from a tensor and its range is checked; an ``if`` then asks what the range
answers.

Why it is hard
--------------
The number is only known when the program runs.

What Monograph does
-------------------
Answers the question from the facts; no other question is left to the values. Without the checks the
branch is refused (MG-D105), and the error says which check would settle it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-value", "torch.escape-hatch"))


class ConstrainAsValue(nn.Module):
    def forward(self, x, y):
        number = x.item()
        torch._check(number >= 0)
        torch._check(number <= 5)
        if number < 6:
            return y.sin()
        return y.cos()


def model():
    return ConstrainAsValue()


def inputs():
    return call(torch.tensor(4), torch.randn(5, 5))


def more_inputs():
    return [call(torch.tensor(n), torch.randn(5, 5)) for n in (0, 5)]


EXPECT = Expect(inputs=("USER_INPUT", "USER_INPUT"), outputs=("USER_OUTPUT",),
                assumptions=("precondition", "precondition"))  # fmt: skip


def dynamic_shapes():
    return {"x": None, "y": None}


def bad_sizes():
    return [call(torch.tensor(n), torch.randn(5, 5)) for n in (-1, 6)]
