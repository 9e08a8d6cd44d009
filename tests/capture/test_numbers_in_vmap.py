"""Rules of vmap make tensors of the numbers in a program: whatever was captured before them."""

import pytest
import torch

from monograph import export

ARITHMETIC = {
    "mul": lambda row: row * 2,
    "rmul": lambda row: 2 * row,
    "add": lambda row: row + 1.5,
    "rsub": lambda row: 1 - row,
    "div": lambda row: row / 3,
    "rdiv": lambda row: 1 / (row + 4),
    "pow": lambda row: row**2,
    "rpow": lambda row: 2**row,
    "floor_divide": lambda row: row // 2,
    "remainder": lambda row: row % 2,
    "less": lambda row: row < 2,
    "where": lambda row: torch.where(row > 1, row, 0),
    "where_numbers": lambda row: torch.where(row > 1, 1.0, 2),
    "clamp": lambda row: row.clamp(0, 1.5),
    "masked_fill": lambda row: row.masked_fill(row > 1, 0.5),
    "add_alpha": lambda row: torch.add(row, 1, alpha=2),
    "add_": lambda row: row.clone().add_(2),
    "lerp": lambda row: torch.lerp(row, row * 2, 0.5),
    "heaviside": lambda row: torch.fmod(row, 2),
}
BEFORE = {
    "nothing": lambda x: x,
    "a gradient": lambda x: torch.autograd.grad(
        (z := x.detach().requires_grad_()).square().sum(), z
    )[0],
    "a transform": lambda x: torch.func.grad(lambda z: z.square().sum())(x),
    "no_grad": lambda x: torch.no_grad()(torch.sin)(x),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_numbers_in_vmap(name, before, strict, dtype):
    def program(x):
        rows = BEFORE[before](x)
        many = torch.stack([rows, rows + 1])
        return torch.vmap(ARITHMETIC[name])(rows), torch.vmap(ARITHMETIC[name])(many)

    x = torch.tensor([0.5, 1.0, 2.5], dtype=dtype)
    torch.testing.assert_close(export(program, (x,), strict=strict).module()(x), program(x))
