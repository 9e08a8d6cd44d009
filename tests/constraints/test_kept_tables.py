"""Tables in memory that a model keeps, with a number beside it: how much of it is made.

Generated: where the memory is, how it is asked for, what is used of it, and which sizes were
called before. The program makes the table of each call anew, as in eager mode it were.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

import monograph
from monograph import Dim, MonographError

ROWS = 48


class Kept(nn.Module):
    """Memory for ``ROWS`` rows, of which ``n`` are made."""

    def __init__(self, ask: str, memory: str) -> None:
        super().__init__()
        self.ask = ask
        self.n = 0
        self.frequencies = nn.Parameter(torch.tensor([1.0, 0.3, 0.1]), requires_grad=False)
        if memory == "attribute":
            self.rows = torch.zeros(ROWS, 3)
        else:
            self.register_buffer("rows", torch.zeros(ROWS, 3), persistent=memory == "saved")

    def made(self, n: int) -> Tensor:
        return torch.arange(n)[:, None] * self.frequencies + 1

    def has(self, n: int) -> bool:
        return n == self.n if self.ask == "==" else n <= self.n if self.ask == "<=" else n < self.n


class Read(Kept):
    """What is used is read from the memory."""

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        if not self.has(n):
            self.rows[:n] = self.made(n)
            self.n = n
        return x * self.rows[:n]


class Given(Kept):
    """What has been made is used itself; more than the memory can hold is not kept."""

    def table(self, n: int) -> Tensor:
        if n <= ROWS and self.has(n):
            return self.rows[:n].detach()
        made = self.made(n)
        if n <= ROWS:
            self.rows[:n] = made.detach()
            self.n = n
        return made

    def forward(self, x: Tensor) -> Tensor:
        return x * self.table(x.shape[1])


class Twice(Given):
    """Both ways in one call."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(super().forward(x) + 1)


class Two(nn.Module):
    """Cosines and sines."""

    def __init__(self, ask: str, memory: str) -> None:
        super().__init__()
        self.one, self.other = Given(ask, memory), Read(ask, memory)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x).cos() + self.other(x).sin()


WAYS = (Read, Given, Twice, Two)
ASKS = ("<=", "<", "==")
MEMORIES = ("buffer", "attribute", "saved")
BEFORE = ((), (5,), (3,), (9, 3))
ALL = list(itertools.product(WAYS, ASKS, MEMORIES, BEFORE, (False, True)))
CALLS = (5, 3, 9, 5, 1, 12, 2, 40, 12, 5)


def outcome(
    way: type[nn.Module], ask: str, memory: str, before: tuple[int, ...], strict: bool
) -> str:
    """``right``, ``narrowed``, ``refused``, or what is wrong."""
    model, eager = way(ask, memory), way(ask, memory)
    for n, each in itertools.product(before, (model, eager)):
        each(torch.ones(2, n, 3))
    varies = ({0: Dim.AUTO, 1: Dim.AUTO},)
    try:
        exported = monograph.export(
            model, (torch.randn(2, 5, 3),), dynamic_shapes=varies, strict=strict
        )
    except MonographError:
        return "refused"
    program, found = exported.module(), "right"
    for i, n in enumerate(CALLS):
        x = torch.randn(1 + i % 3, n, 3)
        try:
            got = program(x)
        except monograph.InputError:
            found = "narrowed"
            continue  # such a call has not been
        want = eager(x)
        if got.shape != want.shape or not torch.allclose(got, want, rtol=1e-5, atol=1e-5):
            return f"call {i + 1} of size {n} differs"
        if found == "right" and not _are_alike(program.state_dict(), eager.state_dict()):
            return f"after call {i + 1} of size {n} the state differs"
    return found


def _are_alike(mine: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return all(torch.allclose(mine[name], theirs[name]) for name in theirs)


def wrong(cases: list[tuple[object, ...]]) -> dict[object, str]:
    found = {case: outcome(*case) for case in cases}
    return {case: what for case, what in found.items() if "differs" in what}


def test_some_are_never_wrong() -> None:
    assert not wrong([case for case in ALL[2::14] if not case[4]])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_none_is_wrong(way: type[nn.Module]) -> None:
    assert not wrong([case for case in ALL if case[0] is way])


RIGHT = [
    (way, "<=", memory, before)
    for way in (Read, Given, Twice)
    for memory in ("buffer", "attribute")
    for before in ((), (5,))
]


@pytest.mark.parametrize(("way", "ask", "memory", "before"), RIGHT)
def test_right_for_all_sizes(
    way: type[nn.Module], ask: str, memory: str, before: tuple[int, ...]
) -> None:
    assert outcome(way, ask, memory, before, strict=False) == "right"


class Spread(Given):
    """The first rows of a longer table are no shorter table."""

    def made(self, n: int) -> Tensor:
        return torch.linspace(0, 1, n)[:, None] * self.frequencies


class Sum(Read):
    """All of the memory is used, what other calls have left there too."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.rows.sum()


class Before(Read):
    """It is used before it is written."""

    def forward(self, x: Tensor) -> Tensor:
        before = self.rows.sum()
        return super().forward(x) + before


class More(Read):
    """The row after those that are made is used."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.rows[x.shape[1]]


class OfData(Read):
    def forward(self, x: Tensor) -> Tensor:
        self.mean = x.mean()
        return super().forward(x)

    def made(self, n: int) -> Tensor:
        return super().made(n) + self.mean


class Whole(Read):
    """The memory itself is returned."""

    def forward(self, x: Tensor) -> Tensor:
        super().forward(x)
        return self.rows


class Scaled(Read):
    """What is there is changed."""

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        if not self.has(n):
            self.rows.mul_(2)
            self.rows[:n].add_(1)
            self.n = n
        return x * self.rows[:n]


class Shared(nn.Module):
    """Two tables in one memory, each with a number of its own."""

    def __init__(self, ask: str, memory: str) -> None:
        super().__init__()
        self.one, self.other = Read(ask, memory), Read(ask, memory)
        self.other.rows = self.one.rows
        self.other.frequencies = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) + self.other(x[:, :2]).sum(1, keepdim=True)


ODD = (Spread, Sum, Before, More, OfData, Whole, Scaled, Shared)
ALL_ODD = list(itertools.product(ODD, ASKS, MEMORIES, BEFORE, (False,)))


def test_odd_ones_are_refused_or_right() -> None:
    assert not wrong([case for i, case in enumerate(ALL_ODD) if i % 13 == 5])


@pytest.mark.slow
@pytest.mark.parametrize("way", ODD)
def test_no_odd_one_is_wrong(way: type[nn.Module]) -> None:
    assert not wrong([case for case in ALL_ODD if case[0] is way])
