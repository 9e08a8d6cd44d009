"""An iterator as an input.

What it shows
-------------
An iterator is passed as an argument, and its first item is used.

Why it is hard
--------------
An argument is taken apart into tensors, and put together again at each call. An iterator can be
read once: after the capture it would be empty.

What Monograph does
-------------------
Refuses it and names the argument, before anything is used up.

Use instead
-----------
A list or a tuple: `model(list(batches))`. Where a loop over batches is wanted, keep it outside:
the exported program is called for each.

See also
--------
generator_of_stages, iterate_over_rows
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.data-structure",), support=Support.UNSUPPORTED)


class TakesIterator(nn.Module):
    def forward(self, rows):
        return next(rows) + 1


def model():
    return TakesIterator()


def inputs():
    return call(iter([torch.randn(3), torch.randn(3)]))


EXPECT = Expect(code="MG-P101")
