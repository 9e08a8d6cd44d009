"""Numbers of sizes, or read from tensors, where operators take Python numbers."""

import pytest
import torch
from torch.nn import functional as F

import monograph
from monograph import Dim
from monograph.testing import assert_equal, assert_specs_hold

# Of a tensor ``t`` and a number ``n``.
OPERATORS = {
    "full": lambda t, n: torch.full((2,), n),
    "full_like": lambda t, n: torch.full_like(t, n),
    "new_full": lambda t, n: t.new_full((2,), n),
    "new_tensor": lambda t, n: t.new_tensor(n),
    "tensor": lambda t, n: torch.tensor(n),
    "tensor of two": lambda t, n: torch.tensor([n, 1]),
    "scalar_tensor": lambda t, n: torch.scalar_tensor(n),
    "fill": lambda t, n: t.clone().fill_(n),
    "where, first": lambda t, n: torch.where(t == 0, n, t),
    "where, second": lambda t, n: torch.where(t == 0, t, n),
    "where, both": lambda t, n: torch.where(t == 0, n, n + 1),
    "where, a number": lambda t, n: torch.where(t == 0, 0.5, n),
    "masked_fill": lambda t, n: t.masked_fill(t == 0, n),
    "index_fill": lambda t, n: t.index_fill(0, torch.tensor([0]), n),
    "add": lambda t, n: t + n,
    "add, times": lambda t, n: torch.add(t, t, alpha=n),
    "rsub": lambda t, n: n - t,
    "mul": lambda t, n: t * n,
    "div": lambda t, n: t / (n + 1),
    "rdiv": lambda t, n: n / (t + 1),
    "floor_divide": lambda t, n: t // (n + 1),
    "remainder": lambda t, n: t % (n + 1),
    "fmod": lambda t, n: torch.fmod(t, n + 1),
    "pow": lambda t, n: t.abs() ** n,
    "rpow": lambda t, n: n**t,
    "float_power": lambda t, n: torch.float_power(t.abs(), n),
    "clamp": lambda t, n: t.clamp(max=n),
    "clamp, both": lambda t, n: t.clamp(-n, n),
    "compare": lambda t, n: t < n,
    "bitwise_and": lambda t, n: t & int(n),
    "bitwise_xor": lambda t, n: t ^ int(n),
    "shift": lambda t, n: t.int() << int(n),
    "arange": lambda t, n: torch.arange(n),
    "addcmul": lambda t, n: torch.addcmul(t, t, t, value=n),
    "lerp": lambda t, n: torch.lerp(t, t + 1, n),
    "pad": lambda t, n: F.pad(t, (1, 1), value=n),
    "hardtanh": lambda t, n: F.hardtanh(t, -1, n + 2),
    "written": lambda t, n: torch.index_put(t, (torch.tensor(0),), t.new_tensor(n)),
}
NUMBERS = {
    "size": lambda x, i: x.shape[1],
    "less": lambda x, i: x.shape[1] - 1,
    "half": lambda x, i: x.shape[1] / 2,
    "item": lambda x, i: i.item(),
    "float item": lambda x, i: (i / 2).item(),
}
DTYPES = (torch.int64, torch.int32, torch.uint8, torch.float64, torch.bool)
FLOAT_IN_SCHEMA = {("pad", "half"), ("pad", "float item")}  # and so no number that varies


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator(name, number):
    operator, numbered = OPERATORS[name], NUMBERS[number]

    def program(x, i, t):
        return operator(t, numbered(x, i))

    tried = 0
    for dtype in DTYPES:
        t = torch.tensor([0, 3]).to(dtype)
        example = torch.zeros(2, 6), torch.tensor(3), t
        try:
            program(*example)
        except (RuntimeError, TypeError):
            continue
        tried += 1
        how = Dim.AUTO if (name, number) in FLOAT_IN_SCHEMA else Dim.DYNAMIC
        ep = monograph.export(program, example, dynamic_shapes=({1: how}, None, None))
        lowered = ep.run_decompositions()
        for columns in (6,) if (name, number) in FLOAT_IN_SCHEMA else (6, 5, 2, 1, 0):
            args = torch.zeros(2, columns), torch.tensor(columns // 2), t
            try:
                expected = program(*args)
            except (RuntimeError, TypeError):
                continue
            for each in (ep, lowered):
                assert_equal(each.module()(*args), expected, tolerance=1e-6)
                assert_specs_hold(each, args)
    assert tried
