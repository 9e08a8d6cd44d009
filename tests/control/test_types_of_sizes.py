"""What a size says it is, asked where a question of sizes is tried with either answer."""

import collections.abc
import numbers
import operator

import pytest
import torch

from monograph import Dim, export

ASKED = {
    "isinstance": lambda n, x: isinstance(n, int),
    "one_of": lambda n, x: isinstance(n, (int, float)),
    "union": lambda n, x: isinstance(n, int | float),
    "is_type": lambda n, x: type(n) is int,
    "subclass": lambda n, x: issubclass(type(n), int),
    "class": lambda n, x: n.__class__ is int,
    "name_of_class": lambda n, x: type(n).__name__ == "int",
    "integral": lambda n, x: isinstance(n, numbers.Integral),
    "hashable": lambda n, x: isinstance(n, collections.abc.Hashable),
    "no_tensor": lambda n, x: not torch.is_tensor(n),
    "has_method": lambda n, x: hasattr(n, "bit_length"),
    "no_length": lambda n, x: not hasattr(n, "__len__"),
    "not_callable": lambda n, x: not callable(n),
    "index": lambda n, x: operator.index(n) == n,
    "truth": lambda n, x: isinstance(n < 4, bool),
    "type_of_truth": lambda n, x: type(n < 4) is bool,
    "quotient": lambda n, x: isinstance(n / 2, float),
    "table": lambda n, x: {int: True}.get(type(n), False),
    "shape": lambda n, x: isinstance(x.shape, torch.Size),
    "shape_is_tuple": lambda n, x: isinstance(x.shape, tuple),
    "tensor": lambda n, x: isinstance(x, torch.Tensor),
    "type_of_tensor": lambda n, x: type(x) is torch.Tensor,
    "class_of_tensor": lambda n, x: x.__class__ is torch.Tensor,
}
WRITTEN = {
    "before": lambda asked: lambda x, n, m: x + 2 if asked(n, x) and m < 4 else x + 1,
    "after": lambda asked: lambda x, n, m: x + 2 if m < 4 and asked(n, x) else x + 1,
    "the_same": lambda asked: lambda x, n, m: x + 2 if asked(m, x) and m < 4 else x + 1,
    "in_a_row": lambda asked: lambda x, n, m: _in_a_row(asked, x, n, m),
    "inside": lambda asked: lambda x, n, m: _inside(asked, x, n, m),
}


def _in_a_row(asked, x, n, m):
    z = x + 1
    if m < 4:
        z = x + 2
    if asked(n, x):
        z = z * n if asked(m, x) else z
    return z


def _inside(asked, x, n, m):
    z = x + 1
    if m < 4:
        z = x + 3
        if asked(m, x):
            z = x + 2
    return z


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("asked", ASKED)
def test_a_size_is_a_number(asked, written):
    body = WRITTEN[written](ASKED[asked])

    def program(x, y):
        z = body(x, x.shape[0], y.shape[0])
        return z * 3

    varying = {0: Dim.DYNAMIC}
    example = torch.ones(3, 2), torch.ones(3, 2)
    exported = export(program, example, dynamic_shapes=(varying, varying)).module()
    for rows, others in [(3, 3), (3, 4), (1, 6), (5, 0)]:
        call = torch.ones(rows, 2), torch.ones(others, 2)
        torch.testing.assert_close(exported(*call), program(*call))
