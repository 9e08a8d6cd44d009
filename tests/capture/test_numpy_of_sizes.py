"""Functions of numpy, of sizes that vary: computed where they can be, else refused with a line."""

import warnings

import numpy as np
import pytest
import torch

import monograph

N = monograph.Dim.DYNAMIC
FUNCTIONS = ("sqrt", "exp", "log", "log2", "log10", "cos", "sinh", "tan", "tanh", "arctan", "ceil")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_sizes(name):
    function = getattr(np, name)

    def program(x):
        n = x.shape[0]
        return x * function(n / 4), x.double() + function(n) * 0.5, function(n)

    exported = monograph.export(program, (torch.rand(6),), dynamic_shapes=({0: N},))
    for n in (6, 1, 2, 5, 9, 0):
        x = torch.rand(n)
        with warnings.catch_warnings(action="ignore"):
            expected = program(x)
        try:
            found = exported.module()(x)
        except monograph.InputError:
            assert n == 0
            assert "log" in name
            continue
        torch.testing.assert_close(found, expected)


def test_as_many_as_a_function_of_numpy_says():
    def program(x):
        for i in range(int(np.log2(x.shape[0]))):
            x = x.sin() + i
        return x[: int(np.ceil(np.sqrt(x.shape[0])))]

    exported = monograph.export(program, (torch.rand(6),), dynamic_shapes=({0: N},))
    for n in (6, 1, 2, 3, 4, 8, 9, 31, 32):
        x = torch.rand(n)
        torch.testing.assert_close(exported.module()(x), program(x))


ARRAYS = {
    "a tensor": lambda x: torch.as_tensor(np.arange(1, x.shape[0] + 1)),
    "a tensor of numbers": lambda x: torch.tensor(np.array([x.shape[0], 2])),
    "the memory": lambda x: torch.from_numpy(np.arange(1, x.shape[0] + 1)),
    "an index": lambda x: x[np.arange(0, x.shape[0])],
    "like another": lambda x: x.new_tensor(np.array(x.shape)),
}


LISTS = ("a tensor of numbers", "like another")  # of which C has the very numbers


@pytest.mark.parametrize("name", LISTS)
def test_arrays_of_lists_of_sizes_are_refused(name):
    with pytest.raises(monograph.ExportError) as caught:
        monograph.export(ARRAYS[name], (torch.rand(6),), dynamic_shapes=({0: N},))
    assert caught.value.code in ("MG-S101", "MG-D102")
    assert caught.value.where is not None


@pytest.mark.parametrize("name", sorted(ARRAYS.keys() - LISTS))
def test_arrays_of_sizes(name):
    exported = monograph.export(ARRAYS[name], (torch.rand(6),), dynamic_shapes=({0: N},))
    for n in (6, 0, 1, 2, 9):
        x = torch.rand(n)
        torch.testing.assert_close(exported.module()(x), ARRAYS[name](x))


@pytest.mark.parametrize("name", ["a tensor of numbers"])
def test_arrays_of_sizes_that_may_be_fixed(name):
    x = torch.rand(6)
    shapes = ({0: monograph.Dim.AUTO},)
    exported = monograph.export(ARRAYS[name], (x,), dynamic_shapes=shapes)
    torch.testing.assert_close(exported.module()(x), ARRAYS[name](x))


@pytest.mark.parametrize("name", ["item", "tolist"])
def test_a_size_has_no_methods_of_arrays(name):
    """Programs ask for them to tell numbers from tensors and arrays."""

    def program(x):
        return x * 2 if hasattr(x.shape[0], name) else x * 3

    ep = monograph.export(program, (torch.ones(3),), dynamic_shapes=({0: monograph.Dim.DYNAMIC},))
    for size in (3, 1, 5):
        assert torch.equal(ep.module()(torch.ones(size)), program(torch.ones(size)))


METHODS = ("item", "tolist", "astype", "round", "sqrt", "exp", "log", "cos")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_a_number_has_the_methods_that_it_has_in_eager_mode(name, strict):
    """Those of numpy's, and of what is computed of them; a size and ``int`` of one have none."""

    def program(x):
        n = x.shape[0]
        numbers = (
            n,
            n / 2,
            np.sqrt(n),
            np.sqrt(n) + 1,
            2 * np.ceil(n / 3),
            np.ceil(n / 3).astype("int"),
            np.minimum(n, 4),
            np.minimum(n, 4) // 2,
            np.int64(n),
            int(np.int64(n)),
            float(np.sqrt(n)),
            np.int64(n).item(),
            np.sqrt(n).tolist(),
        )
        for i, number in enumerate(numbers):
            x = x + 10**i if hasattr(number, name) else x - 10**i
        return x

    shapes = ({0: N},)
    x = torch.zeros(3, dtype=torch.float64)
    ep = monograph.export(program, (x,), dynamic_shapes=shapes, strict=strict)
    for size in (3, 1, 5):
        x = torch.zeros(size, dtype=torch.float64)
        assert torch.equal(ep.module()(x), program(x))


def test_as_many_as_attention_takes_at_random():
    def program(x):
        few = 5 * np.ceil(np.log(x.shape[0])).astype("int").item()
        few = few if few < x.shape[0] else x.shape[0]
        return x[:few] * few

    ep = monograph.export(program, (torch.ones(30),), dynamic_shapes=({0: N},))
    for size in (30, 1, 2, 9, 100):
        x = torch.rand(size)
        assert torch.equal(ep.module()(x), program(x))


@pytest.mark.parametrize("strict", [False, True])
def test_a_number_says_that_it_is_what_it_is_in_eager_mode(strict):
    def program(x):
        n = x.shape[0]
        numbers = (n, n / 2, np.sqrt(n), np.int64(n), np.int64(n) + 1, int(np.int64(n)))
        kinds = (int, float, np.integer, np.floating, np.float64)
        for i, number in enumerate(numbers):
            for k, kind in enumerate(kinds):
                x = x + (10**i if isinstance(number, kind) else 0) * (k + 1)
            x = x + 0.1 * i * (type(number) is int) + 0.2 * i * (type(number) is np.int64)
        return x

    x = torch.zeros(4, dtype=torch.float64)
    ep = monograph.export(program, (x,), dynamic_shapes=({0: N},), strict=strict)
    for size in (4, 1, 7):
        x = torch.zeros(size, dtype=torch.float64)
        assert torch.equal(ep.module()(x), program(x))
