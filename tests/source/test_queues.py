"""Containers that get items in a loop of unknown length, and are no plain lists."""

from collections import deque

import pytest
import torch

import monograph
from monograph import Dim

LENGTHS = (2, 3, 4, 7, 9)


class Doubling(list):
    def append(self, item):
        super().append(item * 2)


class OnlyLast(list):
    def append(self, item):
        self[:] = [item]


def short(x):
    last, found = deque(maxlen=2), []
    for t in range(x.shape[1]):
        last.append(x[:, t] * t)
        found.append(sum(last))
    return torch.stack(found, 1)


def of_one(x):
    last = deque(maxlen=1)
    for t in range(x.shape[1]):
        last.append(x[:, t] * t)
    return torch.stack(tuple(last), 1)


def full(x):
    last, found = deque([x[:, 0]] * 3, maxlen=3), []
    for t in range(x.shape[1]):
        last.append(x[:, t] * t)
        found.append(torch.stack(list(last)).mean(0))
    return torch.stack(found, 1)


def endless(x):
    found = deque()
    for t in range(x.shape[1]):
        found.append(x[:, t] * t)
    return torch.stack(list(found), 1)


def only_last(x):
    found = OnlyLast()
    for t in range(x.shape[1]):
        found.append(x[:, t] * t)
    return torch.stack(found, 1)


def doubled(x):
    found = Doubling()
    for t in range(x.shape[1]):
        found.append(x[:, t] * t)
    return torch.stack(found, 1)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [short, of_one, full, endless, only_last])
def test_a_queue_has_what_it_has_in_eager_mode(program, strict):
    x = torch.randn(2, 7, 4)
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    exported = monograph.export(program, (x,), dynamic_shapes=shapes, strict=strict).module()
    for n in LENGTHS:
        x = torch.randn(3, n, 4)
        torch.testing.assert_close(exported(x), program(x))


@pytest.mark.parametrize("strict", [False, True])
def test_a_list_with_an_append_of_its_own_is_no_tensor_of_rows(strict):
    shapes = ({1: Dim.DYNAMIC},)
    with pytest.raises(monograph.ExportError) as refused:
        monograph.export(doubled, (torch.randn(2, 7, 4),), dynamic_shapes=shapes, strict=strict)
    assert "test_queues.py" in str(refused.value)
