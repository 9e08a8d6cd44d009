"""Functions that are made anew for each export are converted like the first of them."""

import pytest
import torch

import monograph

N = monograph.Dim.DYNAMIC


def lambda_with_a_list():
    return lambda x: torch.tensor(list(range(x.shape[0]))) * 2 + x.sum()


def function_with_a_loop():
    def program(x):
        total = x.sum()
        for i in range(x.shape[0]):
            total = total.sin() + i
        return total

    return program


def function_with_a_branch():
    def program(x):
        return torch.cat([x, x]) if x.shape[0] % 2 else x[1:]

    return program


def branch_on_values(shift=2):
    def program(x):
        if x.sum() > 0:
            return x + shift
        return x - shift

    return program


def model_of_a_local_class():
    class Model(torch.nn.Module):
        def forward(self, x):
            return x + sum([i * 0.5 for i in range(x.shape[0])])

    return Model()


MAKERS = [
    lambda_with_a_list, function_with_a_loop, function_with_a_branch, branch_on_values,
    model_of_a_local_class,
]  # fmt: skip


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("make", MAKERS)
def test_each_is_exported_as_the_first(make, strict):
    for _ in range(3):
        program = make()
        if make is branch_on_values and not strict:
            return
        shapes = ({0: N},)
        exported = monograph.export(program, (torch.rand(6),), dynamic_shapes=shapes, strict=strict)
        for n in (6, 3, 9):
            x = torch.rand(n)
            torch.testing.assert_close(exported.module()(x), program(x))
