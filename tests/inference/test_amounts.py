"""How many elements a call may make, told before it is made: never less than its result has."""

import random

import pytest
import torch

from monograph.inference.amounts import most_made
from monograph.ir.spec import spec_of

aten = torch.ops.aten


def _many(draw, rank):
    return [draw.choice((1, 2, 3, 7)) for _ in range(rank)]


def _broadcasting(op):
    def call(draw):
        sizes = _many(draw, 3)
        return op, [torch.rand([draw.choice((1, n)) for n in sizes]) for _ in range(2)]

    return call


def _attention(draw):
    batch, heads, queries, keys = _many(draw, 4)
    shapes = [(batch, heads, n, 4) for n in (queries, keys, keys)]
    return aten.scaled_dot_product_attention.default, [torch.rand(shape) for shape in shapes]


def _convolution(draw):
    batch, channels, outputs, size = _many(draw, 4)
    weight, padding = torch.rand(outputs, channels, size, size), [size, size]
    return aten.conv2d.default, [torch.rand(batch, channels, 7, 7), weight, None, [1, 1], padding]


def _transposed(draw):
    batch, channels, outputs, size = _many(draw, 4)
    weight, step = torch.rand(channels, outputs, size, size), [draw.choice((1, size))] * 2
    image = torch.rand(batch, channels, *_many(draw, 2))
    return aten.conv_transpose2d.input, [image, weight, None, step]


def _product(draw):
    equation = draw.choice(("ab,bc->ac", "ab,cb->abc", "ab, bc -> c", "ab,cd->abcd"))
    names = equation.replace(" ", "").partition("->")[0].split(",")
    sizes = dict(zip("abcd", _many(draw, 4), strict=True))
    return aten.einsum.default, [equation, [torch.rand([sizes[a] for a in n]) for n in names]]


def _index(draw):
    x = torch.rand(_many(draw, 3))
    index = [torch.zeros(_many(draw, 2), dtype=torch.int64), None]
    draw.shuffle(index)
    return aten.index.Tensor, [x, index]


def _padding(draw):
    return aten.pad.default, [torch.rand(_many(draw, 3)), _many(draw, draw.choice((2, 4)))]


def _stack(draw):
    shape = _many(draw, 2)
    return aten.stack.default, [[torch.rand(shape) for _ in range(draw.choice((1, 2, 3)))]]


def _spectrum(draw):
    size, step = draw.choice((8, 16)), draw.choice((None, 1, 2, 5))
    more = {"window": torch.ones(size), "return_complex": True}
    return aten.stft.center, [torch.rand(2, 64), size, step, size], more


CALLS = [
    *(_broadcasting(op) for op in (aten.add.Tensor, aten.mse_loss.default, aten.kl_div.default)),
    _attention, _convolution, _transposed, _product, _index, _padding, _stack, _spectrum,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(CALLS)))
def test_no_call_makes_more(number):
    draw = random.Random(number)
    for _ in range(60):
        op, args, *kwargs = CALLS[number](draw)
        made = op(*args, **(kwargs[0] if kwargs else {}))
        told = [
            [spec_of(each) if isinstance(each, torch.Tensor) else each for each in arg]
            if isinstance(arg, list)
            else (spec_of(arg) if isinstance(arg, torch.Tensor) else arg)
            for arg in args
        ]
        specs = []
        for arg in told:
            items = arg if isinstance(arg, list) else [arg]
            specs += [each for each in items if hasattr(each, "strides")]
        assert most_made(op, tuple(told), specs, 0) >= made.numel()
