"""A buffer that is None until the first call.

What it shows
-------------
The slot was made with `register_buffer("mask", None)`.

Why it is hard
--------------
A tensor of the capture would stay behind in the user's model.

What Monograph does
-------------------
Captures a second call, which finds the buffer and leaves it as it is: what the first call has done
was initialisation. The program starts from there, with the buffer among its state, and lists it in
`ep.assumptions`. The model is left as it was.

Limits
------
The buffer is what the example has made of it, as after a call with the example in eager mode.

See also
--------
state_that_settles, lazy_mask_attribute
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.module", "torch.mutation"))


class LazyBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", None)

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.arange(x.shape[-1]) + 1.0
        return x * self.mask


def model():
    return LazyBuffer()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


EXPECT = Expect(operators=("mul",), inputs=("BUFFER", "USER_INPUT"), assumptions=("settled",))
