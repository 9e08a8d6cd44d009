"""A model that is prepared for quantisation.

What it shows
-------------
`FakeQuantize` with an observer, as `prepare_qat` puts them into a model.

Why it is hard
--------------
The module asks two buffers whether it observes and whether it rounds, and gives its buffers
another shape when it first observes.

What Monograph does
-------------------
Refuses the question, and names the line of the model that led there.

Use instead
-----------
Once the ranges are known they are numbers: a module that rounds with the scale that was found is
one operator. (`convert` makes such modules as well; see `quantised_and_dequantised`.)
"""

import warnings

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dtype", "torch.module", "torch.dynamic-value"),
            support=Support.UNSUPPORTED)  # fmt: skip


class Observed(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.ao.quantization import FakeQuantize, MovingAverageMinMaxObserver

            self.rounds = FakeQuantize(MovingAverageMinMaxObserver, quant_min=0, quant_max=255)
        self.rounds(torch.linspace(-1, 1, 8))  # calibrated
        self.rounds.disable_observer()

    def forward(self, x):
        return self.lin(self.rounds(x))  # refused: MG-D101


def model():
    return Observed()


def inputs():
    return call(torch.randn(2, 4))


def more_inputs():
    return [call(torch.full((2, 4), 0.3))]


class Rounds(nn.Module):
    """What ``FakeQuantize`` does once it no longer observes."""

    def __init__(self, found):
        super().__init__()
        self.register_buffer("scale", found.scale.reshape(()))
        self.register_buffer("zero_point", found.zero_point.reshape(()))

    def forward(self, x):
        return torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, 0, 255)


class Calibrated(Observed):
    def __init__(self):
        super().__init__()
        self.rounds = Rounds(self.rounds)


def rewrite_rounds():
    return Calibrated()


def dynamic_shapes():
    return {"x": {0: Dim("rows")}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (1, 7)]


EXPECT = Expect(code="MG-D101")
