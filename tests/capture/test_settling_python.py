"""What of Python is evaluated where a question is settled, and what of it keeps a question open."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_settling import require_same, settled
from torch import Tensor, nn
from torch.nn import functional as F

import monograph
from monograph import Dim

__all__ = ["settled"]

Program = Callable[[Tensor], Any]


def same(x: Tensor, *_: object) -> Tensor:
    return x.relu()


def sine(x: Tensor) -> Tensor:
    return x.sin()


def times(by: float, x: Tensor) -> Tensor:
    return x * by


def in_passing(x: Tensor) -> Tensor:
    if x.dim() == 2 and (missing := 2 - x.shape[0]) > 0 and missing > 10 - x.dim():
        return x.relu()
    return same(x)


def comprehensions(x: Tensor) -> Tensor:
    rows = [n for n in x.shape if n > 1]
    by_name = {str(i): i + j for i in range(2) for j in (1, 2) if i < j}
    if len(rows) > 5 or any(n > 9 for n in by_name.values()) or x.shape[0] == 1:
        return same(x)
    return x.relu()


def any_of_sizes(x: Tensor) -> Tensor:
    is_short = any(n < 2 for n in x.shape) or all(n > 3 for n in x.shape)
    is_short = is_short and bool(tuple(n for n in (1, 2)))
    return same(x) if is_short else x.relu()


def functions_inside(x: Tensor) -> Tensor:
    x = x.sin() if x.shape[0] > 1 else sine(x)

    def scaled(y: Tensor, by: float = 2.0, *more: float, plus: float = 0.0, **_: Any) -> Tensor:
        return y * by + plus + sum(more)

    shifted = lambda y, by=1.0: scaled(y, by, 1.0, 2.0, plus=3.0, other=4) + y  # noqa: E731
    assert callable(shifted)
    return shifted(x, by=2.0) + PARTIAL(x)


PARTIAL = functools.partial(times, 3.0)


def loops(x: Tensor) -> Tensor:
    y, count = (x.sin() if x.shape[0] > 1 else sine(x)), 0
    while True:
        count = count + 1
        if count == 2:
            continue
        y = y + count
        if count > 3:
            break
    for i, (a, b) in enumerate(zip((1, 2), (3, 4), strict=False)):
        y = y * a + b + i
    return y + len(list(reversed((1, 2))))


class Mode(abc.ABC):  # noqa: B024
    """A class that asks who is an instance of it."""


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
        self.norm = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
        self.mode: object = None

    def ask(self, x: Tensor) -> Tensor:
        y = x.sin() if x.shape[0] > 1 else sine(x)
        for layer in self.layers[: len(self.layers) - 1]:
            y = layer(y)
        y = self.norm(self.layers[-1](y))
        return y if isinstance(self.mode, Mode) else F.dropout(y, 0.5, self.training)

    def forward(self, x: Tensor) -> Tensor:
        return self.ask(x)


SETTLED: list[Callable[[], Program]] = [
    lambda: in_passing, lambda: comprehensions, lambda: functions_inside, lambda: loops,
    lambda: Layers().eval(),
]  # fmt: skip


def same_tensor_after_nothing(x: Tensor) -> Tensor:
    def asks() -> Tensor:
        y = x.sin() if x.shape[0] > 1 else sine(x)

        def inside(z: Tensor) -> Tensor:
            return z + 1 if F.dropout(z, 0.5, training=False) is z else z - 1

        return inside(y)

    return asks()


def named_before(x: Tensor) -> Tensor:
    n = 7

    def asks(n: int) -> Tensor:
        if (x.shape[0] > 3 and (n := 1)) or x.shape[0] > 1:
            return x + n
        return x + 7

    return asks(n)


def used_up(x: Tensor) -> Tensor:
    y = x.sin() if x.shape[0] > 1 else sine(x)
    pairs = zip((1, 2), (3, 4), strict=False)
    for a, b in pairs:
        y = y * a + b
    for a, b in pairs:
        y = y * a + b
    return y


def later_seen(x: Tensor) -> Tensor:
    y = x.sin() if x.shape[0] > 1 else sine(x)
    by = 1.0

    def scaled(z: Tensor) -> Tensor:
        return z * by

    by = 3.0
    return scaled(y) * sum(f(1.0) for f in [lambda z, i=i: z * i for i in range(3)])


def other_kinds(x: Tensor) -> Tensor:
    y = x.sin() if x.shape[0] > 1 else sine(x)
    items = enumerate((1, 2))
    add = lambda z: z + 1  # noqa: E731
    return y * 2 if isinstance(items, tuple) or isinstance(add, tuple) else add(y)


class Training(Layers):
    """Its running statistics change with each call."""

    def ask(self, x: Tensor) -> Tensor:
        y = x.sin() if x.shape[0] > 1 else sine(x)
        return self.norm[0](y) + self.norm[0].running_mean


def differs(x: Tensor) -> Tensor:
    return x.sin() if [n for n in x.shape if n > 3] else x.cos()


OTHERS: list[Callable[[], Program]] = [
    lambda: same_tensor_after_nothing, lambda: named_before, lambda: used_up, lambda: later_seen,
    lambda: other_kinds, lambda: differs,
]  # fmt: skip


@pytest.mark.parametrize("make", SETTLED)
def test_what_has_no_effect_is_evaluated(make: Callable[[], Program], settled: list[bool]) -> None:
    assert require_same(make(), Dim.DYNAMIC) == 4
    assert any(settled)


def test_a_question_about_all_items_has_its_sides_as_an_operator() -> None:
    """What follows in a function that runs converted is not as the example has it."""
    assert require_same(any_of_sizes, Dim.DYNAMIC) == 4


@pytest.mark.parametrize("make", OTHERS)
def test_what_is_told_by_python_alone_is_as_python_tells(make: Callable[[], Program]) -> None:
    assert require_same(make()) >= 1


def test_running_statistics_are_as_in_eager_mode() -> None:
    torch.manual_seed(0)
    model, eager = Training(), Training()
    eager.load_state_dict(model.state_dict())
    x = torch.randn(2, 3)
    program = monograph.export(model, (x,), dynamic_shapes=({0: Dim.AUTO},)).module()
    for rows in (2, 5, 4):
        given = torch.randn(rows, 3)
        torch.testing.assert_close(program(given), eager(given))


def test_what_is_tried_in_vain_is_tried_once() -> None:
    from monograph.capture import settling

    tried: list[object] = []
    original = settling._Comparison.reads

    def reads(self: Any) -> Any:
        tried.append((self.frame.f_code, self.frame.f_lasti, str(self.test), self.answer))
        return original(self)

    settling._Comparison.reads = reads  # type: ignore[method-assign]
    try:
        monograph.export(differs, (torch.randn(2, 3),), dynamic_shapes=({0: Dim.AUTO},))
    finally:
        settling._Comparison.reads = original  # type: ignore[method-assign]
    assert tried
    assert len(tried) == len(set(tried))
