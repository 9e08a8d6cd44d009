"""A loop's condition with many elements.

What it shows
-------------
`while_loop(lambda x: x > 0, ...)`: the condition gives one truth for each element, not one for
the loop.

Why it is hard
--------------
A loop goes on or ends. With three elements of which one is positive, both could be meant.

What Monograph does
-------------------
Refuses it at the loop, with the shape of what the condition gave. Eager mode raises as well, but
only once the loop runs.

Use instead
-----------
Say which of the two is meant: `(x > 0).any()` goes on while one element is positive, `(x >
0).all()` while all of them are. A loop that ends for each element by itself runs while any goes
on, and keeps the finished elements with `torch.where`.

See also
--------
predicate_with_many_elements, while_on_values
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.loop",), support=Support.UNSUPPORTED)


class ManyConditions(nn.Module):
    def forward(self, x):
        (y,) = while_loop(lambda y: y < 0, lambda y: (y + 1,), (x,))  # refused: MG-C108
        return y


def model():
    return ManyConditions()


def inputs():
    return call(torch.ones(2))


class OneCondition(nn.Module):
    def forward(self, x):
        (y,) = while_loop(lambda y: (y < 0).all(), lambda y: (y + 1,), (x,))
        return y


def rewrite_all():
    return OneCondition()


EXPECT = Expect(code="MG-C108")
