"""Sizes that a question has tied to each other vary together, whatever is asked of one of them.

The questions are asked by code without a source, as a library's are: no branch is taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn

import monograph as mg

Sizes = tuple[int, int, int]

TIES: dict[str, tuple[Callable[[int], Sizes], str]] = {
    "equal": (lambda b: (b, b, b), "n == k"),
    "not unequal": (lambda b: (b, b, b), "not n != k"),
    "three": (lambda b: (b, b, b), "n == k and k == j"),
    "twice": (lambda b: (2 * b, b, b), "n == 2 * k"),
    "half": (lambda b: (b, 2 * b, b), "2 * n == k"),
    "one more": (lambda b: (b, b + 1, b), "n + 1 == k"),
    "sum": (lambda b: (2 * b, b, b), "n == k + j"),
    "chain": (lambda b: (b, 2 * b, 2 * b + 1), "2 * n == k and k + 1 == j"),
}
QUESTIONS = {
    "distribution": "torch.distributions.Categorical(logits=x).log_prob(x.argmax(-1))",
    "greater": "(x if k > 1 else x.clone()) * 2",
    "one": "x.sin().asin() if n == 1 and n < 0 else x",
    "view": "x.view(n, -1, 4).view(-1, 4) if n != 1 else x.view(1, -1, 4).view(-1, 4)",
}
SAMPLE = [("equal", "distribution"), ("three", "view"), ("twice", "greater"), ("one more", "one")]
MARKED = [
    pytest.param(*pair, marks=[] if pair in SAMPLE else pytest.mark.slow)
    for pair in product(TIES, QUESTIONS)
]


def _model(tie: str, question: str) -> nn.Module:
    scope: dict[str, object] = {"torch": torch}
    lines = [
        "def forward(self, x, h, m):",
        "    n, k, j = x.size(0), h.size(0), m.size(0)",
        f"    if not ({tie}):",
        "        return h.nonzero().tolist()",
        f"    return {question}, h + 1",
    ]
    exec("\n".join(lines), scope)
    return type("Tied", (nn.Module,), {"forward": scope["forward"]})()


@pytest.mark.parametrize(("tie", "question"), MARKED)
def test_tied_sizes_vary_together(tie: str, question: str) -> None:
    sizes, asked = TIES[tie]
    model = _model(asked, QUESTIONS[question])

    def arguments(batch: int) -> tuple[Tensor, ...]:
        return tuple(torch.rand(size, 4) for size in sizes(batch))

    for example in (1, 2):
        dynamic = ({0: mg.Dim.DYNAMIC},) * 3
        program = mg.export(model, arguments(example), dynamic_shapes=dynamic).module()
        for batch in (1, 2, 3, 5):
            given = arguments(batch)
            for mine, eager in zip(program(*given), model(*given), strict=True):
                torch.testing.assert_close(mine, eager)


def test_sizes_that_are_not_tied_are_refused() -> None:
    """What the question excludes is still no size of the program."""
    model = _model(TIES["twice"][1], QUESTIONS["greater"])
    given = torch.rand(2, 4), torch.rand(1, 4), torch.rand(1, 4)
    program = mg.export(model, given, dynamic_shapes=({0: mg.Dim.DYNAMIC},) * 3).module()
    with pytest.raises(mg.InputError):
        program(torch.rand(3, 4), torch.rand(2, 4), torch.rand(1, 4))


LIKELIHOODS: dict[str, tuple[str, Callable[[int], Tensor]]] = {
    "normal": ("Normal(x, 1.0).log_prob(a)", lambda b: torch.randn(b, 4)),
    "independent": (
        "Independent(Normal(x, x.exp()), 1).log_prob(a)",
        lambda b: torch.randn(b, 4),
    ),
    "categorical": ("Categorical(logits=x).log_prob(a)", lambda b: torch.randint(0, 3, (b,))),
    "bernoulli": ("Bernoulli(logits=x).log_prob(a)", lambda b: torch.rand(b, 4).round()),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_what_is_compared_with_a_batch_of_1_has_any_batch(name: str) -> None:
    """A library asks whether a size is 1 before it asks whether two are equal."""
    call, made = LIKELIHOODS[name]
    scope: dict[str, object] = {}
    exec("from torch.distributions import *", scope)
    exec(f"def forward(self, x, a):\n    return {call}", scope)
    model = type("Likelihood", (nn.Module,), {"forward": scope["forward"]})()
    for example in (1, 2):
        given = torch.randn(example, 4), made(example)
        dynamic = ({0: mg.Dim.DYNAMIC},) * 2
        program = mg.export(model, given, dynamic_shapes=dynamic).module()
        for batch in (1, 2, 3, 5):
            given = torch.randn(batch, 4), made(batch)
            torch.testing.assert_close(program(*given), model(*given))
