"""Questions are settled in the functions that ask them, and only where nothing else differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import monograph
from monograph import Dim
from monograph.capture import settling

Program = Callable[[Tensor], Any]
COUNTS = {"calls": 0}


def is_long(x: Tensor) -> bool:
    return x.shape[0] > 1


def attention(x: Tensor, mask: Tensor | None = None) -> Tensor:
    q = x[None, None]
    is_causal = q.shape[2] > 1 and mask is None
    if is_causal and mask is not None:
        q = q + mask
    return F.scaled_dot_product_attention(q, q, q, is_causal=is_causal).transpose(1, 2).contiguous()


def of_a_flag(x: Tensor) -> Tensor:
    return attention(x.sin()).cos()


def of_the_caller(x: Tensor) -> Tensor:
    y = x.sin()
    if is_long(y):
        return y.relu()
    return y.relu()


def expanded(x: Tensor) -> Tensor:
    position = torch.arange(3).unsqueeze(0)
    if x.shape[0] != position.shape[0]:
        position = position.expand(x.shape[0], -1)
    elif x.dim() > 5:
        position = position + 1
    return x + position


def in_a_container(x: Tensor) -> Any:
    is_one = x.shape[0] == 1 and x.dim() > 5
    made: dict[str, Any] = {"first": x.sin()}
    for by in (1, 2):
        if not is_one:
            made[f"first and {by}"] = made["first"] + by
    return made


def by_keywords(x: Tensor) -> Tensor:
    def scaled(y: Tensor, by: float = 2.0, *more: float, flag: bool, **rest: float) -> Tensor:
        return y * (by if flag else 3.0) * more[0] * rest["third"]

    return scaled(x.sin(), 3.0, *(4.0,), flag=is_long(x), **{"third": 0.5})


SETTLED: list[Program] = [of_a_flag, of_the_caller, expanded, in_a_container, by_keywords]


def counts(x: Tensor) -> Tensor:
    if x.shape[0] > 1:
        COUNTS["calls"] += 1
    return x.sin()


def remembers(x: Tensor) -> Tensor:
    seen: list[int] = []

    def asks() -> Tensor:
        if x.shape[0] > 1:
            seen.append(1)
        return x.sin()

    return asks() * len(seen)


def nonlocal_one(x: Tensor) -> Tensor:
    flag = 1.0

    def change() -> None:
        nonlocal flag
        flag = 2.0

    def asks() -> Tensor:
        if x.shape[0] > 1:
            change()
        return x.sin()

    return asks() * flag


def seen_by_others(x: Tensor) -> Tensor:
    def inside() -> tuple[Tensor, Callable[[], float]]:
        scale = 1.0

        def read() -> float:
            return scale

        if x.shape[0] > 1:
            scale = 2.0
        return x.sin(), read

    y, read = inside()
    return y * read()


def writes_what_is_given(x: Tensor) -> Tensor:
    held = {"by": 1.0}

    def asks() -> Tensor:
        if x.shape[0] > 1:
            held["by"] = 2.0
        return x.sin()

    return asks() * held["by"]


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0
        self.asked = 0

    @property
    def noted(self) -> float:
        self.asked += 1
        return float(self.asked)

    def ask(self, x: Tensor) -> Tensor:
        if x.shape[0] > 1:
            self.scale = 2.0
        return x.sin()

    def forward(self, x: Tensor) -> Tensor:
        self.scale = 1.0
        return self.ask(x) * self.scale


class WithProperty(Holder):
    def ask(self, x: Tensor) -> Tensor:
        return x * self.noted if x.shape[0] > 1 else x * 1.0

    def forward(self, x: Tensor) -> Tensor:
        self.asked = 0
        return self.ask(x) + self.asked


def itself_or_a_copy(x: Tensor) -> Tensor:
    y = x.sin()

    def asks() -> Tensor:
        return y.clone() if x.shape[0] > 1 else y

    asks().add_(1)
    return y


def one_or_two(x: Tensor) -> Tensor:
    def asks() -> tuple[Tensor, Tensor]:
        y = x.sin()
        return (y, y) if x.shape[0] > 1 else (y, y.view(y.shape))

    y, z = asks()
    return x + 1 if y is z else x - 1


def one_memory_or_two(x: Tensor) -> Tensor:
    def asks() -> tuple[Tensor, Tensor]:
        y = x.sin()
        return (y, x.sin()) if x.shape[0] > 1 else (y, y)

    y, z = asks()
    y.add_(1)
    return z


def a_number(x: Tensor) -> Tensor:
    return x * (2.0 if is_long(x) else 3.0)


def of_strides(x: Tensor) -> Tensor:
    y = x.t()
    return y.sin() + y.stride(0) if x.shape[0] > 1 else y.sin() + y.stride(1)


def without_gradient(x: Tensor) -> Tensor:
    def asks() -> Tensor:
        if x.shape[0] > 1:
            with torch.no_grad():
                return x.sin()
        return x.sin()

    return asks()


def in_a_loop(x: Tensor) -> Tensor:
    for i in range(3):
        if x.shape[0] > 1:
            x = x + i
    return x


def caught(x: Tensor) -> Tensor:
    def asks() -> Tensor:
        try:
            return x[:, 5] if x.shape[0] > 1 else x[:, 4]
        except IndexError:
            return x[:, 0]

    return asks().sin()


def nested(x: Tensor) -> Tensor:
    y = x.sin()
    if x.shape[0] > 1:
        return y + 1
    if x.shape[0] > 0:
        return y + 2
    return y + 1


OTHERS: list[Callable[[], Program]] = [
    lambda: counts, lambda: remembers, lambda: nonlocal_one, lambda: seen_by_others,
    lambda: writes_what_is_given, Holder, WithProperty, lambda: itself_or_a_copy,
    lambda: one_or_two, lambda: one_memory_or_two, lambda: a_number, lambda: of_strides,
    lambda: without_gradient, lambda: in_a_loop, lambda: caught, lambda: nested,
]  # fmt: skip


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows with each comparison: whether it has settled a question."""
    found: list[bool] = []
    original = settling._Comparison.reads

    def reads(self: Any) -> Any:
        read = original(self)
        found.append(read is not None)
        return read

    monkeypatch.setattr(settling._Comparison, "reads", reads)
    return found


def require_same(program: Program, dim: Any = Dim.AUTO) -> int:
    """How many sizes the exported program takes; for each it gives what the program gives."""
    exported = monograph.export(program, (torch.randn(2, 3),), dynamic_shapes=({0: dim},)).module()
    taken = 0
    for rows in (2, 1, 0, 5):
        x = torch.randn(rows, 3)
        try:
            found = exported(x.clone())
        except monograph.MonographError:
            continue
        torch.testing.assert_close(found, program(x.clone()), equal_nan=True)
        taken += 1
    return taken


@pytest.mark.parametrize("program", SETTLED, ids=lambda program: program.__name__)
def test_what_is_no_matter_is_settled(program: Program, settled: list[bool]) -> None:
    assert require_same(program, Dim.DYNAMIC) == 4
    assert any(settled)


@pytest.mark.parametrize("make", OTHERS)
def test_what_is_a_matter_is_not(make: Callable[[], Program]) -> None:
    assert require_same(make()) >= 1


def test_effects_are_not_tried(settled: list[bool]) -> None:
    for make in OTHERS[:7]:
        monograph.export(make(), (torch.randn(2, 3),), dynamic_shapes=({0: Dim.AUTO},))
    assert len(settled) >= 7
    assert not any(settled)


class Block(nn.Module):
    def __init__(self, index: int, heads: int) -> None:
        super().__init__()
        self.index = index
        self.heads = heads
        self.linear = nn.Linear(3, 3)

    def mix(self, x: Tensor) -> Tensor:
        q = x[None, None]
        is_causal = q.shape[2] > 1 and self.heads > 0
        return F.scaled_dot_product_attention(q, q, q, is_causal=is_causal)[0, 0]

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.mix(x))


def test_what_was_settled_in_one_layer_is_settled_in_all(settled: list[bool]) -> None:
    model = nn.Sequential(*(Block(i, 1) for i in range(6)))
    assert require_same(model.eval(), Dim.DYNAMIC) == 4
    assert settled == [True, True]  # the first layer is given an argument, the others results


def test_another_attribute_is_another_question(settled: list[bool]) -> None:
    model = nn.Sequential(*(Block(i, i % 2) for i in range(6)))
    assert require_same(model.eval(), Dim.DYNAMIC) == 4
    assert settled == [True, True, True]


def test_a_question_that_stays_leaves_the_settled_ones() -> None:
    def program(x: Tensor) -> Tensor:
        y = expanded(x)
        return y.sin() if y.shape[0] > 3 else y.cos()

    exported = monograph.export(program, (torch.randn(2, 3),), dynamic_shapes=({0: Dim.AUTO},))
    assert str(exported.range_constraints["s0"]) == "VR[0, 3]"
    for rows in range(4):
        x = torch.randn(rows, 3)
        assert torch.equal(exported.module()(x), program(x))


@monograph.convert
def marked(x: Tensor) -> Tensor:
    if x.sum() > 0:
        x = x + 1
    return x


def test_a_function_that_is_marked_elsewhere_is_no_matter(settled: list[bool]) -> None:
    monograph.export(marked, (torch.ones(3),))
    require_same(of_a_flag, Dim.DYNAMIC)
    assert any(settled)
