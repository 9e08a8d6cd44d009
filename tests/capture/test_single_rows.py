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


PERHAPS_COPIES = {
    "reshaped": lambda x: x.transpose(1, 2).reshape(-1, 4),
    "contiguous": lambda x: x.transpose(1, 2).contiguous(),
    "flattened": lambda x: x.transpose(0, 1).flatten(1),
    "twice": lambda x: x.transpose(1, 2).contiguous().transpose(0, 1).contiguous(),
}


def forgets(x, made):
    z = x.sin()
    made(z).mul_(3)
    y = made(x.cos())
    y.add_(1)
    return torch.relu_(y)


def keeps(x, made):
    z = x.sin()
    y = made(z)
    y.mul_(3)
    return y, z + 1


def keeps_a_view(x, made):
    z = x.sin()
    part = z[..., :1]
    y = made(z)
    y.mul_(3)
    return y, part


def writes_what_was_copied(x, made):
    z = x.sin()
    y = made(z)
    z.mul_(3)
    return y


def writes_an_argument(x, made):
    y = made(x)
    y.mul_(3)
    return y


@pytest.mark.parametrize("made", PERHAPS_COPIES.values(), ids=PERHAPS_COPIES)
@pytest.mark.parametrize("batch", [2, 1])
@pytest.mark.parametrize(
    "program", [forgets, keeps, keeps_a_view, writes_what_was_copied, writes_an_argument]
)
def test_a_write_to_what_is_perhaps_a_copy(program, made, batch):
    """It matters only where the other of the two tensors is used afterwards, or seen outside."""

    def run(x):
        return program(x, made)

    def tensor(sizes):
        return torch.arange(4.0 * sizes[0] * sizes[1]).reshape(sizes[0], 4, sizes[1])

    shapes = ({0: D, 2: D},)
    if program is forgets:
        module = monograph.export(run, (tensor((batch, 3)),), dynamic_shapes=shapes).module()
        for sizes in SIZES:
            assert torch.equal(module(tensor(sizes)), run(tensor(sizes)))
        return
    if batch == 1:
        with pytest.raises(monograph.MutationError, match="view for some sizes"):
            monograph.export(run, (tensor((batch, 3)),), dynamic_shapes=shapes)
        return
    module = monograph.export(run, (tensor((batch, 3)),), dynamic_shapes=shapes).module()
    for sizes in SIZES:
        mine, eager = tensor(sizes), tensor(sizes)
        if 1 in sizes:
            with pytest.raises(monograph.InputError):
                module(mine)
        else:
            torch.testing.assert_close(module(mine), run(eager))
            assert torch.equal(mine, eager)
