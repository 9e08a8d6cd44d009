"""A context manager that does nothing.

What it shows
-------------
The body of forward runs inside `contextlib.nullcontext`.

Why it is hard
--------------
Context managers may change how operators behave.

What Monograph does
-------------------
Enters it as Python does; nothing of it reaches the graph.
"""

import contextlib

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.context-manager",))


class NullContextManager(nn.Module):
    def forward(self, x):
        ctx = contextlib.nullcontext()
        with ctx:
            return x.sin() + x.cos()


def model():
    return NullContextManager()


def inputs():
    return call(torch.randn(3, 2))


EXPECT = Expect(
    operators=("sin", "cos", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
