"""Rows that a loop makes, and behind them something of another size, joined."""

import pytest
import torch

import monograph
from monograph import Dim


def behind_ones(x):
    parts = []
    for k in range((x.shape[1] + 1) // 2 - 1):
        parts.append(x[:, 2 * k + 2 : 2 * k + 3])
    parts.append(x[:, x.shape[1] - 1 :])
    return torch.cat(parts, 1)


def behind_rows(x):
    parts = []
    for i in range(x.shape[1]):
        parts.append(x[:, i].unsqueeze(1) * 2)
    parts.append(x)
    parts.append(x[:, :1])
    return torch.cat(parts, 1)


def of_the_same_size(x):
    parts = []
    for i in range(x.shape[1]):
        parts.append(x[:, i] * 2)
    parts.append(x.sum(1))
    return torch.stack(parts, 1)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [behind_ones, behind_rows, of_the_same_size])
def test_all_of_them_are_joined(program, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(2, 7, 2),)
    exported = monograph.export(program, example, dynamic_shapes=shapes, strict=strict).module()
    for rows, steps in ((2, 7), (1, 1), (0, 3), (2, 0), (3, 6)):
        x = torch.randn(rows, steps, 2)
        torch.testing.assert_close(exported(x), program(x))
