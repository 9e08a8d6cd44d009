"""A program that warns for some sizes, and counts its calls: it holds for all sizes.

Python remembers a warning among the globals of who warns: that is no state of the program, and no
result of the branch, whether or not it has warned before.
"""

import itertools
import warnings

import pytest
import torch
from torch import nn

from monograph import Dim, export
from monograph.testing import assert_equal

SIZES = (0, 1, 2, 3, 5, 8)
WARNINGS = {
    "plainly": lambda n: warnings.warn("short"),  # noqa: B028
    "of the caller": lambda n: warnings.warn("short", stacklevel=2),
    "of its class": lambda n: warnings.warn("short", DeprecationWarning, stacklevel=1),
    "with the size": lambda n: warnings.warn(f"short: {n}", stacklevel=2),
}


class Counting(nn.Module):
    """A number of the module's own."""

    def __init__(self, warn):
        super().__init__()
        self.warn, self.seen = warn, 0

    def forward(self, x):
        self.seen += 1
        if x.size(0) < 2:
            self.warn(x.size(0))
        return x * 2


class Multiplying(Counting):
    """One that is read, and counted afterwards."""

    def forward(self, x):
        if x.size(0) < 2:
            self.warn(x.size(0))
        elif x.size(0) > 6:
            warnings.warn("long", stacklevel=2)
        self.seen += 1
        return x * self.seen


def closing_over_a_number(warn):
    seen = 0

    def program(x):
        nonlocal seen
        seen += 1
        if x.size(0) < 2:
            warn(x.size(0))
        return x * 2

    return program


def closing_over_a_list(warn):
    seen = [0]

    def program(x):
        if x.size(0) < 2:
            warn(x.size(0))
        seen[0] += 1
        return x * seen[0]

    return program


PROGRAMS = (Counting, Multiplying, closing_over_a_number, closing_over_a_list)


@pytest.mark.parametrize(
    ("program", "how", "size", "strict"),
    itertools.product(PROGRAMS, WARNINGS, (1, 3), (False, True)),
)
@pytest.mark.parametrize("has_warned", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_it_holds_for_all_sizes(program, how, size, strict, has_warned):
    globals().pop("__warningregistry__", None)
    if has_warned:
        warnings.warn("before", stacklevel=1)
    spec = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(size, 4),)
    made = export(program(WARNINGS[how]), example, dynamic_shapes=spec, strict=strict).module()
    assert ("__warningregistry__" in globals()) is has_warned
    eager = program(WARNINGS[how])
    for rows, columns in itertools.product(SIZES, (0, 3)):
        x = torch.randn(rows, columns)
        assert_equal(made(x), eager(x))
