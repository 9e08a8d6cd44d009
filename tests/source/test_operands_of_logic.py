"""``n or 7`` and ``n and m`` are one of their operands: a size, not the truth of a size."""

from collections.abc import Callable

import pytest
import torch

import monograph
from monograph import Dim

NUMBERS: dict[str, Callable[[int, int], int]] = {
    "or a number": lambda n, m: n or 7,
    "or zero": lambda n, m: n or 0,
    "or another": lambda n, m: n or m,
    "and a number": lambda n, m: n and 7,
    "and another": lambda n, m: n and m,
    "three": lambda n, m: n and m and 3,
    "three, or": lambda n, m: n // 2 or m or 5,
    "computed": lambda n, m: (n - 2) and m,
    "of floats": lambda n, m: int((n / 2) or 3),
    "of truths": lambda n, m: 2 if (n > 3 and m) else 1,
    "divided": lambda n, m: m // n if n else 0,
    "divided, and": lambda n, m: n and m // n,
    "remainder": lambda n, m: m % n if n else m,
    "several times": lambda n, m: (m + n - 1) // n * n if n > 0 else m,
}
TRUTHS: dict[str, Callable[[int, int], object]] = {
    "a truth, and a number": lambda n, m: n > 3 and m,
    "a truth, or a number": lambda n, m: n > 3 or m,
    "equal, and a number": lambda n, m: n == m and n,
    "none, or a number": lambda n, m: not n or m,
    "two truths": lambda n, m: n > 3 and m > 4,
    "three truths": lambda n, m: n > 3 or m > 4 or n == m,
}
SIZES = [(4, 5), (0, 5), (4, 0), (0, 0), (1, 1), (2, 3), (7, 2)]


class Made(torch.nn.Module):
    def __init__(self, function: Callable[[int, int], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, object]:
        found = self.function(x.shape[0], y.shape[0])
        return torch.arange(found + 0), found  # type: ignore[operator]


def exported(function: Callable[[int, int], object], strict: bool) -> Callable[..., object]:
    arguments = torch.zeros(4, 2), torch.zeros(5)
    dims = {0: Dim.DYNAMIC}
    program = monograph.export(
        Made(function), arguments, dynamic_shapes=(dims, dims), strict=strict
    )
    return program.module()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_size_that_logic_chooses_is_that_size(name: str, strict: bool) -> None:
    module, model = exported(NUMBERS[name], strict), Made(NUMBERS[name])
    for n, m in SIZES:
        arguments = torch.zeros(n, 2), torch.zeros(m)
        torch.testing.assert_close(module(*arguments), model(*arguments))


class Counted(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        least = int(x.max()) - 1
        return torch.bincount(x, minlength=least or 0)


class Asked(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[0]
        once = x.sum() + 1 if n or 0 else x.sum() - 1
        if n or 0:
            return once * 2
        return once * 3


class Truth(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, object]:
        found = x.shape[0] != 0
        return x, found or 0


@pytest.mark.parametrize("strict", [False, True])
def test_or_zero_asks_nothing_of_a_number(strict: bool) -> None:
    dims = ({0: Dim.DYNAMIC},)
    for model in (Counted(), Asked()):
        module = monograph.export(
            model, (torch.tensor([1, 2, 3]),), dynamic_shapes=dims, strict=strict
        ).module()
        for n in (0, 1, 2, 3, 7):
            if n > 1 or isinstance(model, Asked):
                torch.testing.assert_close(module(torch.arange(n)), model(torch.arange(n)))
    program = monograph.export(Truth(), (torch.ones(3),), dynamic_shapes=dims, strict=strict)
    with pytest.raises(monograph.MonographError):  # False is no 0
        program.module()(torch.ones(0))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", TRUTHS)
def test_a_truth_is_no_number(name: str, strict: bool) -> None:
    module, model = exported(TRUTHS[name], strict), Made(TRUTHS[name])
    for n, m in SIZES:
        arguments = torch.zeros(n, 2), torch.zeros(m)
        try:
            found = module(*arguments)
        except monograph.MonographError:
            assert (n, m) != SIZES[0]
            continue
        expected = model(*arguments)
        assert type(found[1]) is type(expected[1])  # type: ignore[index]
        torch.testing.assert_close(found, expected)
