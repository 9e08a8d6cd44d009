"""A damaged file.

What it shows
-------------
A file that was cut off while it was copied is loaded.

Why it is hard
--------------
A program is made of what the file says: a graph, names, sizes, bytes of tensors. Each must fit
the others, and nothing of it may be believed before it was checked.

What Monograph does
-------------------
Refuses it with the part that is wrong, in bounded time and memory, whatever the file holds. Files
are written beside the old one and then put in its place, so that a crash while saving leaves the
old file whole.

Use instead
-----------
Save the program again, or copy the file again and compare its length.

See also
--------
file_with_a_pickle, file_with_an_unknown_operator
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
