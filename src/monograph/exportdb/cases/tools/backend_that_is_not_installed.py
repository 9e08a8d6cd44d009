"""A backend that is not installed.

What it shows
-------------
`ep.compile("...")` with an optional dependency that is missing.

Why it is hard
--------------
Exporting alone does not need it.

What Monograph does
-------------------
Says what to install.

Use instead
-----------
Install the extra: `pip install monograph[onnx]`.
"""

import sys

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file",))


class Compiled(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return Compiled()


def inputs():
    return call(torch.randn(3))


def use(program):
    before = sys.modules.get("onnxscript")
    sys.modules["onnxscript"] = None
    try:
        program.compile("onnx")
    finally:
        del sys.modules["onnxscript"]
        if before is not None:
            sys.modules["onnxscript"] = before


EXPECT = Expect(code="MG-F105")
