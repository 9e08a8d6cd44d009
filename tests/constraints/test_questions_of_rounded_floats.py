"""A question about a float that was rounded is one about sizes, which both sides are captured for.

`math.floor(math.log(n + 1)) < 2` is `math.log(n + 1) < 2.0`: nothing that only a run can tell.
"""

import math

import pytest
import torch

import monograph
from monograph import Dim

ROUNDED = {
    "floor": lambda n: math.floor(math.log(n + 1)) < 2,
    "ceil": lambda n: math.ceil(math.log(n + 1)) <= 2,
    "int": lambda n: int(math.sqrt(n * 1.5)) > 2,
    "is": lambda n: math.floor(math.log(n + 1)) == 1,
    "is not": lambda n: math.ceil(math.log2(n + 1) / 3) != 1,
}
SIZES = (0, 1, 3, 4, 5, 6, 7, 9, 20)


def on_a_side(name):
    def program(x):
        if x.shape[0] < 4:
            return x
        return x * (3 if ROUNDED[name](x.shape[0]) else 4)

    return program


def as_statements(name):
    def program(x):
        if ROUNDED[name](x.shape[0]):
            return x * 3
        return x + 4

    return program


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("form", [on_a_side, as_statements])
@pytest.mark.parametrize("name", ROUNDED)
def test_both_sides(name, form, strict):
    program = form(name)
    for example in (3, 9):
        module = monograph.export(
            program, (torch.ones(example),), dynamic_shapes=((Dim.DYNAMIC,),), strict=strict
        ).module()
        for n in SIZES:
            x = torch.randn(n)
            torch.testing.assert_close(module(x), program(x))


def test_a_refused_size_is_told_at_the_door():
    def program(x):
        if math.floor(math.log(x.shape[0] + 1)) < 2:
            return x * 3
        return x.sum(), x

    ep = monograph.export(program, (torch.ones(4),), dynamic_shapes=((Dim.DYNAMIC,),))
    torch.testing.assert_close(ep.module()(torch.ones(6)), torch.ones(6) * 3)
    with pytest.raises(monograph.InputError, match=r"log\(s0 \+ 1\) < 2.0, but got s0 = 7"):
        ep.module()(torch.ones(7))
