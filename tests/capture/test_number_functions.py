"""Functions of ``math`` and of numpy on sizes: each function in each form, at all sizes."""

import itertools
import math

import numpy as np
import pytest
import torch

import monograph

NUMBERS = {
    "gcd": lambda n: math.gcd(n, 4),
    "gcd of twelve": lambda n: math.gcd(12, n + 1),
    "lcm": lambda n: math.lcm(n, 6),
    "comb": lambda n: math.comb(n, 2),
    "comb of three": lambda n: math.comb(n + 1, 3),
    "fmod": lambda n: math.fmod(n, 3),
    "atan2": lambda n: math.atan2(n, 3),
    "atan2 of a size": lambda n: math.atan2(2, n + 1),
    "log1p": lambda n: math.log1p(n),
    "expm1": lambda n: math.expm1(-n / 9),
    "exp2": lambda n: math.exp2(n - 4),
    "asinh": lambda n: math.asinh(n),
    "acosh": lambda n: math.acosh(n + 1),
    "atanh": lambda n: math.atanh(n / 50),
    "erf": lambda n: math.erf(n / 7),
    "erfc": lambda n: math.erfc(n / 7),
    "lgamma": lambda n: math.lgamma(n + 1),
    "gamma": lambda n: math.gamma(n / 9 + 1),
    "log1p of numpy": lambda n: float(np.log1p(n)),
    "expm1 of numpy": lambda n: float(np.expm1(-n / 9)),
    "hypot": lambda n: math.hypot(n, 2),
    "fabs": lambda n: math.fabs(n - 4),
    "degrees": lambda n: math.degrees(n),
    "radians": lambda n: math.radians(n),
    "int64": lambda n: int(np.int64(n)),
    "int32 of a float": lambda n: int(np.int32(n / 2)),
    "float64": lambda n: float(np.float64(n)),
    "minimum": lambda n: int(np.minimum(n, 4)),
    "maximum": lambda n: int(np.maximum(n, 4)),
    "minimum of a float": lambda n: float(np.minimum(n / 3, 1.5)),
    "clip": lambda n: int(np.clip(n // 2, 1, 3)),
    "square": lambda n: int(np.square(n)),
    "absolute": lambda n: int(np.abs(n - 4)),
    "round": lambda n: float(np.round(n * 0.5)),
    "round as a type": lambda n: int(np.round(n * 0.6).astype(np.int64)),
    "rint": lambda n: int(np.rint(n / 2)),
    "ceiling as a type": lambda n: int(np.ceil(np.log2(n + 1)).astype(int)),
}
FORMS = {
    "a factor": lambda x, k: x * k,
    "a factor of whole numbers": lambda x, k: x.long() * k,
    "an end": lambda x, k: x[: int(k)],
    "a result": lambda x, k: (x, k),
}
CASES = list(itertools.product(NUMBERS, FORMS))


@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
@pytest.mark.parametrize(("number", "form"), CASES)
def test_numbers_of_sizes(number, form, strict):
    def program(x):
        return FORMS[form](x, NUMBERS[number](x.shape[0]))

    size = {0: monograph.Dim.DYNAMIC}
    exported = monograph.export(program, (torch.rand(6),), dynamic_shapes=(size,), strict=strict)
    for n in (6, 0, 1, 2, 3, 4, 5, 8, 12, 33):
        x = torch.rand(n) * 9
        found, expected = exported.module()(x), program(x)
        torch.testing.assert_close(found, expected)
        if form == "a result":
            assert type(found[1]) is type(expected[1])


def test_other_forms_are_as_ever():
    def program(x):
        sizes = np.minimum(np.array([5, 2]), 3)
        return x * math.gcd(12, 8), x + int(sizes.sum()), x * math.comb(5, 2)

    exported = monograph.export(program, (torch.rand(3),))
    x = torch.rand(3)
    torch.testing.assert_close(exported.module()(x), program(x))
