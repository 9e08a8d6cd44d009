"""Sides of branches, and iterations, that change objects of which no operator joins the states.

The program is right for the sizes that it takes, or it is refused; nothing of it is as the other
side has left it.
"""

import array
import collections
import contextlib
import io
import itertools
import random
import types
from typing import ClassVar

import numpy as np
import pytest
import torch

from monograph import Dim, ExportError, InputError, export


class Slots:
    __slots__ = ("by",)

    def __init__(self):
        self.by = 1


class Local:
    """Made anew in each call."""


def _numbers():
    yield from (1, 2, 3, 4, 5, 6, 7, 8)


def _keep_order(ordered):
    ordered.move_to_end("a")


def _reorder(table):
    table["a"] = table.pop("a")


def _class():
    class Mine:
        by: ClassVar[int] = 1

    return Mine


def _with_tag(x):
    y = x * 1
    y.tag = 1
    return y


# How it is made (of the argument), changed, and read as a number.
OBJECTS = {
    "an iterator": (lambda x: iter([1, 2, 3, 4, 5, 6, 7, 8]), next, next),
    "a generator": (lambda x: _numbers(), next, next),
    "a count": (lambda x: itertools.count(1), next, next),
    "pairs": (lambda x: zip(range(9), range(9), strict=True), next, lambda o: next(o)[0]),
    "numbered": (lambda x: enumerate(range(9)), next, lambda o: next(o)[1]),
    "mapped": (lambda x: map(float, range(9)), next, next),
    "reversed": (lambda x: reversed([1, 2, 3, 4, 5, 6, 7, 8]), next, next),
    "slots": (lambda x: Slots(), lambda o: setattr(o, "by", o.by + 4), lambda o: o.by),
    "bytes": (lambda x: bytearray(b"abc"), lambda o: o.append(1), len),
    "an array": (lambda x: array.array("i", [1]), lambda o: o.append(1), len),
    "an array of numpy's": (
        lambda x: np.ones(2), lambda o: o.__setitem__(0, o[0] + 8), lambda o: float(o[0]),
    ),
    "a stream": (lambda x: io.StringIO("abcdefghi"), lambda o: o.read(1), lambda o: o.tell()),
    "chance": (lambda x: random.Random(0), lambda o: o.random(), lambda o: o.random()),
    "a class": (lambda x: _class(), lambda o: setattr(o, "by", o.by + 1), lambda o: o.by),
    "a module": (
        lambda x: torch.nn.Linear(2, 2), lambda o: o.eval(), lambda o: 1 + o.training,
    ),
    "an order": (
        lambda x: collections.OrderedDict(a=1, b=2), _keep_order, lambda o: next(iter(o.values())),
    ),
    "an order of a dict": (lambda x: {"a": 1, "b": 2}, _reorder, lambda o: next(iter(o.values()))),
    "a tag": (_with_tag, lambda o: setattr(o, "tag", 3), lambda o: o.tag),
    "a name": (
        lambda x: types.SimpleNamespace(by=1), lambda o: setattr(o, "by", 5), lambda o: o.by,
    ),
    "a mode": (
        lambda x: None, lambda o: torch.set_grad_enabled(False),
        lambda o: 1 + torch.is_grad_enabled(),
    ),
}  # fmt: skip


def _branch(made, change, read):
    def program(x):
        mode = torch.is_grad_enabled()
        held = made(x)
        if x.shape[0] > 2:
            change(held)
        y = x * read(held)
        torch.set_grad_enabled(mode)
        return y

    return program


def _loop(made, change, read):
    def program(x):
        mode = torch.is_grad_enabled()
        held = made(x)
        for _ in range(x.shape[0]):
            change(held)
        y = x * read(held)
        torch.set_grad_enabled(mode)
        return y

    return program


@pytest.mark.parametrize("example", [5, 2])
@pytest.mark.parametrize("name", OBJECTS)
def test_the_side_of_the_example_is_not_refused(name, example):
    program, x = _branch(*OBJECTS[name]), torch.rand(example, 2)
    ep = export(program, (x,), dynamic_shapes=({0: Dim.DYNAMIC},))
    torch.testing.assert_close(ep.module()(x), program(x))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("form", [_branch, _loop])
@pytest.mark.parametrize("name", OBJECTS)
def test_right_or_refused(name, form, strict):
    program = form(*OBJECTS[name])
    for example in (5, 2):
        with contextlib.suppress(ExportError):
            x = torch.rand(example, 2)
            ep = export(program, (x,), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict)
            for size in (5, 2, 1, 3, 0):
                x = torch.rand(size, 2)
                with contextlib.suppress(InputError):
                    torch.testing.assert_close(ep.module()(x), program(x))


class Holding(torch.nn.Module):
    """The object is the module's, and each module has one of its own."""

    def __init__(self, made, change, read):
        super().__init__()
        self.held, self.change, self.read = made(None), change, read

    def forward(self, x):
        if x.shape[0] > 2:
            self.change(self.held)
        return x * self.read(self.held)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["an iterator", "a generator", "a count", "chance"])
def test_right_or_refused_of_a_module(name, strict):
    for example in (5, 2):
        with contextlib.suppress(ExportError):
            x, model = torch.rand(example, 2), Holding(*OBJECTS[name])
            ep = export(model, (x,), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict)
            for size in (5, 2, 1, 3):
                x = torch.rand(size, 2)
                with contextlib.suppress(InputError):
                    expected = Holding(*OBJECTS[name])(x)
                    torch.testing.assert_close(ep.module()(x), expected)
