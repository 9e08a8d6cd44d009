"""Strict mode: programs that depend on values, as written, equal to eager on every path."""

import copy

import pytest
from strict_programs import PROGRAMS

import monograph
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
