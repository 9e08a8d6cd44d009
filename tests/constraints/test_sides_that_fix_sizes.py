"""A branch on sizes, and operators on a side that knows more of sizes than the rest of the program.

Where ``n == 3``, three rows can be taken apart; where ``n`` is even, it is twice another number.
Outside of the side nothing of that is known: not in what is noted of its nodes, not in a file, not
in torch's program, not in the decomposed one.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import monograph
from monograph import Dim

O = torch.ones
# What only makes sense for three rows.
OF_THREE: dict[str, Callable[[Tensor], Tensor]] = {
    "add": lambda y: y + O(3, 1),
    "mm": lambda y: y.T @ O(3, 4),
    "linear": lambda y: F.linear(y.T, O(2, 3), O(2)),
    "where": lambda y: torch.where(O(3, 1) > 0, y, 0.5),
    "layer_norm": lambda y: F.layer_norm(y.T, (3,), O(3)),
    "group_norm": lambda y: F.group_norm(y[None], 3),
    "kron": lambda y: torch.kron(y, O(3, 3)),
    "unbind": lambda y: torch.stack(y.unbind(0), 1),
    "reshape": lambda y: y.reshape(3, 1, -1),
    "split": lambda y: torch.cat(y.split(1), 1),
    "conv": lambda y: F.conv1d(y[None], O(2, 3, 1)),
    "einsum": lambda y: torch.einsum("ij,ik->jk", y, O(3, 4)),
    "tensordot": lambda y: torch.tensordot(y, O(3, 2), ([0], [0])),
    "cdist": lambda y: torch.cdist(y.T, O(4, 3)),
    "index_add": lambda y: y.index_add(0, torch.tensor([0, 2]), y[:2]),
    "batch_norm": lambda y: F.batch_norm(y.T, torch.zeros(3), O(3)),
    "baddbmm": lambda y: torch.baddbmm(O(1, 4, 1), O(1, 4, 3), y[None]),
    "mv": lambda y: torch.mv(y.T, O(3)),
    "cross": lambda y: torch.cross(y, y + 1, dim=0),
    "unflatten": lambda y: y.T.unflatten(1, (1, 3)),
    "prelu": lambda y: F.prelu(y.T, torch.full((3,), 0.2)),
    "pad": lambda y: F.pad(y.T, (0, 1)),
    "embedding": lambda y: F.embedding(torch.arange(3), O(5, 2)) + y.sum(1, keepdim=True),
    "std": lambda y: y.std(0),
    "interpolate": lambda y: F.interpolate(y[None], scale_factor=2),
    "trace": lambda y: (y @ y.T).trace(),
    "attention": lambda y: F.scaled_dot_product_attention(y[None], O(1, 4, len(y[0])), O(1, 4, 2)),
    "gather": lambda y: y.gather(0, torch.zeros(3, y.shape[1], dtype=torch.long)),
    "max_pool": lambda y: F.max_pool1d(y.T[None], 3),
    "unfold": lambda y: y.unfold(0, 2, 1),
    "write": lambda y: y.clone().mul_(2).add_(O(3, 1)),
    "meshgrid": lambda y: torch.meshgrid(y[0], O(3), indexing="ij")[1],
}
THREE: dict[str, Callable[[Tensor], bool]] = {
    "three": lambda x: x.shape[0] == 3,
    "from two to three": lambda x: 2 < x.shape[0] <= 3,
    "three, and wide": lambda x: x.shape[0] == 3 and x.shape[1] > 1,
    "three by five": lambda x: x.shape[0] == 3 and x.shape[1] == 5,
}
# What makes sense for all sizes.
OF_ANY: dict[str, Callable[[Tensor], Tensor]] = {
    "matmul": lambda y: y @ y.mT,
    "kron": lambda y: torch.kron(y, y),
    "flat": lambda y: y.reshape(-1),
    "view": lambda y: y.reshape(y.shape[0], 1, -1) + 1,
    "cat": lambda y: torch.cat([y, y]),
    "roll": lambda y: y.roll(1, 0),
    "index": lambda y: y[torch.arange(y.shape[0])],
    "norm": lambda y: F.layer_norm(y, y.shape[1:]),
    "repeat": lambda y: y.repeat(2, 1),
    "std": lambda y: torch.std_mean(y, 1)[1],
    "einsum": lambda y: torch.einsum("ij,kj->ik", y, y),
    "gather": lambda y: y.gather(1, torch.zeros(y.shape[0], 1, dtype=torch.long)),
    "zeros": lambda y: y.new_zeros(y.shape) + y,
    "expand": lambda y: y[:1].expand(y.shape[0], -1) * 2,
    "addmm": lambda y: torch.addmm(y.new_ones(y.shape[0], y.shape[0]), y, y.mT),
    "half": lambda y: y[: y.shape[0] // 2],
}
SIDES: dict[str, Callable[[Tensor], bool]] = {
    "few": lambda x: x.shape[0] <= 1,
    "square": lambda x: x.shape[0] == x.shape[1],
    "between": lambda x: 0 < x.shape[0] < 3,
    "even": lambda x: x.shape[0] % 2 == 0,
    "odd": lambda x: x.shape[1] % 2 == 1,
    "by four, and wide": lambda x: x.shape[0] % 4 == 0 and x.shape[1] > 2,
    "even product": lambda x: x.numel() % 2 == 0,
    "twice": lambda x: x.shape[0] == 2 * x.shape[1],
}
SIZES = [(3, 2), (3, 5), (0, 3), (2, 0), (4, 2), (1, 4), (4, 4), (3, 1)]


def of_three(asked: Callable[[Tensor], bool], used: Callable[[Tensor], Tensor]) -> Any:
    def program(x: Tensor) -> Tensor:
        y = x * 2
        if asked(x):
            return used(y).sum() + 1
        return y.sum() - 1

    return program


def of_any(asked: Callable[[Tensor], bool], used: Callable[[Tensor], Tensor]) -> Any:
    def program(x: Tensor) -> Tensor:
        y = x * 2
        if asked(x):
            return used(y) + 1
        return used(y) - 1

    return program


def require_as_eager(program: Any, example: tuple[int, int]) -> None:
    shapes = {"x": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}}
    exported = monograph.export(program, (torch.randn(example),), dynamic_shapes=shapes)
    file = io.BytesIO()
    monograph.save(exported, file)
    file.seek(0)
    forms = {
        "exported": exported.module(),
        "decomposed": exported.run_decompositions().module(),
        "loaded": monograph.load(file).module(),
        "torch's": exported.to_torch().module(),
    }
    for sizes in (example, *SIZES):
        x = torch.randn(sizes)
        try:
            expected = program(x)
        except (RuntimeError, IndexError, ValueError):
            continue
        for name, module in forms.items():
            actual = module(x)
            assert actual.shape == expected.shape, f"{name}: {sizes}"
            torch.testing.assert_close(actual, expected, equal_nan=True, msg=f"{name}: {sizes}")


ALL_OF_THREE = list(itertools.product(OF_THREE, THREE, [(3, 4), (2, 5), (1, 3), (3, 5)]))
ALL_OF_ANY = list(itertools.product(OF_ANY, SIDES, [(3, 3), (2, 5), (1, 4)]))
# Torch's decomposition of attention divides by the square root of the width.
NO_WIDTH = {"attention"}


@pytest.mark.parametrize(("used", "asked", "example"), ALL_OF_THREE[::11])
def test_a_side_with_three_rows(used, asked, example):
    if used not in NO_WIDTH:
        require_as_eager(of_three(THREE[asked], OF_THREE[used]), example)


@pytest.mark.parametrize(("used", "asked", "example"), ALL_OF_ANY[::11])
def test_a_side_that_knows_more(used, asked, example):
    require_as_eager(of_any(SIDES[asked], OF_ANY[used]), example)


@pytest.mark.slow
@pytest.mark.parametrize(("used", "asked", "example"), ALL_OF_THREE)
def test_each_side_with_three_rows(used, asked, example):
    if used not in NO_WIDTH:
        require_as_eager(of_three(THREE[asked], OF_THREE[used]), example)


@pytest.mark.slow
@pytest.mark.parametrize(("used", "asked", "example"), ALL_OF_ANY)
def test_each_side_that_knows_more(used, asked, example):
    require_as_eager(of_any(SIDES[asked], OF_ANY[used]), example)


def by_a_value(x):
    y = x * 2
    if (x.sum() > 0).item():
        first, second = y.unbind(0)
        return (first * second).sum() + 1
    return y.sum() - 1


def test_what_a_side_needs_that_values_choose_is_asked_there():
    shapes = {"x": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}}
    module = monograph.export(by_a_value, (O(2, 5),), dynamic_shapes=shapes, strict=True).module()
    assert module(O(2, 4)) == by_a_value(O(2, 4))
    assert module(-O(3, 4)) == by_a_value(-O(3, 4))  # the other side
    with pytest.raises(RuntimeError, match="the number of rows that are taken apart"):
        module(O(3, 4))


def test_torchs_program_has_no_fixed_sizes_on_a_side():
    program = of_three(THREE["three"], OF_THREE["split"])
    shapes = {"x": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}}
    made = monograph.export(program, (torch.randn(2, 5),), dynamic_shapes=shapes).to_torch()
    node = next(iter(made.graph_module.true_graph_0.graph.nodes))
    assert [type(size) for size in node.meta["val"].shape] == [torch.SymInt] * 2


def test_a_row_is_stretched_to_any_number_from_one():
    def stretched(x):
        return x[:1].expand(x.shape[0], -1) * 2

    for rows in (1, 2):
        shapes = {"x": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}}
        module = monograph.export(stretched, (O(rows, 3),), dynamic_shapes=shapes).module()
        for x in (torch.randn(n, 4) for n in range(4)):
            assert torch.equal(module(x), stretched(x))
