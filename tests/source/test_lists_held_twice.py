"""A list that grows in a loop over a size, or in a branch, and who else holds it."""

import gc

import pytest
import torch

import monograph
from monograph import Dim
from monograph.diagnostics import MonographError


def _append_all(items, x):
    for row in x:
        items.append(row)


def in_another_variable(x):
    items = [x.sum(0)]
    same = items
    for row in x:
        items.append(row)
    return torch.stack(same)


def in_a_dictionary(x):
    items = [x.sum(0)]
    kept = {"items": items}
    for i in range(x.shape[0]):
        items.append(x[i])
    return torch.stack(kept["items"])


def in_a_tuple(x):
    items = [x.sum(0)]
    kept = (items, 1)
    for row in x:
        items.append(row)
    return torch.stack(kept[0])


def with_the_caller(x):
    items = [x.sum(0)]
    _append_all(items, x)
    return torch.stack(items)


def with_the_function_around(x):
    items = [x.sum(0)]

    def add(given):
        for row in x:
            given.append(row)

    add(items)
    return torch.stack(items)


def in_a_branch(x):
    items = [x.sum(0)]
    same = items
    if x.shape[0] > 3:
        items.append(x.mean(0))
    return torch.stack(same)


def extended(x):
    items = [x.sum(0)]
    same = items
    items.extend(x.unbind(0))
    return torch.stack(same)


HELD = [in_another_variable, in_a_dictionary, in_a_tuple, with_the_caller,
        with_the_function_around, in_a_branch, extended]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", HELD, ids=lambda p: p.__name__)
def test_it_is_never_another_list_for_one_of_them(program, strict):
    try:
        made = monograph.export(
            program, (torch.randn(7, 3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
        )
    except MonographError:
        return
    for size in (7, 4, 9):
        x = torch.randn(size, 3)
        torch.testing.assert_close(made.module()(x), program(x))


def alone(x):
    items, others = [x.sum(0)], [x.mean(0)]
    for row in x:
        items.append(row)
        if x.shape[0] > 3:
            others.append(row * 2)
    same = items
    for row in x:
        items.append(row + 1)
    return torch.stack(same), torch.stack(others)


def _doubled(x):
    made = []
    for row in x:
        made.append(row * 2)
    return made


def returned(x):
    rows = _doubled(x)
    rows.append(x.sum(0))
    return torch.stack(rows)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [alone, returned], ids=lambda p: p.__name__)
def test_what_one_variable_holds_grows(program, strict):
    made = monograph.export(
        program, (torch.randn(7, 3),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
    )
    for size in (7, 1, 4, 9):
        x = torch.randn(size, 3)
        torch.testing.assert_close(made.module()(x), program(x))


def one_after_another(x):
    items, others = [x.sum(0)], []
    for row in x:
        items.append(row)
    for i in range(x.shape[0] + 1):
        others.append(items[i] * i)
    return torch.stack(items), torch.stack(others)


def test_all_that_is_alive_is_not_looked_through_for_it(monkeypatch):
    """The references to it are counted, which takes as long in a process with many objects."""
    looks = []
    monkeypatch.setattr(gc, "get_referrers", lambda *objects: looks.append(objects) or [])
    x = torch.randn(7, 3)
    monograph.export(one_after_another, (x,), dynamic_shapes=({0: Dim.DYNAMIC},))
    assert not looks
