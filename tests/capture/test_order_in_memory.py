"""What depends on the order of elements in memory: draws, and writes that read what they write."""

import pytest
import torch

import monograph
from monograph import Dim
from monograph.testing import assert_equal
from monograph.verification import drawn_tensor

LAYS = {
    "row-major": lambda x: x.clone(),
    "turned": lambda x: x.mT.contiguous().mT,
    "channels last": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
}
WRITES = {
    "copy": lambda x, y: y.copy_(x),
    "copy of another dtype": lambda x, y: y.copy_(x.double()),
    "item": lambda x, y: y.__setitem__(slice(None), x),
    "out": lambda x, y: torch.sin(x, out=y),
    "data": lambda x, y: y.data.copy_(x),
    "through a view": lambda x, y: y.mT.copy_(x.mT),
    "masked": lambda x, y: y.masked_fill_(x > 0, 2),
    "scattered": lambda x, y: y.scatter_(0, torch.zeros(x.shape, dtype=torch.int64), x),
    "product": lambda x, y: y.mul_(x),
}


class _Model(torch.nn.Module):
    def __init__(self, writes, where, table):
        super().__init__()
        self.writes, self.where = writes, where
        self.register_buffer("table", table)

    def forward(self, x, y):
        y = {"argument": lambda: y, "copy": y.clone, "buffer": lambda: self.table}[self.where]()
        self.writes(x, y)
        drawn = torch.nn.functional.dropout(y, 0.5), torch.nn.functional.dropout(y * 2, 0.5)
        return *drawn, torch.rand(2)


@pytest.mark.parametrize("where", ["argument", "copy", "buffer"])
@pytest.mark.parametrize("writes", WRITES)
def test_draws_for_what_was_overwritten(writes, where):
    """The numbers go to the elements in eager mode's order, or other layouts are refused."""
    base = torch.randn(3, 4, 5)
    compared = 0
    for lies in ("row-major", "turned"):
        model = _Model(WRITES[writes], where, LAYS[lies](base))
        other = _Model(WRITES[writes], where, LAYS[lies](base))
        module = monograph.export(model, (base.clone(), LAYS[lies](base))).module()
        for left in LAYS.values():
            for right in LAYS.values():
                torch.manual_seed(0)
                expected = other(left(base), right(base))
                torch.manual_seed(0)
                try:
                    found = module(left(base), right(base))
                except monograph.InputError:
                    other.table.copy_(base)
                    module.table.copy_(base)
                    continue
                compared += 1
                torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert compared >= 2


MEETING = {
    "a column": lambda y: y.add_(y.narrow(-1, 0, 1)),
    "the next column": lambda y: y[:, 1:].add_(y[:, :-1]),
    "a copy of the next column": lambda y: y[:, 1:].copy_(y[:, :-1]),
    "turned": lambda y: y[:3, :3].add_(y[:3, :3].mT),
    "out": lambda y: torch.add(y, y[:, :1], out=y),
}
APART = {
    "another column": lambda y: y[:, 0].add_(y[:, 1]),
    "itself": lambda y: y.mul_(y),
    "a view of all": lambda y: y.mul_(y.view_as(y)),
    "the other half": lambda y: y[:, :2].copy_(y[:, 2:]),
    "every second": lambda y: y[..., ::2].add_(y[..., 1::2]),
    "a row of another": lambda y: y[:3, :3].diagonal().add_(y[0, 1:4].clone()),
    "a cumulative sum": lambda y: torch.cumsum(y, 0, out=y),
}
SIZES = [None, ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)]


@pytest.mark.parametrize("shapes", SIZES)
@pytest.mark.parametrize("writes", MEETING.values(), ids=list(MEETING))
def test_writes_that_read_what_they_write_elsewhere(writes, shapes):
    """Their results depend on the order in which the elements are computed."""
    with pytest.raises(monograph.MutationError, match="MG-M105"):
        monograph.export(lambda y: writes(y.clone()), (torch.randn(5, 4),), dynamic_shapes=shapes)


@pytest.mark.parametrize("shapes", SIZES)
@pytest.mark.parametrize("writes", APART.values(), ids=list(APART))
def test_writes_that_read_elsewhere(writes, shapes):
    def model(y):
        y = y.clone()
        writes(y)
        return y

    program = monograph.export(model, (torch.randn(5, 4),), dynamic_shapes=shapes)
    x = torch.randn(5, 4)
    assert torch.equal(program.module()(x), model(x))


@pytest.mark.parametrize("makes", [lambda x: x.softmax(-1), lambda x: x * 2])
@pytest.mark.parametrize("shapes", [None, ({0: Dim.DYNAMIC},)])
def test_turned_in_place_after_contiguous(makes, shapes):
    """``contiguous`` may have given the very tensor, which is turned then."""

    def model(x):
        y = makes(x)
        z = y.contiguous()
        y.t_()
        return z

    with pytest.raises(monograph.MutationError, match="MG-M105"):
        monograph.export(model, (torch.ones(3, 4),), dynamic_shapes=shapes)


@pytest.mark.parametrize("number", [2, True, 0.5])
def test_copies_of_numbers(number):
    def model(x):
        return x.clone().copy_(number), x.clone().copy_(x.shape[0]), x.copy_(x.shape[1] / 2)

    program = monograph.export(model, (torch.ones(3, 4),), dynamic_shapes=({0: Dim.DYNAMIC},))
    program.verify(model)


def test_writes_into_integers_of_what_requires_a_gradient():
    def model(x, y):
        y[..., 1] = x[1]
        return x.sin()

    program = monograph.export(model, (torch.ones(4), torch.ones(3, 4, dtype=torch.uint8)))
    x = torch.full((4,), 3.0, requires_grad=True)
    mine, theirs = (torch.ones(3, 4, dtype=torch.uint8) for _ in range(2))
    assert torch.equal(program.module()(x, mine), model(x, theirs))
    assert torch.equal(mine, theirs)


def test_an_infinity_beside_another_part():
    """The parts of complex numbers are compared one by one, and up to the tolerance."""
    one, other = (torch.tensor([complex(-float("inf"), 1 + e)]) for e in (0, 1e-6))
    assert_equal(one, other, tolerance=1e-5)
    with pytest.raises(AssertionError):
        assert_equal(one, torch.tensor([complex(float("inf"), 1)]), tolerance=1e-5)
    with pytest.raises(AssertionError):
        assert_equal(one, torch.tensor([complex(-float("inf"), 2)]), tolerance=1e-5)
    nothing = torch.tensor([complex(float("nan"), 1)])
    assert_equal(nothing, torch.tensor([complex(2, float("nan"))]), tolerance=1e-5)


def test_draws_of_a_contract_lie_otherwise():
    """The same by drawn calls."""

    def model(x, y):
        y.copy_(x)
        return torch.nn.functional.dropout(y, 0.5)

    example = drawn_tensor((2, 3, 4), torch.float32, seed=0)
    monograph.export(model, (example, example.clone())).verify(model, samples=20)
