"""Whether `min(n / 2, 3)` is an integer or a float is as in eager mode wherever it is seen.

Python gives whichever of the two it is. Where that makes a difference (a result, a dtype, a text)
the program is for the sizes for which it is as in the example; elsewhere it is for all sizes.
"""

import math

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph import Dim

SEEN = {
    "a result": lambda x: min(x.shape[0] / 2, 3),
    "the first": lambda x: max(0, x.shape[0] * 0.5 - 1),
    "of several": lambda x: min([x.shape[0] / 2, 3, x.shape[0]]),
    "computed": lambda x: 2 * min(x.shape[0] / 2, 3) + 1,
    "a tensor": lambda x: torch.tensor(min(x.shape[0] / 2, 3)),
    "filled": lambda x: torch.full((2,), min(x.shape[0] / 2, 3)),
    "integers": lambda x: torch.arange(4) * min(3, x.shape[0] / 2),
    "the least": lambda x: sorted([x.shape[0] / 2, 3])[0],
    "of a branch": lambda x: torch.arange(2) * (1 if x.shape[0] <= 4 else 4 / x.shape[0]),
    "type": lambda x: x * (2 if type(min(x.shape[0] / 2, 3)) is int else 3),
}
UNSEEN = {
    "floats": lambda x: x * min(x.shape[0] / 2, 3),
    "scaled": lambda x: F.interpolate(x[None, None, :1], scale_factor=max(1, x.shape[0] / 4)),
    "divided": lambda x: min(x.shape[0] / 2, 3) / 2,
    "rounded": lambda x: math.floor(min(x.shape[0] / 2, 3)),
    "known": lambda x: max(x.shape[0] / 2, x.shape[0] + 1),
    "of a branch": lambda x: x * (1 if x.shape[0] <= 4 else 4 / x.shape[0]),
}


def compared(program, strict, size):
    """For how many sizes the program that was exported with this one is."""
    ep = monograph.export(
        program, (torch.ones(size),), dynamic_shapes=((Dim.DYNAMIC,),), strict=strict
    )
    taken = 0
    for n in (1, 2, 4, 5, 6, 7, 20):
        x = torch.ones(n)
        try:
            found = ep.module()(x)
        except monograph.MonographError:
            continue
        taken += 1
        expected = program(x)
        assert type(found) is type(expected)
        if isinstance(found, torch.Tensor):
            assert found.dtype is expected.dtype
            assert torch.equal(found, expected)
        else:
            assert found == expected
    return taken


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", SEEN)
def test_what_is_seen_is_as_in_eager_mode(name, strict):
    for size in (3, 9):
        assert compared(SEEN[name], strict, size) >= 2


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", UNSEEN)
def test_what_is_not_seen_is_for_all_sizes(name, strict):
    assert compared(UNSEEN[name], strict, 5) == 7


def test_a_text_is_that_of_an_integer_where_it_is_one():
    assert compared(lambda x: f"{min(2, x.shape[0] / 2)}", strict=False, size=9) >= 2


def test_what_only_values_decide_is_refused_where_it_is_seen():
    def f(x):
        return torch.arange(3) * (1 if x.sum() > 0 else 0.5)

    with pytest.raises(monograph.MonographError) as caught:
        monograph.export(f, (torch.ones(3),), strict=True)
    assert caught.value.code == "MG-C102"
