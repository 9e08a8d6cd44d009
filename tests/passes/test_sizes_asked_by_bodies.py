"""A body of a branch is decomposed with sizes that none of its tensors has alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from monograph import Dim, export

functional = nn.functional

SIDES: dict[str, Callable[[torch.Tensor, int, int], torch.Tensor]] = {
    "replicate": lambda x, h, w: functional.pad(x, (w // 2, 1, 2, h - 3), mode="replicate"),
    "reflect": lambda x, h, w: functional.pad(x, (w - 1, 1, 0, h // 3), mode="reflect"),
    "constant": lambda x, h, w: functional.pad(x, (w // 2, 0, 1, h - 3)),
    "circular": lambda x, h, w: functional.pad(x, (w // 2, 0, 1, h // 2), mode="circular"),
    "roll": lambda x, h, w: x.roll((h // 2, w - 1), (2, 3)),
    "resized": lambda x, h, w: functional.interpolate(x, (h + 3, 2 * w), mode="nearest"),
    "pooled": lambda x, h, w: functional.avg_pool2d(x, 3, 2, 1).repeat(1, 1, 2, 1),
    "flipped": lambda x, h, w: x.flip(3)[:, :, : h - 1, w // 3 :],
}


class InAGrid(nn.Module):
    """Pads to a multiple, so that no size of a tensor is one of the input's, then branches."""

    def __init__(self, side: Callable[[torch.Tensor, int, int], torch.Tensor]) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h, w = x.shape[-2:]
        x = functional.pad(x, (0, -w % 4, 0, -h % 4))
        h, w = x.shape[-2:]
        if h <= 8 and w <= 8:
            return self.side(x * 2, h, w)
        return self.side(x.sin(), h, w)


@pytest.mark.parametrize("name", SIDES)
def test_what_a_rule_asks_of_sizes_is_given_to_the_body(name: str) -> None:
    model = InAGrid(SIDES[name])
    sizes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    program = export(model, (torch.randn(2, 3, 14, 17),), dynamic_shapes=(sizes,))
    forms = [program.run_decompositions(), program.run_decompositions().run_decompositions()]
    for shape in [(2, 3, 14, 17), (1, 3, 5, 6), (3, 3, 9, 4), (2, 3, 8, 8), (0, 3, 7, 12)]:
        try:
            x = torch.randn(shape)
            expected = model(x)
        except RuntimeError:
            continue
        for form in forms:
            torch.testing.assert_close(form.module()(x), expected)
        torch.testing.assert_close(forms[0].to_torch().module()(x), expected)


def test_a_dimension_that_is_left_out_stays_so():
    """What ``squeeze`` leaves out in the example is asked to be 1, where no rule of sizes says."""

    def halves(h):
        while h.size(1) > 1:
            if h.size(1) % 2:
                h = torch.nn.functional.pad(h, (0, 0, 0, 1))
            h = torch.tanh(h[:, 0::2] + h[:, 1::2])
        return h.squeeze(1)

    x = torch.randn(2, 6, 4)
    program = export(halves, (x,), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},))
    module = program.run_decompositions().module()
    for batch, length in ((2, 6), (1, 5), (3, 6)):
        x = torch.randn(batch, length, 4)
        torch.testing.assert_close(module(x), halves(x))
