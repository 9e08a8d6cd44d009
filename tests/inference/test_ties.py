"""Operators that demand equal sizes tie those that are equal in the example."""

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph import ConstraintViolationError, Dim, InputError, OperatorError, export
from monograph.testing import assert_exports

R = torch.randn


def varied(tensor):
    """Every size of a tensor by itself, but for those of 1."""
    return {i: Dim.DYNAMIC for i, size in enumerate(tensor.shape) if size > 1}


def with_sizes(args, change):
    """Arguments of other sizes: ``change`` says what becomes of each that is not 1."""
    return tuple(R([change(n) if n > 1 else 1 for n in t.shape]) for t in args)


def attend(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


MASKS = {
    "whole": (2, 4, 5, 9),
    "one_head": (2, 1, 5, 9),
    "one_row": (2, 1, 1, 9),
    "matrix": (5, 9),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("is_transposed", [False, True])
def test_masks_of_attention(name, is_transposed):
    args = (R(2, 4, 5, 8), R(2, 4, 9, 8), R(2, 4, 9, 8), R(MASKS[name]))

    def program(q, k, v, mask):
        if is_transposed:
            q, k, v = (t.transpose(1, 2).contiguous().transpose(1, 2) for t in (q, k, v))
        return attend(q, k, v, mask)

    calls = [with_sizes(args, lambda n: n + 2), with_sizes(args, lambda n: 1)]
    assert_exports(program, args, more_inputs=calls, dynamic_shapes=tuple(map(varied, args)))


def test_ties_are_noted():
    args = (R(2, 4, 9, 8), R(2, 1, 9, 9))

    def program(q, mask):
        return F.scaled_dot_product_attention(q, q, q, attn_mask=mask)  # ties

    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC}, dict.fromkeys((0, 2, 3), Dim.DYNAMIC))
    exported = export(program, args, dynamic_shapes=shapes)
    q, mask = (n.meta["val"].shape for n in exported.graph.nodes if n.op == "placeholder")
    assert (str(q[0]), str(q[2])) == (str(mask[0]), str(mask[2]))
    assert sorted(exported.range_constraints) == ["s0", "s1"]
    noted = [a for a in exported.assumptions if a.kind == "precondition"]
    assert {"# ties" in a.text for a in noted} == {True}
    assert [a.text.split("covers ")[1] for a in noted] == ["s0 == s2", "s1 == s3", "s1 == s4"]
    with pytest.raises(InputError):
        exported.module()(R(2, 4, 9, 8), R(2, 1, 7, 9))


def test_named_sizes_that_may_differ_are_refused():
    args = (R(2, 4, 9, 8), R(2, 4, 9, 8), R(2, 4, 9, 8), R(9, 9))
    shapes = ({2: Dim("length")}, {2: Dim("keys")}, {2: Dim("keys")}, {1: Dim("masked")})
    with pytest.raises(ConstraintViolationError) as refused:
        export(attend, args, dynamic_shapes=shapes)
    assert "must always be equal" in str(refused.value)
    fixed = monograph.refine_dynamic_shapes(shapes, refused.value)
    exported = export(attend, args, dynamic_shapes=fixed)
    exported.module()(R(2, 4, 9, 8), R(2, 4, 3, 8), R(2, 4, 3, 8), R(9, 3))


PARTS_OF_ONE_ROW = {
    "added": lambda x, y: x + y[:, :1],
    "added_to": lambda x, y: y[:, -1:] + x,
    "of_rows": lambda x, y: x * y[:1],
    "chosen": lambda x, y: torch.where(y[:, :1] > 0, x, -x),
    "in_place": lambda x, y: x.clone().mul_(y[:, :1]),
    "of_three": lambda x, y: torch.lerp(x, y, y[:, :1].sigmoid()),
    "filled": lambda x, y: x.masked_fill(y[:, :1] > 0, 0.0),
}


@pytest.mark.parametrize("name", PARTS_OF_ONE_ROW)
@pytest.mark.parametrize("batch", [2, 1])
def test_a_part_of_one_row_is_broadcast(name, batch):
    """The sizes of the other dimensions are not told from 1 for its sake."""
    args = (R(batch, 4), R(batch, 4))
    calls = [tuple(R(shape) for _ in args) for shape in ((1, 3), (3, 1), (1, 1), (3, 5))]
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2
    assert_exports(PARTS_OF_ONE_ROW[name], args, more_inputs=calls, dynamic_shapes=shapes)


def test_the_row_of_a_part_is_demanded():
    def program(x, y):
        return x + y[:, :1]

    shapes = ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC, 1: Dim.DYNAMIC})
    exported = export(program, (R(2, 4), R(2, 4)), dynamic_shapes=shapes)
    with pytest.raises(InputError, match=r"shape\[1\] to be >= 1"):
        exported.module()(R(2, 4), R(2, 0))


# Operators that only their fake implementation tells about --------------------------------------


def _asserts(a, b):
    assert a.shape == b.shape
    return torch.empty_like(a)


def _computes(a, b):
    return a + b


def _asks_for_certainty(a, b):
    for m, n in zip(a.shape, b.shape, strict=True):
        if not torch.fx.experimental.symbolic_shapes.statically_known_true(m == n):
            raise ValueError(f"{m} is not {n}")
    return torch.empty_like(a)


def _asks_for_rows(a, b):
    if not torch.fx.experimental.symbolic_shapes.guard_or_false(a.shape[0] == b.shape[0]):
        raise ValueError("rows")
    return torch.empty_like(a)


def _is_for_three_columns(a, b):
    if not torch.fx.experimental.symbolic_shapes.statically_known_true(a.shape[1] == 4):
        raise ValueError("columns")
    return torch.empty_like(a)


@pytest.fixture
def custom():
    with torch.library._scoped_library("ties", "FRAGMENT") as library:

        def made(fake):
            library.define(f"{fake.__name__}(Tensor a, Tensor b) -> Tensor")
            library.impl(fake.__name__, lambda a, b: a + b, "CPU")
            torch.library.register_fake(f"ties::{fake.__name__}", fake, lib=library)
            return getattr(torch.ops.ties, fake.__name__).default

        yield made


@pytest.mark.parametrize("fake", [_asserts, _computes, _asks_for_certainty])
def test_custom_operators(custom, fake):
    op = custom(fake)
    args = (R(3, 4), R(3, 4))
    calls = [with_sizes(args, lambda n: n + 3), with_sizes(args, lambda n: 1)]
    assert_exports(
        op, args, more_inputs=calls, dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2
    )


def test_no_more_is_tied_than_is_needed(custom):
    """All four sizes are equal in the example; the fake implementation wants two of them to be."""
    op = custom(_asks_for_rows)
    exported = export(
        op, (R(4, 4), R(4, 4)), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2
    )
    assert sorted(exported.range_constraints) == ["s0", "s1", "s3"]


def test_a_size_is_fixed_where_no_tie_helps(custom):
    op = custom(_is_for_three_columns)
    args = (R(3, 4), R(3, 4))
    exported = export(op, args, dynamic_shapes=({0: Dim.AUTO, 1: Dim.AUTO},) * 2)
    assert [a.kind for a in exported.assumptions] == ["fixed"]
    with pytest.raises(ConstraintViolationError, match="s1"):
        export(op, args, dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 2)


def test_what_the_example_fails_with_is_refused(custom):
    """With the sizes that the program gave, and no others."""
    with pytest.raises(OperatorError) as refused:
        export(torch.bmm, (R(2, 3, 4), R(2, 5, 6)), dynamic_shapes=({0: Dim.DYNAMIC},) * 2)
    assert "7" not in str(refused.value).split("\n")[0]
    with pytest.raises(ValueError, match="rows"):
        export(custom(_asks_for_rows), (R(2, 3), R(3, 3)), dynamic_shapes=({0: Dim.AUTO},) * 2)


def test_a_mask_whose_rows_are_one_by_computation():
    """Repeated for each head and viewed: the mask has one row if it has as many rows as queries."""

    def attended(x, keys, mask):
        batch, _, width = keys.shape
        if mask.shape[0] < batch * 2:
            mask = mask.repeat_interleave(2, dim=0)
        mask = mask.view(batch, 2, -1, mask.shape[-1])
        q, k = (t.view(batch, -1, 2, width // 2).transpose(1, 2) for t in (x, keys))
        return F.scaled_dot_product_attention(q, k, k, attn_mask=mask)

    def inputs(batch, queries, length):
        sizes = (batch, queries, 8), (batch, length, 8), (batch, length)
        return tuple(torch.randn(size) for size in sizes)

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},) * 3
    program = monograph.export(attended, inputs(2, 5, 7), dynamic_shapes=shapes)
    for sizes in ((2, 5, 7), (1, 5, 7), (3, 1, 1), (1, 1, 1), (2, 7, 1)):
        args = inputs(*sizes)
        torch.testing.assert_close(program.module()(*args), attended(*args))


STRETCHING = {
    "add": (torch.add, (4, 3), (4, 3)),
    "where": (lambda x, y: torch.where(x > 0, x, y), (4, 3), (4, 3)),
    "matmul": (torch.matmul, (4, 2, 3), (4, 3, 5)),
}


@pytest.mark.parametrize("name", STRETCHING)
def test_an_operator_that_would_stretch_a_1_is_not_said_to_raise_an_error(name):
    operator, *shapes = STRETCHING[name]
    program = export(operator, tuple(map(R, shapes)), dynamic_shapes=({0: Dim.DYNAMIC},) * 2)
    (assumption,) = program.assumptions
    assert "taken to be equal" in assumption.text
    assert "raises an error" not in assumption.text


def test_an_operator_that_demands_equal_sizes_is_said_to_raise_an_error():
    varies = {0: Dim.DYNAMIC}
    program = export(torch.matmul, (R(2, 4), R(4, 3)), dynamic_shapes=({1: Dim.DYNAMIC}, varies))
    (assumption,) = program.assumptions
    assert "raises an error unless" in assumption.text
