"""``ExportedProgram.verify``: what is the same passes, and each kind of difference is found."""

import copy

import pytest
import torch
from torch import nn

import monograph
from monograph.testing import assert_exports, drawn_tensor
from monograph.verification import DiffersError
from monograph.verification.draws import LAYOUTS, VALUES

ANY = monograph.Dim.DYNAMIC


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.table = nn.Embedding(10, 4)

    def forward(self, ids, more, *, scale=2):
        self.calls += 1
        noise = torch.rand(1)
        return {"rows": self.table(ids) * self.calls * scale, "more": more["x"] + noise}


def counting():
    model = Counting()
    more = {"x": torch.randn(2, 2), "z": torch.ones(2, dtype=torch.complex64)}
    shapes = {"ids": {0: ANY}, "more": {"x": {0: ANY}, "z": None}, "scale": None}
    args = (torch.randint(0, 10, (3,)), more)
    return model, monograph.export(model, args, {"scale": 3}, dynamic_shapes=shapes)


def test_programs_are_as_their_models():
    model, program = counting()
    found = program.verify(model)
    assert found.compared > 40
    assert found.compared + found.refused.total() + found.raised == 50
    assert str(found).startswith(f"{found.compared} calls as in eager mode")


def test_the_model_and_the_program_stay_as_they_are():
    model, program = counting()
    before, generator = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    program.verify(model, samples=10)
    assert torch.equal(torch.get_rng_state(), generator)
    for name, tensor in before.items():
        assert torch.equal(model.state_dict()[name], tensor)
        assert torch.equal(program.state_dict[name], tensor)


def test_what_a_function_closes_over_is_put_back():
    total, seen = torch.zeros(3), []

    def adds(x):
        total.add_(x)
        return total * 1

    def adds_and_notes(x):
        seen.append(1)
        return adds(x)

    monograph.export(adds, (torch.ones(3),)).verify(adds_and_notes)
    assert torch.equal(total, torch.zeros(3))
    assert not seen


def test_the_same_seed_draws_the_same_calls():
    def rooted(x):
        return x.sqrt()

    program = monograph.export(rooted, (torch.ones(3),), dynamic_shapes=({0: ANY},))
    errors = []
    for seed in (5, 5):
        with pytest.raises(DiffersError) as caught:
            program.verify(lambda x: x.sqrt().abs() + (x < 0), seed=seed)
        errors.append(caught.value.test)
    assert errors[0] == errors[1]


DIFFERENT = {
    "values": (lambda x, y: x + y, lambda x, y: x - y),
    "dtypes": (lambda x, y: x + y, lambda x, y: (x + y).double()),
    "strides": (lambda x, y: x + y, lambda x, y: (x + y).t().contiguous().t()),
    "views": (lambda x, y: x[0], lambda x, y: x[0].clone()),
    "copies": (lambda x, y: x[0].clone(), lambda x, y: x[0]),
    "writes": (lambda x, y: x + 1, lambda x, y: x.add_(1) * 1),
    "no writes": (lambda x, y: x.add_(1) * 1, lambda x, y: x + 1),
    "gradients": (lambda x, y: x * y, lambda x, y: x.detach() * y),
    "gradients cut": (lambda x, y: x.detach() * y, lambda x, y: x * y),
    "draws": (lambda x, y: x + 0 * torch.rand(3, 4), lambda x, y: x + 0 * torch.rand(1)),
    "structures": (lambda x, y: (x * 2,), lambda x, y: [x * 2]),
    "numbers": (lambda x, y: (x * 2, 1), lambda x, y: (x * 2, 1.0)),
    "special values": (lambda x, y: x * 0 + y, lambda x, y: torch.zeros_like(x) + y),
    "errors": (lambda x, y: x * y, lambda x, y: x.view(-1).view(3, 4) * y),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_each_kind_of_difference_is_found(kind):
    one, other = DIFFERENT[kind]
    example = torch.randn(3, 4), torch.randn(3, 4)
    monograph.export(one, example).verify(one)
    with pytest.raises(DiffersError):
        monograph.export(one, example).verify(other)


def test_a_difference_at_some_sizes_is_shrunk_to_a_test_that_shows_it():
    def plain(x, flags):
        return x.sum(0) * (2 if flags["double"] else 1)

    def odd(x, flags):
        return plain(x, flags) + (len(x) > 4)

    example = (torch.randn(3, 4), {"double": True})
    shapes = {"x": {0: ANY}, "flags": None}
    program = monograph.export(plain, example, dynamic_shapes=shapes)
    with pytest.raises(DiffersError) as caught:
        program.verify(odd)
    assert "drawn_tensor((5, 4), torch.float32, values='ones')" in caught.value.test
    space = {}
    exec(caught.value.test, space)
    with pytest.raises(DiffersError):
        space["test_as_in_eager_mode"](program, odd)
    space["test_as_in_eager_mode"](program, plain)


def test_state_that_goes_another_way_in_a_later_call_is_found():
    model = Counting()
    args = (torch.randint(0, 10, (3,)), {"x": torch.randn(2)})

    class Resets(Counting):
        def forward(self, ids, more, *, scale=2):
            if self.calls == 1:
                self.calls.zero_()
            return super().forward(ids, more, scale=scale)

    program = monograph.export(model, args)
    other = Resets()
    other.load_state_dict(model.state_dict())
    with pytest.raises(DiffersError, match="call 2"):
        program.verify(other)


def test_what_is_refused_is_counted_by_its_code():
    def halves(x):
        return x.view(-1, 2)

    program = monograph.export(halves, (torch.randn(4),), dynamic_shapes=({0: ANY},))
    found = program.verify(halves)
    assert found.compared > 10
    assert set(found.refused) == {"MG-I106"}


def test_given_calls_are_compared_one_after_the_other():
    model, program = counting()
    more = {"x": torch.ones(1, 2), "z": torch.ones(2, dtype=torch.complex64)}
    call = ((torch.tensor([1, 2]), more), {"scale": 3})
    assert program.verify(model, calls=[call, call]).compared == 2
    with pytest.raises(DiffersError):
        program.verify(Counting(), calls=[call])


def test_tests_of_programs_may_verify():
    assert_exports(nn.Linear(3, 4), (torch.randn(2, 3),), verify=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64, torch.int64,
                                   torch.uint8, torch.bool])  # fmt: skip
def test_drawn_tensors_are_what_they_are_said_to_be(dtype):
    for shape in [(), (0,), (3,), (2, 3), (2, 3, 4, 5), (2, 0, 3)]:
        for layout in LAYOUTS:
            for values in VALUES:
                one, same = (
                    drawn_tensor(shape, dtype, layout=layout, values=values, seed=3) for _ in "ab"
                )
                assert one.shape == torch.Size(shape)
                assert one.dtype == dtype
                assert one.stride() == same.stride()
                assert torch.equal(one.nan_to_num(), same.nan_to_num()) or not one.numel()
    spaced = drawn_tensor((2, 3), dtype, layout="spaced")
    assert not spaced.is_contiguous()
    assert drawn_tensor((2, 3), dtype, layout="expanded").stride() == (0, 1)
    assert drawn_tensor((3,), dtype, layout="offset").storage_offset() == 3
    assert drawn_tensor((2, 3), dtype, layout="conjugated").is_conj() == dtype.is_complex


def test_batch_norm_of_nothing_is_refused_before_it_is_computed():
    """Eager mode takes an empty batch in training; the operator that is recorded does not."""
    model = nn.BatchNorm1d(4).train()
    program = monograph.export(model, (torch.randn(3, 4),), dynamic_shapes=({0: ANY},))
    with pytest.raises(monograph.InputError) as error:
        program.module()(torch.ones(0, 4))
    assert error.value.code == "MG-I106"
    assert program.verify(model, samples=30).compared


def test_what_a_program_does_not_promise_of_gradients_is_not_compared():
    """An argument that is written with what has a gradient; a buffer that remembers a graph."""
    written = monograph.export(lambda x, y: y.mul_(x)[::2], (torch.ones(4), torch.ones(4)))
    assert written.verify(lambda x, y: y.mul_(x)[::2], samples=40).compared > 30

    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.zeros(4))

        def forward(self, x):
            self.table.copy_(x * 2)
            return self.table + 1

    model = Remembers()
    assert monograph.export(model, (torch.ones(4),)).verify(model, samples=40).compared > 20
