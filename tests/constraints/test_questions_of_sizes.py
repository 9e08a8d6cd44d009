"""Each question about sizes with each use of its answer: equal to eager mode, or refused.

One of the two sides often does nothing for the sizes of the example: a slice of all rows, an
expansion to the size that is there. What such a step does for the sizes of the other side is told
by what it was called with, not by what was noted of its result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import monograph
from monograph import Dim

QUESTIONS: dict[str, Callable[[Tensor], bool]] = {
    "no elements": lambda x: x.numel() == 0,
    "one element": lambda x: x.numel() == 1,
    "both one": lambda x: x.shape[0] == 1 and x.shape[1] == 1,
    "one of them one": lambda x: x.shape[0] == 1 or x.shape[1] == 1,
    "square": lambda x: x.shape[0] == x.shape[1],
    "a shape": lambda x: x.shape == (1, 3),
    "larger": lambda x: max(x.shape) > 1,
    "few": lambda x: not x.shape[0] > 1,
    "fewer": lambda x: x.shape[0] <= 2,
    "one row": lambda x: x.shape[0] == 1,
    "wider": lambda x: x.shape[1] >= x.shape[0],
}
USES: dict[str, Callable[[Tensor, bool], Any]] = {
    "a size": lambda x, so: x.new_zeros((0 if so else x.shape[0]) + 1),
    "a number": lambda x, so: x + (0 if so else x.shape[1]),
    "expanded": lambda x, so: x if so else x.expand(x.shape[0], x.shape[1]).clone(),
    "from one row": lambda x, so: x[:1].expand(x.shape[0], -1) + 0 if so else x + 0,
    "a row of its own": lambda x, so: P.expand(x.shape[0], -1).sin() if so else P.sin(),
    "or not": lambda x, so: P.sin() if so else P.expand(x.shape[0], -1).sin(),
    "broadcast": lambda x, so: P.broadcast_to(x.shape[0], 3).sin() if so else P.sin(),
    "added": lambda x, so: (P if so else P.expand(x.shape[0], -1))[:, :1] + x,
    "reshaped": lambda x, so: x + 0 if so else x.reshape(x.shape[0], x.shape[1]) + 0,
    "reshaped to one": lambda x, so: x[:1].reshape(1, x.shape[1]) + 0 if so else x + 0,
    "another": lambda x, so: x.sin() if so else x.cos(),
    "a result": lambda x, so: (x + 1, so),
    "first row": lambda x, so: x[:1] if so else x,
    "first rows": lambda x, so: x[:2].sin() if so else x.sin(),
    "all but one": lambda x, so: x.sin() if so else x[:1].sin(),
    "columns": lambda x, so: x[:, :2] * 2 if so else x * 2,
    "as many": lambda x, so: x[: x.shape[1]] * 2 if so else x * 2,
    "flat": lambda x, so: x.flatten(0, 0) * 2 if so else x * 2,
}
P = torch.arange(3.0)[None]
EXAMPLES = [(2, 3), (1, 3), (1, 1), (3, 2)]


def wrong(question: str, use: str, example: tuple[int, int], hint: Any) -> list[tuple[int, int]]:
    """The sizes for which the exported program silently gives another result."""
    asked, used = QUESTIONS[question], USES[use]

    def decided(x: Tensor) -> str:
        return "so" if asked(x) else "not so"

    def program(x: Tensor) -> Any:
        y = x * 2
        return used(y, decided(y) == "so")

    try:
        shapes = {"x": {0: hint, 1: hint}}
        module = monograph.export(program, (torch.randn(example),), dynamic_shapes=shapes).module()
    except monograph.MonographError:
        return []
    return [
        sizes
        for sizes in (example, *itertools.product((0, 1, 2, 3, 4), repeat=2))
        if not agrees(module, program, torch.randn(sizes))
    ]


def agrees(module: Callable[..., Any], program: Callable[..., Any], x: Tensor) -> bool:
    """Whether both give the same, where the program takes these sizes and eager mode does."""
    try:
        found, expected = module(x), program(x)
    except (monograph.MonographError, RuntimeError):
        return True
    try:
        torch.testing.assert_close(found, expected, equal_nan=True)
    except AssertionError:
        return False
    return True


TABLE = list(itertools.product(QUESTIONS, USES, EXAMPLES, (Dim.AUTO, Dim.DYNAMIC)))


def test_a_sample() -> None:
    assert not [each for each in TABLE[::53] if wrong(*each)]


ONCE_WRONG = [
    ("few", "first row", (1, 3)), ("few", "first row", (1, 1)), ("fewer", "first rows", (1, 3)),
    ("no elements", "a size", (1, 3)), ("larger", "a size", (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("question", "use", "example"), ONCE_WRONG)
def test_once_wrong(question: str, use: str, example: tuple[int, int]) -> None:
    assert not wrong(question, use, example, Dim.AUTO)


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
def test_all(question: str) -> None:
    assert not [each for each in TABLE if each[0] == question and wrong(*each)]
