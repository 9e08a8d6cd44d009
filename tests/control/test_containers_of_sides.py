"""A list, a dictionary or an object that a side of a branch changes and returns: what comes back

holds what that side has put into it, not what was there before the branch.
"""

from types import SimpleNamespace

import pytest
import torch

from monograph.exporting import export
from monograph.shapes.dims import Dim
from monograph.testing import assert_equal

ANY = ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})


def sizes_in_a_list(x, y):
    found = [y.shape[0]]
    if x.shape[0] > 3:
        found[0] += 2
        return found
    found[0] += 1
    return found


def tensors_in_a_list(x, y):
    found = [y + 1]
    if x.shape[0] > 3:
        found[0] = found[0] * 2
        return found
    found[0] = found[0] * 3
    return found


def in_a_dictionary(x, y):
    found = {"y": y}
    if x.sum() > 0:
        found["y"] = y * 2
        return found
    found["y"] = y * 3
    return found


def nested(x, y):
    found = [y]
    if x.shape[0] > 3:
        found[0] = y * 2
        return (x, [found])
    found[0] = y * 3
    return (x * 2, [found])


def in_an_object(x, y):
    kept = SimpleNamespace(items=[y])
    if x.shape[0] > 3:
        kept.items[0] = y * 2
        return kept.items
    return kept.items


PROGRAMS = [sizes_in_a_list, tensors_in_a_list, nested, in_an_object]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("example", [3, 4])
@pytest.mark.parametrize("strict", [False, True])
def test_a_container_that_a_side_has_changed_is_returned(program, example, strict):
    args = (torch.ones(example), torch.ones(3))
    made = export(program, args, dynamic_shapes=ANY, strict=strict).module()
    for rows, size in [(example, 3), (2, 2), (3, 3), (4, 4), (5, 3), (7, 1)]:
        x, y = torch.rand(rows), torch.rand(size)
        assert_equal(made(x, y), program(x, y))


@pytest.mark.parametrize("program", [in_a_dictionary])
def test_a_container_that_data_decides_about(program):
    made = export(program, (torch.ones(3), torch.ones(3)), strict=True).module()
    for x in (torch.ones(3), -torch.ones(3)):
        y = torch.rand(3)
        assert_equal(made(x, y), program(x, y))
