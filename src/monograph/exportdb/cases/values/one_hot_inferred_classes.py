"""one_hot that counts the classes itself.

What it shows
-------------
`F.one_hot(index)` without `num_classes` has as many columns as the largest index asks for.

Why it is hard
--------------
The number of columns is `index.max() + 1`, a number in a tensor.

What Monograph does
-------------------
A symbol for the number of columns.

See also
--------
Where the number of classes is known, `F.one_hot(index, num_classes)` with a number, or compare with
`torch.arange(n)`.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.operator"))


class OneHot(nn.Module):
    def forward(self, index):
        return F.one_hot(index)


def model():
    return OneHot()


def inputs():
    return call(torch.tensor([0, 2, 1]))


def more_inputs():
    return [call(torch.tensor([1, 2, 2]))]
