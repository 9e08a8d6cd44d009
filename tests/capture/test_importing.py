"""Modules that are first imported by the program, and functions that have other names in it."""

import functools
import inspect
import random
import sys
import time

import numpy as np
import pytest
import torch
from torch import as_tensor, cat, manual_seed, set_rng_state, stack, tensor

import monograph
from monograph import Dim, PythonFeatureError

MODULE = """
import torch
from builtins import id as identity
from random import randint
from time import perf_counter
from torch import Tensor, as_tensor, is_conj, manual_seed, set_rng_state, tensor

EPSILON = torch.tensor(1e-6)
TABLE = torch.arange(3.0)
LAYER = torch.nn.Linear(3, 3)
OVER_ALL = LAYER(TABLE)
is_exporting = torch.compiler.is_exporting()
tolist = Tensor.tolist
"""
X = torch.arange(3.0)


@pytest.fixture
def lazy(tmp_path, monkeypatch):
    """The name of a module that nobody has imported."""
    name = f"imported_by_the_program_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def program(name):
    def f(x):
        module = __import__(name)
        return module.LAYER(x + module.EPSILON * module.TABLE)

    return f


@pytest.mark.parametrize("strict", [False, True])
def test_a_module_is_executed_as_outside(lazy, strict):
    f = program(lazy)
    exported = monograph.export(f, (X,), strict=strict)
    module = sys.modules[lazy]
    assert type(module.EPSILON) is type(module.TABLE) is torch.Tensor
    assert module.OVER_ALL.requires_grad
    assert module.LAYER.weight.grad_fn is None
    assert not module.is_exporting
    assert module.tensor(3).item() == module.as_tensor(3).item() == 3
    assert module.is_conj is torch.is_conj
    for function in ("manual_seed", "set_rng_state"):  # the compiler wraps them
        held, now = getattr(module, function), getattr(torch, function)
        assert inspect.unwrap(held) is inspect.unwrap(now)
    assert module.identity is id
    assert module.randint == random.randint
    assert module.perf_counter is time.perf_counter
    assert module.tolist is torch.Tensor.tolist
    assert module.__loader__ is module.__spec__.loader
    assert "monograph" not in type(module.__loader__).__module__
    torch.testing.assert_close(exported.module()(X + 1), f(X + 1))
    assert all("rand" not in str(node.target) for node in exported.graph.nodes)


def test_a_module_that_cannot_be_imported(lazy):
    def f(x):
        try:
            __import__(f"{lazy}_of_another_name")
        except ImportError:
            return x + 1
        return x

    assert torch.equal(monograph.export(f, (X,)).module()(X), X + 1)


def test_what_is_kept_of_a_capture_is_torchs_own():
    @functools.lru_cache
    def kept():
        return torch.tensor, torch.manual_seed, torch.Tensor.tolist, id, time.time

    def f(x):
        return x + len(kept())

    monograph.export(f, (X,))
    make, seed, read, identity, now = kept()
    assert kept.cache_info().currsize == 1
    assert read(make([3])) == [3]
    assert seed(0).initial_seed() == 0
    assert identity(X) == id(X)
    assert now() > 0
    assert torch.equal(monograph.export(lambda x: x + make(1), (X,)).module()(X), X + 1)


def test_a_device_for_what_is_made_holds_after_an_export():
    def f(x):
        with torch.device("cpu"):
            return x + torch.tensor(1.0)

    for strict in (False, True):
        monograph.export(f, (X,), strict=strict)
    with torch.device("meta"):
        assert torch.tensor(0).is_meta
        assert torch.as_tensor([0]).is_meta


def test_tables_of_functions_that_a_program_asks_for():
    overrides = torch.overrides
    overrides.get_testing_overrides.cache_clear()
    overrides._get_tensor_methods.cache_clear()
    overrides._get_overridable_functions.cache_clear()

    def f(x):
        overrides.is_tensor_method_or_property(torch.Tensor.add)
        return x + len(overrides.get_testing_overrides())

    monograph.export(f, (X,))
    assert torch.Tensor.tolist in overrides.get_testing_overrides()
    assert overrides.is_tensor_method_or_property(torch.Tensor.tolist)


NAMED = {
    "numbers of tensors": lambda x: tensor([x.sum(), 2.0]),
    "tensors": lambda x: as_tensor([x.sum(), x.mean()]),
    "a size": lambda x: x + tensor(x.shape[0]),
    "sizes": lambda x: x + tensor([x.shape[0], 1, 2]).sum(),
    "a tensor": lambda x: as_tensor(x) + 1,
    "a number": lambda x: x + tensor([x.sum().item(), 1.0]).sum(),
    "a truth": lambda x: x + tensor(x.shape[0] > 3),
}


@pytest.mark.parametrize("name", NAMED)
def test_functions_in_c_by_names_of_their_own(name):
    f = NAMED[name]
    exported = monograph.export(f, (X,), dynamic_shapes=({0: Dim.DYNAMIC},))
    for length in (3, 1, 0, 5):
        x = torch.arange(float(length)) - 1
        torch.testing.assert_close(exported.module()(x), f(x), equal_nan=True)


def rows_of(x):
    rows = []
    for i in range(x.shape[0]):
        rows.append(x[i] * i)
    return stack(rows, 0)


def halves_of(x):
    rows = []
    while x.sum() > 1:
        x = x / 2
        rows.append(x)
    return cat(rows)


@pytest.mark.parametrize(("f", "strict"), [(rows_of, False), (rows_of, True), (halves_of, True)])
def test_lists_of_unknown_length_by_names_of_their_own(f, strict):
    varies = ({0: Dim.DYNAMIC},)
    exported = monograph.export(f, (torch.ones(3, 2),), dynamic_shapes=varies, strict=strict)
    for length in (3, 1, 5):
        x = torch.ones(length, 2)
        torch.testing.assert_close(exported.module()(x), f(x))


def test_seeds_by_names_of_their_own():
    def seeds(x):
        manual_seed(3)
        return x * 2

    def sets(x):
        set_rng_state(STATE)
        return x + torch.rand(3)

    for f in (seeds, sets):
        with pytest.raises(PythonFeatureError, match="MG-P103"):
            monograph.export(f, (X,))


STATE = torch.get_rng_state()


def test_numbers_drawn_by_names_of_their_own_are_listed():
    draw, draw_many = random.random, np.random.rand

    def f(x):
        return x + draw() + float(draw_many())

    found = [a.text for a in monograph.export(f, (X,)).assumptions if a.kind == "random"]
    assert [text.split("()")[0] for text in found] == ["random.random", "numpy.random.rand"]


rand = np.random.rand  # a bound method of an object whose attributes are read-only


def test_a_global_that_is_a_method_of_an_object_in_c():
    assert torch.equal(monograph.export(lambda x: x + 1, (X,)).module()(X), X + 1)
    assert callable(rand)
