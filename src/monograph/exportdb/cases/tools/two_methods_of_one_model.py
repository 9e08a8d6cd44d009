"""Two methods with shared weights.

What it shows
-------------
`encode` and `decode` use one parameter; each is exported, and both are saved in one file.

Why it is hard
--------------
Saved one by one, the weights would be there twice.

What Monograph does
-------------------
`export_methods`, `save_methods` and `load_methods` keep one copy.
"""

import io

import torch
from torch import nn

from monograph import export_methods, load_methods, save_methods
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.file", "torch.module"))


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3))

    def decode(self, y):
        return y @ self.weight.t()

    def forward(self, x):
        return x @ self.weight


def model():
    return Coder()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3))]


def use(program):
    coder = Coder()
    methods = {"encode": coder.forward, "decode": coder.decode}
    x = torch.randn(2, 3)
    programs = export_methods(methods, {"encode": (x,), "decode": (x,)})
    buffer = io.BytesIO()
    save_methods(programs, buffer)
    buffer.seek(0)
    loaded = load_methods(buffer)
    assert torch.equal(loaded["decode"].module()(x), coder.decode(x))
    weights = [loaded[name].state_dict["weight"] for name in methods]
    assert weights[0].untyped_storage().data_ptr() == weights[1].untyped_storage().data_ptr()
