"""Statements that ask about sizes in passing: in C, by a key, by a truth as an index.

No part of such a statement is a branch, so all of it is run with each answer.
"""

import bisect
import enum
import itertools

import pytest
import torch
from torch import nn

from monograph import Dim, export

SIZES = (7, 0, 1, 2, 3, 4, 5, 6, 9)


class Kind(enum.Enum):
    SHORT = 0
    LONG = 1


class Third(enum.IntEnum):
    NONE = 0
    ONE = 1
    TWO = 2


# What asks, of a size and of another one.
ASKING = {
    "a truth as an index": lambda n, m: (2, 3)[n > 4],
    "a truth as a key": lambda n, m: {True: 2, False: 3}[n > 4],
    "a rest as a key": lambda n, m: {0: 2, 1: 3}[n % 2],
    "a default": lambda n, m: {0: 2, 1: 3}.get(n % 3, 5),
    "one of few numbers": lambda n, m: {0: 2, 3: 4}.get(min(n, 3), 5),
    "an enumeration": lambda n, m: 2 if Kind(int(n > 4)) is Kind.LONG else 3,
    "an enumeration of a truth": lambda n, m: 2 if Kind(n > 4) is Kind.LONG else 3,
    "an enumeration of numbers": lambda n, m: Third(n % 3) + 2,
    "a bisection": lambda n, m: (2, 3, 5)[bisect.bisect_left([2, 6], n)],
    "the first that fits": lambda n, m: next((k for k in (2, 4, 8) if k >= n), 16),
    "a range": lambda n, m: 2 if n in range(2, 6) else 3,
    "the largest by a key": lambda n, m: max((1, 2), key=lambda i: (0, n, m)[i]),
    "an order by a key": lambda n, m: sorted((1, 2), key=lambda i: (0, n, m)[i])[0],
    "an order": lambda n, m: sorted((n, m))[0],
    "the place of the largest": lambda n, m: [n, m].index(max(n, m)),
}


def _returned(asking):
    return lambda x, y: x * asking(x.shape[0], y.shape[0])


def _kept_in_a_variable(asking):
    def program(x, y):
        k = asking(x.shape[0], y.shape[0])
        z = x.sin() + k
        return z * k, y

    return program


def _in_a_loop(asking):
    def program(x, y):
        for _ in range(2):
            k = asking(x.shape[0], y.shape[0])
            x = x * 0.5 + k
        return x

    return program


FORMS = {"returned": _returned, "kept": _kept_in_a_variable, "in a loop": _in_a_loop}


@pytest.mark.parametrize(
    ("asking", "form", "strict"), itertools.product(ASKING, FORMS, (False, True))
)
def test_all_answers(asking, form, strict):
    program = FORMS[form](ASKING[asking])
    _require_all_sizes(program, strict)


def _require_all_sizes(program, strict=False):
    varying = {0: Dim.DYNAMIC}
    arguments = torch.randn(7, 3), torch.randn(5, 3)
    exported = export(program, arguments, dynamic_shapes=(varying, varying), strict=strict)
    module = exported.module()
    for n, m in [*((n, 5) for n in SIZES), (2, 1), (1, 2), (9, 9)]:
        x, y = torch.randn(n, 3), torch.randn(m, 3)
        torch.testing.assert_close(module(x, y), program(x, y))


CHOICES = {
    "a bisection": lambda n: bisect.bisect_left([2, 6], n),
    "a rest": lambda n: n % 3,
    "the last": lambda n: -1 if n > 4 else 0,
}


@pytest.mark.parametrize("kind", [nn.ModuleList, lambda layers: nn.Sequential(*layers), list])
@pytest.mark.parametrize("choice", CHOICES)
def test_layers_that_a_size_chooses(choice, kind):
    class Chosen(nn.Module):
        def __init__(self):
            super().__init__()
            self.every = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
            self.layers = kind(list(self.every))

        def forward(self, x, y):
            return self.layers[CHOICES[choice](x.shape[0])](x) + y.sum()

    _require_all_sizes(Chosen())


def test_a_dimension_that_a_size_chooses():
    """No number is one thing after both sides here: what follows is moved into them."""

    def program(x, y):
        order = sorted((0, 1), key=lambda i: (x, y)[i].shape[0])
        z = (x, y)[order[1]]
        return z * 2, x.sum(order[0])

    _require_all_sizes(program)


def test_numbers_of_branches_inside_branches():
    """The number that a branch gives inside a branch tells two programs apart."""

    def program(x, y):
        k = next((k for k in (2, 4, 8) if k >= x.shape[0]), 16)
        return nn.functional.pad(x, (0, 0, 0, k)) + y.sum()

    _require_all_sizes(program)
