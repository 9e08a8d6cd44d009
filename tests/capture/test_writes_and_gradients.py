"""Operators that write, with gradients; detaching above autograd; lists that are written."""

import opinfo
import pytest
import torch

import monograph
from monograph import MonographError, MutationError
from monograph.ir.operators import is_random
from monograph.shapes.dims import Dim
from monograph.testing import drawn_tensor

DRAWS = {
    "bernoulli": lambda v: v.bernoulli_(0.5),
    "bernoulli of tensors": lambda v: v.bernoulli_(torch.full(v.shape, 0.5)),
    "uniform": lambda v: v.uniform_(),
    "normal": lambda v: v.normal_(),
    "exponential": lambda v: v.exponential_(),
    "random": lambda v: v.random_(5),
    "cauchy": lambda v: v.cauchy_(),
    "geometric": lambda v: v.geometric_(0.5),
    "log normal": lambda v: v.log_normal_(),
}
TRUTHS = {
    "not": lambda v: v.logical_not_(),
    "and": lambda v: v.logical_and_(v.detach() * 2),
    "or": lambda v: v.logical_or_(v.detach() * 2),
    "xor": lambda v: v.logical_xor_(v.detach() * 2),
    "equal": lambda v: v.eq_(0),
    "greater": lambda v: v.gt_(0),
}
WRITES = DRAWS | TRUTHS


def a_tensor(*shape, **how):
    return drawn_tensor(shape, torch.float32, among=(0, 3), **how)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("part", ["whole", "view", "unseen", "argument"])
def test_gradients_after_a_write_are_those_of_eager_mode(name, part):
    def program(x):
        v = x if part == "argument" else x * 2
        if part == "unseen":
            with torch.no_grad():
                WRITES[name](v)
        else:
            WRITES[name](v[1:] if part == "view" else v)
        return v, v * x

    made = monograph.export(program, (a_tensor(3, 4),))
    made.verify(program, samples=20, tolerance=1e-3)


# At the bounds of what floats say, the gradient of selu is that of its form; resizing has none.
WITHOUT = ("resize_", "resize_as_", "nn.functional.selu")


def test_complex_numbers_are_drawn():
    def program(x):
        v = x.to(torch.complex64) + 1
        v.uniform_()
        return v

    monograph.export(program, (a_tensor(1, 4),)).verify(program, samples=20)


def test_a_weight_that_is_written_behind_autograd_is_so_after_torchs_form():
    class Halves(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, x):
            with torch.no_grad():
                self.weight.mul_(0.5)
            return x + 1, x * self.weight

    model = Halves()
    made = monograph.from_torch(monograph.export(model, (a_tensor(4),)).to_torch())
    made.module()(a_tensor(4))
    assert model.weight == 0.5


IN_PLACE = [i for i in opinfo.op_db if i.inplace_variant is not None and i.name not in WITHOUT]


def written(info):
    """The operator on what a program has computed, in place."""
    for sample in opinfo.samples(info, torch.float32, 2):
        if sample.broadcasts_input or not isinstance(sample.input, torch.Tensor):
            continue

        def program(x, sample=sample):
            v = x * 1
            info.inplace_variant(v, *sample.args, **sample.kwargs)
            return v, v * x

        try:
            program(sample.input.detach().clone())
            made = monograph.export(program, (sample.input.detach().clone(),))
        except (MonographError, RuntimeError, TypeError):  # eager mode refuses it
            continue
        if not any(is_random(node.target) for node in made.graph.nodes):
            made.verify(program, samples=8, tolerance=1e-2)


@pytest.mark.parametrize("info", IN_PLACE[::25], ids=lambda info: info.name)
def test_some_operators_in_place(info):
    written(info)


@pytest.mark.slow
@pytest.mark.parametrize("info", IN_PLACE, ids=lambda info: info.name)
def test_each_operator_in_place(info):
    if torch.float32 in info.supported_dtypes("cpu"):
        written(info)


DETACHED = {
    "method": lambda x: x.detach(),
    "function": lambda x: torch.detach(x),
    "method of the class": lambda x: torch.Tensor.detach(x),
    "data": lambda x: x.data,
    "data of a view": lambda x: x[:2].data,
    "in place": lambda x: (x * 3).detach_(),
}


@pytest.mark.parametrize("name", DETACHED)
def test_what_is_detached_has_no_gradient_where_a_gradient_is_taken(name):
    def program(x, y):
        found = DETACHED[name](x)
        z = y.detach().requires_grad_()
        return found, found * 2, torch.autograd.grad(z.sin().sum(), z)[0]

    monograph.export(program, (a_tensor(4), a_tensor(4))).verify(program, samples=20)


LAID = {
    "flatten": lambda x: x.flatten(),
    "reshape": lambda x: x.reshape(-1, 2),
    "contiguous": lambda x: x.contiguous(),
    "ravel": lambda x: x.ravel(),
}


@pytest.mark.parametrize("name", LAID)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("writes", [False, True])
def test_layouts_decide_where_a_gradient_is_taken(name, turned, writes):
    def program(x):
        v = LAID[name](x)
        if writes:
            v.add_(1)
        z = x.detach().requires_grad_()
        return v * 2, x + 1, torch.autograd.grad((z * z).sum(), z)[0]

    x = a_tensor(4, 3).mT if turned else a_tensor(3, 4)
    monograph.export(program, (x,)).verify(program, samples=20, tolerance=1e-2)


LISTS = {
    "one twice": lambda x, y: torch._foreach_add_([x, x], 1),
    "each other": lambda x, y: torch._foreach_add_([x, y], [y, x]),
    "a part": lambda x, y: torch._foreach_mul_([x, x[1:], y], [2.0, 3.0, 4.0]),
    "copies": lambda x, y: torch._foreach_copy_([x, y], [y, x]),
    "zeros": lambda x, y: torch._foreach_zero_([x, x[:1]]),
    "two": lambda x, y: torch._foreach_mul_([x, y], 2),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("varies", [False, True])
def test_lists_are_written_one_after_another(name, varies):
    def program(x, y):
        v, w = x * 2, y * 3
        if name == "each other":  # of these, autograd has gradients of the values before
            v, w = v.detach(), w.detach()
        LISTS[name](v, w)
        return v, w

    sizes = ({0: Dim("n", min=2)},) * 2 if varies else None
    made = monograph.export(program, (a_tensor(4), a_tensor(4)), dynamic_shapes=sizes)
    made.verify(program, samples=20)


@pytest.mark.parametrize("made", [torch.rand_like, torch.randn_like, lambda x: (x * 2).uniform_()])
def test_what_is_drawn_from_a_seed_lies_as_the_example(made):
    def program(x):
        torch.manual_seed(1)
        return made(x)

    monograph.export(program, (a_tensor(3, 4),)).verify(program, samples=20)


@pytest.mark.parametrize("part", [lambda z: z[1:], lambda z: z.view(-1), lambda z: z])
def test_a_resized_result_argument_in_shared_memory_is_refused(part):
    def program(x, y):
        z = x * 2
        w = part(z) if part(z) is not z else z
        kept = z[:1]
        torch.mul(y, 2, out=w)
        return z, kept

    with pytest.raises(MutationError, match="shares its memory"):
        monograph.export(program, (a_tensor(4), a_tensor(5)))
    monograph.export(lambda y: torch.mul(y, 2, out=torch.empty(0)), (a_tensor(4),))


def test_the_last_dimension_of_a_number():
    def program(x, y):
        return x.squeeze(-1), (x == y).movedim(-1, 1).squeeze()

    example = (a_tensor(), a_tensor(2, 3, 4))
    sizes = ({}, dict.fromkeys(range(3), Dim.DYNAMIC))
    monograph.export(program, example, dynamic_shapes=sizes).verify(program, samples=20)
