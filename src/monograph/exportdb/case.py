"""The format of a case.

A case is one importable file ``cases/<area>/<name>.py`` that holds, in this order: a docstring (a
title line, then sections such as *What it shows*), ``CASE``, ``model()``, ``inputs()``, and where
they apply ``more_inputs()``, ``bad_inputs()``, ``EXPECT``, then ``dynamic_shapes()`` with
``more_sizes()`` and ``bad_sizes()`` for its form with sizes that vary, and ``rewrite_<word>()``
functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["SECTIONS", "TAGS", "Call", "Case", "Expect", "Support", "call"]

TAGS = frozenset({
    "python.assert", "python.builtin", "python.closure", "python.context-manager",
    "python.control-flow", "python.data-structure", "python.object-model", "torch.autograd",
    "torch.cond", "torch.dynamic-shape", "torch.dynamic-value", "torch.escape-hatch", "torch.map",
    "torch.mutation", "torch.operator",
})  # fmt: skip

SECTIONS = (
    "What it shows", "Why it is hard", "What Monograph does", "Use instead", "Limits", "See also",
)  # fmt: skip


class Support(Enum):
    """How far a pattern is captured."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Call:
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(*args: Any, **kwargs: Any) -> Call:
    """``call(x, flag=True)``, as the model would be called."""
    return Call(args, kwargs)


@dataclass(frozen=True)
class Case:
    """What is declared of a pattern; ``since`` is the first version that behaves so."""

    tags: tuple[str, ...]
    support: Support = Support.SUPPORTED
    since: str = "0.1"
    strict: Support | None = None  # in strict mode, where that differs

    def __post_init__(self) -> None:
        unknown = set(self.tags) - TAGS
        if unknown:
            raise ValueError(f"unknown tags {sorted(unknown)}: the vocabulary is {sorted(TAGS)}")


@dataclass(frozen=True)
class Expect:
    """What an export must give.

    ``operators`` are the names of the graph's operators in order, composites opened, as the
    reference pages show them; ``inputs`` and ``outputs`` are the kinds in the signature. For an
    unsupported case ``code`` is the error's code, and the line that it must name ends with the
    comment ``# refused: <code>``.
    """

    operators: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    assumptions: tuple[str, ...] | None = None
    code: str | None = None
