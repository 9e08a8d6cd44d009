"""A side that the example does not take may compute what has no value for it, as the root of -4."""

import math

import pytest
import torch
from forms import FORMS

import monograph
from monograph import Dim

FUNCTIONS = {
    "power": lambda n: (n / 8 - 1) ** 1.5,
    "logarithm": lambda n: math.log(n / 8 - 1),
    "quotient": lambda n: 1 / (n // 8),
    "whole quotient": lambda n: 20 // (n // 8),
    "remainder": lambda n: 5 % (n // 8),
    "root": lambda n: math.sqrt(n - 8),
    "shift": lambda n: 1 << (n - 9),
    "rounded power": lambda n: int(2 * (n / 8 - 1) ** 1.5),
    "rounded logarithm": lambda n: int(math.log(n - 8) + 1),
}


EVERY_FORM = FORMS | {
    "itself": lambda program: program,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_of_the_other_side(name):
    function = FUNCTIONS[name]

    def f(x):
        return x * function(x.shape[0]) if x.shape[0] > 8 else x

    program = monograph.export(f, (torch.randn(4),), dynamic_shapes=({0: Dim.DYNAMIC},))
    for form, made in EVERY_FORM.items():
        module = made(program).module()
        for n in (1, 4, 9, 12, 17):
            x = torch.randn(n)
            try:
                expected = f(x)
            except (ValueError, ZeroDivisionError):  # of this size there is none in eager mode
                continue
            torch.testing.assert_close(module(x), expected, msg=f"{form}, {n}")


@pytest.mark.parametrize("form", EVERY_FORM)
def test_a_size_of_unknown_value_that_has_to_be_a_number(form):
    def f(x):
        return torch.bincount(x, minlength=16).reshape(4, 4)

    program = monograph.export(f, (torch.tensor([1, 3, 3]),), dynamic_shapes=({0: Dim.DYNAMIC},))
    module = EVERY_FORM[form](program).module()
    for x in (torch.tensor([1, 3, 3]), torch.tensor([15]), torch.arange(16)):
        torch.testing.assert_close(module(x), f(x))
