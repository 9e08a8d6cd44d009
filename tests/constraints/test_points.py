"""A program for few sizes, found one by one: what is let in is the sizes that were compared, no
others.
"""

import itertools

import pytest
import torch

from monograph import InputError
from monograph.exporting import export
from monograph.shapes.dims import Dim
from monograph.testing import assert_equal


def in_a_set(x, z):
    return x if z.numel() in {1, 3} else z


def not_in_a_set(x, z):
    known = z.shape[0] not in {3, 1}
    if known:
        return z
    return x


def in_a_table(x, z):
    return x if {1: "a", 3: "a"}.get(z.shape[0]) == "a" else z


def a_pair_in_a_set(x, z):
    return x if (x.shape[0], z.shape[0]) in {(1, 1), (3, 3)} else z


@pytest.mark.parametrize("program", [in_a_set, not_in_a_set, in_a_table, a_pair_in_a_set])
@pytest.mark.parametrize("example", [(3, 3), (1, 1), (2, 2)])
def test_sizes_that_were_not_compared_are_refused(program, example):
    rows, size = example
    args = (torch.ones(rows, 3), torch.ones(size))
    spec = tuple(dict.fromkeys(range(t.dim()), Dim.AUTO) for t in args)
    made = export(program, args, dynamic_shapes=spec).module()
    for rows in range(5):
        for size in range(6):
            x, z = torch.rand(rows, 3), torch.rand(size)
            try:
                found = made(x, z)
            except InputError:
                assert (rows, size) != example
                continue
            assert_equal(found, program(x, z))


def longest(x, z):
    size, other = z.shape[0], x.shape[0]
    if size == 1:
        return x + other, other
    if other not in (1, size):
        raise ValueError("sizes that do not fit")
    return x + size, size


def at_least(x, z):
    size, other = z.shape[0], x.shape[0]
    if size != 1:
        torch._check(other == size)
    return x * other, other


def asserted(x, z):
    size, other = z.shape[0], x.shape[0]
    if size > 1:
        assert size == other
    return x * other


def asserted_on_two_sides(x, z):
    size, other = z.shape[0], x.shape[0]
    if size == 1 or other == 1:
        return x * other
    assert other == size
    return x * other


def _made(program, example, strict):
    rows, size = example
    args = (torch.ones(rows, 3), torch.ones(size))
    spec = tuple(dict.fromkeys(range(t.dim()), Dim.AUTO) for t in args)
    return export(program, args, dynamic_shapes=spec, strict=strict).module()


def _require_as_in_eager_mode(made, program, rows, size):
    """Also in what it raises; whether these sizes are none of the program's."""
    x, z = torch.rand(rows, 3), torch.rand(size)
    try:
        expected = program(x, z)
    except (ValueError, RuntimeError, AssertionError):
        with pytest.raises((ValueError, RuntimeError, AssertionError)):
            made(x, z)
        return False
    try:
        found = made(x, z)
    except InputError:
        return True
    assert_equal(found, expected)
    return False


PROGRAMS = [longest, at_least, asserted, asserted_on_two_sides]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("strict", [False, True])
def test_what_an_export_before_has_converted_asserts_no_less(program, strict):
    for example in ((2, 1), (3, 3), (4, 1), (1, 1)):
        made = _made(program, example, strict)
        for rows, size in itertools.product(range(5), range(5)):
            _require_as_in_eager_mode(made, program, rows, size)
    with pytest.raises((ValueError, RuntimeError, AssertionError)):
        _made(program, (4, 2), strict)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("example", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("strict", [False, True])
def test_what_one_side_asserts_is_asserted_where_the_sides_are_one(program, example, strict):
    made = _made(program, example, strict)
    for rows in range(4):
        for size in range(4):
            is_refused = _require_as_in_eager_mode(made, program, rows, size)
            assert not (is_refused and (rows, size) == example)
