"""A backend that is not installed.

What it shows
-------------
`ep.compile("onnx")` where the packages of that backend are missing.

Why it is hard
--------------
Exporting needs none of them, so nobody installs all; the import would fail deep inside somebody
else's code.

What Monograph does
-------------------
Says before any work is done which package is missing and how it is installed. The exported
program is untouched: save it, and compile it where the backend is.

Use instead
-----------
Install the extra, `pip install monograph[onnx]`, or compile on the machine that has it:
`monograph compile model.pt2 --backend onnx`.
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
