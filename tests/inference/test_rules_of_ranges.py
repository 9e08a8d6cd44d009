"""Numbers in equal steps, as many as a size says."""

import pytest
import torch

import monograph
from monograph import Dim

D = Dim.DYNAMIC
MADE = {
    "linspace": lambda n: torch.linspace(-1, 1, n),
    "by name": lambda n: torch.linspace(0.0, 2.0, steps=n, dtype=torch.float64),
    "of integers": lambda n: torch.linspace(0, 10, n, dtype=torch.int64),
    "between sizes": lambda n: torch.linspace(0, n, n),
    "logspace": lambda n: torch.logspace(0, 1, n),
    "of a base": lambda n: torch.logspace(0, 1, n, base=2.0),
    "complex": lambda n: torch.linspace(0, 1j, n).real,
}
OF = {
    "rows": lambda x: x.shape[0],
    "some rows": lambda x: min(x.shape[0], 5),
    "at least": lambda x: max(x.shape[0], 4),
    "all but two": lambda x: max(x.shape[0] - 2, 0),
    "halves": lambda x: x.shape[0] // 2,
}


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("made", MADE)
def test_as_many_as_a_size_says(made, of):
    def program(x):
        return MADE[made](OF[of](x)) + x.sum()

    module = monograph.export(program, (torch.randn(9),), dynamic_shapes=({0: D},)).module()
    for rows in (0, 1, 2, 3, 5, 6, 9, 12):
        x = torch.randn(rows)
        found, expected = module(x), program(x)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected)


def test_fewer_than_none_are_refused():
    program = monograph.export(
        lambda x: torch.linspace(0, 1, x.shape[0] - 2), (torch.randn(5),), dynamic_shapes=({0: D},)
    )
    with pytest.raises(monograph.InputError):
        program.module()(torch.randn(1))


def test_an_argument_that_is_the_same_for_all_examples_is_no_constant():
    def program(x):
        return torch.nn.functional.adaptive_avg_pool1d(x[None], min(x.shape[1], 3)) * 2

    module = monograph.export(program, (torch.randn(2, 9),), dynamic_shapes=({1: D},)).module()
    for columns in (9, 1, 2, 3, 4, 12):
        x = torch.randn(2, columns)
        torch.testing.assert_close(module(x), program(x))
