"""A size that takes a page to write has a name wherever it is multiplied: strides stay short."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import monograph
from monograph import Dim
from monograph.shapes.expr import weight

LAPLACE = torch.tensor([[0.0, 1, 2], [3, -10, 1], [1, 2, 0]])[None, None]


class Cropped(nn.Module):
    """The middle of an image that is resized by the ratio of its sides, as in preprocessing."""

    def __init__(self, kernel, size=6):
        super().__init__()
        self.kernel, self.size = kernel, size

    def forward(self, x):
        height, width = x.shape[-2:]
        scale = self.size / min(height, width)
        new = round(height * scale), round(width * scale)
        x = F.interpolate(x, new, mode="bilinear", align_corners=False)
        top, left = (new[0] - self.size) // 2, (new[1] - self.size) // 2
        crop = (x[..., top : top + self.size, left : left + self.size] - 0.5) * 2
        edges = F.conv2d(F.pad(crop.mean(1, keepdim=True), [1] * 4, mode="replicate"), self.kernel)
        return crop, edges, crop.flatten(1)


def _sizes(program):
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor):
            yield from (*value.spec.shape, *value.spec.strides)


@pytest.mark.parametrize("kernel", [LAPLACE, LAPLACE.mT], ids=["kernel", "transposed kernel"])
def test_a_crop_of_what_is_resized_by_a_ratio(kernel):
    model = Cropped(kernel)
    every = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    program = monograph.export(model, (torch.rand(2, 3, 9, 12),), dynamic_shapes=every)
    assert max(map(weight, _sizes(program))) <= 40
    assert program.range_constraints["s0"].upper is None
    for sizes in ((2, 9, 12), (1, 12, 9), (17, 6, 6), (3, 5, 31)):
        x = torch.rand(sizes[0], 3, *sizes[1:])
        torch.testing.assert_close(program.module()(x), model(x))


WEIGHTS = {
    "in order": lambda w: w,
    "transposed": lambda w: w.mT.contiguous().mT,
    "channels last": lambda w: w.to(memory_format=torch.channels_last),
    "filters innermost": lambda w: w.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "every second": lambda w: w.repeat_interleave(2, -1)[..., ::2],
    "one for all": lambda w: w[:, :1, :1, :1].expand_as(w),
}


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("layout", WEIGHTS)
def test_a_convolution_lies_as_in_eager_mode_however_its_weight_lies(layout, last, groups):
    kernel = WEIGHTS[layout](torch.rand(6, 3 // groups, 3, 2))

    def f(x):
        return F.conv2d(x, kernel, groups=groups)

    given = torch.rand(2, 3, 7, 8)
    if last:
        given = given.to(memory_format=torch.channels_last)
    every = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    program = monograph.export(f, (given,), dynamic_shapes=every)
    assert program.range_constraints["s0"].upper is None
    for sizes in ((2, 7, 8), (1, 4, 9), (20, 5, 3)):
        x = torch.rand(sizes[0], 3, *sizes[1:])
        x = x.to(memory_format=torch.channels_last) if last else x
        found, right = program.module()(x), f(x)
        torch.testing.assert_close(found, right)
        assert found.stride() == right.stride(), sizes
