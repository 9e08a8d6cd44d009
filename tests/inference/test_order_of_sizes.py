"""Sizes of a dimension are looked at in the order of the arguments, whatever their hashes are."""

import torch

from monograph.inference.ties import _columns
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.env import ShapeEnv


def test_columns_are_in_the_order_of_the_arguments() -> None:
    env = ShapeEnv()
    sizes = [env.symbol(f"n{i}", i + 2, f"x{i}.shape[0]") for i in range(20)]
    cpu = torch.device("cpu")
    shapes = [(size, 3) for size in (1, *sizes, 7)]
    specs = [TensorSpec.of(s, contiguous_strides(s), torch.float32, cpu) for s in shapes]
    last, first = _columns(env, specs)
    assert list(last) == [3]
    assert list(first) == [*sizes, 7]
