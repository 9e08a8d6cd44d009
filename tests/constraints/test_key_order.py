"""The order of a dictionary's keys is part of a program that goes through them, and only then."""

from collections import OrderedDict, defaultdict

import pytest
import torch

import monograph
from monograph.testing.compare import assert_equal

ONE, TWO = torch.zeros(1, 2), torch.ones(1, 3)


def joined(features):
    return torch.cat(list(features.values()), -1)


def by_name(features):
    return features["b"].sum() - features["a"].sum()


def each(features):
    return {name: value * 2 for name, value in features.items()}


def last(features):
    return next(reversed(features.values())) + 1


def nested(batch):
    return joined(batch["features"]), batch["scale"] * 2


def spread(**features):
    return joined(features)


def named_and_spread(scale, **features):
    return features["a"].sum() * features["b"].sum() * scale


def turned(value):
    if isinstance(value, dict):
        found = value.copy()
        found.clear()
        found.update((key, turned(item)) for key, item in reversed(value.items()))
        return found
    return value


FEATURES = {"a": ONE, "b": TWO}
ORDERED = {
    "joined": (joined, (FEATURES,), {}, "the keys of features come in the order a, b"),
    "last": (last, (FEATURES,), {}, "the keys of features come in the order a, b"),
    "ordered": (joined, (OrderedDict(FEATURES),), {}, "the keys of features"),
    "nested": (nested, ({"features": FEATURES, "scale": ONE},), {}, "batch['features'] come"),
    "spread": (spread, (), FEATURES, "the keys of *kwargs come in the order a, b"),
}
FREE = {
    "by_name": (by_name, (FEATURES,), {}),
    "each": (each, (FEATURES,), {}),
    "default": (by_name, (defaultdict(list, FEATURES),), {}),
    "named": (named_and_spread, (ONE,), FEATURES),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ORDERED)
def test_a_program_that_goes_through_keys(name, strict, tmp_path):
    program, args, kwargs, note = ORDERED[name]
    exported = monograph.export(program, args, kwargs, strict=strict)
    assert [note in str(a) for a in exported.assumptions if a.kind == "key-order"] == [True]
    monograph.save(exported, tmp_path / "program.pt2")
    for each in (exported, monograph.load(tmp_path / "program.pt2"), exported.run_decompositions()):
        module = each.module()
        assert_equal(module(*args, **kwargs), program(*args, **kwargs))
        with pytest.raises(monograph.InputError, match="in the order a, b"):
            module(*map(turned, args), **turned(kwargs))


@pytest.mark.parametrize("name", FREE)
def test_a_program_that_reads_by_name(name):
    program, args, kwargs = FREE[name]
    exported = monograph.export(program, args, kwargs)
    assert not [a for a in exported.assumptions if a.kind == "key-order"]
    args, kwargs = tuple(map(turned, args)), turned(kwargs)
    actual, expected = exported.module()(*args, **kwargs), program(*args, **kwargs)
    if isinstance(expected, dict):  # equal, whatever its order
        expected = {key: expected[key] for key in actual} if actual.keys() == expected.keys() else 0
    assert_equal(actual, expected)


def test_only_the_dictionary_that_matters_is_ordered():
    exported = monograph.export(nested, ({"features": FEATURES, "scale": ONE},))
    batch = {"scale": ONE, "features": FEATURES}
    assert_equal(exported.module()(batch), nested(batch))
