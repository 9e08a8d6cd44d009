"""What Python reads of strides holds for single rows, which lie otherwise, or they are refused."""

import contextlib
import itertools

import pytest
import torch

import monograph

D = monograph.Dim.DYNAMIC
MADE = {
    "reshaped": lambda x: x.transpose(1, 2).reshape(-1, 4),
    "computed, reshaped": lambda x: (x + 1).transpose(1, 2).reshape(-1, 4),
    "flattened": lambda x: x.transpose(0, 1).flatten(1),
    "contiguous": lambda x: x.transpose(0, 2).contiguous(),
    "cloned": lambda x: x.permute(2, 0, 1).clone(),
    "two copies": lambda x: (x.transpose(0, 1).reshape(4, -1) * 2).t().reshape(2, -1),
    "product": lambda x: (x.transpose(1, 2) @ x).transpose(0, 1),
    "joined": lambda x: torch.cat([x, x], 2).transpose(0, 1),
}
READ = {
    "strides": lambda x, y: x * y.stride(0) + y.stride(-1),
    "order": lambda x, y: x * 2 if y.is_contiguous() else x * 3,
    "viewed": lambda x, y: y.view(-1) if y.is_contiguous() else y.reshape(-1) * 3,
}
SIZES = [(2, 3), (1, 3), (2, 1), (1, 1), (5, 7)]


@pytest.mark.parametrize("example", [(2, 3), (2, 1), (1, 3)])
@pytest.mark.parametrize(("made", "read"), itertools.product(MADE, READ))
def test_single_rows_lie_as_the_program_was_told(made, read, example):
    def program(x):
        return READ[read](x, MADE[made](x))

    def tensor(sizes):
        return torch.arange(4.0 * sizes[0] * sizes[1]).reshape(sizes[0], 4, sizes[1])

    shapes = ({0: D, 2: D},)
    if 1 in example:  # of a single row Python's answer is one of many: it may be refused
        refusals = (monograph.PythonFeatureError, monograph.ConstraintViolationError)
        with contextlib.suppress(*refusals):
            check(program, tensor, example, shapes)
    else:
        assert {example, (5, 7)} <= check(program, tensor, example, shapes)


def check(program, tensor, example, shapes):
    """The sizes that the exported program takes: its results are those of eager mode."""
    module = monograph.export(program, (tensor(example),), dynamic_shapes=shapes).module()
    taken = set()
    for sizes in SIZES:
        try:
            actual = module(tensor(sizes))
        except monograph.InputError:
            continue  # told at the door
        assert torch.equal(actual, program(tensor(sizes))), sizes
        taken.add(sizes)
    assert example in taken
    return taken
