"""A global variable that is changed.

What it shows
-------------
`global CALLS; CALLS += 1`.

Why it is hard
--------------
A side effect that outlives the call.

What Monograph does
-------------------
Captures a second call, which changes the number again: it becomes state of the program, under the
name of the variable. The global itself is left as it was.

See also
--------
counter_attribute
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.side-effect",))


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


EXPECT = Expect(inputs=("BUFFER", "USER_INPUT"), outputs=("BUFFER_MUTATION", "USER_OUTPUT"))
