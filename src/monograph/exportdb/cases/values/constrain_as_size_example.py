"""A number out of a tensor, used as a size.

What it shows
-------------
``.item()`` gives a number that is only known when the program runs; ``torch._check`` says what is
known of it before, and a factory makes a tensor of that size.

Why it is hard
--------------
The size of everything that follows depends on a value.

What Monograph does
-------------------
Makes a symbol for the number. The checks become facts, a range of the symbol, and assertions of
the graph with their messages.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-value", "torch.escape-hatch"))


class ConstrainAsSize(nn.Module):
    def forward(self, x):
        size = x.item()
        torch._check(size >= 0)
        torch._check(size <= 5, lambda: "at most five")
        return torch.ones((size, 5))


def model():
    return ConstrainAsSize()


def inputs():
    return call(torch.tensor(4))


def more_inputs():
    return [call(torch.tensor(n)) for n in (0, 1, 5)]


EXPECT = Expect(inputs=("USER_INPUT",), outputs=("USER_OUTPUT",),
                assumptions=("precondition", "precondition"))  # fmt: skip


def dynamic_shapes():
    return {"x": None}


def bad_sizes():
    return [call(torch.tensor(n)) for n in (-1, 6)]
