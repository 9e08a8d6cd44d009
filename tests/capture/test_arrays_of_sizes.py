"""Arrays that numpy makes of sizes that vary."""

import numpy as np
import pytest
import torch

import monograph
from monograph import Dim

LENGTHS = (0, 1, 2, 3, 7, 9)


def mask(n):
    later = np.triu(np.ones((1, n, n)), k=1).astype("uint8")
    return torch.from_numpy(later) == 0


def relative(n):
    return torch.from_numpy(np.clip(np.arange(n)[None] - np.arange(n)[:, None], -2, 2))


def sinusoids(n):
    angles = np.arange(n)[:, None] / np.power(10000, 2 * (np.arange(6) // 2) / 6)
    table = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1)
    return torch.from_numpy(table.astype(np.float32))


def written(n):
    table = np.zeros((n, 3))
    column = table[:, 1]
    column += 1
    column[:2] = 5
    return torch.from_numpy(table)


def shared(n):
    table = np.zeros(n)
    tensor = torch.from_numpy(table)
    table += 1
    tensor.add_(2)
    return tensor, torch.from_numpy(table * 3)


def filled(n):
    table = np.ones((n, n))
    np.fill_diagonal(table, 0)
    return torch.from_numpy(table)


def in_order(n):
    table = -np.arange(n)
    table.sort()
    return torch.from_numpy(table)


def told(n):
    table = np.arange(n)
    return torch.tensor(table) * isinstance(table, np.ndarray)


MADE = {
    "arange": lambda n: torch.from_numpy(np.arange(n)),
    "odd numbers": lambda n: torch.from_numpy(np.arange(1, n + 1, 2)),
    "linspace": lambda n: torch.from_numpy(np.linspace(0, 1, n)),
    "tensor": lambda n: torch.tensor(np.arange(n)[:, None] / 2.0, dtype=torch.float32),
    "as_tensor": lambda n: torch.as_tensor(np.arange(n, dtype=np.float32)),
    "relative": relative,
    "where": lambda n: torch.from_numpy(np.where(np.arange(n) % 2 == 0, 1.0, -1.0)),
    "third": lambda n: torch.from_numpy(np.floor(np.arange(n) / 3)),
    "grid": lambda n: [torch.from_numpy(a) for a in np.meshgrid(np.arange(n), np.arange(3))],
    "float32": lambda n: torch.from_numpy(np.arange(n).astype(np.float32) * np.float32(2)),
    "float64": lambda n: torch.from_numpy(np.arange(n, dtype=np.float32) * np.float64(2)),
    "powers": lambda n: torch.from_numpy(2.0 ** np.arange(n)),
    "size": lambda n: torch.full((n,), n),
    **{each.__name__: each for each in (mask, sinusoids, written, shared, told)},
}  # fmt: skip
WITH_TENSORS = {
    "index": lambda x, a: x[a],
    "product": lambda x, a: x * a[:, None],
    "sum": lambda x, a: x + a[:, None].astype(np.float32),
    "new_tensor": lambda x, a: x.new_tensor(a),
    "FloatTensor": lambda x, a: torch.FloatTensor(a),
    "asarray": lambda x, a: torch.asarray(a).add_(1) + torch.from_numpy(a),
}
LEFT_TO_NUMPY = {
    "filled": filled,
    "in_order": in_order,
    "length": lambda n: torch.ones(2) * len(np.arange(n)),
    "item": lambda n: torch.ones(2) * int(np.arange(n)[-1]),
    "loop": lambda n: torch.ones(2) * sum(int(i) for i in np.arange(n)),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("strict", [False, True])
def test_arrays_of_any_size(made, strict):
    def program(x):
        return MADE[made](x.shape[0])

    shapes = ({0: Dim.DYNAMIC},)
    found = monograph.export(program, (torch.randn(7, 2),), dynamic_shapes=shapes, strict=strict)
    for n in LENGTHS:
        x = torch.randn(n, 2)
        torch.testing.assert_close(found.module()(x), program(x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("way", WITH_TENSORS)
def test_arrays_and_tensors(way):
    def program(x):
        return WITH_TENSORS[way](x, np.arange(x.shape[0]))

    shapes = ({0: Dim.DYNAMIC},)
    found = monograph.export(program, (torch.randn(7, 2),), dynamic_shapes=shapes)
    for n in LENGTHS:
        x = torch.randn(n, 2)
        torch.testing.assert_close(found.module()(x), program(x))


@pytest.mark.parametrize("made", LEFT_TO_NUMPY)
def test_what_is_left_to_numpy_is_of_the_example(made):
    def program(x):
        return LEFT_TO_NUMPY[made](x.shape[0])

    x = torch.randn(7, 2)
    found = monograph.export(program, (x,), dynamic_shapes=({0: Dim.AUTO},)).module()
    torch.testing.assert_close(found(x), program(x))
    with pytest.raises(monograph.InputError):
        found(torch.randn(6, 2))
