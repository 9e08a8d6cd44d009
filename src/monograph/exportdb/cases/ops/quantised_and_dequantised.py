"""Tensors that are quantised and dequantised again.

What it shows
-------------
The pairs of `quantize_per_tensor` and `dequantize_per_tensor` that PT2E leaves in a program after
`prepare_pt2e`, calibration and `convert_pt2e`.

Why it is hard
--------------
The operators come from a library of their own, and whoever reads the program must know it.

What Monograph does
-------------------
They stay as they are, so that a backend finds the pairs and puts its kernels there. `prepare_pt2e`
and `convert_pt2e` themselves run on `program.module()`.

See also
--------
observed_for_quantisation, quantised_layers
"""

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dtype", "torch.custom-operator"))
OPS = torch.ops.quantized_decomposed


class Converted(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 3)

    def forward(self, x):
        whole = OPS.quantize_per_tensor(x, 0.05, 128, 0, 255, torch.uint8)
        return self.lin(OPS.dequantize_per_tensor(whole, 0.05, 128, 0, 255, torch.uint8))


def model():
    return Converted()


def inputs():
    return call(torch.randn(2, 4))


def more_inputs():
    return [call(torch.full((2, 4), 100.0))]


def dynamic_shapes():
    return {"x": {0: Dim("rows")}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (1, 7)]


EXPECT = Expect(inputs=("PARAMETER", "PARAMETER", "USER_INPUT"))
