"""A number that a branch on a size gives is that of the size it asks about, at every size."""

import itertools

import pytest
import torch

import monograph
from monograph import Dim


def first_of_what_is_left(x):
    v = x.squeeze()
    return v * (2 if v.shape[0] > 2 else 3)


def last_of_what_is_left(x):
    v = x.squeeze(1)
    return v.sum() * (2 if v.shape[1] > 2 else 3)


def as_a_size(x):
    v = x.squeeze()
    return v.new_ones(2 if v.shape[0] > 2 else 3) * x.sum()


def of_two_questions(x):
    v = x.squeeze()
    return x * (1 if v.shape[0] > 2 else 2) + (3 if v.shape[-1] > 2 else 4)


def beside_the_other(x):
    rows, columns = x.shape[:2]
    small = rows if rows < columns else columns
    return x[:small, :small].sum(0) * (2 if small > 2 else 3)


PROGRAMS = [first_of_what_is_left, last_of_what_is_left, as_a_size, of_two_questions,
            beside_the_other]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("example", [(2, 3, 4), (3, 2, 2), (3, 3, 3)])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_right_or_refused(program, example, strict):
    shapes = (dict.fromkeys(range(3), Dim.DYNAMIC),)
    made = monograph.export(program, (torch.randn(example),), dynamic_shapes=shapes, strict=strict)
    run = made.module()
    torch.testing.assert_close(run(x := torch.randn(example)), program(x))
    for sizes in itertools.product((1, 2, 3, 5), repeat=3):
        x = torch.randn(sizes)
        try:
            found = run(x)
        except (monograph.InputError, RuntimeError):
            continue
        torch.testing.assert_close(found, program(x))
