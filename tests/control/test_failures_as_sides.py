"""What sizes decide in ``try``: where an operator fails, the handler is the other side of a branch.

The whole statement is run with each answer to what its operators ask of sizes: on one side the
operator fails as in eager mode, and the program catches that.
"""

import contextlib
import itertools

import pytest
import torch

from monograph import Dim, export
from monograph.testing import assert_equal

SIZES = (0, 1, 2, 3, 4, 5, 8)

# What fails for some sizes, and gives one number for each row where it does not.
TRIED = {
    "an item": (lambda x: x[:, 2], IndexError),
    "an item from the end": (lambda x: x[:, -3], IndexError),
    "a part": (lambda x: x.narrow(1, 0, 3).sum(1), RuntimeError),
    "a view": (lambda x: x.view(x.size(0), x.size(1) // 2, 2).sum((1, 2)), RuntimeError),
    "a view with a size left open": (lambda x: x.view(x.size(0), -1, 3).sum((1, 2)), RuntimeError),
    "the largest": (lambda x: x.topk(3, 1).values.sum(1), RuntimeError),
    "a product": (lambda x: (x @ x).sum(1), RuntimeError),
    "put together": (lambda x: torch.cat([x, x.t()], 1).sum(1), RuntimeError),
    "of the library": (lambda x: torch.nn.functional.linear(x, torch.ones(1, 4))[:, 0], Exception),
    "its own": (lambda x: _of_its_own(x), ValueError),
    "a check": (lambda x: _checked(x), RuntimeError),
    "a quotient": (lambda x: x.sum(1) * (x.size(0) // (x.size(1) - 2)), ZeroDivisionError),
    "a rest": (lambda x: x.sum(1) + x.size(0) % (x.size(1) - 2), ArithmeticError),
}


def _of_its_own(x):
    if x.size(1) < 3:
        raise ValueError("too short")
    return x[:, 0] + x[:, 2]


def _checked(x):
    torch._check(x.size(1) > 2, lambda: "too short")
    return x[:, 0] * 3


def _in_a_variable(tried, error):
    def program(x):
        y = x.sum(1)
        try:
            y = tried(x)
        except error:
            y = y * 2
        return y + 1

    return program


def _returned(tried, error):
    def program(x):
        try:
            return tried(x) * 3
        except (error, KeyError):
            pass
        return x.sum(1)

    return program


def _suppressed(tried, error):
    def program(x):
        y, n = x.sum(1), 1
        with contextlib.suppress(error):
            n = 2
            y = y + tried(x)
            n = 3
        return y * n

    return program


def _in_a_block(tried, error):
    def program(x):
        with torch.no_grad():
            try:
                return tried(x)
            except error:
                return x.sum(1)

    return program


def _in_all_ways(tried, error):
    def program(x):
        try:
            y = tried(x)
        except error as caught:
            y = x.sum(1) + len(caught.args)
        else:
            y = y + 2
        finally:
            z = x.sum(1)
        return y * z

    return program


def _in_a_loop(tried, error):
    def program(x):
        y = x.sum(1)
        for i in range(2):
            try:
                y = y + tried(x * (i + 1))
            except error:
                break
        return y

    return program


FORMS = (_in_a_variable, _returned, _suppressed, _in_a_block, _in_all_ways, _in_a_loop)
CASES = itertools.product(TRIED, FORMS, ((3, 4), (2, 2)), (False, True))


@pytest.mark.parametrize(("name", "form", "shape", "strict"), CASES)
def test_both_sides_are_kept(name, form, shape, strict):
    program = form(*TRIED[name])
    spec = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    made = export(program, (torch.randn(shape),), dynamic_shapes=spec, strict=strict).module()
    for sizes in itertools.product(SIZES, repeat=2):
        x = torch.randn(sizes)
        try:
            expected = program(x)
        except Exception:
            with pytest.raises(Exception):  # noqa: B017, PT011
                made(x)
            continue
        assert_equal(made(x), expected, tolerance=1e-5, strided=False)


def first_that_fits(x):
    for i in (5, 3, 1):
        try:
            return x[:, i]
        except IndexError:
            pass
    return x.sum(1)


def as_many_as_fit(x):
    found = []
    for i in range(3):
        try:
            found.append(x[:, i])
        except IndexError:
            break
    return sum(found, x.sum(1))


def of_rows(x):
    rows = x.unbind(0)
    try:
        return rows[2] * 2
    except IndexError:
        return x.sum(0)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("columns", [2, 4])
@pytest.mark.parametrize("program", [first_that_fits, as_many_as_fit, of_rows])
def test_several_that_may_fail(program, columns, strict):
    spec = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(3, columns),)
    made = export(program, example, dynamic_shapes=spec, strict=strict).module()
    for sizes in itertools.product(SIZES, repeat=2):
        x = torch.randn(sizes)
        assert_equal(made(x), program(x), tolerance=1e-5, strided=False)
