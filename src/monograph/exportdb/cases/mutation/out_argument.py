"""An out argument.

What it shows
-------------
`torch.add(x, y, out=buffer)`.

Why it is hard
--------------
The result is written into a tensor that is there already, perhaps an argument of the program, and
its memory may be seen under other names.

What Monograph does
-------------------
Records the operator in its functional form, and the write as one to the tensor: a tensor of the
program just has the new value, an argument is written back after the call.

See also
--------
user_input_mutation, buffer_added_in_place
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "torch.operator"))


class Out(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("sum", torch.zeros(3))

    def forward(self, x):
        torch.add(self.sum, x, out=self.sum)
        return self.sum * 2


def model():
    return Out()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3)), call(torch.ones(3))]
