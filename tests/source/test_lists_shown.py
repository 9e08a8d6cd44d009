"""A list as long as a size: its text, and whether it equals another list, are those of its items,

so they are refused. Nothing is answered of what stands for it while the program is captured.
"""

import pytest
import torch

from monograph.diagnostics import MonographError
from monograph.exporting import export
from monograph.shapes.dims import Dim


def text_of_numbers(x):
    return x * len(str(list(range(x.shape[0]))))


def text_in_a_text(x):
    return x * len(f"{[i for i in range(x.shape[0])]}")  # noqa: C416


def equal_to_a_list(x):
    return x * (list(range(x.shape[0])) == [0, 1, 2])


def unlike_a_list(x):
    return x * ([2 * i for i in range(x.shape[0])] != [0, 2])


def equal_to_its_like(x):
    return x * (list(range(x.shape[0])) == [i for i in range(x.shape[0])])  # noqa: C416


PROGRAMS = [text_of_numbers, text_in_a_text, equal_to_a_list, unlike_a_list, equal_to_its_like]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("strict", [False, True])
def test_it_is_refused(program, strict):
    with pytest.raises(MonographError):
        export(program, (torch.ones(3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_size_that_does_not_vary_has_them(program):
    x = torch.ones(3)
    assert torch.equal(export(program, (x,)).module()(x), program(x))
