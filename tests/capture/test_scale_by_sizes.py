"""The scale of attention as a size decides it: a float that varies."""

import math

import pytest
import torch
from torch.nn import functional as F

import monograph
from monograph import Dim

D = Dim.DYNAMIC
attention = F.scaled_dot_product_attention


def by_root(q):
    return attention(q, q, q, scale=1 / math.sqrt(q.shape[2] + 1))


def by_logarithm_and_causal(q):
    n = q.size(2)
    return attention(q, q, q, scale=math.log(n + 1) / 8, is_causal=n > 3)


def of_matrices_with_a_mask(q):
    q, n = q.flatten(0, 1), q.size(2)
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    return attention(q, q, q, mask, scale=(n + 1) ** -0.5)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("length", [5, 1])
@pytest.mark.parametrize(
    "program", [by_root, by_logarithm_and_causal, of_matrices_with_a_mask], ids=lambda p: p.__name__
)
def test_one_program(program, length, strict):
    example = (torch.randn(2, 2, length, 4),)
    made = monograph.export(program, example, dynamic_shapes=({0: D, 2: D},), strict=strict)
    for run in (made.module(), made.run_decompositions().module()):
        for batch, size in ((2, 5), (3, 1), (1, 7), (0, 2), (2, 0)):
            q = torch.randn(batch, 2, size, 4)
            torch.testing.assert_close(run(q), program(q), rtol=1e-4, atol=1e-5)
