"""Real architectures: exported, and equal to eager on the example and on fresh inputs."""

import copy
import itertools

import pytest
import torch
from bench.dynamic import VARYING
from bench.models import SMALL

from monograph import export
from monograph.testing import assert_equal, assert_exports, assert_specs_hold


@pytest.mark.parametrize("name", SMALL)
def test_model_equals_eager(name):
    model, args, kwargs = SMALL[name]()
    assert_exports(model, args, kwargs, tolerance=1e-5)


@pytest.mark.parametrize("name", VARYING)
def test_model_with_sizes_that_vary(name):
    """Exported from an example of batch 1, equal to eager at every batch and size."""
    torch.manual_seed(0)
    varying = VARYING[name]
    model, _, _ = SMALL[name]()
    args, kwargs = varying.inputs(*varying.example)
    program = export(model, args, kwargs, dynamic_shapes=varying.shapes)
    core = program.run_decompositions()
    assert core.range_constraints == program.range_constraints
    assert core.assumptions == program.assumptions
    module, opened = program.module(), core.module()
    for batch, size in itertools.product((1, 2, 3), varying.sizes):
        args, kwargs = varying.inputs(batch, size)
        with torch.no_grad():
            actual = module(*copy.deepcopy(args), **copy.deepcopy(kwargs))
            expected = model(*copy.deepcopy(args), **copy.deepcopy(kwargs))
            decomposed = opened(*copy.deepcopy(args), **copy.deepcopy(kwargs))
        assert_equal(_plain(decomposed), _plain(expected), tolerance=1e-4)
        assert_equal(_plain(actual), _plain(expected), tolerance=1e-4)
        assert_specs_hold(program, args, kwargs)


def _plain(result):
    return dict(result) if isinstance(result, dict) else result
