"""Decompositions that lay a tensor otherwise, where the example has one row: no size is fixed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import monograph
from monograph import Dim

WEIGHT = torch.randn(4, 2, 2)


def _filled(x: Tensor) -> Tensor:
    whole = torch.zeros(x.shape[0], 4, 2, 7)
    for i in (0, 3):
        whole[:, :, :, i] = torch.einsum("bhi,hio->bho", x[:, :, :, i], WEIGHT)
    return whole


def _of_frequencies(x: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(x)
    whole = torch.zeros(x.shape[0], 4, 2, 7, dtype=torch.cfloat)
    for i in (0, 3):
        row = torch.einsum("bhi,hio->bho", spectrum[:, :, :, i], WEIGHT.to(torch.cfloat))
        whole[:, :, :, i] = row
    return torch.fft.irfft(whole, n=12)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "rows": lambda x: _filled(x).reshape(x.shape[0], -1),
    "viewed": lambda x: _filled(x).view(x.shape[0] * 4, 14),
    "frequencies": lambda x: _of_frequencies(x).permute(0, 3, 1, 2).reshape(x.shape[0], 12, -1),
    "viewed frequencies": lambda x: _of_frequencies(x).view(x.shape[0], 12, -1),
}


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_has_one_row(name: str, rows: int) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return FUNCTIONS[name](x)

    dynamic = ({0: Dim.DYNAMIC},)
    program = monograph.export(Model(), (torch.randn(rows, 4, 2, 12),), dynamic_shapes=dynamic)
    before = str(program)
    forms = (program.run_decompositions(), program, program.to_torch())
    assert str(program) == before
    for size in (1, 2, 3):
        x = torch.randn(size, 4, 2, 12)
        for form in forms:
            torch.testing.assert_close(form.module()(x), FUNCTIONS[name](x))
