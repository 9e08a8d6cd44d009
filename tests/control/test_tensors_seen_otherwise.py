"""A side of a branch, or an iteration, that gives a tensor other sizes in place: ``y.t_()``.

It is the very tensor, wherever the program holds it, and what lies in its memory is seen there.
"""

import contextlib
import itertools

import pytest
import torch

import monograph
from monograph import Dim, ExportError, InputError, export

CHANGES = {
    "t_": lambda v: v.t_(),
    "transposed back": lambda v: v.t_().t_(),
    "transpose_ and written": lambda v: v.transpose_(0, 1).add_(1),
    "squeeze_": lambda v: v.squeeze_(0),
    "unsqueeze_ and squeeze_": lambda v: v.unsqueeze_(0).mul_(2).squeeze_(0),
    "swapaxes_": lambda v: v.swapaxes_(0, 1),
    "as_strided_": lambda v: v.as_strided_((v.shape[1], v.shape[0]), (1, v.shape[1])),
    "data": lambda v: setattr(v, "data", v.detach().t() * 2),
    "detach_": lambda v: v.detach_(),
}
KEPT = {
    "alone": lambda v: v,
    "in a list": lambda v: [v],
    "twice": lambda v: {"a": v, "b": v},
    "its memory": lambda v: v.view(-1),
}
ASKED = {
    "of a size": lambda x: x.shape[0] > 2,
    "of both": lambda x: x.shape[0] > 2 and x.shape[1] > 2,
    "of data": lambda x: x.sum() > 0,
}


def _sides(change, kept, asked):
    def program(x):
        v = x * 2
        holder = kept(v)
        if asked(x):
            change(v)
        elif x.shape[1] == 3:
            v.add_(3)
        return v, v.dim(), tuple(v.shape), holder, v.t() + 1 if v.dim() == 2 else v

    return program


def _called(program, x):
    try:
        return program(x.clone())
    except Exception as error:
        return error


def _compare(program, exported):
    for sizes in ((2, 3), (3, 3), (1, 3), (3, 1), (1, 1), (0, 2), (4, 5)):
        for sign in (1, -1):
            x = torch.rand(sizes) * sign
            expected, found = _called(program, x), _called(exported.module(), x)
            if isinstance(expected, Exception) or isinstance(found, Exception):
                assert isinstance(found, Exception)
                continue
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("change", "kept", "asked", "strict"),
    itertools.product(CHANGES, KEPT, ASKED, (False, True)),
)
def test_sides(change, kept, asked, strict):
    program = _sides(CHANGES[change], KEPT[kept], ASKED[asked])
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    for example in ((3, 4), (2, 3)):
        with contextlib.suppress(ExportError):
            _compare(program, export(program, (torch.rand(example),), dynamic_shapes=shapes,
                                     strict=strict))  # fmt: skip


def nested(x):
    v = x * 2
    if x.shape[0] > 2:
        v.t_()
        if x.shape[1] > 2:
            v.t_()
            v.add_(1)
    return v, v.shape


def of_two_ranks(x):
    v = x * 2
    if x.shape[0] > 2:
        v.unsqueeze_(0)
    else:
        v.unsqueeze_(1)
    return v.mul_(2), v.dim(), v.shape


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [nested, of_two_ranks])
def test_both_sides_are_right(program, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    ep = export(program, (torch.rand(3, 4),), dynamic_shapes=shapes, strict=strict)
    for sizes in ((2, 3), (3, 3), (1, 3), (3, 1), (0, 2), (4, 5)):
        x = torch.rand(sizes)
        torch.testing.assert_close(ep.module()(x), program(x))


@pytest.mark.parametrize("change", CHANGES)
def test_iterations(change):
    def program(x, count):
        v = x * 2
        for _ in range(count):
            CHANGES[change](v)
        return v, v.shape

    args = (torch.rand(3, 3), torch.tensor(2))
    try:
        ep = export(program, args, strict=True)
    except ExportError:
        return
    for count in (0, 1, 2, 3):
        x = torch.rand(3, 3)
        with contextlib.suppress(InputError):
            torch.testing.assert_close(
                ep.module()(x, torch.tensor(count)), program(x, torch.tensor(count))
            )


def test_a_loop_is_refused_with_what_to_write_instead():
    def program(x, count):
        v = x * 2
        for _ in range(count):
            v.t_()
        return v

    with pytest.raises(monograph.MutationError, match="rebind the name"):
        export(program, (torch.rand(3, 3), torch.tensor(2)), strict=True)
