"""``range(n)`` and ``x.tolist()`` whose numbers index a tensor, or are what one is made of."""

import pytest
import torch

import monograph
from monograph import Dim
from monograph.capture.python.made_tensors import MAKERS, TYPES
from monograph.capture.python.sites import _MAKERS

D = Dim.DYNAMIC


def picked(x, at):
    return x[range(len(x)), at]


def written(x, at):
    y = x.clone()
    y[range(x.size(0)), at] = 0
    return y


def backwards(x, at):
    return x[range(x.size(0))[::-1], at]


def in_steps(x, at):
    return x[range(1, x.size(0), 2)]


def starred(x, at):
    return x[[*range(x.size(0))], at]


def made(x, at):
    return torch.tensor(range(x.shape[0])) + 1, torch.as_tensor(range(1, x.shape[0] + 1))


def of_the_type(x, at):
    return x.new_tensor(range(x.shape[0])) * 2


def of_a_type(x, at):
    return x[torch.LongTensor(range(x.shape[0]))], torch.FloatTensor(list(range(x.shape[0])))


def gone_over(x, at):
    total = x.new_zeros(3)
    for i in range(x.size(0))[::-1]:
        total = total * 2 + x[i]
    return total


def spelled_out(x, at):
    return x[at.tolist()], torch.tensor(at.tolist()) + 1, torch.tensor(x[:, 0].tolist()) * 2


@pytest.mark.parametrize(
    "program",
    [picked, written, backwards, in_steps, starred, made, of_the_type, of_a_type, gone_over],
)
def test_as_many_as_there_are(program):
    shapes = ({0: D}, {0: D})
    example = (torch.randn(4, 3), torch.tensor([0, 2, 1, 0]))
    exported = monograph.export(program, example, dynamic_shapes=shapes).module()
    for rows in (4, 1, 6):
        args = (torch.randn(rows, 3), torch.randint(0, 3, (rows,)))
        torch.testing.assert_close(exported(*args), program(*args))


@pytest.mark.parametrize("program", [picked, written, backwards, in_steps])
def test_no_rows(program):
    example = (torch.randn(4, 3), torch.tensor([0, 2, 1, 0]))
    exported = monograph.export(program, example, dynamic_shapes=({0: D}, {0: D})).module()
    nothing = (torch.randn(0, 3), torch.zeros(0, dtype=torch.int64))
    torch.testing.assert_close(exported(*nothing), program(*nothing))


def test_numbers_that_a_tensor_spells_out():
    example = (torch.randn(4, 3), torch.tensor([0, 2, 1, 0]))
    shapes = ({0: D}, {0: D})
    exported = monograph.export(spelled_out, example, dynamic_shapes=shapes, strict=True).module()
    for rows in (4, 1, 3):
        args = (torch.randn(rows, 3), torch.zeros(rows, dtype=torch.int64))
        torch.testing.assert_close(exported(*args), spelled_out(*args))


def test_a_list_that_has_been_spelled_out_is_no_view():
    def program(at):
        listed = at.tolist()
        at.add_(1)
        return torch.tensor(listed)

    example = (torch.tensor([0, 2, 1]),)
    exported = monograph.export(program, example, strict=True).module()
    assert exported(torch.tensor([4, 5, 6])).tolist() == [4, 5, 6]


def test_what_makes_a_tensor_is_known_by_its_name():
    assert {function.__name__ for function in (*MAKERS, *TYPES)} <= _MAKERS
