"""A gradient of a gradient.

What it shows
-------------
`create_graph=True`, and the norm of the gradient in the loss.

Why it is hard
--------------
The derivative is differentiated again by whoever trains with the program.

What Monograph does
-------------------
Captures the first derivative as operators, which can be differentiated.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd",))


class Penalty(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 1)

    def forward(self, x):
        x = x.detach().requires_grad_(True)
        y = self.lin(x).tanh().sum()
        (gradient,) = torch.autograd.grad(y, x, create_graph=True)
        return (gradient.norm() - 1).square()


def model():
    return Penalty()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3))]
