"""A seed that is set inside the program.

What it shows
-------------
`torch.manual_seed(0)` in forward, so that noise is the same in each call.

Why it is hard
--------------
Seeding changes the process: everything that draws afterwards is different, the caller's code
included. A graph computes tensors, and has no place for that.

What Monograph does
-------------------
Refuses it. Random operators themselves are captured, and draw anew in each call.

Use instead
-----------
Seed outside of the program. Where the same noise is wanted each time, draw it once and keep it as
a buffer; where the caller decides, pass the noise as an argument.

See also
--------
random_with_a_generator, dropout_in_training
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.randomness", "python.side-effect"), support=Support.UNSUPPORTED)


class Seeds(nn.Module):
    def forward(self, x):
        torch.manual_seed(7)  # refused: MG-P103
        return x * 2


def model():
    return Seeds()


def inputs():
    return call(torch.ones(3))


class Outside(nn.Module):
    def forward(self, x):
        return x * 2


def rewrite_outside():
    return Outside()


EXPECT = Expect(code="MG-P103")
