"""Strict mode: a container of the arguments that the program changes, and gives back."""

import pytest
import torch

import monograph


class Cache:
    """What a program has computed before, as a caller hands it on from call to call."""

    def __init__(self, keys, seen=0):
        self.keys, self.seen = keys, seen


torch.utils._pytree.register_pytree_node(
    Cache,
    lambda cache: ([cache.keys, cache.seen], None),
    lambda leaves, _: Cache(*leaves),
    serialized_type_name="Cache of test_returned_containers",
)


class Attribute(torch.nn.Module):
    def forward(self, x, cache):
        cache.keys = torch.cat([cache.keys, x])
        return x + cache.keys.sum(), cache


class Item(torch.nn.Module):
    def forward(self, x, cache):
        cache["keys"] = torch.cat([cache["keys"], x])
        return cache["keys"] * 2, cache["keys"]


class Grows(torch.nn.Module):
    def forward(self, x, cache):
        cache.append(x * 3)
        return x.sum(), cache


class Lost(torch.nn.Module):
    def forward(self, x, cache):
        cache["keys"] = torch.cat([cache["keys"], x])
        return cache["keys"].sum()


class Swapped(torch.nn.Module):
    def forward(self, x, cache):
        cache.reverse()
        return x + cache[0]


class Shorter(torch.nn.Module):
    def forward(self, x, cache):
        return x + cache.pop()


def _rows(n):
    return torch.arange(2.0 * n).reshape(n, 2)


RETURNED = {
    Attribute: lambda n: Cache(_rows(n)),
    Item: lambda n: {"keys": _rows(n)},
    Grows: lambda n: [_rows(n), _rows(1)],
}
LOST = {
    Lost: lambda: {"keys": _rows(3)},
    Swapped: lambda: [_rows(1), _rows(1) + 1],
    Shorter: lambda: [_rows(1), _rows(1)],
}


@pytest.mark.parametrize("model", RETURNED)
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_returned_is_not_lost(model, strict):
    given, x = RETURNED[model], torch.ones(2, 2)
    program = monograph.export(model(), (x, given(3)), strict=strict)
    assert [a.kind for a in program.assumptions].count("argument") == 1
    leaves = torch.utils._pytree.tree_leaves
    handed, theirs = given(3), given(3)
    for _ in range(3):
        before = leaves(handed)
        actual, expected = program.module()(x, handed), model()(x, theirs)
        assert all(a is b for a, b in zip(leaves(handed), before, strict=True))
        for one, other in zip(leaves(actual), leaves(expected), strict=True):
            torch.testing.assert_close(one, other)
        theirs = given(3)


@pytest.mark.parametrize("model", LOST)
def test_what_is_not_returned_is_refused(model):
    with pytest.raises(monograph.MutationError, match="MG-M107"):
        monograph.export(model(), (torch.ones(1, 2), LOST[model]()), strict=True)
