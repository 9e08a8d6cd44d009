"""Torch's transformers with masks that the model keeps: buffers, parameters and plain tensors."""

import pytest
import torch
from torch import Tensor, nn

import monograph
from monograph import Dim

KINDS = ("buffer", "fleeting buffer", "parameter", "constant")


class Masked(nn.Module):
    def __init__(self, kind: str, layers: str, *, is_sliced: bool) -> None:
        super().__init__()
        mask = nn.Transformer.generate_square_subsequent_mask(6)
        if kind.endswith("buffer"):
            self.register_buffer("mask", mask, persistent=kind == "buffer")
        elif kind == "parameter":
            self.mask = nn.Parameter(mask)
        else:
            self.mask = mask
        self.layers, self.is_sliced = layers, is_sliced
        part: nn.Module
        if layers == "encoder":
            layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=True)
            part = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        elif layers == "decoder":
            part = nn.TransformerDecoder(
                nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True), 1
            )
        else:
            part = nn.Transformer(8, 2, 1, 1, 16, 0.0, batch_first=True)
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        mask = self.mask
        if self.is_sliced:
            mask = mask[: x.shape[1], : x.shape[1]]
        if self.layers == "encoder":
            found = self.part(x, mask=mask)
        elif self.layers == "decoder":
            found = self.part(x, x, tgt_mask=mask, memory_mask=mask)
        else:
            found = self.part(x, x, src_mask=mask, tgt_mask=mask)
        assert isinstance(found, Tensor)
        return found


@pytest.mark.parametrize("is_sliced", [False, True])
@pytest.mark.parametrize("layers", ["encoder", "decoder", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mask(kind: str, layers: str, is_sliced: bool) -> None:
    model = Masked(kind, layers, is_sliced=is_sliced).eval()
    dynamic = {0: Dim.DYNAMIC, **({1: Dim.DYNAMIC} if is_sliced else {})}
    program = monograph.export(model, (torch.randn(2, 6, 8),), dynamic_shapes=(dynamic,))
    for batch, length in ((2, 6), (1, 6), (3, 6), *(((2, 4), (1, 1)) if is_sliced else ())):
        x = torch.randn(batch, length, 8)
        torch.testing.assert_close(program.module()(x), model(x))
    if kind == "buffer":  # another mask may be loaded: it is the program's, too
        module = program.module()
        module.load_state_dict({**module.state_dict(), "mask": torch.zeros(6, 6)})
        model.mask.zero_()
        x = torch.randn(2, 6, 8)
        torch.testing.assert_close(module(x), model(x))
