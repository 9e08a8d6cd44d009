"""Complex numbers and a Fourier transform.

What it shows
-------------
`torch.fft.rfft`, a product, and back.

Why it is hard
--------------
Complex dtypes are rare in exporters' tables.

What Monograph does
-------------------
Captures them like all others.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dtype", "torch.operator"))


class Fourier(nn.Module):
    def forward(self, x):
        spectrum = torch.fft.rfft(x)
        spectrum = spectrum * torch.exp(1j * spectrum.angle())
        return torch.fft.irfft(spectrum, n=x.shape[-1]), torch.view_as_real(spectrum)


def model():
    return Fourier()


def inputs():
    return call(torch.randn(2, 8))


def more_inputs():
    return [call(torch.ones(2, 8))]
