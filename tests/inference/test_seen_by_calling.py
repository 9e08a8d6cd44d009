"""Transforms and recurrent layers of fixed sizes are seen by calling them, with no compiler."""

import itertools
import subprocess
import sys

import pytest
import torch
from torch import nn

import monograph

RECURRENT = list(itertools.product((nn.LSTM, nn.GRU, nn.RNN), (False, True), (False, True), (1, 2)))
TRANSFORMS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "rfft2", "irfft2", "rfftn")


def _leaves(found):
    return [t for item in found for t in (_leaves(item) if isinstance(item, tuple) else [item])]


@pytest.mark.parametrize(("layer", "batch_first", "bidirectional", "layers"), RECURRENT)
def test_recurrent_layers(layer, batch_first, bidirectional, layers):
    options = {"batch_first": batch_first, "bidirectional": bidirectional, "num_layers": layers}
    model = layer(4, 5, **options)
    for shape in ((3, 2, 4), (1, 2, 4), (3, 1, 4), (3, 4)):
        x = torch.randn(shape)
        program = monograph.export(model, (x,))
        torch.testing.assert_close(program.module()(x), model(x))
        expected = _leaves(model(x))
        (end,) = (node for node in program.graph.nodes if node.op == "output")
        for node, made in zip(end.args[0], expected, strict=True):
            assert node.meta["val"].shape == made.shape
            assert node.meta["val"].stride() == made.stride()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    transform = getattr(torch.fft, name)
    for shape, lies in itertools.product(((4, 6), (1, 6), (3, 1, 4), (2, 3, 4, 5)), (0, 1)):
        x = torch.randn(shape)
        x = x.transpose(-1, -2).contiguous().transpose(-1, -2) if lies else x
        try:
            made = transform(x)
        except RuntimeError:
            with pytest.raises(monograph.ExportError):
                monograph.export(lambda x: transform(x), (x,))
            continue
        program = monograph.export(lambda x: transform(x), (x,))
        torch.testing.assert_close(program.module()(x), made)
        (end,) = (node for node in program.graph.nodes if node.op == "output")
        assert end.args[0][0].meta["val"].stride() == made.stride()


def test_no_compiler_is_loaded():
    code = (
        "import sys, torch, monograph\n"
        "monograph.export(lambda x: torch.fft.rfft(x), (torch.ones(8),))\n"
        "monograph.export(torch.nn.LSTM(4, 4), (torch.ones(3, 2, 4),))\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
