"""A side of a branch has sizes that fit what is known of them: multiples of 14, and their parts.

What the program computes of them decides what it does on that side.
"""

import pytest
import torch
from torch.nn import functional as F

from monograph import Dim, export

TABLE = torch.randn(1, 2, 4, 4)


def _positions(image):
    """As image models make them: as they are for one size, and stretched for all others."""
    height, width = image.shape
    assert height % 14 == 0, "a height of whole patches"
    assert width % 14 == 0, "a width of whole patches"
    rows, columns = height // 14, width // 14
    if rows * columns == 16 and height == width:
        return TABLE.sum() + image.sum()
    scales = (float(rows + 0.1) / 4, float(columns + 0.1) / 4)
    stretched = F.interpolate(TABLE, scale_factor=scales, mode="bicubic")
    assert (rows, columns) == stretched.shape[-2:]
    return stretched.sum() + image.sum()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("example", [(56, 56), (28, 70)])
def test_positions_of_any_image(example, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    ep = export(_positions, (torch.randn(example),), dynamic_shapes=shapes, strict=strict)
    for size in ((56, 56), (70, 70), (70, 56), (28, 98), (14, 28)):
        image = torch.randn(size)
        torch.testing.assert_close(ep.module()(image), _positions(image), atol=1e-4, rtol=1e-4)


def _refused_for_some_of_the_others(x):
    parts = x.shape[0] // 4
    if parts == 2:
        return x * 2
    assert parts > 0, "four rows at least"
    return x.reshape(-1)[: parts * 4] + parts


def test_one_size_that_is_refused_says_nothing_of_the_others():
    shapes = ({0: Dim.DYNAMIC},)
    ep = export(_refused_for_some_of_the_others, (torch.randn(8),), dynamic_shapes=shapes)
    for size in (8, 4, 13, 20):
        x = torch.randn(size)
        torch.testing.assert_close(ep.module()(x), _refused_for_some_of_the_others(x))
