"""The address of a tensor's memory.

What it shows
-------------
`x.data_ptr() % 16`: the program steers by where a tensor lies.

Why it is hard
--------------
While a program is captured its tensors have no memory. An address of the example would be the
answer for that example alone: another call has other memory.

What Monograph does
-------------------
Refuses the address, with the line. A number of the capture is never burnt into the graph.

Use instead
-----------
Leave alignment to the kernel. To see whether two names are one tensor, compare with `is`. Where
foreign code needs addresses, make an operator of it: see `kernel_on_addresses`.

See also
--------
kernel_on_addresses, id_of_tensor
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.object-model", "torch.aliasing"), support=Support.UNSUPPORTED)


class Address(nn.Module):
    def forward(self, x):
        is_aligned = x.data_ptr() % 16 == 0  # refused: MG-P106
        return x * 2 if is_aligned else x + x


def model():
    return Address()


def inputs():
    return call(torch.randn(4))


class Without(nn.Module):
    def forward(self, x):
        return x * 2


def rewrite_without():
    return Without()


EXPECT = Expect(code="MG-P106")
