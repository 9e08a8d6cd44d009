"""``torch.vmap`` over a batch whose size varies."""

import os
import threading

import mapped_sizes
import opinfo
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import monograph
from monograph import Dim
from monograph.capture.operators import mapping
from monograph.testing import assert_equal

NAMES = [
    "nn.functional.layer_norm", "nn.functional.group_norm", "nn.functional.batch_norm",
    "nn.functional.conv2d", "nn.functional.conv_transpose1d", "nn.functional.max_pool2d",
    "nn.functional.adaptive_avg_pool2d", "nn.functional.interpolate.bilinear",
    "nn.functional.pad.reflect", "nn.functional.cross_entropy", "nn.functional.unfold",
    "nn.functional.scaled_dot_product_attention", "gather", "scatter_add", "cumsum", "quantile",
    "masked_scatter", "isclose", "cross", "stft", "gradient", "sort", "topk", "einsum",
]  # fmt: skip
ENTRIES = {name: (info, dtype) for name, info, dtype in opinfo.entries()}


def _others(name, ways, transforms):
    """What is not right."""
    found = list(mapped_sizes.sweep([f"{name}:float32"], ways, transforms, 1))
    assert found
    return [each for each in found if each[1].status != "right"]


@pytest.mark.parametrize("name", NAMES[::3])
def test_operator(name):
    assert _others(name, ["input", "last"], ["plain"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_operator_in_all_ways(name):
    assert _others(name, list(mapped_sizes.WAYS), ["plain"]) == []


@pytest.mark.parametrize(("name", "transform"), [("layer_norm", "jacrev"), ("conv2d", "grad")])
def test_derivative(name, transform):
    assert _others(f"nn.functional.{name}", ["all"], [transform]) == []


@pytest.mark.slow
@pytest.mark.parametrize("transform", ["grad", "jvp", "jacrev"])
@pytest.mark.parametrize("name", ["layer_norm", "group_norm", "conv2d", "avg_pool2d"])
def test_derivatives(name, transform):
    assert _others(f"nn.functional.{name}", ["all", "input"], [transform]) == []


def _exported(f, x, **others):
    return monograph.export(f, (x, *others.values()), dynamic_shapes=({0: Dim.DYNAMIC},))


def test_operators_stay_whole():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.conv = nn.LayerNorm(6), nn.Conv1d(2, 3, 2)

        def forward(self, x):
            return torch.vmap(lambda row: self.conv(self.norm(row)).relu())(x)

    model, x = Mapped(), torch.randn(4, 2, 6)
    program = _exported(model, x)
    names = [n.target.__name__ for n in program.graph.nodes if n.op == "call_function"]
    assert names == ["layer_norm.default", "conv1d.default", "relu.default"]
    for size in (1, 7):
        rows = torch.randn(size, 2, 6)
        assert_equal(program.module()(rows), model(rows), tolerance=1e-5)


def test_many_models_at_once():
    """A convolution whose weights are mapped over: a group of channels for each."""
    x = torch.randn(2, 3, 5)

    def forward(weights):
        return torch.vmap(lambda weight: F.conv1d(x, weight))(weights)

    program = _exported(forward, torch.randn(4, 2, 3, 2))
    for size in (1, 6):
        weights = torch.randn(size, 2, 3, 2)
        assert_equal(program.module()(weights), forward(weights), tolerance=1e-5)


def test_running_statistics_are_mapped_with_the_input():
    def forward(x, mean, variance):
        def one(row, mean, variance):
            return F.batch_norm(row, mean, variance, training=True)

        return torch.vmap(one)(x, mean, variance), mean + variance

    def arguments(size):
        return torch.randn(size, 3, 2), torch.zeros(size, 2), torch.ones(size, 2)

    varies = {0: Dim.DYNAMIC}
    program = monograph.export(forward, arguments(4), dynamic_shapes=(varies, varies, varies))
    for size in (1, 5):
        given = arguments(size)
        expected = forward(*(t.clone() for t in given))
        assert_equal(program.module()(*given), expected, tolerance=1e-5)


def test_a_mapped_number_meets_a_number():
    program = _exported(lambda x: torch.vmap(lambda a: 2 * a + 0.5)(x), torch.rand(4))
    assert_equal(program.module()(torch.ones(3)), torch.full((3,), 2.5))


def test_rows_that_lie_apart_are_copied_where_c_asks_how_they_lie():
    def forward(x):
        return torch.vmap(torch.cov, in_dims=-1)(x)

    program = monograph.export(forward, (torch.randn(2, 3, 4),), dynamic_shapes=({2: Dim.DYNAMIC},))
    x = torch.randn(2, 3, 6)
    assert_equal(program.module()(x), forward(x), tolerance=1e-5)


def test_rows_of_sizes_that_vary():
    def forward(x):
        return torch.vmap(lambda row: F.layer_norm(row, (4,)).softmax(-1))(x)

    varies = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    program = monograph.export(forward, (torch.randn(3, 5, 4),), dynamic_shapes=(varies,))
    for shape in ((1, 1, 4), (6, 2, 4)):
        x = torch.randn(shape)
        assert_equal(program.module()(x), forward(x), tolerance=1e-5)


def test_the_rules_of_torch_hold_elsewhere_meanwhile():
    """Another thread maps in eager mode while the rules are replaced."""
    norm, x = nn.LayerNorm(8), torch.randn(3, 8)
    expected, found = torch.vmap(norm)(x), []
    asked, ask = os.pipe()
    answered, answer = os.pipe()

    def beside():
        while os.read(asked, 1):
            found.append(torch.vmap(norm)(x))
            os.write(answer, b"x")

    def forward(row):
        os.write(ask, b"x")
        os.read(answered, 1)
        return norm(row)

    thread = threading.Thread(target=beside)
    thread.start()
    try:
        _exported(torch.vmap(forward), x)
    finally:
        os.close(ask)
        thread.join()
        for end in (asked, answered, answer):
            os.close(end)
    assert found
    assert_equal(found[0], expected)
    assert_equal(torch.vmap(norm)(x), expected)


def test_the_rules_of_torch_hold_after_a_failure():
    def forward(x):
        return torch.vmap(lambda row: F.layer_norm(row, (9,)))(x)

    with pytest.raises(RuntimeError):
        _exported(forward, torch.randn(3, 8))
    assert mapping._levels == 0
