"""A branch on a quotient of a size, which is one number for a few sizes far from the example."""

import pytest
import torch

from monograph import Dim, export

QUOTIENTS = {
    "rounded down": lambda n: n // 8,
    "rounded up": lambda n: (n + 7) // 8,
    "of a stride": lambda n: (n - 3) // 2 + 1,
    "of a quotient": lambda n: ((n + 1) // 2 + 1) // 2,
    "a square": lambda n: n * n - n,
    "triple": lambda n: 3 * n - 4,
    "of a product": lambda n: n * 5 // 7,
    "a remainder": lambda n: n // 4 % 5,
    "a remainder of a quotient": lambda n: (n + 5) % 16 // 3,
    "a difference": lambda n: 60 - n // 2,
}
ASKED = {
    "equal": lambda n, at: n == at,
    "other": lambda n, at: n != at,
    "one of two": lambda n, at: n in (at, at + 1),
    "between": lambda n, at: at <= n < at + 2,
    "a pair": lambda n, at: (n, n + 1) == (at, at + 1),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("quotient", QUOTIENTS)
def test_both_sides(quotient, asked, strict):
    number, ask = QUOTIENTS[quotient], ASKED[asked]
    at = number(34)

    def program(x):
        n = number(x.shape[0])
        y = x.new_ones(2, at) if ask(n, at) else x.new_zeros(2, abs(n))
        return y + 1, x.sum() + n

    for example in (9, 34):
        shapes = ({0: Dim.DYNAMIC},)
        ep = export(program, (torch.rand(example),), dynamic_shapes=shapes, strict=strict)
        for size in (9, 34, *range(30, 44), 3, 70, 128):
            x = torch.rand(size)
            torch.testing.assert_close(ep.module()(x), program(x))


@pytest.mark.parametrize("example", [(50, 41), (34, 33), (34, 60)])
def test_a_table_that_fits_one_size(example):
    table = torch.rand(1, 2, 5, 5)

    def program(x):
        x = x[..., ::8, ::8]
        height, width = x.shape[-2:]
        if (height, width) == (5, 5):
            y = table
        else:
            y = torch.nn.functional.interpolate(table, (height, width), mode="bilinear")
        return (x + y).flatten(2)

    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    ep = export(program, (torch.rand(2, 2, *example),), dynamic_shapes=shapes)
    for size in ((2, 34, 40), (1, 33, 48), (3, 34, 60), (2, 60, 34), (1, 1, 9), (2, 80, 81)):
        x = torch.rand(size[0], 2, *size[1:])
        torch.testing.assert_close(ep.module()(x), program(x))
