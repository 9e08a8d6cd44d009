"""The table of inference rules, by operator, and what a rule returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from monograph.ir.registry import Registry
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Int

__all__ = ["RULES", "Found", "View"]


class View(NamedTuple):
    """A result that shares a tensor's memory, ``offset`` elements further on.

    ``source``: which of the tensors among the arguments that is.
    """

    spec: TensorSpec
    offset: Int = 0
    source: int = 0


Found = TensorSpec | View | Sequence[TensorSpec | View] | None
RULES: Registry[Callable[..., Found]] = Registry()
