"""Attention whose keys and values have other numbers of heads: each is repeated by itself."""

import itertools

import pytest
import torch
from torch.nn import functional as F

import monograph
from monograph import Dim

HEADS = [(4, 2, 4), (4, 4, 2), (4, 1, 2), (8, 2, 4), (4, 4, 1)]
MASKS = {
    "none": lambda x: {},
    "causal": lambda x: {"is_causal": True},
    "truths": lambda x: {"attn_mask": torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()},
    "floats": lambda x: {"attn_mask": x.new_zeros(x.shape[0], 1, 1, x.shape[1])},
}
FORMS = {
    "sizes that vary": ({0: Dim("b"), 1: Dim("n", min=1)},),
    "fixed sizes": None,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("heads", "mask"), list(itertools.product(HEADS, MASKS)))
def test_each_mask(heads, mask, form):
    weights = [torch.randn(16, count * 8) for count in heads]

    def attend(x):
        query, key, value = (
            (x @ weight).unflatten(-1, (count, 8)).transpose(1, 2)
            for weight, count in zip(weights, heads, strict=True)
        )
        y = F.scaled_dot_product_attention(query, key, value, enable_gqa=True, **MASKS[mask](x))
        return y.transpose(1, 2).flatten(2), y.stride()[-1]

    exported = monograph.export(attend, (torch.randn(2, 5, 16),), dynamic_shapes=FORMS[form])
    module = exported.module()
    for batch, length in [(2, 5), (1, 5), (3, 9), (2, 1), (0, 5)] if FORMS[form] else [(2, 5)]:
        x = torch.randn(batch, length, 16)
        torch.testing.assert_close(module(x), attend(x))


def test_heads_that_do_not_divide_are_refused():
    def attend(query, key, value):
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=True)

    args = [torch.randn(2, heads, 5, 8) for heads in (4, 3, 4)]
    with pytest.raises(RuntimeError):
        attend(*args)
    with pytest.raises(monograph.OperatorError):
        monograph.export(attend, tuple(args))
