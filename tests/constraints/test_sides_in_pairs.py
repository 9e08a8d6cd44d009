"""Every pair of ways to compute a result, one for a single row and one for more.

Ways that differ in values, dtypes, memory that is shared or written, or gradients are two programs,
however alike their operators are; each call has what eager mode gives, or is refused.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import monograph
from monograph import Dim
from monograph.ir.structure import flatten


def without_gradient(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.sin()


WAYS: dict[str, Callable[[Tensor], Any]] = {
    "sin": lambda x: x.sin(),
    "without gradient": without_gradient,
    "detached before": lambda x: x.detach().sin(),
    "detached after": lambda x: x.sin().detach(),
    "copied before": lambda x: x.clone().sin(),
    "copied after": lambda x: x.sin().clone(),
    "viewed after": lambda x: x.sin().view(x.shape),
    "turned twice": lambda x: x.t().sin().t(),
    "turned and copied": lambda x: x.t().contiguous().t().sin(),
    "double": lambda x: x.sin().double(),
    "expanded": lambda x: x.expand(x.shape).sin(),
    "itself": lambda x: x,
    "a view": lambda x: x.view(x.shape),
    "a copy": lambda x: x.clone(),
    "a slice": lambda x: x[:],
    "reshaped": lambda x: x.reshape(x.shape),
    "flipped": lambda x: x.flip(0),
    "written": lambda x: x.add_(1),
    "a copy that is written": lambda x: x.clone().add_(1),
    "added": lambda x: x + 1,
    "a view that is written": lambda x: x.view(-1).add_(1).view(x.shape),
    "sum": lambda x: x.sum(0, keepdim=True).expand(x.shape),
    "mean": lambda x: x.mean(0, keepdim=True).expand(x.shape),
    "dropout": lambda x: F.dropout(x, 0.5, True),
    "ones": lambda x: x + torch.ones(3),
    "twos": lambda x: x + torch.full((3,), 2.0),
    "a list": lambda x: [x.sin()],
    "two results": lambda x: (x.sin(), x.sin()),
}
THEN: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda y: y,
    "doubled": lambda y: y * 2 if isinstance(y, Tensor) else y,
    "written": lambda y: y.mul_(2) if isinstance(y, Tensor) else y,
}
PAIRS = [pair for pair in itertools.product(WAYS, WAYS) if pair[0] != pair[1]]


def seen(program: Callable[[Tensor], Any], rows: Tensor) -> tuple[Any, ...]:
    """The results, whether they have gradients, the gradient, and what the argument is then."""
    torch.manual_seed(0)
    leaf = rows.clone().requires_grad_()
    given = leaf * 1
    found = [item for item in flatten(program(given))[0] if isinstance(item, Tensor)]
    contents = [item.detach().clone() for item in found]
    tracked = [item.requires_grad for item in found]
    if any(tracked):
        sum(item.sum() for item in found if item.requires_grad).backward()
    gradient = torch.zeros_like(rows) if leaf.grad is None else leaf.grad
    return contents, tracked, gradient, given.detach().clone()


def compared(pair: tuple[str, str], then: str, dim: Any) -> int | None:
    """How many calls the program takes, each as eager mode does; None: that refuses the example."""
    many, one = (WAYS[name] for name in pair)

    def program(x: Tensor) -> Any:
        return THEN[then](many(x) if x.shape[0] != 1 else one(x))

    by_eager = {}
    for count in (2, 1, 0, 4):
        rows = torch.randn(count, 3)
        with contextlib.suppress(RuntimeError):  # a write to an expanded tensor
            by_eager[count] = rows, seen(program, rows)
    if 2 not in by_eager:
        return None
    example = torch.randn(2, 3).requires_grad_() * 1
    try:
        made = monograph.export(program, (example,), dynamic_shapes=({0: dim},)).module()
    except monograph.MonographError:
        return 0
    taken = 0
    for count, (rows, expected) in by_eager.items():
        try:
            found = seen(made, rows)
        except monograph.MonographError:
            continue
        where = f"{pair}, {then}, {dim}, {count} rows: "
        torch.testing.assert_close(found, expected, equal_nan=True, msg=where.__add__)
        taken += 1
    return taken


def sweep(pairs: list[tuple[str, str]]) -> None:
    for pair, then in itertools.product(pairs, THEN):
        taken = [compared(pair, then, dim) for dim in (Dim.AUTO, Dim.DYNAMIC)]
        assert taken[0] != 0, f"{pair}, {then}"  # the example's side holds, whatever the other is


def test_a_sample_of_pairs() -> None:
    sweep(PAIRS[::53])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_all_pairs(part: int) -> None:
    sweep(PAIRS[part::8])
