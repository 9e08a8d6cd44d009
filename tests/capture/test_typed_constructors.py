"""``torch.LongTensor`` and its like take numbers that vary, and lists of them, as torch.tensor."""

import pytest
import torch
from torch import nn

import monograph

MADE = {
    "sizes": lambda x: torch.LongTensor([x.shape[1], x.shape[0]]),
    "repeated": lambda x: torch.LongTensor([x.shape[1]] * x.shape[0]),
    "repeated numbers": lambda x: torch.FloatTensor([1.5] * x.shape[0]),
    "truths": lambda x: torch.BoolTensor([True] * x.shape[0]),
    "counted": lambda x: torch.IntTensor(list(range(x.shape[0]))),
    "computed": lambda x: torch.LongTensor(tuple(i * 2 for i in range(x.shape[0]))),
    "of the default": lambda x: torch.Tensor([x.shape[0], 2]),
    "of a shape": lambda x: torch.Tensor(x.shape[0], 2).fill_(1),
    "of the shape": lambda x: torch.DoubleTensor(x.size()).zero_(),
    "constant": lambda x: x[:, 0].sum() + torch.FloatTensor([1, 2]),
}


@pytest.mark.parametrize("made", MADE)
def test_made(made):
    class Model(nn.Module):
        def forward(self, x):
            return MADE[made](x)

    for rows in (2, 1):
        shapes = ({0: monograph.Dim.DYNAMIC, 1: monograph.Dim.DYNAMIC},)
        program = monograph.export(Model(), (torch.randn(rows, 5),), dynamic_shapes=shapes)
        for size in ((2, 5), (3, 4), (1, 1), (0, 2)):
            x = torch.randn(size)
            found, expected = program.module()(x), Model()(x)
            assert found.dtype == expected.dtype
            assert torch.equal(found, expected)
