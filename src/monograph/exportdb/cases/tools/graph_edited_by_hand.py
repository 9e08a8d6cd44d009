"""A graph that was edited by hand.

What it shows
-------------
A program's graph is a `torch.fx.Graph`, and may be edited. Here a node goes that the signature
names: the program returns one result less than its signature says.

Why it is hard
--------------
The graph, the signature, the state and what lies between a call and the graph describe one program
together: who edits one of them must edit the others.

What Monograph does
-------------------
`ep.validate()` holds the program to its specification (`monograph.ir.specification`, one rule for
each thing that must be true) and says which rule is broken, at which node, and what is around it.
The same rules hold for every file that is loaded.

Use instead
-----------
Edit the graph so that what its placeholders and its output give stays as it is; or edit the
signature as well.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.operator",))


class Both(nn.Module):
    def forward(self, x):
        return x.sin(), x.cos()


def model():
    return Both()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]


def use(program):
    output = program.graph.output_node()
    output.args = (output.args[0][:1],)
    program.validate()


EXPECT = Expect(code="MG-F106")
