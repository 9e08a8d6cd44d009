"""Branches on sizes inside of transforms of ``torch.func`` have eager mode's derivatives,

or are refused: what is computed there from the arguments is never taken for a constant. And parts
of rows that are differentiated under ``vmap`` have sizes that vary.
"""

import pytest
import torch
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

import monograph
from monograph import Dim
from monograph.diagnostics import ConstraintViolationError, ControlFlowError, UndecidedError


def branch(y):
    return (y * y * 2 if y.shape[0] > 7 else y * y * 3).sum()


def assignment(y):
    if y.shape[0] > 7:
        y = y * y
    return (y * 3).sum()


def in_a_kernel(y):
    return torch.cdist(y, y + 1).sum()  # which asks whether there are more than 25 rows


def on_data(y):
    return (y * y if y.sum() > 0 else y * 3).sum()


def loop(y):
    return sum([(y[i] * y[i]).sum() for i in range(y.shape[0])])


TRANSFORMS = {
    "grad": lambda f: grad(f),
    "two": lambda f: lambda x: grad(lambda y: grad(f)(y).sum())(x),
    "jvp": lambda f: lambda x: jvp(f, (x,), (x + 1,)),
    "reverse": lambda f: jacrev(f),
    "forward": lambda f: jacfwd(f),
    "mapped": lambda f: lambda x: vmap(grad(f))(torch.stack([x, x * 2])),
}


def compared(program, example, calls, **options):
    """How many of ``calls`` are taken; None where the program is refused."""
    shapes = ({0: Dim.DYNAMIC, 1: Dim.AUTO},)
    try:
        found = monograph.export(program, (example,), dynamic_shapes=shapes, **options).module()
    except (ConstraintViolationError, ControlFlowError, UndecidedError):
        return None
    taken = 0
    for x in calls:
        try:
            got = found(x)
        except monograph.InputError:
            continue
        taken += 1
        torch.testing.assert_close(got, program(x), atol=1e-4, rtol=1e-4)
    return taken


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("rows", [5, 30])
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("function", [branch, assignment, in_a_kernel, on_data, loop])
def test_a_branch_has_eager_modes_derivatives(function, transform, rows, strict):
    def program(x):
        return TRANSFORMS[transform](function)(x)

    calls = [torch.randn(n, 3) for n in (rows, 1, 4, 26, 40)]
    try:
        program(calls[0])
    except (RuntimeError, NotImplementedError):
        return  # eager mode does not derive it
    taken = compared(program, torch.randn(rows, 3), calls, strict=strict)
    assert taken is None or taken > 0
    assert taken is not None or function in (on_data, loop)


PARTS = {
    "slice": lambda y: y[1:].pow(2).sum(),
    "new dimension": lambda y: y[:, None].pow(2).sum(),
    "select": lambda y: y[0].pow(2).sum() + y[:, -1].exp().sum(),
    "differences": lambda y: (y[:, None] - y[None]).pow(2).sum(-1).exp().sum(),
    "diagonal": lambda y: (y @ y.T).diagonal().pow(2).sum(),
    "off the diagonal": lambda y: (y @ y.T).diagonal(1).pow(2).sum(),
    "unfold": lambda y: y.unfold(1, 2, 1).pow(2).sum(),
    "joined": lambda y: torch.cat([y, y[:1]]).pow(2).sum(),
    "step": lambda y: y[::2, 1:].pow(3).sum(),
}


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("part", PARTS)
def test_parts_of_rows_are_differentiated(part):
    calls = [torch.randn(*sizes, 3) for sizes in ((2, 5), (1, 4), (3, 2), (2, 1))]
    for transform in (lambda f: vmap(grad(f)), lambda f: vmap(hessian(f))):

        def program(x, transform=transform):
            return transform(PARTS[part])(x)

        least = len(calls) - (part == "off the diagonal")  # which a single row does not have
        assert compared(program, torch.randn(2, 5, 3), calls) >= least
