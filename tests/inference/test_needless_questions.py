"""What an operator asks of sizes on its way to one and the same result narrows no program."""

import itertools

import pytest
import torch

import monograph
from monograph.testing import assert_exports, assert_specs_hold

ANY = monograph.Dim.DYNAMIC


def _program(f, args, more=(), kept=()):
    """``f`` with all sizes of its tensors dynamic; ``kept``: the only names of symbols bounded."""
    shapes = tuple(dict.fromkeys(range(arg.dim()), ANY) for arg in args)
    program = assert_exports(f, args, dynamic_shapes=shapes, more_inputs=more, tolerance=1e-5)
    bounded = [n for n, r in program.range_constraints.items() if "VR[0, int_oo]" not in str(r)]
    assert bounded == list(kept)
    return program


def _narrowed(program):
    return [a.text for a in program.assumptions if a.kind == "narrowed"]


def _calls(*shapes):
    return [tuple(torch.randn(shape) for shape in call) for call in shapes]


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "ihfft"])
def test_a_transform_of_a_given_length_takes_any(name):
    function = getattr(torch.fft, name)
    program = _program(
        lambda x: function(x, n=7), (torch.randn(5, 7),), _calls([(5, 1)], [(1, 20)])
    )
    assert not _narrowed(program)


def test_a_product_named_by_letters_takes_any_sizes():
    program = _program(
        lambda x, y: torch.einsum("ij,kj->ik", x, y),
        (torch.randn(2, 3), torch.randn(1, 3)),
        _calls([(1, 1), (1, 1)], [(4, 2), (5, 2)], [(0, 3), (2, 3)], [(3, 0), (1, 0)]),
    )
    assert not _narrowed(program)


def test_an_example_where_two_sides_meet_does_not_fix_the_size():
    """At 7 nothing is cut and nothing filled up: the result's size is 7, and not that of x."""
    program = _program(
        lambda x: torch.fft.hfft(x, n=7) + torch.zeros(7), (torch.randn(2, 4),), _calls([(3, 9)])
    )
    assert not _narrowed(program)


def test_what_is_demanded_where_there_is_something_to_do_is_not_demanded_elsewhere():
    program = _program(
        torch.linalg.pinv, (torch.randn(5, 4),), _calls([(0, 0)], [(3, 0)], [(1, 1)], [(2, 7)])
    )
    assert not _narrowed(program)


@pytest.mark.parametrize("function", [torch.linalg.svdvals, torch.linalg.qr])
def test_what_is_demanded_of_the_memory_of_fake_tensors_is_not_demanded_of_a_call(function):
    program = _program(
        function, (torch.randn(3, 5),), _calls([(0, 5)], [(5, 0)], [(6, 2)], [(1, 1)])
    )
    assert not [a for a in program.assumptions if a.kind == "precondition"]


@pytest.mark.parametrize("batch", [(), (2,)])
def test_a_convolution_takes_any_sizes(batch):
    program = _program(
        torch.conv2d,
        (torch.randn(*batch, 3, 8, 9), torch.randn(4, 3, 3, 2), torch.randn(4)),
        _calls([(*batch, 1, 5, 5), (1, 1, 1, 1), (1,)], [(*batch, 2, 3, 2), (7, 2, 3, 2), (7,)]),
    )
    assert not _narrowed(program)


def test_what_makes_a_difference_has_both_sides():
    """A matrix and a batch of matrices of one row are squeezed otherwise than others."""

    def f(x):
        y = torch.fft.fft(x.squeeze(0), n=4)
        return y if y.dim() == 2 else y[None]

    example = torch.randn(3, 5)
    program = monograph.export(f, (example,), dynamic_shapes=({0: ANY, 1: ANY},))
    module = program.module()
    for shape in [(3, 5), (2, 2), (6, 1), (1, 5)]:
        x = torch.randn(shape)
        torch.testing.assert_close(module(x), f(x))


def test_a_size_that_is_a_multiple_on_one_side_is_none_for_the_program():
    """Tensors in chunks: whether they are filled up is asked, and of multiples nothing is left."""
    example = torch.randn(1, 2, 3), torch.randn(1, 2, 3)
    shapes = (dict.fromkeys(range(3), ANY), dict.fromkeys(range(3), ANY))

    def f(x, y):
        return torch._chunk_cat([x, y], -1, 5)

    program = monograph.export(f, example, dynamic_shapes=shapes)
    torch.testing.assert_close(program.module()(*example), f(*example))
    assert all(name.startswith("s") for name in program.range_constraints)


def test_a_side_that_fake_tensors_refuse_is_no_side_of_the_program():
    """A view of rows that are no multiple of 5: torch's implementation for any sizes refuses it."""

    def f(x):
        return torch.view_copy(x, (5, -1)).sum(1)

    program = monograph.export(f, (torch.randn(50, 5),), dynamic_shapes=({0: ANY, 1: ANY},))
    module = program.module()
    for rows, columns in itertools.product((0, 1, 5, 6, 50), (1, 2, 5)):
        x = torch.randn(rows, columns)
        try:
            actual = module(x)
        except monograph.InputError:
            continue
        torch.testing.assert_close(actual, f(x))
        assert_specs_hold(program, (x,))


def test_a_grid_is_of_any_sizes_with_and_without_its_order():
    def grids(x):
        rows, columns = torch.arange(x.shape[0]) * 0.5, torch.arange(x.shape[1]) * 0.5
        plain = torch.meshgrid(rows, columns)
        return [*plain, *torch.meshgrid(rows, columns, indexing="xy"), *torch.meshgrid([rows])]

    _program(grids, (torch.randn(2, 3),), _calls([(1, 4)], [(5, 1)], [(1, 1)]))


class _Cache(torch.nn.Module):
    def __init__(self, put, is_buffer):
        super().__init__()
        self.put = put
        self.register_buffer("kept", torch.zeros(8, 16, 3)) if is_buffer else None
        if not is_buffer:
            self.kept = torch.zeros(8, 16, 3)

    def forward(self, x):
        self.put(self.kept, x)
        return self.kept[: x.shape[0], : x.shape[1]] * 2


PUTS = {
    "beginning": lambda kept, x: kept.__setitem__((slice(x.shape[0]), slice(x.shape[1])), x),
    "rows": lambda kept, x: kept.__setitem__(slice(x.shape[0]), x[:, :1]),
    "dots": lambda kept, x: kept.__setitem__((slice(x.shape[0]), 3, ...), x[:, 0]),
    "all": lambda kept, x: kept.__setitem__(slice(None), x[:1, :1]),
    "places": lambda kept, x: kept.__setitem__((slice(2), torch.arange(x.shape[1])), x[0]),
}


@pytest.mark.parametrize("name", PUTS)
@pytest.mark.parametrize("is_buffer", [False, True])
@pytest.mark.parametrize("batch", [2, 1])
def test_what_is_put_into_state_may_have_one_row(name, is_buffer, batch):
    model = _Cache(PUTS[name], is_buffer)
    shapes = ({0: ANY, 1: ANY},)
    program = monograph.export(model, (torch.randn(batch, 6, 3),), dynamic_shapes=shapes)
    for rows, length in itertools.product((1, 2, 5), (1, 6)):
        x = torch.randn(rows, length, 3)
        assert torch.equal(program.module()(x), _Cache(PUTS[name], is_buffer)(x))
