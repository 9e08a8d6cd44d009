"""Views whose sizes are quotients: that their product is the old one is demanded, and relied on."""

import pytest
import torch

import monograph
from monograph import Dim
from monograph.testing import assert_equal


def windows(x):
    """Of images that another row is cut off from, so that they do not lie without gaps."""
    b, _, h, w = x.shape
    x = torch.cat([x.new_zeros(b, 1, 3), x.flatten(2).transpose(1, 2)], 1)
    x = x[:, 1:].view(b, h, w, -1).view(b, 2, w // 2, 2, h // 2, -1).transpose(2, 3)
    return torch.cat([x.new_ones(4 * b, 1, 3), x.reshape(4 * b, (w // 2) * (h // 2), -1)], 1)


def halves(x):
    b, c, h, w = x.shape
    x = x[:, :, :, : w // 2 * 2].permute(0, 2, 3, 1)
    return x.reshape(b, h * (w // 2), 2, c).reshape(b, -1, w // 2, 2 * c)


def rounded_up(x):
    b, c, h, w = x.shape
    x = torch.nn.functional.pad(x, (0, -w % 4, 0, -h % 4))
    x = x.flatten(2).permute(0, 2, 1)[:, :, 1:]
    return x.permute(0, 2, 1).view(b, c - 1, (h + 3) // 4 * 4, (w + 3) // 4 * 4)


@pytest.mark.parametrize("program", [windows, halves, rounded_up])
@pytest.mark.parametrize("start", [(2, 3, 4, 4), (2, 3, 4, 6), (1, 3, 8, 4)])
def test_every_size_that_eager_mode_takes(program, start):
    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    module = monograph.export(program, (torch.randn(start),), dynamic_shapes=shapes).module()
    for batch, *sides in [(2, 4, 4), (1, 4, 4), (3, 8, 12), (3, 12, 8), (2, 6, 10), (1, 2, 2)]:
        x = torch.randn(batch, 3, *sides)
        assert_equal(module(x), program(x))
    for height, width in [(5, 4), (4, 5), (7, 9)]:
        x = torch.randn(2, 3, height, width)
        try:
            expected = program(x)
        except RuntimeError:
            with pytest.raises((RuntimeError, monograph.MonographError)):
                module(x)
        else:
            assert_equal(module(x), expected)


def test_a_size_that_is_none_for_some_examples():
    def program(x):
        b, _, h, _ = x.shape
        x = x.permute(0, 2, 3, 1)[..., :1].view(b, h // 2, 2, -1)
        return x[..., :1] + 0

    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    module = monograph.export(program, (torch.randn(2, 3, 4, 4),), dynamic_shapes=shapes).module()
    for shape in [(2, 3, 4, 4), (1, 3, 6, 5), (3, 3, 2, 1)]:
        x = torch.randn(shape)
        assert_equal(module(x), program(x))


def test_a_size_that_is_none_on_the_other_side_of_a_question():
    def program(x):
        b, c, h, w = x.shape
        return x.transpose(2, 3).view(b, c, h // 2, 2, w // 2, 2) + 0

    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    x = torch.randn(2, 3, 2, 2)
    module = monograph.export(program, (x,), dynamic_shapes=shapes).module()
    for batch in (2, 1, 3):
        x = torch.randn(batch, 3, 2, 2)
        assert_equal(module(x), program(x))
