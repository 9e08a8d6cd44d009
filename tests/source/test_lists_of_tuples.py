"""Lists that a loop over a size appends containers to: their leaves are rows, each by itself."""

import itertools

import pytest
import torch

import monograph
from monograph import Dim

ITEMS = {
    "bounds": lambda x, start, end: (start, end),
    "in a list": lambda x, start, end: [start, end],
    "with a tensor": lambda x, start, end: (x[:, start:end].sum(1), end),
    "named": lambda x, start, end: {"row": x[:, start].clone(), "end": end},
    "nested": lambda x, start, end: ((start, x[:, start] * 2), end > 3),
    "with a float": lambda x, start, end: (start / 3, end),
    "one": lambda x, start, end: (end,),
}
STARTS = {"empty": False, "one before": True}


def value_of(item):
    """A tensor that all leaves of an item are part of."""
    if isinstance(item, dict):
        return value_of(list(item.values()))
    if isinstance(item, (list, tuple)):
        return sum((i + 1) * value_of(each) for i, each in enumerate(item))
    return item


def over(found, x):
    total = torch.zeros(x.shape[0], x.shape[2])
    for item in found:
        total = total + value_of(item)
    return total


def at_ends(found, x):
    if len(found) == 0:
        return x.sum(1)
    return x.sum(1) * len(found) + value_of(found[0]) * 2 + value_of(found[-1])


def side_by_side(found, x):
    total = torch.zeros(x.shape[0], x.shape[2])
    for i, (item, other) in enumerate(zip(found, found, strict=False)):
        total = total + i * value_of(item) - 3 * value_of(other)
    return total


CONSUMERS = [over, at_ends, side_by_side]


def program(make, is_begun, consume):
    def collect(x):
        found = []
        if is_begun:
            found.append(make(x, 0, 1))
        for start in range(0, x.shape[1], 3):
            end = min(x.shape[1], start + 3)
            found.append(make(x, start, end))
        return consume(found, x)

    return collect


CASES = list(itertools.product(ITEMS, STARTS, CONSUMERS))


@pytest.mark.parametrize(
    ("item", "start", "consume"),
    [c if not i % 4 else pytest.param(*c, marks=pytest.mark.slow) for i, c in enumerate(CASES)],
)
def test_each_size(item, start, consume):
    f = program(ITEMS[item], STARTS[start], consume)
    exported = monograph.export(
        f, (torch.randn(2, 7, 4),), dynamic_shapes=({0: Dim("b"), 1: Dim("n", min=1)},)
    )
    module = exported.module()
    for rows, length in [(2, 7), (1, 1), (3, 3), (0, 4), (2, 17), (2, 6), (2, 6)]:
        x = torch.randn(rows, length, 4)
        torch.testing.assert_close(module(x), f(x))


def test_pieces_between_bounds():
    def pieces(x):
        bounds = []
        for start in range(0, x.shape[1], 4):
            bounds.append((start, min(x.shape[1], start + 4)))
        return torch.cat([x[:, start:end] * 2 for start, end in bounds], dim=1)

    def in_steps(x):
        bounds, made = [], []
        for start in range(0, x.shape[1], 4):
            bounds.append((start, min(x.shape[1], start + 4)))
        for start, end in bounds:
            part = x[:, start:end]
            made.append(part @ part.transpose(1, 2) @ part)
        return torch.cat(made, dim=1)

    for f in (pieces, in_steps):
        exported = monograph.export(f, (torch.randn(2, 9, 4),), dynamic_shapes=({1: Dim("n")},))
        for length in (9, 8, 1, 2, 30):
            x = torch.randn(2, length, 4)
            torch.testing.assert_close(exported.module()(x), f(x))


@pytest.mark.parametrize(
    "items",
    [
        lambda x, start: (start,) * (1 if start == 0 else 2),
        lambda x, start: (start, None if start == 0 else x),
        lambda x, start: (x[:, start:], start),
        lambda x, start: ("name", start),
    ],
)
def test_containers_that_are_not_alike_are_refused_or_right(items):
    f = program(lambda x, start, end: items(x, start), True, lambda found, x: x * len(found))
    try:
        exported = monograph.export(f, (torch.randn(2, 7, 4),), dynamic_shapes=({1: Dim("n")},))
    except monograph.ExportError:
        return
    for length in (7, 2, 12):
        x = torch.randn(2, length, 4)
        torch.testing.assert_close(exported.module()(x), f(x))
