"""Torch's transformers with masks as long as a size, made inside or given: any length."""

import itertools

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim

D = Dim.DYNAMIC
causal = nn.Transformer.generate_square_subsequent_mask


def by_tril(n):
    kept = torch.tril(torch.ones(n, n)) == 1
    return kept.float().masked_fill(kept == 0, float("-inf")).masked_fill(kept == 1, 0.0)


MASKS = {
    "made by torch": causal,
    "made by tril": by_tril,
    "of truths": lambda n: torch.ones(n, n, dtype=torch.bool).triu(1),
    "around each place": lambda n: (torch.arange(n)[:, None] - torch.arange(n)).abs() > 2,
}


class Encoder(nn.Module):
    def __init__(self, mask, nested=False):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested)
        self.mask = mask

    def forward(self, x, padding=None):
        mask = self.mask(x.size(1))
        return self.layers(x, mask=mask, src_key_padding_mask=padding)


class Whole(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.whole = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
        self.mask = mask

    def forward(self, x, y):
        return self.whole(x, y, tgt_mask=self.mask(y.size(1)))


class Given(Encoder):
    def forward(self, x, mask):
        return self.layers(x, mask=mask)


def holds(module, example, shapes, *further):
    program = monograph.export(module, example, dynamic_shapes=shapes)
    for run in (program.module(), program.run_decompositions().module()):
        for args in (example, *further):
            torch.testing.assert_close(run(*args), module(*args), rtol=1e-4, atol=1e-5)


def rows(batch, length):
    return torch.randn(batch, length, 8)


def padding(batch, length):
    return torch.arange(length).expand(batch, length) > length - 2


@pytest.mark.parametrize(("name", "training"), itertools.product(MASKS, [False, True]))
def test_masks_made_inside(name, training):
    module = Encoder(MASKS[name]).train(training)
    more = [(rows(1, 7),), (rows(3, 1),)]
    holds(module, (rows(2, 5),), ({0: D, 1: D},), *more)


@pytest.mark.parametrize("nested", [False, True])
def test_masks_beside_padding(nested):
    module = Encoder(MASKS["of truths"], nested).eval()
    sizes = [(2, 5), (1, 7), (3, 3)]
    example, *further = ((rows(*s), padding(*s)) for s in sizes)
    holds(module, example, ({0: D, 1: D}, {0: D, 1: D}), *further)


@pytest.mark.parametrize("name", MASKS)
def test_encoder_and_decoder(name):
    module = Whole(MASKS[name]).eval()
    further = [(rows(1, 3), rows(1, 8)), (rows(4, 6), rows(4, 1))]
    holds(module, (rows(2, 5), rows(2, 6)), ({0: D, 1: D}, {0: D, 1: D}), *further)


def test_masks_that_are_given():
    module = Given(None).eval()
    noise = torch.randn(7, 7)
    further = [(rows(1, 7), causal(7)), (rows(3, 7), noise), (rows(2, 1), torch.zeros(1, 1))]
    holds(module, (rows(2, 5), causal(5)), ({0: D, 1: D}, {0: D, 1: D}), *further)


def test_a_mask_of_fixed_length_is_still_a_hint():
    program = monograph.export(Encoder(causal).eval(), (rows(2, 5),))
    attention = torch.ops.aten.scaled_dot_product_attention.default
    calls = [node for node in program.graph.nodes if node.target is attention]
    assert calls
    assert all(True in (*call.args, *call.kwargs.values()) for call in calls)
