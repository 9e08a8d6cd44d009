"""Of no items, ``sum`` is 0 and a list is empty: a program that goes on with that does so for all.

So it is of a loop that is taken apart: without an iteration, everything stays as it was.
"""

import pytest
import torch

from monograph import Dim, InputError, export


def of_a_generator(x):
    return sum(row * 2 for row in x) + x.sum(0)


def times_their_numbers(x):
    return sum(i * row for i, row in zip(range(x.shape[0]), x, strict=True)) + x.sum(0)


def of_a_list(x):
    norms = []
    for row in x:
        norms.append(row.norm())
    loss = sum(norms) / max(len(norms), 1)
    return x.sum() + 0.1 * loss


def of_differences(x):
    return sum([(x[i] - x[i + 1]).norm() for i in range(x.shape[0] - 1)]) + x.sum()


def in_a_loop(x):
    total = 0
    for row in x.unbind(0):
        total += sum(column.norm() for column in x) * row
    return total + x.sum(0)


def of_neighbours(x):
    rows = list(x)
    steps = [b - a for a, b in zip(rows, rows[1:])]  # noqa: B905, RUF007
    return torch.stack(steps) if steps else x


def with_a_state(x):
    state, out = {"mean": None}, []
    for row in x:
        state["mean"] = row if state["mean"] is None else 0.9 * state["mean"] + 0.1 * row
        out.append(state["mean"])
    return torch.stack(out) if out else x


def with_a_cache(x):
    cache, out = {}, []
    for row in x:
        cache["row"] = row if "row" not in cache else cache["row"] + row
        out.append(cache["row"])
    return torch.stack(out) if out else x


PROGRAMS = (
    of_a_generator, times_their_numbers, of_a_list, of_differences, in_a_loop, of_neighbours,
    with_a_state, with_a_cache,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_goes_on_without_items(program):
    ways = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    made = export(program, (torch.rand(2, 3),), dynamic_shapes=(ways,)).module()
    for size in (0, 1, 2, 3, 5, 7):
        x = torch.rand(size, 3)
        found, expected = made(x), program(x)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected)


def keeps(cache, row):
    cache["row"] = row if "row" not in cache else cache["row"] + row


def test_what_others_hold_is_one_thing_whichever_way_was_taken():
    def program(x):
        cache = {}
        kept = [cache]
        for row in x:
            keeps(cache, row)
        return kept[0].get("row", x.sum(0) + 1)

    ways = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    made = export(program, (torch.rand(2, 3),), dynamic_shapes=(ways,)).module()
    for size in (1, 2, 3, 5):
        x = torch.rand(size, 3)
        torch.testing.assert_close(made(x), program(x))
    with pytest.raises(InputError):
        made(torch.rand(0, 3))
