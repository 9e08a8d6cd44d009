"""Factories that write into ``out=``: they make what they would make in its dtype."""

import itertools

import pytest
import torch

import monograph
from monograph import Dim, export

D = Dim.DYNAMIC
MAKE = {
    "arange": lambda n, out: torch.arange(n, out=out),
    "arange from": lambda n, out: torch.arange(1, n + 1, out=out),
    "arange by step": lambda n, out: torch.arange(0, 2 * n, 2, out=out),
    "empty": lambda n, out: torch.empty(n, out=out).fill_(3),
    "eye": lambda n, out: torch.eye(n, out=out),
    "eye of two": lambda n, out: torch.eye(n, n + 1, out=out),
    "full": lambda n, out: torch.full((n, 2), 2.5, out=out),
    "linspace": lambda n, out: torch.linspace(0, 9, n, out=out),
    "logspace": lambda n, out: torch.logspace(0, 2, n, out=out),
    "ones": lambda n, out: torch.ones(n, out=out),
    "zeros": lambda n, out: torch.zeros(2, n, out=out),
    "range": lambda n, out: torch.range(0, n, out=out),
    "rand": lambda n, out: torch.rand(n, out=out),
    "randn": lambda n, out: torch.randn(n, out=out),
    "randint": lambda n, out: torch.randint(1, 9, (n,), out=out),
    "randint below": lambda n, out: torch.randint(9, (n,), out=out),
    "randperm": lambda n, out: torch.randperm(n, out=out),
    "normal": lambda n, out: torch.normal(1.0, 2.0, (n,), out=out),
    "frequencies": lambda n, out: torch.fft.fftfreq(n, out=out),
}
OUT = {
    "new": lambda x, dtype: torch.empty(0, dtype=dtype),
    "of the size": lambda x, dtype: torch.zeros(x.shape[0], dtype=dtype),
    "a row": lambda x, dtype: torch.zeros(2, x.shape[0], dtype=dtype)[1],
}
DTYPES = (torch.float32, torch.float64, torch.int64)


def _eager(program, x):
    torch.manual_seed(0)
    return program(x)


@pytest.mark.filterwarnings("ignore:torch.range is deprecated", "ignore:An output with one or more")
@pytest.mark.parametrize("name", MAKE)
def test_it_makes_what_out_is(name: str) -> None:
    tried = 0
    for where, dtype in itertools.product(OUT, DTYPES):

        def program(x, where=where, dtype=dtype):
            out = OUT[where](x, dtype)
            made = MAKE[name](x.shape[0], out)
            return made * 2, out

        x = torch.ones(4)
        try:
            _eager(program, x)
        except RuntimeError:
            continue  # not of this dtype
        try:
            exported = export(program, (x,), dynamic_shapes=({0: D},))
        except monograph.MutationError:
            assert where == "a row", (where, dtype)  # resized where others lie
            continue
        tried += 1
        for n in (4, 1, 2, 7):
            want = _eager(program, torch.ones(n))
            torch.manual_seed(0)
            torch.testing.assert_close(exported.module()(torch.ones(n)), want, rtol=0, atol=0)
    assert tried
