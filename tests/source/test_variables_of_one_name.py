"""A variable of a function that is called is no variable of the caller, whatever its name is."""

import pytest
import torch

from monograph import Dim, export


def counter(n):
    def step():
        nonlocal n
        n = n + 1
        return n

    return step


def averaged(h):
    def step(row):
        nonlocal h
        h = torch.tanh(h + row)
        return h

    return step


def in_a_loop(x):
    step, n = counter(0), 5
    for _ in x:
        n = n + 1
        step()
    return x.sum(0) + n * 100 + step()


def on_two_sides(x):
    step, n = counter(0), 5
    n = step() + n if x.shape[0] > 2 else step() + step() * 10
    return x.sum(0) + n * 100 + step()


def of_tensors(x):
    step, h = averaged(x.sum(0)), x.sum(0) * 0 + 1
    for row in x:
        h = h * 0.5 + step(row)
    return h + step(h)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [in_a_loop, on_two_sides, of_tensors])
def test_variables_of_one_name_are_apart(program, strict):
    ways = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    x = torch.rand(2, 4)
    made = export(program, (x,), dynamic_shapes=(ways,), strict=strict).module()
    for size in (0, 1, 2, 3, 5, 7):
        x = torch.rand(size, 4)
        torch.testing.assert_close(made(x), program(x))
