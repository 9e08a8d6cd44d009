"""Tensors that are padded to a multiple of a number, however a program asks if they are one."""

from __future__ import annotations

import importlib.util
import itertools

import pytest
import torch
from torch.nn import functional as F

import monograph
from monograph import Dim
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.questions import holds, not_less, of_remainders
from monograph.testing import assert_equal

PROGRAM = """
import torch
import torch.nn.functional as F

class Padded(torch.nn.Module):
    def forward(self, x):
        b, n, d = x.shape
        rest = n % {step}
        if {test}:
            x = F.pad(x, (0, 0, {pad}))
        return x.reshape(b, {pieces}, {step}, d).sum(2)
"""
TESTS = ["rest", "rest != 0", "rest > 0", "rest >= 1", "not rest <= 0", "n // {step} * {step} < n"]
PADS = ["{step} - rest, 0", "0, (n // {step} + 1) * {step} - n", "0, -n % {step}"]
PIECES = ["x.shape[1] // {step}", "-1"]
EVERY = list(itertools.product(TESTS, PADS, PIECES, (2, 3, 4), (24, 23)))
SOME = [EVERY[i] for i in range(0, len(EVERY), 17)]
VARYING = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)


def check(case, folder):
    test, pad, pieces, step, example = case
    text = PROGRAM.format(step=step, test=test, pad=pad, pieces=pieces).format(step=step)
    path = folder / f"padded_{EVERY.index(case)}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Padded()
    program = monograph.export(model, (torch.randn(2, example, 3),), dynamic_shapes=VARYING)
    for batch, length in itertools.product((1, 3), (24, 23, 5, 1)):
        x = torch.randn(batch, length, 3)
        assert_equal(program.module()(x), model(x))


@pytest.mark.parametrize("case", SOME)
def test_padding_holds_for_all_lengths(case, tmp_path):
    check(case, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", EVERY)
def test_every_padding_holds_for_all_lengths(case, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_bound_of_a_remainder_is_an_equality_where_it_says_as_much(step):
    env = ShapeEnv()
    n = env.symbol("n", 7, "n", 0, None)
    assert isinstance(n, Expr)
    for sign, bound, inside in itertools.product((1, -1), range(-6, 7), (n, 2 * n + 1, -n)):
        test = not_less(env.scope.mod(inside, step) * sign, bound)
        told = of_remainders(test)
        for size in range(12):
            assert holds(told, {"n": size}) == holds(test, {"n": size})


class Mirrored(torch.nn.Module):
    """The padding is what the tensor must be longer than: a side is tried with sizes near by."""

    def forward(self, x):
        n = x.shape[-1]
        if n % 3 != 0:
            x = F.pad(x, (0, 3 - n % 3), "reflect")
            n = n + 3 - n % 3
        return x.view(x.shape[0], -1, n // 3, 3).sum(2)


@pytest.mark.parametrize("length", [12, 13])
def test_a_side_is_tried_with_sizes_like_those_of_the_example(length):
    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    program = monograph.export(Mirrored(), (torch.randn(2, 4, length),), dynamic_shapes=shapes)
    for batch, n in itertools.product((1, 3), (12, 13, 14, 5, 3)):
        x = torch.randn(batch, 4, n)
        assert_equal(program.module()(x), Mirrored()(x))
