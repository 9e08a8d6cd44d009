"""A region in inference mode.

What it shows
-------------
`with torch.inference_mode():` inside forward.

Why it is hard
--------------
Tensors of inference mode are of another kind.

What Monograph does
-------------------
Captures it like a region without gradients.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd", "python.context-manager"))


class Inference(nn.Module):
    def forward(self, x):
        with torch.inference_mode():
            y = x * 2
        return y.clone() + 1


def model():
    return Inference()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
