"""``max`` and ``min`` of a list of numbers that is as long as a size."""

import pytest
import torch

import monograph
from monograph import Dim


def repeated(x):
    lengths = [x.shape[1]] * x.shape[0]
    return torch.zeros(len(lengths), max(lengths))


def of_rows(x):
    lengths = [row.shape[0] for row in x]
    return torch.zeros(min(lengths), len(lengths))


def of_a_generator(x):
    return torch.arange(max(i % 3 + x.shape[1] for i in range(x.shape[0])))


def as_a_mask(x):
    lengths = [x.shape[1]] * x.shape[0]
    mask = torch.zeros(len(lengths), max(lengths))
    for i, length in enumerate(lengths):
        mask[i, :length] = 1
    return x * mask


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [repeated, of_rows, of_a_generator, as_a_mask])
def test_as_in_eager_mode(program, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    exported = monograph.export(program, (torch.randn(2, 5),), dynamic_shapes=shapes, strict=strict)
    for rows, columns in [(2, 5), (1, 5), (4, 3), (3, 1), (5, 0)]:
        x = torch.randn(rows, columns)
        torch.testing.assert_close(exported.module()(x), program(x))
    with pytest.raises((RuntimeError, monograph.MonographError)):  # of nothing there is no largest
        exported.module()(torch.randn(0, 5))


def of_pairs(x):
    sizes = [(x.shape[1], 2)] * x.shape[0]
    return torch.stack([row[: size[0] - 1] * size[1] for row, size in zip(x, sizes, strict=True)])


def written(x):
    lengths = [x.shape[1]] * x.shape[0]
    lengths.append(7)
    return torch.zeros(max(lengths), len(lengths)) + lengths[0]


def at_numbers(x):
    lengths = [x.shape[1]] * x.shape[0]
    return torch.arange(lengths[0] + lengths[-1]), x[:, : min(lengths)] * sum(lengths)


@pytest.mark.parametrize("program", [of_pairs, written, at_numbers])
def test_items_that_are_all_one_number_are_known(program):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    exported = monograph.export(program, (torch.randn(2, 5),), dynamic_shapes=shapes)
    for rows, columns in [(2, 5), (1, 5), (4, 3), (3, 9)]:
        x = torch.randn(rows, columns)
        torch.testing.assert_close(exported.module()(x), program(x))
