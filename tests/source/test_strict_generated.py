"""Generated programs with nested control flow, captured in strict mode, equal to eager."""

import copy
import importlib.util

import pytest
import torch
from generated_programs import Generator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import monograph
from monograph import ControlFlowError
from monograph.testing import assert_equal

SCALES = [(1.0, 2), (2.0, 0), (0.5, 1), (3.0, 3), (1.0, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("programs")


def program_of(source, folder):
    """The function, from a file of its own: strict mode reads it."""
    path = folder / f"program_{abs(hash(source))}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


def check(seed, folder, in_place):
    f = program_of(Generator(seed, in_place).source(), folder)
    generator = torch.Generator().manual_seed(seed)
    inputs = [
        (
            torch.randn(3, generator=generator) * scale,
            torch.randn(3, generator=generator) * scale,
            torch.tensor(count),
        )
        for scale, count in SCALES
    ]
    program = monograph.export(f, copy.deepcopy(inputs[0]), strict=True)
    module = program.module()
    for args in inputs:
        mine, theirs = copy.deepcopy((args, args))
        assert_equal(module(*mine), f(*theirs), tolerance=1e-5)


few = settings(
    max_examples=10, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
many = settings(few, max_examples=400, derandomize=False)


@few
@given(seed=st.integers(0, 10**6))
def test_generated_programs(seed, folder):
    check(seed, folder, in_place=False)


@few
@given(seed=st.integers(0, 10**6))
def test_generated_programs_that_write(seed, folder):
    """A write that another name may see is refused, never wrong."""
    try:
        check(seed, folder, in_place=True)
    except ControlFlowError as error:
        assert error.code == "MG-C110"  # noqa: PT017


@pytest.mark.slow
@many
@given(seed=st.integers(0, 10**9), in_place=st.booleans())
def test_many_generated_programs(seed, in_place, folder):
    try:
        check(seed, folder, in_place)
    except ControlFlowError as error:
        assert in_place
        assert error.code == "MG-C110"  # noqa: PT017
