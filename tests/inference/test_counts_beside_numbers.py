"""A number of rows that is only known when the program runs, beside a plain number: that, or 1."""

import pytest
import torch

import monograph

OPERATORS = {
    "add": torch.add,
    "rsub": torch.rsub,
    "complex": torch.complex,
    "polar": torch.polar,
    "isclose": torch.isclose,
    "allclose": torch.allclose,
    "cosine_similarity": torch.cosine_similarity,
    "dist": torch.dist,
    "where": lambda x, y: torch.where(x > 1, x, y),
    "floor_divide": torch.floor_divide,
    "masked_fill": lambda x, y: y.masked_fill(x > 0, 3.0),
}
STRETCHING = {
    "expand": lambda x, y: x.expand(4),
    "expand_as": lambda x, y: x.expand_as(y),
    "broadcast_tensors": lambda x, y: torch.broadcast_tensors(x, y)[0],
    "written": lambda x, y: y.mul(1).copy_(x),
}


def _given(count):
    return torch.tensor([1.0] * count + [0.0] * (6 - count)), torch.ones(2, 4)


def _of(function):
    def model(x, y):
        return function(x[x > 0], y)

    return model


@pytest.mark.parametrize("example", [1, 4])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_take_one_row_as_well(name, example):
    model = _of(OPERATORS[name])
    module = monograph.export(model, _given(example)).module()
    for count in (1, 4):
        torch.testing.assert_close(module(*_given(count)), model(*_given(count)))
    for count in (0, 2, 5):
        with pytest.raises(RuntimeError):
            model(*_given(count))
        with pytest.raises(RuntimeError):
            module(*_given(count))


@pytest.mark.parametrize("name", STRETCHING)
def test_views_of_one_row_are_refused_in_words(name):
    module = monograph.export(_of(STRETCHING[name]), _given(4)).module()
    assert module(*_given(4)).shape[-1] == 4
    with pytest.raises(RuntimeError, match=r"taken to be (equal|as long)"):
        module(*_given(1))
