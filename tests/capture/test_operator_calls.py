"""Sizes that vary where a function of torch's wants plain numbers: the operator gets them."""

import pytest
import torch
from torch.nn import functional as F

from monograph import Dim, InputError, ShapeError, export
from monograph.testing import assert_exports

D = Dim.DYNAMIC
R = torch.randn
ONE = [(R(9),), (R(1),), (R(2),)]

TABLE = R(1, 3, 4, 4)
CASES = {
    "linspace": (lambda x: torch.linspace(-1.0, 1.0, x.shape[0]), (R(5),), ({0: D},), ONE),
    "logspace": (lambda x: torch.logspace(0.0, 1.0, steps=len(x)), (R(5),), ({0: D},), ONE),
    "window": (lambda x: torch.hann_window(x.shape[0], periodic=False), (R(5),), ({0: D},), ONE),
    "tril_indices": (
        lambda x: torch.tril_indices(x.shape[0], x.shape[0]), (R(5),), ({0: D},), ONE,
    ),
    "fftfreq": (lambda x: torch.fft.fftfreq(x.shape[0]), (R(5),), ({0: D},), ONE),
    "histc": (lambda x: torch.histc(x, x.shape[0]), (R(5),), ({0: D},), [(R(9),)]),
    "pooling everything": (
        lambda x: F.avg_pool2d(x, x.shape[2:]), (R(2, 3, 5, 6),), ({0: D, 2: D, 3: D},),
        [(R(1, 3, 7, 4),), (R(2, 3, 1, 1),)],
    ),
    "pooling everything, by name": (
        lambda x: F.avg_pool2d(x, kernel_size=(x.shape[2], x.shape[3])), (R(2, 3, 5, 6),),
        ({0: D, 2: D, 3: D},), [(R(1, 3, 7, 4),), (R(2, 3, 1, 1),)],
    ),
    "names and defaults": (
        lambda x: torch.logspace(end=1.0, start=0.0, steps=len(x)), (R(5),), ({0: D},), ONE,
    ),
    "the maximum of everything": (
        lambda x: F.max_pool1d(x, x.shape[2]), (R(2, 3, 5),), ({2: D},), [(R(2, 3, 7),)],
    ),
    "a ratio of a size": (
        lambda x: F.fractional_max_pool2d(x, 2, output_ratio=(0.5, 0.5)).shape[2] * x,
        (R(2, 3, 9, 9),), ({2: D, 3: D},), [(R(2, 3, 12, 10),)],
    ),
    "a method": (
        lambda x: x.unfold(0, x.shape[0] // 2, 1), (R(6),), ({0: D},), [(R(9),), (R(2),)],
    ),
    "istft": (
        lambda s, x: torch.istft(s, 32, 8, window=torch.hann_window(32), length=x.shape[-1]),
        (R(1, 17, 21, dtype=torch.complex64), R(1, 160)), ({2: D}, {1: D}),
        [(R(1, 17, 11, dtype=torch.complex64), R(1, 80))],
    ),
    "a table scaled by a size": (
        lambda x: F.interpolate(
            TABLE, scale_factor=((x.shape[2] + 0.1) / 4, (x.shape[3] + 0.1) / 4), mode="bicubic"
        ),
        (R(2, 3, 6, 8),), ({2: D, 3: D},), [(R(2, 3, 4, 5),), (R(2, 3, 1, 9),)],
    ),
    "scaled to one height": (
        lambda x: F.interpolate(x, scale_factor=8 / x.shape[2], mode="bilinear"),
        (R(2, 3, 5, 6),), ({0: D, 2: D, 3: D},), [(R(1, 3, 4, 8),), (R(2, 3, 16, 2),)],
    ),
    "parts of sizes": (
        lambda x: F.leaky_relu(x.clamp(max=x.shape[0] / 3), 1 / x.shape[0])
        + torch.full((1,), x.shape[0] / 7),
        (R(5),), ({0: D},), [(R(9),), (R(1),)],
    ),
    "a number in a tensor": (
        lambda x, s: F.interpolate(x, scale_factor=(s.abs() + 1).item()),
        (R(1, 1, 4), torch.tensor(2.0)), None, [(R(1, 1, 4), torch.tensor(3.0))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_any_size(name):
    f, args, shapes, more = CASES[name]
    assert_exports(f, args, dynamic_shapes=shapes, more_inputs=more, tolerance=1e-4)


PARTS = {
    "a part": lambda n: n / 3,
    "a multiple": lambda n: n * 0.7,
    "a half": lambda n: n / 2,
    "a sum": lambda n: (n + 0.1) / 4,
    "a difference": lambda n: 1.5 - n,
    "a quotient": lambda n: 7 / n,
}


@pytest.mark.parametrize("name", PARTS)
def test_a_number_of_a_size_that_is_a_text_fixes_the_size(name):
    def f(x):
        return x * float(f"{PARTS[name](x.shape[0]):.3f}")

    with pytest.raises(ShapeError, match="inferred to be a constant"):
        export(f, (R(7),), dynamic_shapes=({0: D},))
    program = export(f, (R(7),), dynamic_shapes=({0: Dim.AUTO},))
    assert not program.range_constraints
    with pytest.raises(InputError, match="equal to 7"):
        program.module()(R(6))


def test_the_operator_stays_whole():
    program = export(CASES["linspace"][0], (R(5),), dynamic_shapes=({0: D},))
    linspace = torch.ops.aten.linspace.default
    (node,) = [node for node in program.graph.nodes if node.target is linspace]
    assert node.args[2].target is torch.ops.aten.sym_size.int


def test_a_dimension_is_a_plain_number():
    program = export(
        lambda x: x.sum(x.shape[1] - 1), (R(3, 2),), dynamic_shapes=({0: D, 1: Dim.AUTO},)
    )
    assert any("needs this number" in str(each) for each in program.assumptions)
