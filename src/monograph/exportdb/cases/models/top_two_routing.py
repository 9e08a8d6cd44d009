"""Routing to the two best experts.

What it shows
-------------
A router's scores, `topk`, and one weighted sum over stacked expert weights.

Why it is hard
--------------
Nothing: without a loop over what is hit there is no question about data.

What Monograph does
-------------------
Captures it, for any number of tokens.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.experts", "torch.dynamic-shape"))


class TopTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(4, 3)
        self.weight = nn.Parameter(torch.randn(3, 4, 4))

    def forward(self, x):
        score, index = self.router(x).softmax(-1).topk(2, -1)
        y = torch.einsum("td,tkdo->tko", x, self.weight[index])
        return (y * score[..., None]).sum(1)


def model():
    return TopTwo()


def inputs():
    return call(torch.randn(5, 4))


def dynamic_shapes():
    return {"x": {0: Dim("tokens")}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (0, 1, 9)]
