"""Flags of operators that sizes decide: prefill and a single step of decoding are one program."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import Dim

D = Dim.DYNAMIC
attention = F.scaled_dot_product_attention


def in_the_call(q, k):
    return attention(q, k, k, is_causal=q.size(2) > 1)


def in_a_variable(q, k):
    causal = False
    if q.size(2) > 1:
        causal = True
    return attention(q, k, k, is_causal=causal)


def with_other_conditions(q, k, mask=None):
    causal = q.shape[2] > 1 and mask is None and k is not None
    return attention(q, k, k, attn_mask=mask, dropout_p=0.0, is_causal=causal)


def with_options(q, k, **options):
    return attention(q, k, k, is_causal=q.shape[2] > 1, **options)


def resized(q, k):
    x = F.interpolate(q, size=(6, 6), mode="bilinear", align_corners=q.size(2) > 3)
    return x + k.mean()


def in_methods(q, k):
    n = q.shape[2]
    first = q.sort(dim=-1, descending=n > 3).values
    second = q.topk(2, largest=n > 4 and n != 6)[0]
    return first, second, q.flatten(1).var(1, unbiased=n > 3), q.argsort(-1, n > 3)


def in_functions(q, k):
    n = q.shape[2]
    found = torch.searchsorted(torch.tensor([0.0, 1.0]), q, right=n > 3)
    pooled = F.max_pool2d(q, 2, 1, 1, ceil_mode=n > 3)
    return found, F.dropout(pooled, 0.0, training=n > 3), torch.hann_window(8, periodic=n > 3)


class Layer(nn.Module):
    """With a cache: the keys of the steps before come first."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 4)

    def forward(self, q, past):
        k = torch.cat([past, self.project(q)], 2)
        return attention(q, k, k, is_causal=q.size(2) > 1), k


PROGRAMS = [in_the_call, in_a_variable, with_other_conditions, with_options, resized, in_methods,
            in_functions, Layer().eval()]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("length", [5, 1])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: getattr(p, "__name__", "Layer"))
def test_one_program(program, length, strict):
    def given(batch, queries, keys):
        return torch.randn(batch, 2, queries, 4), torch.randn(batch, 2, keys, 4)

    each = {0: D, 2: D}
    made = monograph.export(
        program, given(2, length, 6), dynamic_shapes=(each, each), strict=strict
    )
    for run in (made.module(), made.run_decompositions().module()):
        for queries, keys in ((5, 6), (1, 6), (3, 3), (7, 2), (1, 1)):
            args = given(3, queries, keys)
            expected, actual = program(*args), run(*args)
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strict", [False, True])
def test_one_query_and_one_key_need_no_branch(strict):
    def itself(q):
        return attention(q, q, q, is_causal=q.size(2) > 1)

    example = (torch.randn(2, 2, 5, 4),)
    made = monograph.export(itself, example, dynamic_shapes=({0: D, 2: D},), strict=strict)
    assert [n.target for n in made.graph.nodes if n.op == "call_function"] == [
        torch.ops.aten.scaled_dot_product_attention.default
    ]
    for length in (1, 7):
        q = torch.randn(1, 2, length, 4)
        torch.testing.assert_close(made.module()(q), itself(q))
