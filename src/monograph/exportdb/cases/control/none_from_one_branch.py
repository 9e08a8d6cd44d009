"""None from one branch.

What it shows
-------------
One branch returns a tensor, the other None, and the program asks afterwards which it was.

Why it is hard
--------------
Whether there is a tensor is only known when the program runs. A graph has no value that is there
sometimes.

What Monograph does
-------------------
Refuses it, and shows what each side returns.

Use instead
-----------
Return a tensor from both, with a truth beside it that says whether it counts, and choose with
`torch.where`. Where None stands for a default, return the default itself.

See also
--------
mask_only_when_needed, branches_of_two_structures
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond",), support=Support.UNSUPPORTED)


class MaybeNone(nn.Module):
    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda: x * 2, lambda: None)  # refused: MG-C103
        return x if y is None else y


def model():
    return MaybeNone()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]


class TensorAndTruth(nn.Module):
    def forward(self, x):
        y, counts = torch.cond(
            x.sum() > 0,
            lambda: (x * 2, torch.tensor(True)),
            lambda: (torch.zeros_like(x), torch.tensor(False)),
        )
        return torch.where(counts, y, x)


def rewrite_truth():
    return TensorAndTruth()


EXPECT = Expect(code="MG-C103")
