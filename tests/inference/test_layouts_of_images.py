"""What kernels make of images in any layout: channels last, gaps, repeated and single elements."""

import itertools
import random

import pytest
import torch

from monograph.inference.rules import RULES
from monograph.ir.spec import TensorSpec, spec_of

aten = torch.ops.aten
ORDERS = [*itertools.permutations(range(4)), *[(0, 2, 3, 1)] * 8]


def _image(draw: random.Random) -> torch.Tensor:
    sizes = [draw.choice((1, 2, 3, 5)) for _ in range(4)]
    strides, step = [0] * 4, draw.choice((1, 1, 2))
    for dim in reversed(draw.choice(ORDERS)):
        strides[dim] = step
        step *= sizes[dim] * draw.choice((1, 1, 1, 1, 2))
    for dim, size in enumerate(sizes):
        if size == 1 and draw.random() < 0.3:
            strides[dim] = draw.choice((0, 1, 7))
        elif draw.random() < 0.05:
            strides[dim] = 0
    return torch.ones(20_000).as_strided(sizes, strides)


def _convolution(x: torch.Tensor, draw: random.Random) -> tuple[object, ...]:
    groups = draw.choice((1, x.shape[1]))
    size, padding = draw.choice((1, 2, 3)), draw.choice((0, 1))
    weight = torch.ones(2 * groups, x.shape[1] // groups, size, size)
    return (weight, None, [draw.choice((1, 2))] * 2, [padding] * 2, [1, 1], groups)


def _transposed(x: torch.Tensor, draw: random.Random) -> tuple[object, ...]:
    groups = draw.choice((1, 1, x.shape[1]))
    weight = torch.ones(x.shape[1], draw.choice((1, 2, 4)), *[draw.choice((1, 2, 3))] * 2)
    bias = draw.choice((None, torch.ones(weight.shape[1] * groups)))
    stride, padding = draw.choice((1, 2, 3)), draw.choice((0, 0, 1))
    more = draw.choice((0, 0, 1))
    return (
        weight,
        bias,
        [stride] * 2,
        [padding] * 2,
        [more] * 2,
        groups,
        [draw.choice((1, 1, 2))] * 2,
    )


def _joined(x: torch.Tensor, draw: random.Random) -> tuple[object, ...]:
    others = []
    for _ in range(draw.choice((1, 2))):
        order = draw.choice(ORDERS)
        inverse = [order.index(dim) for dim in range(4)]
        others.append(torch.ones([x.shape[dim] for dim in order]).permute(inverse))
    return ([x, *others], draw.choice((0, 1, 2, 3)))


def _window(x: torch.Tensor, draw: random.Random) -> tuple[object, ...]:
    size = draw.choice((1, 2, 3))
    return ([size] * 2, draw.choice(([], [1, 1], [2, 2])), [size // 2] * 2)


def _statistics(x: torch.Tensor, draw: random.Random) -> tuple[object, ...]:
    return (*[torch.ones(x.shape[1])] * 4, False, 0.1, 1e-5, False)


@pytest.mark.parametrize(
    ("op", "others"),
    [
        (aten.conv2d.default, _convolution),
        (aten.conv_transpose2d.input, _transposed),
        (aten.max_pool2d.default, _window),
        (aten.batch_norm.default, _statistics),
    ],
    ids=["convolution", "transposed", "pooling", "normalisation"],
)
def test_a_rule_says_what_the_kernel_does(op, others):
    draw, told = random.Random(0), 0
    for _ in range(1500):
        x = _image(draw)
        args = (x, *others(x, draw))
        try:
            given = op(*args)
        except RuntimeError:  # a window that is larger than the image
            continue
        specs = [spec_of(arg) if isinstance(arg, torch.Tensor) else arg for arg in args]
        found = RULES[op](*specs)
        if found is not None:
            assert isinstance(found, TensorSpec)
            assert (found.shape, found.strides) == (tuple(given.shape), given.stride())
            told += 1
    assert told > 300


def test_joined_images_lie_as_the_kernel_says():
    draw, told = random.Random(0), 0
    for _ in range(1500):
        tensors, dim = _joined(_image(draw), draw)
        given = torch.cat(tensors, dim)
        found = RULES[aten.cat.default]([spec_of(tensor) for tensor in tensors], dim)
        if found is not None:
            assert (found.shape, found.strides) == (tuple(given.shape), given.stride())
            told += 1
    assert told > 1000
