"""Writes through windows that lie over each other and through addresses: values and gradients."""

import itertools

import pytest
import torch

from monograph import Dim, MutationError, export

WINDOWS = {
    "unfold": lambda v: v.unfold(1, 2, 1),
    "unfold_far": lambda v: v.unfold(1, 3, 2),
    "unfold_last": lambda v: v.unfold(-1, 2, 1),
    "transposed": lambda v: v.unfold(1, 2, 1).transpose(0, -1),
    "permuted": lambda v: v.transpose(1, 2).unfold(2, 2, 1),
    "apart": lambda v: v.unfold(1, 2, 2),
    "twice": lambda v: v.unfold(1, 2, 1).unfold(2, 2, 1),
}
PICKED = {
    "first_of_each": lambda w: w.select(-1, 0),
    "last_of_each": lambda w: w[..., -1],
    "first_window": lambda w: w[:, 0],
    "first": lambda w: w[0],
}
ADDRESSED = {
    "rows": lambda v: v.as_strided((2, 3), (12, 1)),
    "gaps": lambda v: v.as_strided((2, 2), (12, 3)),
    "offset": lambda v: v.as_strided((2, 3), (12, 1), 2),
    "windows": lambda v: v.as_strided((2, 3, 2, 3), (12, 3, 3, 1))[:, :, 0],
    "last_of_windows": lambda v: v.as_strided((2, 3, 2, 3), (12, 3, 3, 1))[..., 1, :],
    "scalar": lambda v: v.as_strided((), (), 5),
}
WRITTEN = {
    "fill": lambda part, y: part.fill_(-1.0),
    "mul": lambda part, y: part.mul_(3),
    "copy": lambda part, y: part.copy_(y[0, 0, 0].expand(part.shape)),
    "item": lambda part, y: part.__setitem__(..., y[0, 0, 0]),
}


def _gradients(run):
    x = (torch.arange(24.0).reshape(2, 4, 3) + 1).requires_grad_()
    y = torch.full((2, 4, 3), 5.0, requires_grad=True)
    made = run(x, y)
    (made * torch.arange(24.0).cos().reshape(2, 4, 3)).sum().backward()
    return made.detach(), x.grad, y.grad


def _is_as_in_eager_mode(program, dims):
    expected = _gradients(program)
    example = torch.ones(2, 4, 3), torch.ones(2, 4, 3)
    shapes = (dict.fromkeys(dims, Dim.DYNAMIC),) * 2 if dims else None
    try:
        exported = export(program, example, dynamic_shapes=shapes).module()
    except MutationError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert "lie over each other" in refusal
        return
    for given, wanted in zip(_gradients(exported), expected, strict=True):
        torch.testing.assert_close(given, wanted)


@pytest.mark.parametrize("dims", [(), (0,), (1,), (0, 1, 2)])
@pytest.mark.parametrize(("windows", "picked"), itertools.product(WINDOWS, PICKED))
def test_windows_that_are_written(windows, picked, dims):
    for write in WRITTEN.values():

        def program(x, y, write=write):
            made = x * 2
            write(PICKED[picked](WINDOWS[windows](made)), y)
            return made

        _is_as_in_eager_mode(program, dims)


@pytest.mark.parametrize("base", ["made", "transposed", "part"])
@pytest.mark.parametrize("addressed", ADDRESSED)
def test_addresses_that_are_written(addressed, base):
    for write in WRITTEN.values():

        def program(x, y, write=write):
            made = x * 2
            if base == "transposed":
                made = (x.transpose(0, 2) * 2).contiguous().transpose(0, 2)
            if base == "part":
                made = torch.cat([x, x])[2:]
            write(ADDRESSED[addressed](made), y)
            return made

        _is_as_in_eager_mode(program, ())
