"""State that the first call makes.

What it shows
-------------
A table in a plain dict, filled where an entry is missing, and a flag that says so.

Why it is hard
--------------
The first call computes what the calls after it find.

What Monograph does
-------------------
Captures a second call from where the first has left the model. It changes nothing more, and is the
first call with the table in place of its computation: the program starts from there, and
`ep.assumptions` lists what the first call has made. The model is left as it was.

Limits
------
The table is that of the example, as after a call with the example in eager mode. Where sizes vary
the program computes it at each call, if every size that differs from the last one makes it anew;
else it holds for the sizes that the table fits.

See also
--------
lazy_buffer, lazy_mask_attribute, state_that_counts
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model", "torch.mutation"))


class Settling(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = {}
        self.ready = False

    def forward(self, x):
        key = (x.shape[-1], str(x.dtype))
        if key not in self.tables:
            self.tables[key] = torch.arange(x.shape[-1], dtype=x.dtype).cos()
            self.ready = True
        return x * self.tables[key]


def model():
    return Settling()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


EXPECT = Expect(operators=("mul",), assumptions=("settled", "settled"))
