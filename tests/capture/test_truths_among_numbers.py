"""A truth that varies counts as 1 or 0 in arithmetic, on either side of each operation."""

import operator

import pytest
import torch

from monograph import Dim, export

OPERATIONS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow, "<": operator.lt,
    "==": operator.eq, "&": operator.and_, "^": operator.xor, "<<": operator.lshift, "max": max,
    "min": min,
    "the sum": lambda one, other: sum((one, other)),
    "the sum of some": lambda one, other: sum(each for each in (one, 2, other)),
}  # fmt: skip
NUMBERS = {
    "a size": lambda x: x.shape[0],
    "a fraction": lambda x: x.shape[0] / 2,
    "a truth": lambda x: x.shape[0] > 2,
    "an integer": lambda x: 3,
    "a float": lambda x: 2.5,
    "True": lambda x: True,
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation(operation, number):
    calculate, other = OPERATIONS[operation], NUMBERS[number]

    def right(x):
        return x + calculate(other(x), x.shape[1] > 2)

    def left(x):
        return x + calculate(x.shape[1] > 2, other(x))

    dims = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    for program in (right, left):
        try:
            program(torch.zeros(3, 4))
        except (TypeError, ZeroDivisionError):  # no operation of floats
            continue
        made = export(program, (torch.zeros(3, 4),), dynamic_shapes=dims).module()
        for shape in ((3, 4), (6, 2), (1, 1), (2, 5), (5, 1)):
            x = torch.zeros(shape)
            try:
                wanted = program(x)
            except ZeroDivisionError:
                with pytest.raises(Exception, match=r"zero|modulo"):
                    made(x)
                continue
            assert torch.equal(made(x), wanted)
            assert made(x).dtype == wanted.dtype
