"""A side of a branch where Python raises, and the program catches it: right, or refused.

What catches it goes on as for all sizes, though it is raised for those of one side alone.
"""

import itertools

import pytest
import torch

import monograph
from monograph import Dim, export

RAISING = {
    "an item": lambda x: [x, x * 3][x.shape[0] > 4] if x.shape[0] != 2 else [][0],
    "an item of a size": lambda x: x + 1 if x.shape[0] > 4 else [x][x.shape[0] + 1],
    "a key": lambda x: {True: x}[x.shape[0] > 4],
    "an attribute": lambda x: x + 1 if x.shape[0] > 4 else x.no_such_thing,
    "a division": lambda x: x * (1 / 0) if x.shape[0] > 4 else x + 1,
    "a number": lambda x: x * int("four") if x.shape[0] == 2 else x + 1,
}


def _around(raising):
    def program(x):
        try:
            return raising(x)
        except (IndexError, KeyError, AttributeError, ZeroDivisionError, ValueError):
            return x * 2

    return program


def _in_a_loop(raising):
    def program(x):
        for _ in range(2):
            try:
                x = raising(x)
            except Exception:
                x = x * 2
        return x

    return program


FORMS = {"around": _around, "in a loop": _in_a_loop}


@pytest.mark.parametrize(
    ("raising", "form", "strict", "example"),
    list(itertools.product(RAISING, FORMS, (False, True), (7, 2))),
)
def test_right_or_refused(raising, form, strict, example):
    program = FORMS[form](RAISING[raising])
    varying = ({0: Dim.DYNAMIC},)
    try:
        module = export(
            program, (torch.randn(example, 3),), dynamic_shapes=varying, strict=strict
        ).module()
    except monograph.ExportError:
        return
    for n in (7, 0, 1, 2, 3, 4, 5, 9):
        x = torch.randn(n, 3)
        try:
            found = module(x)
        except monograph.InputError:
            assert n != example
            continue
        torch.testing.assert_close(found, program(x))


NOT_THERE = {
    "a dimension": lambda x: x * x.shape[2],
    "a size of a number": lambda x: x * x.sum().size(-1),
    "an item": lambda x: x * [1, 2][5],
    "a key": lambda x: x * {"a": 1}["b"],
    "a quotient": lambda x: x * (1 // 0),
    "another value": lambda x: x * sum(a * b for a, b in [(*x.shape, 1)]),
    "nothing": lambda x: x * None.shape[0],
}


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_there_is_not_there_on_one_side(name):
    """Data decides: the program holds for what takes the other side, and says what eager raises."""

    def program(x):
        if x.sum() > 100:
            return NOT_THERE[name](x)
        return x + 1

    module = export(program, (torch.ones(3, 2),), strict=True).module()
    x = torch.randn(3, 2)
    torch.testing.assert_close(module(x), program(x))
    with pytest.raises((LookupError, ArithmeticError, ValueError, AttributeError)) as raised:
        program(x + 100)
    with pytest.raises(RuntimeError, match=type(raised.value).__name__):
        module(x + 100)


def test_what_the_capture_does_not_know_is_no_assertion():
    def program(x):
        if x.sum() > 100:
            return x.no_such_thing
        return x + 1

    with pytest.raises(AttributeError):
        export(program, (torch.ones(3, 2),), strict=True)
