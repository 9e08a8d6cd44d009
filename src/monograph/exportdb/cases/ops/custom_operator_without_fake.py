"""A custom operator without a fake implementation.

What it shows
-------------
`torch.library.custom_op` and no `register_fake`.

Why it is hard
--------------
What its result looks like cannot be known without running it.

What Monograph does
-------------------
Refuses it, naming the call. `monograph check` calls the operator with other sizes, finds what its
result looks like, and writes the fake implementation.

Use instead
-----------
`@operator.register_fake` with a function that returns an empty tensor like the result.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.custom-operator",), support=Support.UNSUPPORTED)


@torch.library.custom_op("exportdb::halved", mutates_args=())
def halved(x: torch.Tensor) -> torch.Tensor:
    return x / 2


class WithoutFake(nn.Module):
    def forward(self, x):
        return halved(x) + 1  # refused: MG-P102


def model():
    return WithoutFake()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]


@torch.library.custom_op("exportdb::halved_with_fake", mutates_args=())
def halved_with_fake(x: torch.Tensor) -> torch.Tensor:
    return x / 2


@halved_with_fake.register_fake
def _(x):
    return torch.empty_like(x)


class WithFake(nn.Module):
    def forward(self, x):
        return halved_with_fake(x) + 1


def rewrite_fake():
    return WithFake()


EXPECT = Expect(code="MG-P102")
