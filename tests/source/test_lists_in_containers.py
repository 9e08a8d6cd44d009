"""Lists that grow in a loop over a size, where a dict, a list or an object holds them."""

import collections

import pytest
import torch

from monograph import Dim, export


def in_a_dict(x):
    kept = {"rows": [], "sums": []}
    for t in range(x.shape[0]):
        kept["rows"].append(x[t] * 2)
        kept["sums"].append(x[t].sum())
    return torch.stack(kept["rows"]) + torch.stack(kept["sums"])[:, None]


def in_a_list(x):
    outs = [[], []]
    for t in range(x.shape[0]):
        for k in range(2):
            outs[k].append(x[t] * (k + 1))
    return torch.stack([torch.stack(each) for each in outs])


def in_a_comprehension(x):
    outs = [[] for _ in range(3)]
    for row in x:
        h = row
        for each in outs:
            h = torch.tanh(h * 2)
            each.append(h)
    return torch.cat([torch.stack(each, 0) for each in outs], 1)


class Kept:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)


def in_an_object(x):
    kept = Kept()
    for row in x:
        kept.items.append(row * 2)
    return torch.stack(kept.items)


def by_a_method(x):
    kept = Kept()
    for row in x:
        kept.add(row * 2)
    return torch.stack(kept.items)


def deep_inside(x):
    kept = {"made": [Kept(), None]}
    for row in x:
        kept["made"][0].add(row * 2)
    return torch.stack(kept["made"][0].items)


def with_two_names(x):
    kept = {"rows": []}
    rows = kept["rows"]
    for t in range(x.shape[0]):
        kept["rows"].append(x[t])
        rows.append(x[t] * 2)
    return torch.stack(rows) + torch.stack(kept["rows"])


def made_when_needed(x):
    kept = collections.defaultdict(list)
    for row in x:
        kept["rows"].append(row * 2)
    return torch.stack(kept["rows"])


def made_by_default(x):
    kept = {}
    for t in range(x.shape[0]):
        kept.setdefault("rows", []).append(x[t] * 2)
    return torch.stack(kept["rows"])


def some_rows(x):
    kept = {"even": [], "odd": []}
    for t in range(x.shape[0]):
        if t % 2 == 0:
            kept["even"].append(x[t])
        else:
            kept["odd"].append(x[t] * 2)
    return sum(kept["even"]) + x.sum(0)


PROGRAMS = [in_a_dict, in_a_list, in_a_comprehension, in_an_object, by_a_method, deep_inside,
            with_two_names, made_when_needed, made_by_default, some_rows]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_list_grows_wherever_it_is_held(program, strict):
    made = export(
        program, (torch.randn(3, 4),), dynamic_shapes=({0: Dim.DYNAMIC},), strict=strict
    ).module()
    for size in (1, 2, 3, 5, 8):
        x = torch.randn(size, 4)
        torch.testing.assert_close(made(x), program(x))


class OfAModule(torch.nn.Module):
    """What it keeps while it runs is gone afterwards."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def _keep(self, row):
        self.outs["rows"].append(self.linear(row))

    def forward(self, x):
        self.outs = {"rows": [], "other": 1}
        for row in x:
            self._keep(row)
        made = torch.stack(self.outs["rows"])
        del self.outs
        return made


@pytest.mark.parametrize("strict", [False, True])
def test_an_attribute_that_the_call_sets_holds_it(strict):
    test_a_list_grows_wherever_it_is_held(OfAModule(), strict)
