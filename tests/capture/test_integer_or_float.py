"""A number that is an integer for some sizes and a float for others is asked which it is."""

import functools
import numbers

import pytest
import torch

from monograph import Dim, export
from monograph.diagnostics import InputError

NUMBERS = {
    "the smaller": lambda n: min(n / 2, 3),
    "the larger": lambda n: max(n, 2.5),
    "with a float": lambda n: min(n, 3.0),
    "of a branch": lambda n: 1.5 if n > 3 else 2,
    "always an integer": lambda n: n // 2,
    "always a float": lambda n: n / 2,
    "rounded": lambda n: round(n / 3),
}


@functools.singledispatch
def _dispatched(number):
    return 0


@_dispatched.register
def _(number: int):
    return 1


@_dispatched.register
def _(number: float):
    return 2


def _matched(number):
    match number:
        case float():
            return 2
        case int():
            return 1
    return 0


QUESTIONS = {
    "isinstance int": lambda number: int(isinstance(number, int)),
    "isinstance float": lambda number: int(isinstance(number, float)),
    "isinstance Integral": lambda number: int(isinstance(number, numbers.Integral)),
    "isinstance of some": lambda number: int(isinstance(number, (int, str))),
    "type": lambda number: int(type(number) is int),
    "class": lambda number: int(number.__class__ is float),
    "dispatched": _dispatched,
    "matched": _matched,
}


def _program(number, question):
    return lambda x: x + QUESTIONS[question](NUMBERS[number](x.shape[0]))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_is_answered_as_in_eager_mode(number, question):
    """Or refused, where the one way and the other make programs that differ."""
    program = _program(number, question)
    made = export(program, (torch.zeros(4, 2),), dynamic_shapes=({0: Dim.DYNAMIC},)).module()
    taken = 0
    for size in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        x = torch.zeros(size, 2)
        try:
            result = made(x)
        except InputError:
            assert not number.startswith("always")
            continue
        taken += 1
        assert torch.equal(result, program(x))
    assert taken > 1


EITHER = {
    "int or float": lambda number: isinstance(number, (int, float)),
    "Number": lambda number: isinstance(number, numbers.Number),
    "neither": lambda number: isinstance(number, (list, str)),
}


@pytest.mark.parametrize("question", EITHER)
def test_what_is_the_same_for_both_is_not_asked(question):
    """The graph has one way, whatever the number is."""
    asks = EITHER[question]

    def program(x):
        number = min(x.shape[0] / 2, 3)
        return x + 1 if asks(number) else x - 1

    made = export(program, (torch.ones(4, 2),), dynamic_shapes=({0: Dim.DYNAMIC},))
    assert not any("cond" in str(node.target) for node in made.graph.nodes)
    for size in (1, 3, 6, 9):
        x = torch.ones(size, 2)
        assert torch.equal(made.module()(x), program(x))


@pytest.mark.parametrize("number", NUMBERS)
def test_an_operator_takes_either(number):
    """No size is told apart, and none is refused."""

    def program(x):
        return torch.add(x * NUMBERS[number](x.shape[0]), NUMBERS[number](x.shape[0]))

    made = export(program, (torch.ones(4, 2),), dynamic_shapes=({0: Dim.DYNAMIC},))
    assert number == "of a branch" or not any("cond" in str(n.target) for n in made.graph.nodes)
    for size in (0, 1, 3, 6, 9):
        x = torch.ones(size, 2)
        assert torch.equal(made.module()(x), program(x))
