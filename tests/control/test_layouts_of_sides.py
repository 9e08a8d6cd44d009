"""Branches and loops whose sides lay a tensor out each in its own way, and what asks for that."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from sampling import some_of
from torch import nn

import monograph
from monograph import (
    ControlFlowError,
    Dim,
    OperatorError,
    PythonFeatureError,
    ShapeError,
    export,
)

SIDES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "new": lambda x: x * 2,
    "by columns": lambda x: x.t().contiguous().t(),
    "with gaps": lambda x: torch.cat([x, x], 1)[:, :4],
    "repeated": lambda x: x[:1].expand(x.shape[0], 4),
    "summed": lambda x: x.sum(1, keepdim=True).expand(-1, 4),
    "itself": lambda x: x,
}


def _written(y: torch.Tensor) -> torch.Tensor:
    z = y.reshape(-1)
    z.add_(1)
    return y + z.view(-1, 4)


USES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "stride": lambda y: y * y.stride(0),
    "is_contiguous": lambda y: y * 2 if y.is_contiguous() else y * 3,
    "of what keeps it": lambda y: y * y.relu().stride(1),
    "written through reshape": _written,
    "by address": lambda y: torch.as_strided(y, (2, 2), (1, 2)) + 1,
    "offset": lambda y: y + y[1:].storage_offset(),
    "view": lambda y: y.view(-1),
}


class BySize(nn.Module):
    def __init__(self, few: str, many: str, use: str) -> None:
        super().__init__()
        self.few, self.many, self.use = SIDES[few], SIDES[many], USES[use]

    def forward(self, x: torch.Tensor, flag: torch.Tensor) -> torch.Tensor:
        x = x * 1
        if x.shape[0] > 4:  # noqa: SIM108
            y = self.many(x)
        else:
            y = self.few(x)
        return self.use(y)


class ByData(BySize):
    def forward(self, x: torch.Tensor, flag: torch.Tensor) -> torch.Tensor:
        x = x * 1
        if flag > 0:  # noqa: SIM108
            y = self.many(x)
        else:
            y = self.few(x)
        return self.use(y)


def _called(
    program: Callable[..., torch.Tensor], x: torch.Tensor, flag: torch.Tensor
) -> torch.Tensor | None:
    try:
        return program(x.clone(), flag)
    except (RuntimeError, monograph.InputError):
        return None


def _compare(model: nn.Module, example: int, flags: tuple[int, ...]) -> int:
    """How many calls are as in eager mode; a call may be refused."""
    given = (torch.rand(example, 4), torch.tensor(flags[0]))
    try:
        shapes = ({0: Dim.DYNAMIC}, None)
        program = export(model, given, dynamic_shapes=shapes, strict=True)
    except (PythonFeatureError, ControlFlowError, OperatorError, ShapeError):
        return 0
    found = 0
    for rows in (example, 2, 3, 6):
        for flag in flags:
            args = (torch.rand(rows, 4), torch.tensor(flag))
            actual, expected = _called(program.module(), *args), _called(model, *args)
            if actual is not None and expected is not None:
                torch.testing.assert_close(actual, expected)
                found += 1
    return found


_PAIRS = [(a, b) for a in SIDES for b in SIDES if a != b]
_USED = [(use, *pair) for use in USES for pair in _PAIRS]


@pytest.mark.parametrize(("use", "few", "many"), some_of(_USED, 14))
def test_sides_of_sizes(use: str, few: str, many: str) -> None:
    model = BySize(few, many, use)
    for example in (3, 6):
        runs = _called(model, torch.rand(example, 4), torch.tensor(0)) is not None
        assert not runs or _compare(model, example, (0,))


@pytest.mark.parametrize(("use", "few", "many"), some_of(_USED, 14))
def test_sides_of_data(use: str, few: str, many: str) -> None:
    _compare(ByData(few, many, use), 6, (1, 0))


def test_both_sides_are_in_the_program() -> None:
    assert _compare(BySize("new", "by columns", "of what keeps it"), 6, (0,)) == 4
    assert _compare(ByData("new", "by columns", "stride"), 6, (0, 1)) == 8


class Looping(nn.Module):
    def __init__(self, start: str, step: Callable[[torch.Tensor], torch.Tensor], use: str) -> None:
        super().__init__()
        self.start, self.step, self.use = SIDES[start], step, USES[use]

    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        y = self.start(x)
        for _ in range(count):
            y = self.step(y)
        return self.use(y)


@pytest.mark.parametrize(
    ("use", "start", "step"),
    itertools.product(
        ("stride", "is_contiguous", "written through reshape"),
        ("new", "by columns", "with gaps"),
        ("new", "by columns"),
    ),
)
def test_iterations(use: str, start: str, step: str) -> None:
    _compare(Looping(start, SIDES[step], use), 6, (0, 1, 2))


def test_iterations_that_keep_the_order() -> None:
    assert _compare(Looping("by columns", torch.relu, "stride"), 6, (0, 1, 2)) == 12


def test_random_numbers_follow_the_memory() -> None:
    class Drawing(nn.Module):
        def forward(self, x: torch.Tensor, flag: torch.Tensor) -> torch.Tensor:
            y = x * 2 if flag > 0 else x.t().contiguous().t()
            return torch.rand_like(y)

    x = torch.rand(3, 4)
    program = export(Drawing(), (x, torch.tensor(1)), strict=True).module()
    for flag in (torch.tensor(0), torch.tensor(1)):
        torch.manual_seed(0)
        expected = Drawing()(x, flag)
        torch.manual_seed(0)
        torch.testing.assert_close(program(x, flag), expected)


def test_results_are_listed() -> None:
    class Returned(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = x * 2 if x.shape[0] > 4 else x.t().contiguous().t()
            return x + 1, y.relu()

    shapes = ({0: Dim.DYNAMIC},)
    program = export(Returned(), (torch.rand(6, 4),), dynamic_shapes=shapes, strict=True)
    texts = [found.text for found in program.assumptions if found.kind == "layout"]
    assert len(texts) == 1
    assert texts[0].startswith("result 1 lies in memory as f32[s0, 4] with the strides (4, 1);")


def test_what_is_perhaps_a_copy_stays_so_after_a_branch() -> None:
    class Written(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = x * 3 if x.shape[0] > 4 else x.t().contiguous().t()
            x.add_(1)
            return x, y * 2

    shapes = ({0: Dim.DYNAMIC},)
    program = export(Written(), (torch.rand(6, 4),), dynamic_shapes=shapes, strict=True)
    for rows in (6, 3, 1):
        x = torch.rand(rows, 4)
        try:
            actual = program.module()(x.clone())
        except monograph.InputError:
            assert rows == 1
        else:
            torch.testing.assert_close(actual, Written()(x.clone()))
