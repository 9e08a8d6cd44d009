"""Numbers that are one more where a size is odd: one expression, without a branch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import Dim


def _if(k):
    if k % 2:
        k += 1
    return k


def _if_even(k):
    if k % 2 == 0:
        return k
    return k + 1


FORMS = {
    "added": lambda k: k + (1 if k % 2 else 0),
    "taken": lambda k: k - (1 if k % 2 else 0),
    "even": lambda k: k + (0 if k % 2 == 0 else 1),
    "odd": lambda k: k + (1 if k % 2 == 1 else 0),
    "not even": lambda k: k + (1 if k % 2 != 0 else 0),
    "greater": lambda k: k + (1 if k % 2 > 0 else 0),
    "less": lambda k: k + (0 if k % 2 < 1 else 1),
    "by three": lambda k: k + (3 if k % 2 else 0),
    "statement": _if,
    "return": _if_even,
    "of a quotient": lambda k: (k + 3) // 4 + (1 if ((k + 3) // 4) % 2 else 0),
    "rounded up": lambda k: math.ceil(k / 8) + (1 if math.ceil(k / 8) % 2 else 0),
}


class Repeated(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = FORMS[form]

    def forward(self, x):
        k = self.form(x.shape[0])
        return x.sum() * k + torch.arange(k)


@pytest.mark.parametrize("form", FORMS)
def test_numbers_by_parity(form):
    model = Repeated(form)
    program = monograph.export(model, (torch.randn(8, 2),), dynamic_shapes=({0: Dim.DYNAMIC},))
    assert not any(a.kind == "narrowed" for a in program.assumptions)
    assert "cond" not in program.graph_module.code
    for n in range(12):
        x = torch.randn(n, 2)
        torch.testing.assert_close(program.module()(x), model(x))


class Tiles(nn.Module):
    """Padding to eight tiles of an even size."""

    def forward(self, x):
        tile = math.ceil(x.shape[-1] / 8)
        tile += 1 if tile % 2 else 0
        padding = tile * 8 - x.shape[-1]
        if padding > 0:
            x = F.pad(x, [0, padding])
        if x.shape[-1] % tile != 0:
            raise AssertionError("not correctly padded")
        return x.unfold(-1, tile, tile)


def test_padding_to_tiles_of_an_even_size():
    model = Tiles()
    program = monograph.export(model, (torch.randn(3, 32),), dynamic_shapes=({1: Dim.DYNAMIC},))
    assert not any(a.kind == "narrowed" for a in program.assumptions)
    for n in (1, 2, 16, 17, 24, 28, 31, 32, 40):
        x = torch.randn(3, n)
        assert torch.equal(program.module()(x), model(x))
