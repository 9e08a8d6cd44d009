"""Generators that go over a size give as many items as there are, each when it is asked for."""

import pytest
import torch

import monograph
from monograph import Dim


def chunks(x, size):
    """Pieces of one size, as they are written everywhere."""
    for start in range(0, x.shape[1], size):
        yield x[:, start : start + size]


def windows(x, width=2):
    count = x.shape[1] - width + 1
    assert width > 0
    for start in range(count):
        window = x[:, start : start + width]
        yield start, window.mean(1)


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def rows(self, x):
        for row in x.unbind(1):
            yield row * self.scale


def in_a_comprehension(x):
    return torch.cat([chunk.softmax(1) for chunk in chunks(x, 2)], 1)


def as_a_list(x):
    return torch.cat(list(chunks(x, 3)), 1)


def as_a_tuple_in_a_variable(x):
    rows = tuple(Scaled(2.0).rows(x))
    return torch.stack(rows, 1)


def starred(x):
    return torch.stack([*Scaled(2.0).rows(x)], 1)


def counted(x):
    out = []
    for at, chunk in enumerate(chunks(x, 2)):
        out.append(chunk + at)
    return torch.cat(out, 1)


def of_pairs(x):
    return torch.stack([mean * start for start, mean in windows(x)], 1)


def goes_round(x):
    def steps():
        for t in range(x.shape[1]):
            yield x[:, t] * 2

    state = torch.zeros(x.shape[0], x.shape[2])
    for step in steps():
        state = torch.tanh(state + step)
    return state


def written(x):
    y = x * 1
    for chunk in chunks(y, 2):
        chunk.mul_(2)
    return y


PROGRAMS = (
    in_a_comprehension, as_a_list, as_a_tuple_in_a_variable, starred, counted, of_pairs,
    goes_round, written,
)  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS)
def test_as_many_items_as_there_are(program, strict):
    every = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(2, 5, 3),)
    call = monograph.export(program, example, dynamic_shapes=every, strict=strict).module()
    for sizes in ((2, 5, 3), (1, 7, 3), (3, 2, 3), (2, 4, 3)):
        x = torch.randn(sizes)
        torch.testing.assert_close(call(x), program(x))


def sums(x):
    total = torch.zeros(x.shape[0])
    for t in range(x.shape[1]):
        total = total + x[:, t]
        yield total


def of_what_goes_round(x):
    return torch.stack(list(sums(x)), 1)


def test_what_goes_round_in_a_generator_goes_from_one_item_to_the_next():
    ways = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    made = monograph.export(of_what_goes_round, (torch.randn(2, 5),), dynamic_shapes=ways).module()
    for sizes in ((2, 5), (1, 1), (0, 2), (3, 7)):
        x = torch.randn(sizes)
        torch.testing.assert_close(made(x), of_what_goes_round(x))
