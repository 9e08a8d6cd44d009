"""Lists as long as a size, whatever their items are: as eager mode has them, or refused."""

import itertools

import pytest
import torch

import monograph

ITEMS = {
    "int": lambda x, i: i * 2,
    "float": lambda x, i: i / 3,
    "truth": lambda x, i: i > 2,
    "number in a tensor": lambda x, i: x[i, 0],
    "row": lambda x, i: x[i],
    "pair": lambda x, i: (i, 2 * i),
    "list of one": lambda x, i: [float(i)],
    "mixed pair": lambda x, i: [i, i / 7],
    "tensors": lambda x, i: (x[i], x[i] + 1),
    "tensor and number": lambda x, i: (x[i], i),
    "dictionary": lambda x, i: {"row": x[i], "at": i},
    "nested": lambda x, i: [[i, 1], [2, i]],
    "unequal": lambda x, i: [[i], [i, i]],
}


def summed(items, x):
    total = torch.zeros(())
    for first, second in items:
        total = total * 2 + second + (first.sum() if isinstance(first, torch.Tensor) else first)
    return total


USES = {
    "tensor": lambda items, x: torch.tensor(items),
    "tensor of doubles": lambda items, x: torch.tensor(items, dtype=torch.float64),
    "stack": lambda items, x: torch.stack(items),
    "columns": lambda items, x: torch.stack(items, 1),
    "cat": lambda items, x: torch.cat(items),
    "first": lambda items, x: items[0],
    "last times": lambda items, x: x.double() * items[-1],
    "taken apart": summed,
    "slice": lambda items, x: items[1:][0],
    "length": lambda items, x: x * len(items),
    "sum": lambda items, x: x + sum(items),
    "truth": lambda items, x: x + 1 if items else x,
    "joined": lambda items, x: torch.tensor(items + items),
}
WAYS = [(item, use, strict) for item, use in itertools.product(ITEMS, USES) for strict in (0, 1)]
SAMPLE = WAYS[::9]


@pytest.mark.parametrize(("item", "use", "strict"), SAMPLE)
def test_items_are_those_of_eager_mode(item, use, strict):
    of, using = ITEMS[item], USES[use]

    def program(x):
        return using([of(x, i) for i in range(x.shape[0])], x)

    x = torch.rand(6, 3)
    try:
        expected = program(x)
    except (IndexError, TypeError, ValueError, RuntimeError):
        return
    try:
        shapes = ({0: monograph.Dim.DYNAMIC},)
        exported = monograph.export(program, (x,), dynamic_shapes=shapes, strict=bool(strict))
    except monograph.MonographError as error:
        assert error.code != "MG-X101"  # noqa: PT017
        return
    for n in (6, 3, 1, 0, 9):
        x = torch.rand(n, 3)
        try:
            expected = program(x)
        except (IndexError, TypeError, ValueError, RuntimeError):
            continue
        try:
            found = exported.module()(x)
        except monograph.InputError:
            assert n != 6
            continue
        is_double = getattr(expected, "dtype", None) == torch.float64
        close = {"rtol": 1e-12, "atol": 1e-12} if is_double else {}
        torch.testing.assert_close(found, expected, **close)


@pytest.mark.slow
@pytest.mark.parametrize(("item", "use", "strict"), WAYS)
def test_all_items_are_those_of_eager_mode(item, use, strict):
    test_items_are_those_of_eager_mode(item, use, strict)
