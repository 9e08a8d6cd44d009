"""Tables that an earlier call has made: one program for all sizes, as without that call.

Generated: how a table is kept, what it is made of, and which sizes were called before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import monograph
from monograph import Dim

Build = Callable[[int], Tensor]


def _counts(n: int) -> Tensor:
    return torch.arange(n).float()[:, None]


def _waves(n: int) -> Tensor:
    table = torch.zeros(n, 4)
    angles = torch.arange(n).float()[:, None] * torch.exp(torch.arange(0, 4, 2).float() * -1.2)
    table[:, 0::2] = torch.sin(angles)
    table[:, 1::2] = torch.cos(angles)
    return table


def _filled(n: int) -> Tensor:
    table = torch.empty(n, 1)
    table.fill_(0.5)
    return table.cumsum(0)


class _Kept(nn.Module):
    def __init__(self, build: Build) -> None:
        super().__init__()
        self.build = build
        self.tables: dict[object, Tensor] = {}
        self.length: int | None = None
        self.table: Tensor | None = None


class NotIn(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        if n not in self.tables:
            self.tables[n] = self.build(n)
        return x + self.tables[n]


class Get(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        found = self.tables.get(x.size(1))
        if found is None:
            found = self.build(x.size(1))
            self.tables[x.size(1)] = found
        return x + found


class SetDefault(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        return x * self.tables.setdefault(n, self.build(n))


class Tried(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        try:
            return x + self.tables[n]
        except KeyError:
            self.tables[n] = self.build(n)
            return x + self.tables[n]


class Pairs(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        key = (x.shape[1], x.shape[0], "cpu")
        if key not in self.tables:
            self.tables[key] = self.build(key[0]) * key[1]
        return x + self.tables[key]


class LastLength(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        if self.length != x.size(1):
            self.length = x.size(1)
            self.table = self.build(x.size(1))
        return x + self.table


class Other(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        if self.table is None or self.table.shape[0] != x.shape[1]:
            self.table = self.build(x.shape[1])
        return x + self.table


class Grows(_Kept):
    def forward(self, x: Tensor) -> Tensor:
        if self.table is None or self.table.size(0) < x.size(1):
            self.table = self.build(x.size(1))
        return x + self.table[: x.size(1)]


class GrowsTwofold(_Kept):
    def __init__(self, build: Build) -> None:
        super().__init__(build)
        self.register_buffer("rows", build(2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > self.rows.shape[0]:
            self.rows = self.build(2 * x.shape[1])
        return x + self.rows[: x.shape[1]]


WAYS = (NotIn, Get, SetDefault, Tried, Pairs, LastLength, Other, Grows, GrowsTwofold)
BUILDS = (_counts, _waves, _filled)
BEFORE = ((), (7,), (3, 9))
ALL = list(itertools.product(WAYS, BUILDS, BEFORE, (False, True)))
SAMPLE = [each for i, each in enumerate(ALL) if i % 9 == 4] + [
    (way, _waves, (7,), False) for way in WAYS
]


def _named(case: tuple[object, ...]) -> str:
    way, build, before, strict = case
    return f"{way.__name__}-{build.__name__}-{before}-{'strict' if strict else 'default'}"


def _check(way: type[_Kept], build: Build, before: tuple[int, ...], strict: bool) -> None:
    module = way(build)
    for n in before:
        module(torch.randn(2, n, 4))
    tables = dict(module.tables), module.table
    sizes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(module, (torch.randn(2, 7, 4),), dynamic_shapes=sizes, strict=strict)
    assert (dict(module.tables), module.table) == tables
    for call in (program.module(), program.run_decompositions().module()):
        for n in (7, 9, 3, 2, 1, 0, 20, 7):
            for batch in (2, 1, 0):
                x = torch.randn(batch, n, 4)
                torch.testing.assert_close(call(x), module(x))


@pytest.mark.parametrize("case", SAMPLE, ids=_named)
def test_some_tables(case: tuple[type[_Kept], Build, tuple[int, ...], bool]) -> None:
    _check(*case)


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=_named)
def test_all_tables(case: tuple[type[_Kept], Build, tuple[int, ...], bool]) -> None:
    _check(*case)


def _spread(n: int) -> Tensor:
    return torch.linspace(0, 1, n)[:, None]


@pytest.mark.parametrize("way", [Grows, GrowsTwofold])
def test_a_table_whose_first_rows_are_not_a_smaller_table_is_not_made_anew(
    way: type[_Kept],
) -> None:
    module = way(_spread)
    module(torch.randn(2, 7, 4))
    sizes = ({1: Dim.AUTO},)
    x = torch.randn(2, 7, 4)
    call = monograph.export(module, (x,), dynamic_shapes=sizes).module()
    for n in (7, 5, 2, 1):
        x = torch.randn(2, n, 4)
        torch.testing.assert_close(call(x), module(x))


@pytest.mark.parametrize("way", [NotIn, Get, Tried, LastLength, Other])
def test_a_table_that_is_another_than_would_be_made_stays(way: type[_Kept]) -> None:
    module = way(_counts)
    x = torch.randn(2, 7, 4)
    module(x)
    for table in (*module.tables.values(), module.table):
        if table is not None:
            table[3] += 5
    want = module(x)
    call = monograph.export(module, (x,), dynamic_shapes=({1: Dim.AUTO},)).module()
    torch.testing.assert_close(call(x), want)
    other = torch.randn(2, 5, 4)
    with pytest.raises(monograph.InputError):
        call(other)


def test_a_dictionary_that_is_returned_has_the_key_of_the_example() -> None:
    def keyed(x: Tensor) -> dict[int, Tensor]:
        found = {}
        found[x.shape[0]] = x * 2
        return found

    x = torch.randn(3, 2)
    call = monograph.export(keyed, (x,), dynamic_shapes=({0: Dim.AUTO},)).module()
    assert list(call(x)) == [3]
    with pytest.raises(monograph.InputError):
        call(torch.randn(4, 2))
