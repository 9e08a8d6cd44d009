"""A file with a pickle in it.

What it shows
-------------
A file whose example inputs are a pickle of a class of somebody's is loaded.

Why it is hard
--------------
Reading a pickle runs whatever its author has put into it.

What Monograph does
-------------------
Refuses it, unless the file is said to be trusted.

Use instead
-----------
`load(path, trusted=True)` for a file whose author is known.
"""

import io

import torch
from torch import nn

from monograph import load, save
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file",))


class Packs(nn.Module):
    def __init__(self):
        super().__init__()
        weight = torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(weight, None)

    def forward(self, x):
        return torch.ops.quantized.linear_dynamic(x, self.packed)


def model():
    return Packs()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


def use(program):
    buffer = io.BytesIO()
    save(program, buffer)
    buffer.seek(0)
    load(buffer)


EXPECT = Expect(code="MG-F103")
