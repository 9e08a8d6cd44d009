"""A damaged file.

What it shows
-------------
A file that was cut off is loaded.

Why it is hard
--------------
A program is read from what the file says, so all of it must fit together.

What Monograph does
-------------------
Refuses it, and says what is wrong.

Use instead
-----------
Save the program again.
"""

import io

import torch
from torch import nn

from monograph import load, save
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file",))


class Saved(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return Saved()


def inputs():
    return call(torch.randn(3))


def use(program):
    buffer = io.BytesIO()
    save(program, buffer)
    load(io.BytesIO(buffer.getvalue()[:-200]))


EXPECT = Expect(code="MG-F101")
