"""``list``, ``map``, ``reversed`` and ``[*...]`` of the pieces of a tensor, of whatever number."""

import pytest
import torch

import monograph
from monograph import Dim


def a_list(x):
    return torch.cat(list(x.split(2)))


def a_tuple(x):
    return torch.cat(tuple(x.chunk(3)))


def mapped(x):
    return torch.cat(list(map(torch.relu, x.split(2))))


def backwards(x):
    return torch.cat(list(reversed(x.split(2))))


def starred(x):
    return torch.cat([*x.split(2)])


def starred_before_another(x):
    return torch.cat((*x.split(2), x[:1]))


def starred_after_another(x):
    return torch.cat([x[:1] * 2, *x.split(2)])


def starred_twice(x):
    return torch.cat([*x.split(2), *x.split(3), x])


def appended_to(x):
    pieces = list(x.split(2))
    pieces.append(x[:1] * 3)
    return torch.cat(pieces)


def used_twice(x):
    pieces = list(x.split(2))
    whole = torch.cat(pieces)
    pieces = [piece * 2 for piece in pieces]
    return torch.cat(pieces) + whole


def gone_through(x):
    total = x.new_zeros(())
    for at, piece in enumerate(list(x.split(2))):
        total = total + piece.amax() * at
    return total


def counted(x):
    return x * len(list(x.split(2)))


def the_last(x):
    return list(x.split(2))[-1]


PROGRAMS = (
    a_list, a_tuple, mapped, backwards, starred, starred_before_another, starred_after_another,
    starred_twice, appended_to, used_twice, gone_through, counted, the_last,
)  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS)
def test_any_number_of_pieces(program, strict):
    every = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    made = monograph.export(program, (torch.randn(5, 4),), dynamic_shapes=every, strict=strict)
    module = made.module()
    for sizes in ((5, 4), (1, 3), (2, 4), (4, 1), (7, 2), (12, 3)):
        x = torch.randn(sizes)
        torch.testing.assert_close(module(x), program(x))


@pytest.mark.parametrize("program", [a_list, mapped, starred, counted])
def test_of_no_rows_there_is_one_piece(program):
    every = ({0: Dim.DYNAMIC},)
    made = monograph.export(program, (torch.randn(5, 4),), dynamic_shapes=every)
    x = torch.randn(0, 4)
    torch.testing.assert_close(made.module()(x), program(x))
