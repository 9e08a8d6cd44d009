"""Weights that are tied.

What it shows
-------------
The output layer's weight is that of the embedding.

Why it is hard
--------------
One tensor with two names: saved twice, it would come apart.

What Monograph does
-------------------
One placeholder; in the state dictionary both names, in a file one copy.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.aliasing", "torch.module"))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(8, 4)
        self.head = nn.Linear(4, 8, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.embed(ids))


def model():
    return Tied()


def inputs():
    return call(torch.tensor([[1, 2]]))


def more_inputs():
    return [call(torch.tensor([[0, 7]]))]
