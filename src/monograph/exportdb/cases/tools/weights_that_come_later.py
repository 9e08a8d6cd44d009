"""A model without weights.

What it shows
-------------
The module is made on the `meta` device; weights are given to the program afterwards.

Why it is hard
--------------
Capturing must not need a single value of a weight.

What Monograph does
-------------------
Exports on shapes alone; `ep.load_state_dict(..., assign=True)` attaches weights.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.device", "torch.file"))


class Later(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 2)

    def forward(self, x):
        return self.lin(x)


def model():
    return Later()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


def use(program):
    from monograph import export

    with torch.device("meta"):
        empty, x = Later(), torch.empty(2, 3)
    later, full = export(empty, (x,)), Later()
    later.load_state_dict(full.state_dict(), assign=True)
    x = torch.randn(2, 3)
    assert torch.equal(later.to_device("cpu").module()(x), full(x))
