"""Integers that Python computes of sizes are sizes in torch's programs and files, too."""

import itertools
import math
import operator

import pytest
import torch
from forms import FORMS

import monograph
from monograph import Dim
from monograph.interop.words import _STEPS

# Torch's files have no form for the first five; the words that they get instead must round alike.
FUNCTIONS = {
    "floor": lambda n: math.floor(n * 0.7),
    "floor of less than nothing": lambda n: math.floor(2.3 - n * 0.7) + 40,
    "ceil": lambda n: math.ceil(n * 0.7),
    "ceil of less than nothing": lambda n: math.ceil(2.3 - n * 0.7) + 40,
    "round": lambda n: round(n * 0.5 + 0.25 * (n % 3)),
    "round of less than nothing": lambda n: round(2.5 - n * 0.3) + 40,
    "fabs": lambda n: int(math.fabs(n - 4.5)),
    "abs of a float": lambda n: int(abs(n / 2 - 4.5)),
    "xor": lambda n: n ^ 6,
    "trunc": lambda n: int(n * 0.7),
    "root": lambda n: int(math.sqrt(n)),
    "root as a power": lambda n: int((n + 1) ** 0.5),
    "integer root": lambda n: math.isqrt(n),
    "sides of a square": lambda n: int(n**0.5) * math.isqrt(n + 3),
    "and": lambda n: n & 6,
    "or": lambda n: n | 6,
    "bits": lambda n: n.bit_length(),
    "a ratio of sizes": lambda n: round(n * (8 / min(n, 5))),
    "a multiple": lambda n: math.ceil(n / 4) * 4,
}
# Torch's reader bounds each size that it reads, and of these it knows no bounds.
UNREAD = ("xor", "and", "or", "bits")


EVERY_FORM = FORMS | {
    "decomposed by torch": lambda program: program.to_torch().run_decompositions(),
}


PAIRS = [
    (name, form)
    for name in FUNCTIONS
    for form in EVERY_FORM
    if name not in UNREAD or form != "file read by torch"
]


@pytest.mark.parametrize(("name", "form"), PAIRS)
def test_a_size(name, form):
    function = FUNCTIONS[name]

    def f(x):
        n = function(x.shape[0])
        return x.new_ones(n, 2).cumsum(0), n

    program = monograph.export(f, (torch.randn(7),), dynamic_shapes=({0: Dim.DYNAMIC},))
    module = EVERY_FORM[form](program).module()
    for n in (1, 2, 3, 5, 6, 7, 8, 9, 10, 12, 15, 33):
        x = torch.randn(n)
        torch.testing.assert_close(module(x), f(x))


HALVES = [i / 4 for i in range(-14, 15)]
NEAR = [math.nextafter(half, side) for half in HALVES for side in (-math.inf, math.inf)]
TINY = [1e-20, -1e-20, 0.49999999999999994, -0.49999999999999994, 1e-320, -1e-320, -0.0]
LARGE = [2.0**52 + 0.5, 2.0**53 + 1, -(2.0**52) - 0.5, 4503599627370497.5, 1e15 + 0.5]


def _called(step, *args):
    return step(*args)


@pytest.mark.parametrize("function", [math.floor, math.ceil, round, operator.abs])
def test_words_round_as_python_does(function):
    for number in (*HALVES, *NEAR, *TINY, *LARGE):
        found = _STEPS[function](_called, number)
        assert (found, type(found)) == (function(number), type(function(number))), number


def test_words_for_bits():
    for left, right in itertools.product(range(-9, 10), repeat=2):
        assert _STEPS[operator.xor](_called, left, right) == left ^ right
