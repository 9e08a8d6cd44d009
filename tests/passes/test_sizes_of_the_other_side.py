"""What a branch on sizes knows of them holds where the operators in it are decomposed."""

import pytest
import torch
from torch.nn import functional

from monograph import Dim, export

OPERATORS = {
    "einsum": lambda p: torch.einsum("blm,bm->bl", p, p.sum(1)),
    "einsum with itself": lambda p: torch.einsum("blm,bkm->blk", p, p),
    "matmul": lambda p: p @ p.transpose(1, 2),
    "softmax": lambda p: (p @ p.transpose(1, 2)).softmax(-1) @ p,
    "attention": lambda p: functional.scaled_dot_product_attention(p, p, p),
    "linear": lambda p: functional.linear(p, torch.ones(3, 4)),
    "layer norm": lambda p: functional.layer_norm(p, (4,)),
    "instance norm": lambda p: functional.group_norm(p.transpose(1, 2), 2),
    "mean": lambda p: p.sum(1, keepdim=True) + p,
}


def unless_nothing(x):
    return x - (x.amax((1, 2), keepdim=True) if x.shape[1] else 0.0)


def unless_one(x):
    if x.shape[1] == 1:
        return x * 2
    return x - x.sum(1, keepdim=True)


CONDITIONS = (unless_nothing, unless_one)


@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_after_a_branch(operator, condition, strict):
    def program(x):
        return OPERATORS[operator](condition(x))

    sizes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    exported = export(program, (torch.randn(2, 6, 4),), dynamic_shapes=sizes, strict=strict)
    modules = exported.module(), exported.run_decompositions().module()
    for batch, length in ((2, 6), (2, 4), (3, 1), (1, 1), (1, 2), (2, 0), (5, 3)):
        x = torch.randn(batch, length, 4)
        try:
            expected = program(x)
        except (RuntimeError, IndexError):
            continue
        for module in modules:
            torch.testing.assert_close(module(x), expected)
