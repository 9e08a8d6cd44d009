"""What a tensor is taken apart into, joined or indexed in the same expression."""

import pytest
import torch

import monograph
from monograph import Dim


def joined(x):
    return torch.cat(torch.unbind(x, dim=1), dim=0)


def joined_at_the_end(x):
    return torch.cat(x.unbind(1), dim=-1)


def stacked(x):
    return torch.stack(x.unbind(1), dim=2)


def turned(x):
    return torch.cat(x.unbind(1)[::-1], 0)


def in_ones(x):
    return torch.cat(x.split(1, dim=1), dim=0), torch.stack(x.split(1, 1), 0)


def in_pairs(x):
    return torch.cat(x.split(2, 1), 1)


def ends(x):
    return torch.cat([x.unbind(1)[0], x.unbind(1)[-1]], 0)


def two_views(features, labels):
    """The supervised contrastive loss: views of a sample one below the other."""
    contrast = torch.cat(torch.unbind(features, dim=1), dim=0)
    views = features.shape[1]
    mask = torch.eq(labels[:, None], labels[None]).float().repeat(views, views)
    return (contrast @ contrast.T).log_softmax(-1).mul(mask).sum(1)


@pytest.mark.parametrize(
    "program", [joined, joined_at_the_end, stacked, turned, in_ones, in_pairs, ends]
)
def test_as_many_parts_as_there_are(program):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(3, 2, 4),)
    exported = monograph.export(program, example, dynamic_shapes=shapes).module()
    for rows, parts in ((3, 2), (1, 1), (0, 3), (5, 4)):
        x = torch.randn(rows, parts, 4)
        torch.testing.assert_close(exported(x), program(x))


def test_views_of_samples():
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    example = (torch.randn(4, 2, 5), torch.tensor([0, 1, 0, 2]))
    exported = monograph.export(two_views, example, dynamic_shapes=shapes).module()
    for samples, views in ((4, 2), (1, 3), (3, 1)):
        args = (torch.randn(samples, views, 5), torch.randint(0, 2, (samples,)))
        torch.testing.assert_close(exported(*args), two_views(*args))
