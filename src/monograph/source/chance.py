"""What chance gives to a program: the order of a set, the time, the identity of a tensor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from types import FunctionType, NoneType
from typing import TypeVar, cast

import torch

from monograph.diagnostics import PythonFeatureError, SourceLine
from monograph.source.audit import unstable

__all__ = ["Chance", "Chances", "Place", "is_by_chance"]

T = TypeVar("T")
Place = SourceLine | None  # nobody's line, where it is not known
_NUMBERS = (int, float, complex)
# Of these a set has the same order whenever this process makes it anew.
_LASTING = (
    str, bytes, *_NUMBERS, NoneType, Enum, type, FunctionType, torch.dtype, torch.device,
    torch.layout, torch.memory_format,
)  # fmt: skip
_TURNS_OF_NUMBERS = 3
_SECONDS = 1000


@dataclass(frozen=True)
class Chance:
    """What chance has given at one place.

    ``turns``: how many ways it is given in. ``is_known``: whether each capture gets the same.
    """

    what: str
    turns: int
    is_set: bool = False
    is_known: bool = True

    def refusal(self, where: Place) -> PythonFeatureError:
        """The error where it decides something."""
        if self.is_set:
            return unstable(self.what, where, "write sorted(...) around the set")
        return unstable(self.what, where)


class Chances:
    """What chance has given to a capture, and what it is given instead.

    ``turn``: which other way things are at the places ``turned``, 0 for as they are. A set's items
    come so many places later, with -1 the other way round; time runs so much faster, with -1 from
    another beginning; identities come in another order.
    """

    def __init__(self) -> None:
        self.found: dict[Place, Chance] = {}
        self.turn = 0
        self.turned: Collection[Place] = ()
        self._asked = 0
        self._began: dict[str, float] = {}
        self._known: dict[float, int] = {}  # identities, in the order in which they were asked

    def start(self) -> None:
        """A capture begins."""
        self.found.clear()
        self._began.clear()
        self._known.clear()
        self._asked = 0

    def items(self, items: T, where: Place) -> T:
        """What the program goes through at ``where`` in place of the set ``items``."""
        assert isinstance(items, (set, frozenset))
        before = self.found.get(where)
        is_known = all(map(_is_lasting, items)) and (before is None or before.is_known)
        most = max(len(items), 0 if before is None else before.turns)
        self.found[where] = Chance("the order of a set", most, is_set=True, is_known=is_known)
        if not self.turn or where not in self.turned:
            return items
        in_order = list(items)
        first = self.turn % len(in_order)
        turned = in_order[::-1] if self.turn < 0 else in_order[first:] + in_order[:first]
        return cast("T", turned)

    def number(self, kind: str, what: str, found: float, where: Place) -> float:
        """What the program gets in place of ``found``."""
        self.found[where] = Chance(what, _TURNS_OF_NUMBERS)
        self._asked += 1
        began = self._began.setdefault(what, found)
        known = self._known.setdefault(found, len(self._known) + 1)
        if not self.turn or where not in self.turned:
            return found
        if kind == "id":  # memory is another one in each capture: as they are asked, and back
            return 16 * known * self.turn
        # Time goes on: a program may wait for it.
        return found - 2 * began if self.turn < 0 else found + _SECONDS * self.turn * self._asked


def is_by_chance(iterable: object) -> bool:
    """Whether it is a set, and has another order in each process."""
    if type(iterable) not in (set, frozenset):  # a class of the program's own may keep an order
        return False
    assert isinstance(iterable, (set, frozenset))
    return len(iterable) > 1 and not all(isinstance(item, _NUMBERS) for item in iterable)


def _is_lasting(item: object) -> bool:
    return all(map(_is_lasting, item)) if type(item) is tuple else isinstance(item, _LASTING)
