"""A ``squeeze`` that stays whole, and all that follows it, holds for a batch of 1 as before."""

import itertools

import pytest
import torch
from torch import nn

from monograph import Dim, InputError, export

BEFORE = {
    "argument": lambda x: x,
    "linear": nn.Linear(4, 4),
    "norm": nn.LayerNorm(4),
    "repeated": lambda x: x.repeat(1, 2, 1),
}
SQUEEZES = {
    "all": lambda x: x.squeeze(),
    "first": lambda x: x.squeeze(0),
    "several": lambda x: x[:, :1].squeeze((0, 1)),
}
AFTER = {
    "nothing": lambda y: y,
    "pointwise": lambda y: y.relu() * 2 + 1,
    "reduced": lambda y: y.sum(-1),
}
REMADE = {"linear": nn.Linear(4, 3), "softmax": lambda y: nn.functional.hardsigmoid(y).softmax(-1)}


def _program(before, squeeze, after):
    return export(
        lambda x: AFTER.get(after, REMADE.get(after))(SQUEEZES[squeeze](BEFORE[before](x))),
        (torch.randn(2, 3, 4),),
        dynamic_shapes=({0: Dim.DYNAMIC},),
    )


@pytest.mark.parametrize(
    ("before", "squeeze", "after"), list(itertools.product(BEFORE, SQUEEZES, AFTER))
)
def test_what_follows_is_as_before(before, squeeze, after):
    program = _program(before, squeeze, after)
    module, decomposed = program.module(), program.run_decompositions().module()
    for batch in (2, 1, 0, 5):
        x = torch.randn(batch, 3, 4)
        torch.testing.assert_close(decomposed(x), module(x))


@pytest.mark.parametrize(("squeeze", "after"), list(itertools.product(SQUEEZES, REMADE)))
def test_what_stands_for_what_follows_is_right_or_refuses(squeeze, after):
    program = _program("argument", squeeze, after)
    module, decomposed = program.module(), program.run_decompositions().module()
    for batch in (2, 1, 0, 5):
        x = torch.randn(batch, 3, 4)
        expected = module(x)
        try:
            found = decomposed(x)
        except InputError:
            assert batch == 1
            continue
        torch.testing.assert_close(found, expected)
