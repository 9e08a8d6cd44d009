"""A branch that raises what the program catches.

What it shows
-------------
`if x.sum() > 0: raise ValueError` inside a `try` with a handler that goes on.

Why it is hard
--------------
Whether the handler runs depends on data. An assertion in a graph ends the program; it cannot be
caught there.

What Monograph does
-------------------
Refuses it in both modes: an exception is no value of a graph. Outside of a `try`, the same lines
are captured as an assertion.

Use instead
-----------
Decide by the condition itself: compute both ways and choose with `torch.where`, or branch with
`torch.cond`.

See also
--------
raise_on_values, try_except
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.exception", "python.control-flow"), support=Support.UNSUPPORTED)


class Catches(nn.Module):
    def forward(self, x):
        try:
            if x.sum() > 0:  # refused: MG-D101, refused: MG-C115
                raise ValueError("positive")
        except ValueError:
            return x * 2
        return x + 1


def model():
    return Catches()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]


class Decides(nn.Module):
    def forward(self, x):
        return torch.where(x.sum() > 0, x * 2, x + 1)


def rewrite_where():
    return Decides()


EXPECT = Expect(code="MG-D101", strict_code="MG-C115")
