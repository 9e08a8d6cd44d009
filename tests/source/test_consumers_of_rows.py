"""Loops over rows, pieces and counts that are given to a function of Python's: any length."""

import pytest
import torch

import monograph
from monograph import Dim

D = Dim.DYNAMIC


def twice(row):
    return row * 2


ONE = {
    "sum": lambda x: sum(x.unbind(1)),
    "sum of a list": lambda x: sum([r * 2 for r in x.unbind(1)]),
    "sum of a generator": lambda x: sum(r * 2 for r in x.unbind(1)),
    "sum of a generator over a range": lambda x: sum(x[:, i] * i for i in range(x.size(1))),
    "tuple of a generator": lambda x: torch.stack(tuple(r * 2 for r in x.unbind(1))),
    "list of a generator": lambda x: torch.stack(list(r * 2 for r in x.unbind(1))),  # noqa: C400
    "map": lambda x: torch.stack(list(map(twice, x.unbind(1)))),
    "map over two": lambda x: torch.stack(list(map(torch.mul, x.unbind(1), x.flip(1).unbind(1)))),
    "pieces in a tuple": lambda x: torch.cat(
        tuple(x[:, t : t + 1] * t for t in range(x.size(1))), 1
    ),
    "counted from one": lambda x: sum(r * i for i, r in enumerate(x.unbind(1), start=1)),
    "reversed": lambda x: torch.stack([r * i for i, r in enumerate(reversed(x.unbind(1)))]),
}
TWO = {
    "zip, strict": lambda x, y: torch.stack(
        [r * q for r, q in zip(x.unbind(1), y.unbind(1), strict=True)]
    ),
    "zip, not strict": lambda x, y: sum(
        r * q for r, q in zip(x.unbind(1), y.unbind(1), strict=False)
    ),
    "zip, counted": lambda x, y: sum(
        r * q * i for i, (r, q) in enumerate(zip(x.unbind(1), y.unbind(1), strict=True), 2)
    ),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_any_length(name, strict):
    f, count = (ONE[name], 1) if name in ONE else (TWO[name], 2)

    def given(*sizes):
        return tuple(torch.randn(sizes) for _ in range(count))

    shapes = ({0: D, 1: D},) * count
    module = monograph.export(f, given(2, 5), dynamic_shapes=shapes, strict=strict).module()
    for sizes in ((2, 5), (1, 1), (3, 8)):
        args = given(*sizes)
        torch.testing.assert_close(module(*args), f(*args))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["sum", "sum of a list", "sum of a generator", "map"])
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.complex64]
)
def test_rows_of_any_dtype_are_added_as_python_adds_them(dtype, name, strict):
    f, example = ONE[name], torch.ones(2, 5).to(dtype)
    program = monograph.export(f, (example,), dynamic_shapes=({0: D, 1: D},), strict=strict)
    for module in (program.module(), program.run_decompositions().module()):
        for sizes in ((2, 5), (1, 1), (3, 300)):
            x = torch.ones(sizes).to(dtype)  # of 300, the sum is too large for a byte
            torch.testing.assert_close(module(x), f(x))


def loop(x, y):
    total = torch.zeros(x.size(0))
    for i, (row, other) in enumerate(zip(x.unbind(1), y.unbind(1), strict=True), start=1):
        total = total + row * other * i
    return total


def test_unequal_lengths_are_refused_where_zip_refuses_them():
    args = torch.randn(2, 5), torch.randn(2, 5)
    module = monograph.export(loop, args, dynamic_shapes=({0: D, 1: D}, {0: D, 1: D})).module()
    args = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(module(*args), loop(*args))
    with pytest.raises(monograph.InputError):
        module(torch.randn(2, 4), torch.randn(2, 6))
