"""A function for each row.

What it shows
-------------
`map` applies a function to each row of a tensor, and stacks the results.

What Monograph does
-------------------
The function becomes one subgraph, whatever the number of rows, which may vary.
"""

import torch
from functorch.experimental.control_flow import map as map_rows
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.map", "torch.dynamic-shape"))


class DynamicShapeMap(nn.Module):
    def forward(self, xs, y):
        def body(x, y):
            return x + y

        return map_rows(body, xs, y)


def model():
    return DynamicShapeMap()


def inputs():
    return call(torch.randn(3, 2), torch.randn(2))


def more_inputs():
    return [call(torch.ones(3, 2), torch.ones(2))]


EXPECT = Expect(operators=(), assumptions=())


def dynamic_shapes():
    return {"xs": {0: Dim("rows", min=1)}, "y": None}


def more_sizes():
    return [call(torch.randn(n, 2), torch.randn(2)) for n in (1, 2, 8)]
