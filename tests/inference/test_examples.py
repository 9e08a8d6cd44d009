"""Operators that want plain numbers, below sizes that vary: asked with several."""

import pytest
import torch
from torch.nn import functional as F

import monograph
from monograph import Dim, export
from monograph.testing import assert_exports

D = Dim.DYNAMIC
R = torch.randn


def _second(f):
    return lambda *args: f(*args)[1]


CASES = {
    "gradient": (_second(torch.gradient), (R(3, 5),), ({0: D, 1: D},), [(R(2, 2),), (R(7, 3),)]),
    "combinations": (torch.combinations, (R(5),), ({0: D},), [(R(2),), (R(8),)]),
    "bilinear": (
        F.bilinear, (R(4, 5), R(4, 6), R(3, 5, 6)),
        ({0: D, 1: D}, {0: D, 1: D}, {0: D, 1: D, 2: D}),
        [(R(1, 5), R(1, 6), R(3, 5, 6)), (R(4, 2), R(4, 3), R(1, 2, 3))],
    ),
    "geqrf": (_second(torch.geqrf), (R(4, 5),), ({0: D, 1: D},), [(R(1, 5),), (R(8, 3),)]),
    "corrcoef": (torch.corrcoef, (R(3, 5),), ({0: D, 1: D},), [(R(2, 2),), (R(7, 3),)]),
    "weighted covariance": (
        lambda x, w: torch.cov(x, fweights=w), (R(2, 4), torch.tensor([1, 3, 2, 5])),
        ({0: D, 1: D}, {0: D}), [(R(3, 5), torch.tensor([1, 3, 2, 5, 1]))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_any_size(name):
    f, args, shapes, more = CASES[name]
    assert_exports(f, args, dynamic_shapes=shapes, more_inputs=more, tolerance=1e-4)


def test_what_is_found_is_asserted():
    program = export(torch.combinations, (R(5),), dynamic_shapes=({0: D},))
    asserted = [n for n in program.graph.nodes if n.target is torch.ops.aten._assert_scalar.default]
    assert len(asserted) == 2
    result = program.graph.output_node().args[0][0].meta["val"]
    assert result.shape[0].node.content.evaluate({"s0": 7}) == 21


def test_a_size_for_which_nothing_is_found_is_known_at_run_time():
    program = assert_exports(
        lambda x: torch.combinations(x, 3) + 1, (R(5),), dynamic_shapes=({0: D},),
        more_inputs=[(R(3),), (R(6),)],
    )  # fmt: skip
    result = program.graph.output_node().args[0][0].meta["val"]
    assert str(result.shape[0]).startswith("u")


def test_a_dimension_that_is_dropped_where_it_is_1():
    program = export(torch.cov, (R(3, 5),), dynamic_shapes=({0: D, 1: D},))
    x = R(2, 6)
    torch.testing.assert_close(program.module()(x), torch.cov(x))
    with pytest.raises(monograph.InputError):
        program.module()(R(1, 6))


def test_what_the_operator_refuses_is_refused():
    with pytest.raises(monograph.OperatorError):
        export(torch.gradient, (R(1),), dynamic_shapes=({0: D},))


FOURIER = {
    "fft": lambda x: torch.fft.fft(x, 10, 1),
    "irfft2": lambda x: torch.fft.irfft2(x, (6, 8)),
    "ihfftn": lambda x: torch.fft.ihfftn(x, (3, 10), (1, 2)),
    "hfft": lambda x: torch.fft.hfft(x, 10, 1),
}


@pytest.mark.parametrize("name", FOURIER)
def test_results_lie_as_the_kernel_lays_them(name):
    """Torch's implementation for sizes that vary promises another layout than the kernel's."""
    assert_exports(
        FOURIER[name], (R(5, 12, 11),), dynamic_shapes=({0: D, 1: D, 2: D},), tolerance=1e-4,
        more_inputs=[(R(2, 12, 11),), (R(1, 16, 13),)],
    )  # fmt: skip


def test_sizes_that_are_equal_in_the_example_are_told_apart():
    def pooled(x):
        return F.adaptive_max_pool3d(x, (None, None, None))

    shapes = ({0: D, 1: D, 2: D, 3: D, 4: D},)
    more = [(R(1, 1, 4, 3, 5),), (R(2, 4, 6, 3, 5),), (R(1, 5, 4, 4, 4),)]
    assert_exports(pooled, (R(1, 4, 4, 3, 5),), dynamic_shapes=shapes, more_inputs=more)
