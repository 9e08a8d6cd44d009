"""Writes through views inside transforms of torch.func have the derivatives of eager mode."""

import itertools

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph import Dim, MonographError

VIEWS = {
    "slice": lambda o: o[1:],
    "select": lambda o: o[1],
    "last": lambda o: o[-1:, 1:],
    "step": lambda o: o[:, ::2],
    "transpose": lambda o: o.t()[1:],
    "view": lambda o: o.view(-1)[2:],
    "narrow": lambda o: o.narrow(1, 1, 2),
    "split": lambda o: o.split(2)[1],
    "unbind": lambda o: o.unbind(1)[1],
    "diagonal": lambda o: o.diagonal(),
    "flat": lambda o: o.flatten()[::3],
    "of view": lambda o: o[1:][:, 1],
}
WRITES = {
    "copy_": lambda v, x: v.copy_(x.sin().flatten()[: v.numel()].reshape(v.shape)),
    "mul_": lambda v, x: v.mul_(x[0, 1]),
    "add_": lambda v, x: v.add_(x.sum()),
    "fill_": lambda v, x: v.fill_(2),
    "masked_fill_": lambda v, x: v.masked_fill_(v > 0.5, 3.0),
    "assigned": lambda v, x: v.__setitem__((0,), x[0, 0] * 3),
    "square_": lambda v, x: v.square_(),
}
STARTS = {
    "zeros": lambda x: torch.zeros(3, 4) + 0.5,
    "empty": lambda x: x.new_empty(3, 4).copy_(x * 2),
    "clone": lambda x: x.clone(),
}
TRANSFORMS = {
    "grad": lambda f: lambda x: torch.func.grad(f)(x),
    "vjp": lambda f: lambda x: torch.func.vjp(f, x)[1](torch.ones(()))[0],
    "jvp": lambda f: lambda x: torch.func.jvp(f, (x,), (x + 1,))[1],
    "vmap of grad": lambda f: lambda x: torch.vmap(torch.func.grad(f))(torch.stack((x, x + 1))),
    "jacrev": lambda f: lambda x: torch.func.jacrev(f)(x),
    "hessian": lambda f: lambda x: torch.func.hessian(f)(x),
    "autograd": lambda f: lambda x: torch.autograd.grad(f(x), x)[0],
}


def program_of(start, view, write):
    def loss(x):
        o = STARTS[start](x)
        kept = VIEWS[view](o)
        WRITES[write](VIEWS[view](o), x)
        return (o * o).sum() + kept.sin().sum()

    return loss


def called(function, x):
    try:
        return function(x)
    except (RuntimeError, TypeError):  # a write in a row of a vmap that eager mode does not do
        return None


ALL = list(itertools.product(TRANSFORMS, STARTS, VIEWS, WRITES))


def compare(cases):
    x = torch.linspace(0.1, 1.7, 12).reshape(3, 4)
    right = 0
    for transform, *parts in cases:
        function = TRANSFORMS[transform](program_of(*parts))
        inputs = [x.clone(), x.flip(0) * 2]
        if transform == "autograd":
            inputs = [each.requires_grad_() for each in inputs]
        if called(function, inputs[0]) is None:
            continue
        try:
            module = monograph.export(function, (inputs[0],)).module()
        except MonographError:
            continue
        for each in inputs:
            message = f"{transform}, {parts}: ".__add__
            torch.testing.assert_close(module(each), function(each), msg=message)
        right += 1
    return right


@pytest.mark.parametrize("part", range(7))
def test_a_sample(part):
    cases = ALL[part * 3 :: 49]
    assert compare(cases) > 0.6 * len(cases)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(12))
def test_all(part):
    compare(ALL[part::12])


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate", "constant"])
def test_padding(mode):
    def program(x):
        loss = torch.func.grad(lambda y: (F.pad(y, (1, 2), mode=mode) ** 2).sum())
        return loss(x)

    sizes = {2: Dim.AUTO}
    module = monograph.export(program, (torch.randn(1, 2, 5),), dynamic_shapes=(sizes,)).module()
    for size in (4, 5, 7):
        x = torch.randn(1, 2, size)
        torch.testing.assert_close(module(x), program(x))
