"""A global variable that is changed.

What it shows
-------------
`global CALLS; CALLS += 1`.

Why it is hard
--------------
A side effect that outlives the call.

What Monograph does
-------------------
Puts the global back in the default mode, and lists the change. Strict mode refuses it.

Use instead
-----------
Return the value.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.side-effect",), strict=Support.UNSUPPORTED)


CALLS = 0


class Global(nn.Module):
    def forward(self, x):
        global CALLS
        CALLS += 1
        return x + 1


def model():
    return Global()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


EXPECT = Expect(strict_code="MG-M107")
