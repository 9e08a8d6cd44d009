"""A program that another tool has no word for.

What it shows
-------------
A program that holds a random generator is given to torch.export's format.

Why it is hard
--------------
What is converted must mean the same on the other side. That format has words for tensors,
numbers, text and registered objects, and none for a generator with a state.

What Monograph does
-------------------
Refuses the conversion, and names the part. The program itself runs.

Use instead
-----------
Use the default generator and seed it outside, or pass the noise as an argument.

See also
--------
random_with_a_generator, file_with_an_unknown_operator
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file", "torch.randomness"))


class HoldsGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(3)

    def forward(self, x):
        return x + torch.rand(3, generator=self.generator)


def model():
    return HoldsGenerator()


def inputs():
    return call(torch.randn(3))


def use(program):
    program.to_torch()


EXPECT = Expect(code="MG-F104")
