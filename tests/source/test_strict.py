"""Strict mode: programs that depend on values, as written, equal to eager on every path."""

import copy
import importlib.util

import pytest
import strict_programs
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


def test_state_over_several_calls():
    model = strict_programs.Stateful()
    exported = monograph.export(copy.deepcopy(model), (torch.ones(2, 3),), strict=True)
    module = exported.module()
    for scale in (1, 2, -1, 3, 1):
        x = torch.ones(2, 3) * scale
        assert_equal(module(x), model(x), tolerance=1e-6)
    for name, buffer in model.named_buffers():
        assert torch.equal(dict(module.named_buffers())[name], buffer)


def test_gradients_through_converted_branches():
    def f(x):
        if x.sum() > 0:
            x = x * x
        while x.abs().max() > 4:
            x = x * 0.5
        return x.sum()

    module = monograph.export(f, (torch.ones(2, 3, requires_grad=True),), strict=True).module()
    for scale in (1.0, -1.0, 5.0):
        mine, theirs = (torch.full((2, 3), scale, requires_grad=True) for _ in range(2))
        module(mine).backward()
        f(theirs).backward()
        assert torch.equal(mine.grad, theirs.grad)


def test_the_scan_of_mamba_over_any_length():
    from bench.models import mamba

    model, (ids,), kwargs = mamba()
    spec = {"input_ids": {0: Dim("batch", min=2), 1: Dim("length", min=2)}}
    program = monograph.export(model, (ids,), kwargs, dynamic_shapes=spec, strict=True)
    module = program.module()
    with torch.no_grad():
        for shape in ((2, 5), (3, 9), (2, 2)):
            ids = torch.randint(0, 50, shape)
            actual, expected = module(ids, **kwargs)[0], model(ids, **kwargs)[0]
            assert_equal(actual, expected, tolerance=1e-5)


def test_a_file_that_has_changed_since_it_was_imported(tmp_path):
    """Its lines are no longer those of the code that runs: nothing is converted."""
    path = tmp_path / "changed.py"
    source = "def f(x):\n    if x.sum() > 0:\n        return x.sin()\n    return x.cos()\n"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("changed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text(source.replace("sin()", "exp()"))
    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(module.f, (torch.ones(3),), strict=True)
    assert caught.value.code == "MG-D101"


def _annotated(x):
    shift: torch.Tensor = x.mean(0)
    if x.shape[0] > 3:
        scale: float = 2.0
        shift: torch.Tensor = shift * scale
        y: torch.Tensor = x + shift
    else:
        y = x - shift
    return y * 2


@pytest.mark.parametrize("strict", [False, True])
def test_variables_with_annotations_are_assigned_in_both_sides_of_a_branch(strict):
    shapes = ({0: Dim.DYNAMIC},)
    program = monograph.export(
        _annotated, (torch.randn(2, 3),), dynamic_shapes=shapes, strict=strict
    )
    for rows in (1, 3, 4, 7):
        x = torch.randn(rows, 3)
        assert_equal(program.module()(x), _annotated(x), tolerance=1e-6)


def _annotated_by_values(x):
    if x.sum() > 0:
        y: torch.Tensor = x + 1
    else:
        y = x - 1
    return y


def test_variables_with_annotations_are_assigned_in_a_branch_on_values():
    program = monograph.export(_annotated_by_values, (torch.ones(3),), strict=True)
    for sign in (1, -1):
        x = torch.ones(3) * sign
        assert_equal(program.module()(x), _annotated_by_values(x))


def halves(x):
    while x.abs().sum() > 1:
        x = x * 0.5
    return x


def halves_for_each(x):
    y = x
    for _ in range(int(x.max())):
        y = y * 0.5
    return y


def halves_in_a_branch(x):
    while x.sum() > 100:
        x = x * 0.5 if x.sum() > 200 else x - 1
    return x


def truth_of_a_sum(x):
    while x.sum() > 100:
        x = x > 0
    return x


@pytest.mark.parametrize("program", [halves, halves_for_each, halves_in_a_branch, truth_of_a_sum])
def test_a_loop_that_changes_a_dtype_is_refused(program):
    """Without an iteration the result has another dtype than with one: no operator gives both."""
    with pytest.raises(monograph.ControlFlowError) as error:
        monograph.export(program, (torch.tensor([1, 2, 3]),), strict=True)
    assert error.value.code == "MG-C107"
    assert "start the loop from a tensor of the dtype that it has after" in error.value.hint


def test_a_number_that_a_loop_makes_another_thing_is_listed():
    def program(x):
        scale = 1
        while x.abs().sum() > 4:
            x, scale = x - 1, scale * 0.5
        return x * scale

    made = monograph.export(program, (torch.ones(3),), strict=True)
    assert [a.text for a in made.assumptions if a.kind == "promoted"] == [
        "scale is of type int before the loop: it is always of type float"
    ]
    for x in (torch.ones(3), torch.ones(3) * 5):
        assert_equal(made.module()(x), program(x), tolerance=1e-6)
