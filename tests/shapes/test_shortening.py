"""Long conditions about numbers that are only known at run time, as short ones."""

import itertools

import pytest
import torch

import monograph
from monograph.shapes.expr import Scope
from monograph.shapes.questions import equal, text_of, truth
from monograph.shapes.shortening import shortened


def cut(scope, index, size):
    """A bound of a slice of ``size`` elements, as the slice takes it."""
    negative = scope.positive_part(-index) - scope.positive_part(-index - 1)
    return scope.positive_part(scope.minimum(index + size * negative, size))


@pytest.mark.parametrize("example", [{"u": 0, "v": 7}, {"u": -20, "v": 7}, {"u": 57, "v": 3}])
def test_short_conditions_imply_the_long_one(example):
    scope = Scope()
    u, v = scope.symbol("u", None), scope.symbol("v")
    length = scope.positive_part(cut(scope, u + v, 64) - cut(scope, u, 64))
    test = equal(length, v)
    assert truth(test, example)
    parts = shortened(test, example)
    assert parts is not None
    assert all(len(text_of(part)) < 40 for part in parts)
    assert all(truth(part, example) for part in parts)
    for a, b in itertools.product(range(-80, 80), range(70)):
        values = {"u": a, "v": b}
        if all(truth(part, values) for part in parts):
            assert truth(test, values), values


def test_short_conditions_stay():
    scope = Scope()
    assert shortened(equal(scope.symbol("u") + 7, 64), {"u": 57}) is None


class Cache(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("k", torch.zeros(1, 64, 8), persistent=False)

    def forward(self, x, pos):
        start = int(pos[0])
        self.k[:, start : start + x.shape[1]] = x
        return self.k[:, : start + x.shape[1]].sum(1)


def test_a_cache_written_at_an_unknown_place():
    ep = monograph.export(Cache(), (torch.randn(1, 7, 8), torch.arange(7)))
    assert [str(a).rpartition(" covers ")[2] for a in ep.assumptions] == ["u0 >= 0", "u0 <= 57"]
    assert len(ep.graph.nodes) <= 20
    module, eager = ep.module(), Cache()
    for start in (0, 9, 57):
        args = torch.randn(1, 7, 8), torch.arange(start, start + 7)
        torch.testing.assert_close(module(*args), eager(*args))
    with pytest.raises(RuntimeError, match="u0 <= 57"):
        module(torch.randn(1, 7, 8), torch.arange(58, 65))
