"""``is``: operators that return the very tensor they are given where nothing is to be done."""

import pytest
import torch

import monograph
from monograph import Dim

functional = torch.nn.functional
MADE = {
    "contiguous": lambda x: x.contiguous(),
    "of a format": lambda x: x.contiguous(memory_format=torch.contiguous_format),
    "to a format": lambda x: x.to(memory_format=torch.contiguous_format),
    "to a dtype": lambda x: x.to(torch.float32),
    "to another dtype": lambda x: x.to(torch.float64),
    "to a device": lambda x: x.to("cpu"),
    "to another's": lambda x: x.to(x),
    "cpu": lambda x: x.cpu(),
    "float": lambda x: x.float(),
    "type": lambda x: x.type(torch.float32),
    "type_as": lambda x: x.type_as(x),
    "type_as of another": lambda x: x.type_as(x.double()),
    "plus": lambda x: +x,
    "conj": lambda x: x.conj(),
    "resolve_conj": lambda x: x.resolve_conj(),
    "real": lambda x: x.real,
    "broadcast": lambda x: torch.broadcast_tensors(x, x)[1],
    "at least": lambda x: torch.atleast_2d(x),
    "at least, of several": lambda x: torch.atleast_1d([x, x])[1],
    "at least three": lambda x: torch.atleast_3d(x),
    "dropout": lambda x: functional.dropout(x, 0.5, False),
    "feature dropout": lambda x: torch.feature_dropout(x, 0.5, False),
    "alpha dropout": lambda x: functional.alpha_dropout(x, 0.5, False),
    "flatten": lambda x: x.flatten(),
    "flatten nothing": lambda x: x.flatten(0, 0),
    "sum to its size": lambda x: x.sum_to_size(*x.shape),
    "dense": lambda x: x.to_dense(),
    "expand": lambda x: x.expand(*x.shape),
    "reshape": lambda x: x.reshape(*x.shape),
    "view": lambda x: x.view(*x.shape),
    "detach": lambda x: x.detach(),
    "squeeze": lambda x: x.squeeze(),
    "clone": lambda x: x.clone(),
    "in place": lambda x: x.add_(1),
    "identity": torch.nn.Identity(),
    "a tensor": lambda x: torch.as_tensor(x),
}  # fmt: skip


@pytest.mark.parametrize("rows", [None, Dim.DYNAMIC])
@pytest.mark.parametrize("made", MADE)
def test_as_in_eager_mode(made, rows):
    make = MADE[made]

    def f(x):
        found = make(x)
        return found * 2, torch.ones(3) if found is x else torch.zeros(3)

    for example in (torch.ones(3, 4), torch.ones(4, 3).t()):
        shapes = None if rows is None else ({0: rows, 1: rows},)
        called = monograph.export(f, (example.clone(),), dynamic_shapes=shapes).module()
        for given in (torch.ones(3, 4), torch.ones(4, 3).t(), torch.ones(2, 4), torch.ones(1, 4)):
            expected = f(given.clone())
            try:
                found = called(given.clone())
            except monograph.InputError:
                assert given is not example
            else:
                for one, other in zip(found, expected, strict=True):
                    assert torch.equal(one, other), (example.stride(), given.stride())


def test_where_nobody_asks_a_layout_is_no_fact():
    program = monograph.export(lambda x: x.contiguous() * 2, (torch.ones(3, 4),))
    assert not program.assumptions
    assert torch.equal(program.module()(torch.ones(4, 3).t()), torch.full((3, 4), 2.0))


def test_a_weight_is_itself():
    class Layer(torch.nn.Linear):
        def forward(self, x):
            kept = self.weight.contiguous() is self.weight and self.weight.float() is self.weight
            return super().forward(x) if kept else x

    program = monograph.export(Layer(3, 3), (torch.ones(2, 3),))
    assert "linear" in str(program.graph)


def test_other_objects_are_compared_as_well():
    """A function that finds out which one it is asks nothing of tensors."""

    def wrapped(function):
        def outermost(*args):
            return function(*args) if type(outermost) is outermost or args else None

        return outermost

    @wrapped
    def program(x):
        return x.sin().transpose(0, 1).contiguous()

    for rows in (1, 2):
        example = (torch.randn(rows, 3),)
        exported = monograph.export(program, example, dynamic_shapes=({0: Dim.DYNAMIC},))
        assert str(exported.range_constraints["s0"]) == "VR[0, int_oo]"


def _asked_before(x, y=None):
    if x is y:
        return x
    return x.sin().transpose(0, 1).contiguous()


def _asked_of_others(x, kind="rows", kinds=("rows",)):
    y = x.sin().transpose(0, 1).contiguous()
    return y if kind is not kinds else x


def _asked_of_another(x, kind=None, kinds=None):
    y = x.sin().transpose(0, 1).contiguous()
    return x if y is kinds else y


def _asked_again(x):
    before, total = x, x.sum()
    for _ in range(2):
        if before is x:
            total = total + 1
        before = x.contiguous()
    return total


@pytest.mark.parametrize("f", [_asked_before, _asked_of_others, _asked_of_another])
def test_what_is_not_asked_of_the_tensor_narrows_nothing(f):
    exported = monograph.export(f, (torch.randn(2, 3),), dynamic_shapes={"x": {0: Dim.DYNAMIC}})
    assert str(exported.range_constraints["s0"]) == "VR[0, int_oo]"
    for rows in (0, 1, 2, 5):
        x = torch.randn(rows, 3)
        assert torch.equal(exported.module()(x), f(x))


def test_a_loop_asks_again():
    exported = monograph.export(_asked_again, (torch.ones(4, 3).t(),))
    assert exported.module()(torch.ones(4, 3).t()) == _asked_again(torch.ones(4, 3).t())
    with pytest.raises(monograph.InputError):
        exported.module()(torch.ones(3, 4))


def _of_any(x):
    parts = [x.contiguous(), x * 2]
    return x + 1 if any(part is x for part in parts) else x - 1


def _of_a_list(x):
    found = torch.broadcast_tensors(x, x)
    return x + sum([part is x for part in found])


def _of_a_function(x):
    def is_given(part):
        return part is x

    return x + 1 if is_given(x.flatten(0, 0)) else x - 1


@pytest.mark.parametrize("f", [_of_any, _of_a_list, _of_a_function])
def test_functions_within_the_function_ask(f):
    for example in (torch.ones(3, 4), torch.ones(4, 3).t()):
        program = monograph.export(f, (example,))
        assert torch.equal(program.module()(example), f(example))
