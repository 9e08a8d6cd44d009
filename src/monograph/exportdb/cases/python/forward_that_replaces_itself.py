"""A model that replaces its own forward.

What it shows
-------------
`self.forward = self.fast` after the first call.

Why it is hard
--------------
The second call of eager mode runs another function.

What Monograph does
-------------------
Captures the first call, and lists the assignment. Strict mode refuses it.

Use instead
-----------
Export the function that is meant: `monograph.export(model.fast, ...)`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.object-model", "python.side-effect"), strict=Support.UNSUPPORTED)


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


EXPECT = Expect(strict_code="MG-M107")
