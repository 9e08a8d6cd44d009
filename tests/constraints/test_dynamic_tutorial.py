"""The tutorial's "Constraints/Dynamic Shapes": same programs, same words, same suggestions."""

import pytest
import torch
from torch import nn

import monograph
from monograph import ConstraintViolationError, Dim, InputError, ShapeError, export


class Example1(nn.Module):
    def forward(self, x):
        x = x[:, 2:]
        return torch.relu(x)


class Example2(nn.Module):
    def forward(self, x, y):
        return x @ y


class Example3(nn.Module):
    def forward(self, x, y):
        if x.shape[0] <= 16:
            return x @ y[:, :16]
        return y


def test_a_size_without_a_dim_is_static():
    program = export(Example2(), (torch.randn(8, 100), torch.randn(100, 3)))
    with pytest.raises(InputError, match=r"Expected input at \*args\[0\].shape\[0\] to be equal "
                       "to 8, but got 10"):  # fmt: skip
        program.module()(torch.randn(10, 100), torch.randn(100, 3))


def test_ranges():
    dims = {0: Dim("inp1_dim0"), 1: Dim("inp1_dim1", min=4, max=18)}
    program = export(Example1(), (torch.randn(10, 10, 2),), dynamic_shapes={"x": dims})
    module = program.module()
    for sizes in ((5, 5, 2), (0, 4, 2), (1, 18, 2), (300, 7, 2)):
        x = torch.randn(sizes)
        assert torch.equal(module(x), torch.relu(x[:, 2:]))
    for sizes, message in (
        ((8, 1, 2), r"Expected input at \*args\[0\].shape\[1\] to be >= 4, but got 1"),
        ((8, 20, 2), r"Expected input at \*args\[0\].shape\[1\] to be <= 18, but got 20"),
        ((8, 8, 3), r"Expected input at \*args\[0\].shape\[2\] to be equal to 2, but got 3"),
    ):
        with pytest.raises(InputError, match=message):
            module(torch.randn(sizes))
    assert str(program.range_constraints["inp1_dim1"]) == "VR[4, 18]"
    assert "f32[inp1_dim0, inp1_dim1 - 2, 2]" in str(program)


def test_an_example_outside_its_range():
    dims = {0: Dim("inp1_dim0"), 1: Dim("inp1_dim1_bad", min=11, max=18)}
    with pytest.raises(ShapeError, match=r"10 not in range \[11, 18\]"):
        export(Example1(), (torch.randn(10, 10, 2),), dynamic_shapes={"x": dims})


def test_equal_dimensions():
    inner = Dim("inner_dim")
    shapes = {"x": {0: Dim("inp2_dim0"), 1: inner}, "y": {0: inner, 1: Dim("inp3_dim1")}}
    module = export(
        Example2(), (torch.randn(4, 8), torch.randn(8, 2)), dynamic_shapes=shapes
    ).module()
    x, y = torch.randn(2, 16), torch.randn(16, 4)
    assert torch.equal(module(x, y), x @ y)
    with pytest.raises(InputError, match=r"\*args\[1\].shape\[0\] to be equal to 8, but got 4"):
        module(torch.randn(4, 8), torch.randn(4, 2))


def test_derived_dimensions():
    dimx = Dim("dimx", min=3, max=6)
    module = export(
        lambda x, y: x + y[1:], (torch.randn(5), torch.randn(6)),
        dynamic_shapes=({0: dimx}, {0: dimx + 1}),
    ).module()  # fmt: skip
    assert module(torch.randn(4), torch.randn(5)).shape == (4,)
    with pytest.raises(InputError, match=r"\*args\[1\].shape\[0\] to be equal to 5, but got 6"):
        module(torch.randn(4), torch.randn(6))
    dx = Dim("dx", min=3, max=6)
    module = export(
        lambda z, y: z[1:] + y[1::3], (torch.randn(4), torch.randn(10)),
        dynamic_shapes=({0: dx + 1}, {0: dx * 3 + 1}),
    ).module()  # fmt: skip
    z, y = torch.randn(7), torch.randn(19)
    assert torch.equal(module(z, y), z[1:] + y[1::3])
    with pytest.raises(InputError, match=r"shape\[0\] to be <= 7, but got 8"):
        module(torch.randn(8), torch.randn(22))


def every_dim(inp4, inp5):
    return {
        "x": {i: Dim(f"inp4_dim{i}") for i in range(inp4.dim())},
        "y": {i: Dim(f"inp5_dim{i}") for i in range(inp5.dim())},
    }


class OtherRank(nn.Module):
    """As ``Example3``, but nothing joins its two sides."""

    def forward(self, x, y):
        if x.shape[0] <= 16:
            return x @ y[:, :16]
        return y[None]


def test_both_sides_of_the_example_are_kept():
    inp4, inp5 = torch.randn(8, 16), torch.randn(16, 32)
    module = export(Example3(), (inp4, inp5), dynamic_shapes=every_dim(inp4, inp5)).module()
    for rows, inner, columns in ((4, 32, 64), (16, 3, 20), (17, 3, 20), (40, 2, 17)):
        x, y = torch.randn(rows, inner), torch.randn(inner, columns)
        torch.testing.assert_close(module(x, y), Example3()(x, y))


def test_violations_and_suggested_fixes():
    inp4, inp5 = torch.randn(8, 16), torch.randn(16, 32)
    shapes = every_dim(inp4, inp5)
    with pytest.raises(ConstraintViolationError) as caught:
        export(OtherRank(), (inp4, inp5), dynamic_shapes=shapes)
    text = str(caught.value)
    assert "Constraints violated (inp5_dim0, inp4_dim0)!" in text
    assert (
        "The values of inp5_dim0 = y.shape[0] and inp4_dim1 = x.shape[1] must always be equal."
    ) in text
    assert (
        "Not all values of inp4_dim0 = x.shape[0] in the specified range satisfy the generated "
        "guard inp4_dim0 <= 16"
    ) in text
    assert "Suggested fixes:" in text
    assert "inp4_dim0 = Dim('inp4_dim0', max=16)" in text
    assert "inp5_dim0 = inp4_dim1" in text
    assert text.count("test_dynamic_tutorial.py:") >= 3  # the line of each guard
    # The round trip is one call.
    refined = monograph.refine_dynamic_shapes(shapes, caught.value)
    module = export(OtherRank(), (inp4, inp5), dynamic_shapes=refined).module()
    for rows, inner, columns in ((4, 32, 64), (1, 1, 17), (16, 3, 5), (0, 2, 20)):
        x, y = torch.randn(rows, inner), torch.randn(inner, columns)
        torch.testing.assert_close(module(x, y), Example3()(x, y))
    with pytest.raises(InputError, match="to be <= 16, but got 17"):
        module(torch.randn(17, 2), torch.randn(2, 20))


def test_the_fixes_of_the_page():
    shared = Dim("shared_dim")
    shapes = {
        "x": {0: Dim("inp4_dim0", max=16), 1: shared},
        "y": {0: shared, 1: Dim("inp5_dim1", min=17)},
    }
    module = export(
        Example3(), (torch.randn(8, 16), torch.randn(16, 32)), dynamic_shapes=shapes
    ).module()
    x, y = torch.randn(4, 32), torch.randn(32, 64)
    torch.testing.assert_close(module(x, y), x @ y[:, :16])


def test_torch_dims_mean_the_same():
    from torch.export import Dim as TorchDim

    dimx = TorchDim("dimx", min=3, max=6)
    module = export(
        lambda x, y: x + y[1:], (torch.randn(5), torch.randn(6)),
        dynamic_shapes=({0: dimx}, {0: dimx + 1}),
    ).module()  # fmt: skip
    assert module(torch.randn(3), torch.randn(4)).shape == (3,)
    with pytest.raises(InputError, match=">= 3"):
        module(torch.randn(2), torch.randn(3))
    hints = {"x": {0: TorchDim.AUTO, 1: TorchDim.STATIC}}
    program = export(lambda x: x + 1, (torch.randn(5, 2),), dynamic_shapes=hints)
    assert program.module()(torch.randn(1, 2)).shape == (1, 2)
