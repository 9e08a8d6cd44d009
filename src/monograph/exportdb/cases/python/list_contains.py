"""`in` on lists of sizes and of strings.

What it shows
-------------
Assertions test whether a size, or a string, is in a list.

Why it is hard
--------------
List containment compares element by element.

What Monograph does
-------------------
Leaves it to Python.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.assert", "python.data-structure", "torch.dynamic-shape"))


class ListContains(nn.Module):
    def forward(self, x):
        assert x.size(-1) in [6, 2]
        assert x.size(0) not in [4, 5, 6]
        assert "monkey" not in ["cow", "pig"]
        return x + x


def model():
    return ListContains()


def inputs():
    return call(torch.randn(3, 2))


EXPECT = Expect(
    operators=("add",),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)


def dynamic_shapes():
    return {"x": {0: Dim("n"), 1: Dim("m", values=(2, 6))}}


def more_sizes():
    return [call(torch.randn(n, m)) for n in (0, 1, 2, 3, 7, 100) for m in (2, 6)]


def bad_sizes():
    return [call(torch.randn(n, 2)) for n in (4, 5, 6)] + [call(torch.randn(3, 4))]
