"""A tensor that is passed twice, to a program that asks if two of its arguments are one."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.testing import assert_equal


def _packed(query, key):
    return query * 2 if query is key else query + key * 3


class Asserted(nn.Module):
    def forward(self, query, key):
        assert query is key
        return query + key


class Chosen(nn.Module):
    def forward(self, query, key):
        if query is not key:
            return query - key
        return query @ key.transpose(0, 1)


class Below(nn.Module):
    def forward(self, query, key):
        return _packed(query, key)


class Written(nn.Module):
    def forward(self, query, key):
        query.add_(1)
        return _packed(query, key)


MODELS = [Asserted, Chosen, Below, Written]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", MODELS)
def test_what_is_one_tensor_is_one_for_the_program(kind, strict):
    model, sizes = kind(), {0: Dim.DYNAMIC}
    x = torch.randn(3, 4)
    program = monograph.export(model, (x, x), dynamic_shapes=(sizes, sizes), strict=strict)
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    for made in (program, program.run_decompositions(), monograph.load(file)):
        for rows in (3, 1, 5):
            given = torch.randn(rows, 4)
            same = given.clone()
            assert_equal(made.module()(given, given), model(same, same))
        with pytest.raises(monograph.InputError, match="same tensor"):
            made.module()(x, x.clone())


@pytest.mark.parametrize("kind", [Chosen, Below, Written])
def test_two_tensors_are_two(kind):
    model, x, y = kind(), torch.randn(3, 4), torch.randn(3, 4)
    program = monograph.export(model, (x, y))
    assert_equal(program.module()(x.clone(), y), model(x.clone(), y))


class Adds(nn.Module):
    def forward(self, x, y):
        return x + y * 2 if y is not None else x


def test_nothing_is_tied_where_nothing_is_asked():
    x, y = torch.randn(3), torch.randn(3)
    program = monograph.export(Adds(), (x, x))
    assert_equal(program.module()(x, y), Adds()(x, y))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 4)

    def forward(self, query, key):
        projected = self.project(query)
        other = projected if query is key else self.project(key) + 1
        return projected @ other.transpose(-1, -2) @ other


class EachByItself(nn.Module):
    """Asks of tensors that it made, and of one argument beside itself."""

    def __init__(self):
        super().__init__()
        self.own, self.across = Attention(), Attention()

    def forward(self, source, target):
        target = target + self.own(target, target)
        return self.across(target, source * 2) + self.own(source, source)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("shapes", [None, ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2])
def test_two_tensors_are_taken_where_nothing_was_asked_of_the_two(shapes, strict):
    model, x = EachByItself(), torch.randn(2, 3, 4)
    program = monograph.export(model, (x, x), dynamic_shapes=shapes, strict=strict)
    sizes = [(2, 3)] if shapes is None else [(2, 3), (1, 5), (4, 1)]
    for batch, rows in sizes:
        x, y = torch.randn(2, batch, rows, 4)
        assert_equal(program.module()(x, x), model(x, x), tolerance=1e-5)
        assert_equal(program.module()(x, y), model(x, y), tolerance=1e-5)
