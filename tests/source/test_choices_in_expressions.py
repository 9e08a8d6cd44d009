"""Choices by sizes inside an expression, between things that are no one thing: texts, None."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import Dim


def a_text(x):
    return F.pad(x, (1, 1, 1, 1), mode="reflect" if x.shape[2] > 4 else "replicate")


def a_text_and_more_after_it(x):
    y = F.pad(x, (1, 1, 1, 1), mode="reflect" if x.shape[2] > 4 else "replicate")
    return y.relu() * 2 + (y if x.shape[0] > 1 else y.sin()).sum()


def a_text_for_a_function(x):
    def padded(x, mode):
        return F.pad(x, (1, 1, 1, 1), mode=mode)

    return padded(x, "reflect" if x.shape[2] > 4 else "replicate").relu()


def a_text_in_a_loop(x):
    for _ in range(3):
        x = F.pad(x, (1, 1, 1, 1), mode="reflect" if x.shape[2] > 4 else "replicate").sin()
    return x


def a_text_in_a_block(x):
    with torch.no_grad():
        y = F.pad(x, (1, 1, 1, 1), mode="reflect" if x.shape[2] > 4 else "replicate")
    return y + x.sum()


def a_text_in_a_sum(x):
    y = 0
    y += F.pad(x, (1, 1, 1, 1), mode="reflect" if x.size(2) > 4 else "replicate")
    return y


def a_function(x):
    return (F.relu if x.shape[2] > 4 else F.gelu)(x)


def a_mask_or_none(x):
    n = x.shape[2]
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(x, x, x, attn_mask=None if n > 4 else mask)


def a_size_or_a_scale(x):
    n = x.shape[2]
    return F.interpolate(x, size=None if n > 4 else (6, 6), scale_factor=2.0 if n > 4 else None)


def a_name(x):
    return getattr(x, "sin" if x.shape[2] > 4 else "cos")()


def a_number_or_none(x):
    size = x.shape[0] or None
    return x.sum(0) if size is None else x.sum(0) * size


def a_number_or_none_in_a_call(x):
    def scaled(x, size):
        return x.sum(0) if size is None else x.sum(0) * size

    return scaled(x, size=x.shape[0] or None)


PROGRAMS = [
    a_text,
    a_text_and_more_after_it,
    a_text_for_a_function,
    a_text_in_a_loop,
    a_text_in_a_block,
    a_text_in_a_sum,
    a_function,
    a_mask_or_none,
    a_size_or_a_scale,
    a_name,
    a_number_or_none,
    a_number_or_none_in_a_call,
]


class Calling(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS)
def test_both_sides_are_in_the_program(program, strict):
    model, dims = Calling(program), ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    example = torch.randn(2, 3, 8, 6)
    exported = monograph.export(model, (example,), dynamic_shapes=dims, strict=strict).module()
    for batch in (0, 1, 2, 3):
        for height in (3, 4, 5, 8):
            x = torch.randn(batch, 3, height, 6)
            torch.testing.assert_close(exported(x), model(x), atol=1e-5, rtol=1e-5)
