"""Torch's fused encoder is not captured; where eager mode's results differ, the program says so."""

import pytest
import torch
from torch import nn

import monograph

PADDING = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])


@pytest.mark.parametrize("is_padded", [True, False])
@pytest.mark.parametrize("has_gradients", [True, False])
@pytest.mark.parametrize("trains", [True, False])
def test_padding_that_eager_mode_leaves_out(trains, has_gradients, is_padded):
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 1).train(trains)
    given = {"src": torch.randn(2, 5, 16), "src_key_padding_mask": PADDING if is_padded else None}
    with torch.set_grad_enabled(has_gradients):
        program = monograph.export(encoder, (), given)
        actual, expected = program.module()(**given), encoder(**given)
    kept = ~PADDING if is_padded else slice(None)
    assert torch.allclose(actual[kept], expected[kept], atol=1e-5)
    is_told = any(a.kind == "fast-path" for a in program.assumptions)
    assert is_told is not torch.allclose(actual, expected, atol=1e-5)
    assert is_told is (is_padded and not trains and not has_gradients)
