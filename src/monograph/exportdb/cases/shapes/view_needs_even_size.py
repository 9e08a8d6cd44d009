"""A view that needs an even size.

What it shows
-------------
`x.view(n // 2, 2, -1)` with a size that is declared without saying that it is even.

Why it is hard
--------------
For odd sizes eager mode fails; the declaration promises them.

What Monograph does
-------------------
Captures it: that the view fits becomes an assertion of the program, which fails where eager mode
does.

See also
--------
Declare the size as a multiple: `"2*half, _"`, or `2 * Dim("half")`.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class EvenView(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0] // 2, 2, -1).sum(1)


def model():
    return EvenView()


def inputs():
    return call(torch.randn(4, 3))


def dynamic_shapes():
    return {"x": {0: Dim("rows")}}


def more_sizes():
    return [call(torch.randn(n, 3)) for n in (2, 6)]


def bad_sizes():
    return [call(torch.randn(5, 3))]
