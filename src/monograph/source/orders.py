"""Sets whose order is another one in each process: where the program goes through them."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from types import FunctionType, NoneType
from typing import TypeVar, cast

import torch

from monograph.diagnostics import SourceLine

__all__ = ["Orders", "Place", "is_by_chance"]

T = TypeVar("T")
Place = SourceLine | None  # nobody's line, where it is not known
_NUMBERS = (int, float, complex)
# Of these a set has the same order whenever this process makes it anew.
_LASTING = (
    str, bytes, *_NUMBERS, NoneType, Enum, type, FunctionType, torch.dtype, torch.device,
    torch.layout, torch.memory_format,
)  # fmt: skip


class Orders:
    """The sets that a capture has gone through, and in which order it is given their items.

    ``turn``: by how many places they come later, with -1 the other way round, for the sets that
    are gone through at ``turned``.
    """

    def __init__(self) -> None:
        self.found: dict[Place, int] = {}  # how many items, at most
        self.unknown: set[Place] = set()  # of items that are other objects in each capture
        self.turn = 0
        self.turned: Collection[Place] = ()

    def start(self) -> None:
        """A capture begins."""
        self.found.clear()
        self.unknown.clear()

    def given(self, items: T, where: Place) -> T:
        """What the program goes through at ``where`` in place of ``items``."""
        assert isinstance(items, (set, frozenset))
        if not all(map(_is_lasting, items)):
            self.unknown.add(where)
        self.found[where] = max(self.found.get(where, 0), len(items))
        if not self.turn or where not in self.turned:
            return items
        in_order = list(items)
        first = self.turn % len(in_order)
        turned = in_order[::-1] if self.turn < 0 else in_order[first:] + in_order[:first]
        return cast("T", turned)


def is_by_chance(iterable: object) -> bool:
    """Whether it is a set, and has another order in each process."""
    if type(iterable) not in (set, frozenset):  # a class of the program's own may keep an order
        return False
    assert isinstance(iterable, (set, frozenset))
    return len(iterable) > 1 and not all(isinstance(item, _NUMBERS) for item in iterable)


def _is_lasting(item: object) -> bool:
    return all(map(_is_lasting, item)) if type(item) is tuple else isinstance(item, _LASTING)
