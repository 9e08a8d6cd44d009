"""Tensors of one number among the indices of a tensor, and numbers that ``vmap`` maps over."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

import monograph
from monograph import Dim

index = torch.ops.aten.index.Tensor
PLACES = {"number": lambda: torch.tensor(1), "row": lambda: torch.tensor([0, 1, 1]),
          "rows": lambda: torch.tensor([[1], [0]]), "none": lambda: None}  # fmt: skip


class Indexed(nn.Module):
    def __init__(self, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self.kinds = kinds

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        found = index(x, [PLACES[kind]() for kind in self.kinds])
        return found * found.numel(), found.dim()


@pytest.mark.parametrize("kinds", [
    kinds for n in (2, 3) for kinds in itertools.product(PLACES, repeat=n) if set(kinds) - {"none"}
])  # fmt: skip
@pytest.mark.parametrize("varies", [False, True])
def test_a_number_among_rows_is_one_of_them(kinds, varies):
    model, x = Indexed(kinds), torch.randn(2, 3, 4)
    sizes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC},) if varies else None
    run = monograph.export(model, (x,), dynamic_shapes=sizes).module()
    for given in (x, torch.randn(5, 3, 2)) if varies else (x,):
        expected = model(given)
        actual = run(given)
        assert torch.equal(actual[0], expected[0])
        assert actual[1] == expected[1]


ROWS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "both": lambda p, i, j: p[i, j],
    "a number last": lambda p, i, j: p[i, 0] + j,
    "a number first": lambda p, i, j: p[0, j] + i,
    "a negative number": lambda p, i, j: p[-1, j] + i,
    "computed": lambda p, i, j: p[i, (j - 1).clamp(0)],
    "one after the other": lambda p, i, j: p[i][j],
    "two of them": lambda p, i, j: torch.where(i > j, p[i, j], p[i, 0]),
}


class Mapped(nn.Module):
    """As masks of attention are made by functions of positions."""

    def __init__(self, form: str, is_inner: bool) -> None:
        super().__init__()
        self.row, self.is_inner = ROWS[form], is_inner

    def forward(self, p: torch.Tensor) -> torch.Tensor:
        def row(i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
            return self.row(p, i, j)

        first, second = ((None, 0), (0, None)) if self.is_inner else ((0, None), (None, 0))
        function = torch.vmap(torch.vmap(row, in_dims=first), in_dims=second)
        with TransformGetItemToIndex():
            return function(torch.arange(p.shape[0]), torch.arange(p.shape[1]))


@pytest.mark.parametrize("form", ROWS)
@pytest.mark.parametrize("is_inner", [False, True])
@pytest.mark.parametrize("varies", [False, True])
def test_a_mode_takes_the_numbers_that_are_mapped_over(form, is_inner, varies):
    model, p = Mapped(form, is_inner), torch.arange(10).view(2, 5)
    sizes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) if varies else None
    run = monograph.export(model, (p,), dynamic_shapes=sizes).module()
    others = (torch.arange(12).view(3, 4), torch.arange(4).view(1, 4), torch.arange(2).view(2, 1))
    for given in (p, *others) if varies else (p,):
        assert torch.equal(run(given), model(given))
