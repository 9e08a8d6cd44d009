"""Results that are copied, because their memory is another's, lie as those of eager mode do."""

import itertools

import pytest
import torch
from torch import nn

import monograph

VIEWS = {
    "all": lambda t: t,
    "repeated": lambda t: t.expand(2, *t.shape),
    "every other": lambda t: t[::2],
    "turned": lambda t: t.view(2, 2).mT,
    "a column": lambda t: t.view(2, 2)[:, 0],
    "a diagonal": lambda t: t.view(2, 2).diagonal(),
    "windows": lambda t: t.unfold(0, 2, 1),
    "repeated parts": lambda t: t.unsqueeze(0).expand(3, -1)[:, ::2],
    "one of several": lambda t: t.view(2, 2).unbind(1)[1],
    "negated": lambda t: torch._neg_view(t[1:]),
}


def _literal(model, view, x):
    made = torch.tensor([1.0, 2.0, 3.0, 4.0])
    return view(made), made, view(made)


def _of_a_number_list(model, view, x):
    return view(x.new_tensor([1, 2, 3, 4]))


def _of_replaced_state(model, view, x):
    old, model.state = model.state, x + 1
    return view(old), old


def _written_by_a_copy(model, view, x):
    left, right = x * 2, x * 3
    part, other = view(left), view(right)
    part.copy_(other)
    return part, other, left


def _written_by_an_argument(model, view, x):
    left = x * 2
    part = view(left)
    part.copy_(view(x))
    return part, left


SOURCES = (
    _literal, _of_a_number_list, _of_replaced_state, _written_by_a_copy, _written_by_an_argument,
)  # fmt: skip


class _Model(nn.Module):
    def __init__(self, source, view):
        super().__init__()
        self.source, self.view = source, view
        self.register_buffer("state", torch.arange(4.0))

    def forward(self, x):
        return self.source(self, self.view, x)


@pytest.mark.parametrize(("source", "name"), list(itertools.product(SOURCES, VIEWS)))
def test_they_lie_as_in_eager_mode(source, name):
    x = torch.arange(4.0)
    try:
        _Model(source, VIEWS[name])(x)
    except RuntimeError:  # of views that cannot be written
        return
    if source in SOURCES[3:] and name in ("one of several", "windows"):  # which may not be written
        return
    program = monograph.export(_Model(source, VIEWS[name]), (x,))
    program.verify(_Model(source, VIEWS[name]), samples=6)


def test_a_part_of_what_was_copied_is_no_part_of_the_other():
    def model(x):
        left, right = x * 2, x * 3
        left.copy_(right)
        return left[::2], right

    part, other = monograph.export(model, (torch.ones(4),)).module()(torch.ones(4))
    part.fill_(0)
    assert other.tolist() == [3, 3, 3, 3]


def test_state_that_repeats_its_elements_is_refused_in_words():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("state", torch.zeros(4))

        def forward(self, x):
            self.state = (x * 2).expand(2, 4)
            return x + 1

    with pytest.raises(monograph.MonographError):
        monograph.export(Model(), (torch.ones(4),))


@pytest.mark.parametrize("requires_grad", [False, True])
def test_data_that_is_replaced_brings_no_gradient(requires_grad):
    def model(x):
        made, other = torch.tensor([1.0, 2.0]), x * 3
        made.data = other
        return made, other

    program = monograph.export(model, (torch.ones(2, requires_grad=requires_grad),))
    made, other = program.module()(torch.ones(2, requires_grad=True))
    assert (made.requires_grad, other.requires_grad) == (False, True)
    program.verify(model, samples=6)
