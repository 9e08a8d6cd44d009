"""A file with an operator that is not there.

What it shows
-------------
A program with a custom operator is loaded where the operator is not registered.

Why it is hard
--------------
Every operator of a program must be there to run it.

What Monograph does
-------------------
Refuses it, and names the operator.

Use instead
-----------
Import the library that registers the operator before loading.
"""

import io
import zipfile

import torch
from torch import nn

from monograph import load, save
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file", "torch.custom-operator"))


class Rolls(nn.Module):
    def forward(self, x):
        return torch.ops.aten.relu.default(x)


def model():
    return Rolls()


def inputs():
    return call(torch.randn(3))


def use(program):
    buffer = io.BytesIO()
    save(program, buffer)
    source, changed = zipfile.ZipFile(buffer), io.BytesIO()
    with zipfile.ZipFile(changed, "w") as target:
        for item in source.infolist():
            target.writestr(
                item, source.read(item).replace(b"aten.relu.default", b"nope.relu.default")
            )
    changed.seek(0)
    load(changed)


EXPECT = Expect(code="MG-F102")
