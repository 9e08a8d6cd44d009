"""A model that replaces its own forward.

What it shows
-------------
`self.forward = self.fast` after the first call.

Why it is hard
--------------
The second call of eager mode runs another function.

What Monograph does
-------------------
Captures the first call and the second one. They give the same for the example, so that the program
is the second one, and the assignment is listed. Where they differ it is refused.

Use instead
-----------
Export the function that is meant: `monograph.export(model.fast, ...)`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model", "python.side-effect"))


class Replacing(nn.Module):
    def fast(self, x):
        return x * 2

    def forward(self, x):
        self.forward = self.fast
        return x + x


def model():
    return Replacing()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


EXPECT = Expect(operators=("mul",), assumptions=("settled",))
