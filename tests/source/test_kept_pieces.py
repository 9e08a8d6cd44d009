"""Pieces of a tensor stay parts of it in a list, in several variables at once, in a kept zip."""

import pytest
import torch

import monograph
from monograph import Dim


def slices_of_a_list(x):
    pieces = list(x.split(2, 1))
    some = pieces[1:]
    some.append(pieces[0] * 2)
    return torch.cat(pieces[:-1], 1), torch.cat(some, 1), len(pieces), pieces[-1], pieces[0]


def a_list_that_is_cut(x):
    pieces = list(x.split(2, 1))
    pieces = pieces[:-1]
    return torch.cat([piece.sum(1, keepdim=True) for piece in pieces], 1)


def in_two_variables(x):
    rows, pieces = x.unbind(1), x.split(2, 1)
    return torch.stack([r + 1 for r in rows], 1), torch.cat([p * 2 for p in pieces], 1)


def a_kept_zip(x):
    pairs = zip(x.unbind(1), x.unbind(1)[::-1], strict=True)
    numbered = enumerate(x.split(2, 1))
    total = torch.zeros_like(x[:, 0])
    for i, piece in numbered:
        total = total + piece.sum(1) * i
    return torch.stack([a * 2 - b for a, b in pairs], 1), total


def a_zip_that_is_used_up(x):
    pairs = zip(x.unbind(1), x.unbind(1)[::-1], strict=True)
    total = torch.zeros_like(x[:, 0])
    for _ in range(2):
        for a, b in pairs:
            total = total + a * 2 - b
    return total


def a_piece_is_written(x):
    y = x.clone()
    pieces = list(y.split(2, 1))
    pieces[-1].mul_(3)
    return torch.cat([p + 1 for p in pieces], 1), y


@pytest.mark.parametrize(
    "program", [slices_of_a_list, a_list_that_is_cut, in_two_variables, a_kept_zip]
)
def test_pieces_in_lists(program):
    every = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    call = monograph.export(program, (torch.randn(2, 7, 3),), dynamic_shapes=every).module()
    for sizes in ((2, 7, 3), (1, 5, 3), (3, 4, 3), (2, 8, 3)):
        x = torch.randn(sizes)
        torch.testing.assert_close(call(x), program(x), check_stride=sizes[0] > 1)


@pytest.mark.parametrize("program", [a_zip_that_is_used_up, a_piece_is_written])
def test_other_uses_are_right_or_refused(program):
    every = ({0: Dim.AUTO, 1: Dim.AUTO},)
    call = monograph.export(program, (torch.randn(2, 7, 3),), dynamic_shapes=every).module()
    for sizes in ((2, 7, 3), (3, 4, 3), (2, 8, 3)):
        x = torch.randn(sizes)
        try:
            found = call(x)
        except monograph.InputError:
            assert sizes[1] != 7
            continue
        torch.testing.assert_close(found, program(x))
