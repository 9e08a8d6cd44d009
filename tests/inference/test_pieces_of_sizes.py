"""Pieces of a dimension that varies, and integers by logarithms of sizes."""

import math

import pytest
import torch

import monograph
from monograph import Dim

PIECES = {
    "chunk": lambda x: [p * (i + 1) for i, p in enumerate(x.chunk(2, 1))],
    "three chunks": lambda x: [p.cumsum(1) for p in torch.chunk(x, 3, dim=1)],
    "chunks of two": lambda x: [p * 2 for p in torch.cat([x, x], 1).chunk(2, 1)],
    "tensor_split": lambda x: [p.sum(1) for p in x.tensor_split(3, 1)],
    "more pieces": lambda x: [p.cumsum(1) for p in torch.tensor_split(x, 9, dim=1)],
    "written": lambda x: x.clone().tensor_split(3, 1)[1].mul_(3),
}
NUMBERS = {
    "bit_length": lambda n: n.bit_length(),
    "power of two": lambda n: 1 << max(n - 1, 0).bit_length(),
    "square": lambda n: math.pow(n, 2),
    "log": lambda n: math.log(n + 2, 10),
    "base": lambda n: math.log(8, n + 2),
    "pow": lambda n: math.pow(2, n),
}


@pytest.mark.parametrize("way", PIECES)
def test_pieces(way):
    program = PIECES[way]
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    found = monograph.export(program, (torch.randn(2, 7, 4),), dynamic_shapes=shapes)
    for module in (found.module(), found.run_decompositions().module()):
        for n in (0, 3, 5, 6, 7, 8, 9, 20):
            x = torch.randn(3, n, 4)
            want = program(x)
            if len(want) == len(PIECES[way](torch.randn(2, 7, 4))):
                torch.testing.assert_close(module(x), want)


def test_another_number_of_chunks_is_refused():
    shapes = ({0: Dim.DYNAMIC},)
    found = monograph.export(lambda x: x.chunk(3), (torch.randn(7),), dynamic_shapes=shapes)
    with pytest.raises(monograph.InputError, match="s0 == 0"):
        found.module()(torch.randn(4))


@pytest.mark.parametrize("way", NUMBERS)
def test_numbers(way):
    def program(x):
        ones = x.new_ones(1)
        return ones * NUMBERS[way](x.shape[0]), ones.int() * NUMBERS[way](x.shape[0])

    found = monograph.export(program, (torch.randn(7),), dynamic_shapes=({0: Dim.DYNAMIC},))
    for n in (*range(10), 15, 16, 17, 31, 32, 33):
        x = torch.randn(n)
        torch.testing.assert_close(found.module()(x), program(x), rtol=0, atol=0)


def test_bit_length_is_exact():
    """By the same floats as a program computes it by."""
    for k in range(1, 46):
        for n in (2**k - 1, 2**k, 2**k + 1):
            assert math.floor(math.log2(n)) + 1 == n.bit_length()
