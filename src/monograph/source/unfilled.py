"""Lists that are made at their length, ``[None] * n``, and filled by a loop (``filling.py``)."""

from __future__ import annotations

from typing import NoReturn

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.builtin_functions import ask
from monograph.capture.python.frames import frames_of_user
from monograph.diagnostics import ControlFlowError
from monograph.shapes.questions import equal
from monograph.source.rows import Pieces, Records, Rows, UnknownList, require_item

__all__ = ["Unfilled", "filled"]

Made = list[object] | Rows | Records | Pieces


class Unfilled(UnknownList):
    """``[None] * n``: the same object, as often as a size says, until others take its place."""

    def __init__(self, item: object, count: int | torch.SymInt) -> None:
        self.item, self.count = item, count

    def length(self) -> int | torch.SymInt:
        """The number of items."""
        return self.count

    def __getitem__(self, index: int | torch.SymInt) -> object:
        if isinstance(index, slice):
            raise _unlike("a part of a list that is not filled")
        for is_there in (index >= -self.count, index < self.count):
            require_item(is_there)
        return self.item

    def __len__(self) -> int:
        recorder, frames = running_recorder(), frames_of_user()
        if recorder is not None and frames:
            ask(recorder, frames[0], is_number=True)
        return int(self.count)

    def __iter__(self) -> NoReturn:
        raise _unlike("a list that is not filled is gone over")


def filled(before: object, made: Made, is_reversed: bool) -> object:
    """What ``before`` is after a loop has put the items ``made``, from its first place on.

    ``is_reversed``: the last item was put first.

    Raises:
        ControlFlowError: MG-C114, where it may have more places than there are items, or fewer.
    """
    if is_reversed:
        _reversed(made)
    if isinstance(before, list) and isinstance(made, list):
        for i, item in enumerate(made):
            before[i] = item
        return before
    if not isinstance(before, (list, UnknownList)):
        raise _unlike(f"a {type(before).__name__} is filled by a loop over a size")
    places, items = _length(before), _length(made)
    recorder = running_recorder()
    assert recorder is not None
    sizes = recorder.sizes
    if not sizes.env.is_known(equal(recorder.size_of(places), recorder.size_of(items))):
        raise _unlike("a list is filled by a loop that has more iterations than it items, or fewer")
    return made


def _reversed(made: Made) -> None:
    if not isinstance(made, (list, Rows)):
        raise _unlike("a list is filled from its end, with items of several parts or sizes")
    made.reverse()


def _length(items: object) -> int | torch.SymInt:
    if isinstance(items, list):
        return len(items)
    assert isinstance(items, (Rows, Records, Pieces, Unfilled))
    return items.length()


def _unlike(what: str) -> ControlFlowError:
    recorder = running_recorder()
    return ControlFlowError(
        what,
        code="MG-C114",
        where=None if recorder is None else recorder.here(),
        hint="append the items to an empty list, or write them into a tensor.",
    )
