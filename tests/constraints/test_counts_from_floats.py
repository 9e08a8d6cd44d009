"""Counts that come of floats: loops that go ``int(math.log(n))`` times, and powers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.testing import assert_equal

VARYING = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)


def exported_right(model, example, lengths):
    """Export with sizes that vary, and compare with eager mode at ``lengths``."""
    program = monograph.export(model, (torch.randn(2, example, 3),), dynamic_shapes=VARYING)
    for batch, length in itertools.product((1, 3), lengths):
        x = torch.randn(batch, length, 3)
        assert_equal(program.module()(x), model(x))


class CountOfLog(nn.Module):
    def forward(self, x):
        for i in range(int(math.log(x.shape[1]))):
            x = x + x[:, i].unsqueeze(1) * (i + 1)
        return x


class LargestOfLog(nn.Module):
    def forward(self, x):
        count = math.ceil(math.log2(x.shape[1]))
        largest, where = torch.topk(x, count, dim=1)
        total = torch.zeros_like(x)
        for i in range(count):
            total = total + largest[:, i].unsqueeze(1) * where[:, i].unsqueeze(1)
        return total


@pytest.mark.parametrize("kind", [CountOfLog, LargestOfLog])
def test_a_loop_goes_as_often_as_a_float_says(kind):
    exported_right(kind(), 24, (60, 24, 5, 2, 1))


class NextPower(nn.Module):
    """To the next power of two, whose exponent nobody bounds."""

    def forward(self, x):
        n = 2 ** math.ceil(math.log2(x.shape[1]))
        x = nn.functional.pad(x, (0, 0, 0, n - x.shape[1]))
        x = x.view(x.shape[0], n // 2, 2, -1)
        return x[:, :, 1] - x[:, :, 0]


def test_a_power_of_a_size_is_asked_about_with_sizes_that_are_some():
    exported_right(NextPower(), 6, (60, 24, 5, 2))
