"""Results lie in the order of dimensions that kernels give them, also where sizes vary.

What asks for it is told the truth, and what goes by it does so after operators are replaced.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import monograph

DYNAMIC = monograph.Dim.DYNAMIC


def _last(x):
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


MADE = {
    "cat": lambda x: torch.cat([_last(x), _last(x)], 1),
    "cat of rows": lambda x: torch.cat([_last(x), _last(x)], 0),
    "stack": lambda x: torch.stack([_last(x), _last(x)])[0],
    "pad": lambda x: F.pad(_last(x), (1, 1, 1, 1)),
    "reflect": lambda x: F.pad(_last(x), (1, 1, 1, 1), mode="reflect"),
    "roll": lambda x: _last(x).roll(1, 2),
    "flip": lambda x: _last(x).flip(1),
    "cumsum": lambda x: _last(x).cumsum(1),
    "pool": lambda x: F.avg_pool2d(_last(x), 2, 1),
    "softmax": lambda x: F.softmax(_last(x), 1),
    "group norm": lambda x: F.group_norm(_last(x), 2),
    "resample": lambda x: F.interpolate(_last(x), scale_factor=2),
    "dropout": lambda x: F.dropout(_last(x), 0.5, True),
}
LAYOUTS = {
    "row-major": lambda y: y + 1 if y.is_contiguous() else y - 1,
    "channels last": lambda y: (
        y + 1 if y.is_contiguous(memory_format=torch.channels_last) else y - 1
    ),
}
DRAWN = {
    "randn_like": torch.randn_like,
    "dropout": lambda y: F.dropout(y, 0.5, True),
    "bernoulli": lambda y: torch.bernoulli(y.sigmoid()),
    "noise": lambda y: y + torch.rand_like(y) * y,
    "uniform": lambda y: torch.empty_like(y).uniform_(),
    "addressed": lambda y: y.clone().as_strided((2, 3), (3, 1)),
}


class _Both(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x):
        return self.second(self.first(x))


def _same(model, module, *sizes):
    for size in sizes:
        x = torch.randn(size)
        torch.manual_seed(0)
        expected = model(x)
        torch.manual_seed(0)
        torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("made", MADE)
def test_what_is_asked(made):
    for asks in LAYOUTS.values():
        model = _Both(MADE[made], asks)
        shapes = ({0: DYNAMIC, 2: DYNAMIC},)
        program = monograph.export(model, (torch.randn(2, 4, 6, 6),), dynamic_shapes=shapes)
        _same(model, program.module(), (2, 4, 6, 6), (3, 4, 8, 6))


@pytest.mark.parametrize("drawn", DRAWN)
def test_what_is_drawn_after_decomposition(drawn):
    for made in ("group norm", "pool", "cat", "resample", "dropout"):
        model = _Both(MADE[made], DRAWN[drawn])
        for shapes in (None, ({0: DYNAMIC, 2: DYNAMIC},)):
            program = monograph.export(model, (torch.randn(2, 4, 6, 6),), dynamic_shapes=shapes)
            for table in (None, {}):
                _same(model, program.run_decompositions(table).module(), (2, 4, 6, 6))
