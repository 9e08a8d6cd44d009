"""Strict mode: programs that depend on values, as written, equal to eager on every path."""

import copy

import pytest
import torch
from strict_programs import PROGRAMS, SIZES

import monograph
from monograph import Dim
from monograph.testing import assert_equal


@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_eager(name):
    f, inputs = PROGRAMS[name]
    program = monograph.export(f, copy.deepcopy(inputs[0]), strict=True)
    module = program.module()
    for args in inputs:
        mine, theirs = copy.deepcopy((args, args))
        assert_equal(module(*mine), f(*theirs), tolerance=1e-6)
        assert_equal(mine, theirs)


@pytest.mark.parametrize("name", SIZES)
def test_sizes_that_vary(name):
    f, shape, names, others = SIZES[name]
    spec = {i: Dim(each, min=1) for i, each in enumerate(names)}
    program = monograph.export(f, (torch.randn(shape),), dynamic_shapes=(spec,), strict=True)
    assert not [a for a in program.assumptions if a.kind in ("narrowed", "fixed")]
    module = program.module()
    for other in [shape, *others]:
        x = torch.randn(other)
        assert_equal(module(x), f(x), tolerance=1e-6)
