"""Symbols that are only made where a size is a multiple: ``n == 2 * _n``.

On a side that asks for ``n % 2`` everything is said in them. When the side is over nothing tells
what they are, and what was said there is said in the sizes of the inputs: ``_n`` is ``n // 2``.
"""

from __future__ import annotations

import re

from monograph.shapes.env import Quotient, ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import Test, with_sizes

__all__ = [
    "are_any_made",
    "in_sizes_of_inputs",
    "test_of_inputs",
    "text_of_inputs",
]


def are_any_made(env: ShapeEnv) -> bool:
    """Whether there are symbols that were only made on a side that is over."""
    return any(_is_made(env, name) for name in env.definitions)


def in_sizes_of_inputs(env: ShapeEnv, size: Int) -> Int:
    """``size`` without the symbols that were only made on a side."""
    while isinstance(size, Expr):
        made = [symbol for symbol in size.symbols() if _is_made(env, symbol.name)]
        if not made:
            break
        definition = env.definitions[made[0].name]
        assert isinstance(definition, Quotient)
        old, step, offset = definition
        by = env.scope.floordiv(env.scope.bare(old) - offset, step)
        size = env.scope.substitute(size, {made[0].index: by})
    return size


def test_of_inputs(env: ShapeEnv, test: Test) -> Test:
    """``test`` without these symbols."""
    return with_sizes(test, lambda size: in_sizes_of_inputs(env, size))


def text_of_inputs(env: ShapeEnv, text: str) -> str:
    """``text`` without the names of these symbols."""

    def said(match: re.Match[str]) -> str:
        name = match[0]
        return f"({env.symbols[name].source})" if _is_made(env, name) else name

    return re.sub(r"\b_\w+\b", said, text)


def _is_made(env: ShapeEnv, name: str) -> bool:
    is_quotient = isinstance(env.definitions.get(name), Quotient)
    return is_quotient and env.symbols[name].is_given_up
