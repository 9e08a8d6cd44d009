"""Sizes at the door of a program: what is refused, and by which line."""

import pytest
import torch

from monograph import Dim, InputError, export


def _in_fours(x):
    if x.shape[0] % 4 != 0:
        return x - 1
    return x + 1


def _square(x):
    if x.shape[0] != x.shape[1]:
        return x - 1
    return x + 1


def _many(x):
    if x.shape[0] < 4:
        return x - 1
    return x + 1


def _as_text(x):
    return x * int(str(x.shape[0]))


@pytest.mark.parametrize(
    ("program", "refused", "line"),
    [
        (_in_fours, (3, 5), "if x.shape[0] % 4 != 0:"),
        (_square, (8, 5), "if x.shape[0] != x.shape[1]:"),
        (_many, (3, 5), "if x.shape[0] < 4:"),
        (_as_text, (3, 5), "return x * int(str(x.shape[0]))"),
    ],
)
def test_the_door_names_the_line_that_wants_a_size(program, refused, line):
    sizes = {0: Dim.AUTO, 1: Dim.AUTO}
    module = export(program, (torch.zeros(8, 8),), dynamic_shapes=(sizes,)).module()
    torch.testing.assert_close(module(torch.zeros(8, 8)), program(torch.zeros(8, 8)))
    with pytest.raises(InputError) as caught:
        module(torch.zeros(refused))
    assert caught.value.code == "MG-I106"
    assert caught.value.where.text == line
