"""What Python asks of gradients (``requires_grad``, ``is_leaf``, ``grad_fn``): as in eager mode."""

import io
import itertools

import pytest
import torch
from torch import nn

import monograph

ASKED = {
    "of an argument": lambda model, x, y: y.requires_grad,
    "of a sum": lambda model, x, y: (x + y).requires_grad,
    "of a view": lambda model, x, y: y[1:].requires_grad and y.view(1, 3).requires_grad,
    "of a weight": lambda model, x, y: model.weight.requires_grad,
    "of what is frozen": lambda model, x, y: model.bias.requires_grad,
    "of a buffer": lambda model, x, y: model.scale.requires_grad,
    "of what weights make": lambda model, x, y: (x * model.weight).requires_grad,
    "of integers": lambda model, x, y: (y > 0).requires_grad,
    "detached": lambda model, x, y: (y * model.weight).detach().requires_grad,
    "of a leaf": lambda model, x, y: y.is_leaf,
    "of no leaf": lambda model, x, y: (y * 2).is_leaf,
    "of a function": lambda model, x, y: (y * 2).grad_fn is None,
    "of a weight's function": lambda model, x, y: model.weight.grad_fn is None,
    "of any": lambda model, x, y: any(each.requires_grad for each in (x, y)),
    "with gradients": lambda model, x, y: torch.is_grad_enabled() and y.requires_grad,
}

OF_ARGUMENTS = ("of an argument", "of a sum", "of a view", "of a leaf", "of no leaf", "of any")


def under_no_grad(*views):
    def asked(model, x, y):
        with torch.no_grad():
            for view in views:
                y = view(y)
        return y.requires_grad

    return asked


def leaves_of_views(*views):
    def asked(model, x, y):
        for view in views:
            y = view(y)
        return y.is_leaf

    return asked


VIEWS = {"r": lambda t: t.view(1, 3), "f": lambda t: t.view(-1), "d": lambda t: t.detach()}
ASKED |= {
    f"of views under no_grad, {''.join(names)}": under_no_grad(*(VIEWS[name] for name in names))
    for names in itertools.product("rfd", repeat=3)
}
ASKED |= {
    f"whether views are leaves, {''.join(names)}": leaves_of_views(*(VIEWS[n] for n in names))
    for names in itertools.product("rfd", repeat=2)
}


class Asking(nn.Module):
    def __init__(self, asked):
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), 2.0))
        self.bias = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("scale", torch.ones(3))
        self.asked = asked

    def forward(self, x, y):
        if self.asked(self, x, y):
            x = x + 1
        with torch.no_grad():
            if self.asked(self, x, y):
                x = x + 10
        return x * self.weight


@pytest.mark.parametrize("needs", [False, True])
@pytest.mark.parametrize("is_enabled", [False, True])
@pytest.mark.parametrize("asked", ASKED)
def test_as_in_eager_mode(asked, is_enabled, needs):
    model, x = Asking(ASKED[asked]), torch.zeros(3)
    y = torch.ones(3, requires_grad=needs)
    with torch.set_grad_enabled(is_enabled):
        exported = monograph.export(model, (x, y))
        assert torch.equal(exported.module()(x, y), model(x, y))
    if asked in OF_ARGUMENTS:
        assert "gradient" in {assumption.kind for assumption in exported.assumptions}
    require_right_or_refused(exported, model, needs, is_enabled)


def require_right_or_refused(exported, model, needs, is_enabled):
    """Arguments of another kind are refused where the program has asked for it."""
    file = io.BytesIO()
    monograph.save(exported, file)
    file.seek(0)
    programs = exported, monograph.load(file), monograph.from_torch(exported.to_torch())
    leaf = torch.ones(3, requires_grad=not needs)
    for x in (leaf, leaf * 2):
        with torch.set_grad_enabled(is_enabled):
            outcomes = [outcome(program.module(), x) for program in programs]
            expected = model(torch.zeros(3), x)
        for found in outcomes:
            assert found == "MG-I107" or torch.equal(found, expected)
        assert len(set(map(str, outcomes))) == 1


def outcome(called, x):
    try:
        return called(torch.zeros(3), x)
    except monograph.InputError as error:
        return error.code


def test_what_is_asked_of_one_argument_says_nothing_of_another():
    def f(x, y, z):
        return x * z if (x * y).requires_grad else y * z

    plain, needs = torch.ones(3), torch.ones(3, requires_grad=True)
    program = monograph.export(f, (plain, plain, plain)).module()
    assert not program(plain, plain, plain).requires_grad
    assert program(plain, plain, needs).requires_grad
    with pytest.raises(monograph.InputError, match="requires_grad is False, but got True") as error:
        program(plain, needs, plain)
    assert error.value.where.text.startswith("return x * z if")
    program = monograph.export(f, (needs, plain, plain)).module()
    assert program(needs, needs, plain).requires_grad


def test_state_that_needs_no_gradient_is_no_argument():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.ones(3))
            self.kept = [torch.ones(3)]

        def forward(self, x):
            y = x + self.table + self.kept[0]
            return y if y.requires_grad else y * 2

    program = monograph.export(Model(), (torch.ones(3),))
    assert program.module()(torch.ones(3)).tolist() == [6, 6, 6]
    with pytest.raises(monograph.InputError, match="requires_grad is False"):
        program.module()(torch.ones(3, requires_grad=True))


def test_what_a_backward_pass_would_run_is_not_there():
    def f(x):
        return x * 2 if (x * 3).grad_fn.next_functions else x

    with pytest.raises(monograph.PythonFeatureError, match="MG-P106") as caught:
        monograph.export(f, (torch.ones(3, requires_grad=True),))
    assert caught.value.where.text.startswith("return x * 2 if")


# What is written to a tensor before it is asked.
WRITES = {
    "in place": lambda y, x: y.sub_(x),
    "copied": lambda y, x: y.copy_(x),
    "to a part": lambda y, x: y[0].copy_(x[0]),
    "to a view": lambda y, x: y.view(-1).mul_(x.view(-1)),
    "overwritten": lambda y, x: y.sub_(x).zero_(),
    "of the detached": lambda y, x: y.add_(x.detach()),
    "behind autograd": lambda y, x: y.data.add_(x),
    "under no_grad": torch.no_grad()(lambda y, x: y.add_(x)),
}
QUESTIONS = {
    "requires_grad": lambda y: y.requires_grad,
    "is_leaf": lambda y: not y.is_leaf,
    "of a view": lambda y: y[0].requires_grad,
    "of what is made": lambda y: (y * 2).requires_grad,
}


@pytest.mark.parametrize("asks", QUESTIONS)
@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("made", [False, True])
def test_what_is_written_decides_too(writes, asks, made):
    """At other calls what is written requires a gradient, or what was there: refused, or right."""

    def f(x, y):
        y = y.clone() if made else y
        WRITES[writes](y, x)
        return y + 3 if QUESTIONS[asks](y) else y + 5

    def arguments(flags):
        return [torch.ones(2, 2, requires_grad=flag).clone() for flag in flags]

    calls = list(itertools.product((False, True), repeat=2))
    for example in calls:
        module = monograph.export(f, tuple(arguments(example))).module()
        for call in calls:
            try:
                found = module(*arguments(call))
            except monograph.InputError:
                assert call != example
            else:
                torch.testing.assert_close(found, f(*arguments(call)))


INSIDE = {
    "vjp": lambda x: torch.func.vjp(torch.sin, x)[1](x)[0],
    "grad": lambda x: torch.autograd.grad((z := x.detach().requires_grad_()).sum() * 2, z)[0],
}
ASKED_ABOVE = {
    "of an argument": lambda y: y.requires_grad,
    "of a product": lambda y: (y * 2).requires_grad,
    "of a leaf": lambda y: (y * 2).is_leaf,
    "of a function": lambda y: (y * 2).grad_fn is None,
    "of a view": lambda y: y[0].requires_grad,
    "of what is detached": lambda y: y.detach().requires_grad,
    "of its own": lambda y: y.detach().requires_grad_().requires_grad,
}


@pytest.mark.parametrize("example", [False, True])
@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("asked", ASKED_ABOVE)
def test_a_program_that_differentiates_asks_the_same(asked, inside, example):
    def model(x, y):
        found = INSIDE[inside](x)
        return found * 2 if ASKED_ABOVE[asked](y) else found.sin()

    def call(called, requires_grad):
        return called(torch.ones(3), torch.ones(3, requires_grad=requires_grad))

    program = monograph.export(model, (torch.ones(3), torch.ones(3, requires_grad=example)))
    assert torch.equal(call(program.module(), example), call(model, example))
    try:
        found = call(program.module(), not example)
    except monograph.InputError:
        found = call(model, not example)
        assert not torch.equal(found, call(model, example))
    assert torch.equal(found, call(model, not example))


@pytest.mark.parametrize("of_view", [False, True])
@pytest.mark.parametrize("is_used_after", [False, True])
def test_data_written_after_use_is_told(of_view, is_used_after):
    """Eager mode goes back through what a tensor holds then, if a write was hidden from it."""
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = weight

        def forward(self, x):
            y = x + 1.0
            if is_used_after:
                (y[0] if of_view else y).data.mul_(3.0)
                return (y * self.weight).sum()
            z = (y * self.weight).sum()
            (y[0] if of_view else y).data.mul_(3.0)
            return z

    x = torch.ones(2, 3)
    made = monograph.export(Scaled(), (x,))
    told = [str(each) for each in made.assumptions if "after it was used" in str(each)]
    assert bool(told) is not is_used_after
    assert all("test_asked_of_gradients.py" in each for each in told)
    assert torch.equal(made.module()(x), Scaled()(x))
    if is_used_after:
        program = made.module()
        (found,) = torch.autograd.grad(program(x), [program.weight])
        (wanted,) = torch.autograd.grad(Scaled()(x), [weight])
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("asks", [lambda y: (y * 2).requires_grad, lambda y: y.sum().is_leaf])
def test_what_follows_a_view_of_no_grad_is_not_guessed(asks):
    """Eager mode says that it requires a gradient, as the view does, and none flows."""

    def asked(x):
        with torch.no_grad():
            view = x.view(-1)
        return x * (2.0 if asks(view) else 3.0)

    with pytest.raises(monograph.ExportError, match="a view that is made under no_grad"):
        monograph.export(asked, (torch.ones(2, requires_grad=True),))
