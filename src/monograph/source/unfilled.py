"""Lists that are made at their length, ``[None] * n``, and filled by a loop.

Where the source shows that a loop fills one from its first place on, another list is appended to,
and takes its place (``filling.py``, ``filled``). Else each item is put where it belongs: once the
first one has told what the items look like, the list is a tensor of as many rows, and a mask of
those that are there. A body of a loop cannot make that tensor; so it is made before the loop, whose
body is captured again (``attempted``).
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar, cast

import torch

from monograph.capture.abstract import AbstractTensor
from monograph.capture.current import running_recorder
from monograph.capture.python.builtin_functions import ask
from monograph.capture.python.frames import frames_of_user, is_ours
from monograph.diagnostics import ControlFlowError
from monograph.ir.spec import spec_of
from monograph.ir.structure import LEAF, flatten
from monograph.shapes.expr import Expr
from monograph.shapes.questions import equal
from monograph.shapes.symnode import symbolic
from monograph.source.rows import (
    Pieces,
    Records,
    Rows,
    UnknownList,
    as_item,
    kind_of,
    put,
    require_item,
)

__all__ = [
    "Entries", "Numbered", "Places", "PlacesOfTuples", "Unfilled", "attempted", "filled",
    "filled_dict",
]  # fmt: skip

Made = list[object] | Rows | Records | Pieces
T = TypeVar("T")


@dataclass
class _Note:
    """What is known of a list that is no state of the program's.

    ``region``: the body in which it was made. ``is_read``: the program has found None in it;
    ``is_asked``: and has then put an item, as if it had looked whether there was one.
    """

    region: object
    is_read: bool = False
    is_asked: bool = False


_set_class = vars(object)["__class__"].__set__  # ``__class__`` is what the program is told

_notes: weakref.WeakKeyDictionary[UnknownList, _Note] = weakref.WeakKeyDictionary()


class _Listeners(threading.local):
    count = 0


_listeners = _Listeners()


class _PlacesWanted(BaseException):
    """A body puts the first item into a list from outside of it."""

    def __init__(self, items: Unfilled, item: object) -> None:
        super().__init__()
        self.items, self.item = items, item

    def settle(self) -> None:
        """Let the list have places, where it is from here.

        Raises:
            ControlFlowError: MG-C114, where the program asks which items are there.
        """
        note = _notes[self.items]
        if note.region is not _region():
            raise self
        note.is_asked |= note.is_read
        _require_unasked(note)
        self.items.become(self.item)


def attempted(attempt: Callable[[], T]) -> T:
    """``attempt()``: once more where a list has got places for that, until it has all it wants."""
    while True:
        _listeners.count += 1
        try:
            return attempt()
        except _PlacesWanted as wanted:
            wanted.settle()
        finally:
            _listeners.count -= 1


def _region() -> object:
    recorder = running_recorder()
    return None if recorder is None else recorder.aliases.region


def _require_unasked(note: _Note) -> None:
    if note.is_asked:
        raise _unlike("whether an item is in a list yet decides what the program does")


def _require_put(is_put: torch.Tensor) -> None:
    """An item is there before it is read: None is no item that the program could compute with."""
    torch._check(is_put.item(), lambda: "an item of a list is read before it is put there")


class Unfilled(UnknownList):
    """``[None] * n``: the same object, as often as a size says, until others take its place.

    With the first that is put there it becomes ``Places``, or ``PlacesOfTuples``.
    """

    def __init__(self, item: object, count: int | torch.SymInt) -> None:
        self.item, self.count = item, count
        _notes[self] = _Note(_region())

    def length(self) -> int | torch.SymInt:
        """The number of items."""
        return self.count

    def __getitem__(self, index: int | torch.SymInt) -> object:
        if isinstance(index, slice):
            raise _unlike("a part of a list that is not filled")
        for is_there in (index >= -self.count, index < self.count):
            require_item(is_there)
        _notes[self].is_read = True
        return self.item

    def __setitem__(self, index: object, item: object) -> None:
        note, (leaves, structure) = _notes[self], flatten(item)
        is_tuple = all(issubclass(kind, tuple) for kind in structure.kinds()) and leaves
        is_kept = is_tuple and all(kind_of(leaf) != "other" for leaf in leaves)
        if not is_kept or self.item is not None or running_recorder() is None:
            raise _unlike("an item is put into a list whose length only a run knows")
        if note.region is not _region():
            if not _listeners.count:
                raise _unlike("an item is put into a list from outside of what is computed")
            raise _PlacesWanted(self, item)
        self.become(item)
        self[index] = item

    def become(self, item: object) -> None:
        """Let it have places for items like this one.

        Raises:
            ControlFlowError: MG-C114, where the program asks which items are there.
        """
        leaves, structure = flatten(item)
        places = [_places_for(leaf, self.count) for leaf in leaves]
        is_put = torch.zeros((self.count,), dtype=torch.bool)
        kinds = list(map(kind_of, leaves))
        self.__dict__.clear()
        if structure is LEAF:
            _set_class(self, Places)
            Places.__init__(cast("Places", self), places[0], kinds[0], is_put)
        else:
            _set_class(self, PlacesOfTuples)
            made = cast("PlacesOfTuples", self)
            PlacesOfTuples.__init__(made, structure.unflatten(places), kinds, is_put)

    def __len__(self) -> int:
        recorder, frames = running_recorder(), frames_of_user()
        if recorder is not None and frames:
            ask(recorder, frames[0], is_number=True)
        return int(self.count)

    def __iter__(self) -> NoReturn:
        raise _unlike("a list that is not filled is gone over")


def _places_for(item: object, count: int | torch.SymInt) -> torch.Tensor:
    recorder = running_recorder()
    assert recorder is not None
    spec = item.value.spec if isinstance(item, AbstractTensor) else spec_of(as_item(item))
    sizes = [size for size in spec.shape if isinstance(size, Expr)]
    names = {atom.name for size in sizes for atom in size.symbols()}
    symbols, known = recorder.sizes.env.symbols, recorder.sizes.bindings
    if any(name not in known or symbols[name].is_given_up for name in names):
        raise _unlike("the items that are put into a list differ from one another in size")
    shape = [symbolic(recorder.sizes.env, size) for size in spec.shape]
    return torch.zeros((count, *shape), dtype=spec.dtype, device=spec.device)


class Places(Rows):
    """A list that was made at its length, and is being filled.

    ``is_put`` tells which items are there; ``tensor`` is to be all of them.
    """

    def __init__(self, tensor: torch.Tensor, kind: str, is_put: torch.Tensor) -> None:
        super().__init__(tensor, kind)
        self.is_put = is_put

    @property
    def tensor(self) -> torch.Tensor:
        """The items, which all have to be there."""
        _require_put(self.is_put.all())
        return self.alike

    @tensor.setter
    def tensor(self, tensor: torch.Tensor) -> None:
        self.alike = tensor

    def length(self) -> int | torch.SymInt:
        """The number of places."""
        return self.alike.shape[0]

    def __getitem__(self, index: int | torch.SymInt | slice) -> object:
        _require_there(self, index)
        return Rows(self.alike, self.kind)[index]

    def __setitem__(self, index: object, item: object) -> None:
        super().__setitem__(index, item)
        assert isinstance(index, (int, torch.SymInt))  # else it was refused
        self.is_put = put(self.is_put, index, torch.ones((), dtype=torch.bool))

    def append(self, item: object) -> NoReturn:
        """Not that: it has its length."""
        raise _unlike("an item is appended to a list that is not filled")

    insert = extend = append  # type: ignore[assignment]


class PlacesOfTuples(Records):
    """The same of a list whose items are tuples."""

    def __init__(self, stacked: object, kinds: Sequence[str], is_put: torch.Tensor) -> None:
        super().__init__(stacked, kinds)
        self.is_put = is_put

    @property
    def rows(self) -> list[Rows]:
        """For each leaf, those of all items, which all have to be there."""
        _require_put(self.is_put.all())
        return super().rows

    def length(self) -> int | torch.SymInt:
        """The number of places."""
        return self.is_put.shape[0]

    def __getitem__(self, index: int | torch.SymInt | slice) -> object:
        _require_there(self, index)
        return Records(self.stacked, self.kinds)[index]

    def item(self, index: int | torch.SymInt) -> object:
        """The item there, where there is one."""
        return self[index]

    def __setitem__(self, index: object, item: object) -> None:
        made = Records(self.stacked, self.kinds)
        made[index] = item
        assert isinstance(index, (int, torch.SymInt))  # else it was refused
        self.stacked = made.stacked
        self.is_put = put(self.is_put, index, torch.ones((), dtype=torch.bool))

    def append(self, item: object) -> NoReturn:
        """Not that: it has its length."""
        raise _unlike("an item is appended to a list that is not filled")


def _require_there(items: Places | PlacesOfTuples, index: int | torch.SymInt | slice) -> None:
    note = _notes.get(items)  # of one that was put together again there is none
    if note is not None:
        _require_unasked(note)
    is_put = items.is_put[index]
    _require_put(is_put.all() if isinstance(index, slice) else is_put)


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


class Numbered(UnknownList):
    """A dict that a loop over a size has filled: its keys are the numbers of the iterations.

    ``items``: what is in it, in order. ``around``: what stands around the number in keys that are
    texts; None: the numbers are the keys.
    """

    stands_for = dict

    def __init__(self, items: Rows | Records | Pieces, around: tuple[str, str] | None) -> None:
        self.made, self.around = items, around

    @classmethod
    def as_a_result(cls) -> ControlFlowError:
        """Programs have results of a length that is known."""
        return _unlike("the program returns a dict whose length is only known when it runs")

    def __getattr__(self, name: str) -> object:
        if hasattr(dict, name):
            raise _unlike(f"{name} of a dict whose length is only known when the program runs")
        raise AttributeError(name)

    def length(self) -> int | torch.SymInt:
        """The number of entries."""
        return self.made.length()

    def values(self) -> Rows | Records | Pieces:
        """What is in it."""
        return self.made

    def items(self) -> Entries:
        """Keys with what is in it."""
        return Entries(self)

    def keys(self) -> Numbered:
        """What it is gone over by."""
        return self

    def numbers(self) -> int | torch.SymInt:
        """How many keys there are, from 0 on.

        Raises:
            ControlFlowError: MG-C114, where they are texts.
        """
        if self.around is not None:
            raise _unlike("the keys of a dict that a loop has filled are gone over")
        return self.length()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dict) and not is_ours(sys._getframe(1).f_code):
            raise _unlike("a comparison of dicts whose length is only known when it runs")
        return super().__eq__(other)

    __hash__ = UnknownList.__hash__

    def __getitem__(self, key: object) -> object:
        index = key if self.around is None else self._number_in(key)
        if isinstance(index, bool) or not isinstance(index, (int, torch.SymInt)):
            raise _unlike("a dict that a loop has filled is asked for another key")
        torch._check(index >= 0, lambda: "a key of a dict is not there")
        torch._check(index < self.length(), lambda: "a key of a dict is not there")
        return self.made[index]

    def _number_in(self, key: object) -> int | None:
        before, behind = self.around or ("", "")
        if type(key) is not str or not (key.startswith(before) and key.endswith(behind)):
            return None
        number = key[len(before) : len(key) - len(behind)]
        is_one = number.isascii() and number.isdecimal() and number == str(int(number))
        return int(number) if is_one else None

    def __contains__(self, key: object) -> bool:
        raise _unlike("whether a key is in a dict that a loop has filled")

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.numbers()))

    def __len__(self) -> int:
        return len(self.made)


class Entries(UnknownList):
    """``items()`` of such a dict."""

    stands_for: type = type({}.items())

    def __init__(self, owner: Numbered) -> None:
        self.owner = owner

    def length(self) -> int | torch.SymInt:
        """The number of entries."""
        return self.owner.length()

    def __len__(self) -> int:
        return len(self.owner)

    def __iter__(self) -> Iterator[tuple[int, object]]:
        return ((i, self.owner.made[i]) for i in self.owner)


def filled_dict(before: object, made: Made, around: tuple[str, str] | None) -> object:
    """What the dict ``before`` is after a loop has put ``made``, each under its number.

    Raises:
        ControlFlowError: MG-C114, where it was no empty dict.
    """
    if isinstance(before, dict) and isinstance(made, list):
        for i, item in enumerate(made):
            before[i if around is None else f"{around[0]}{i}{around[1]}"] = item
        return before
    if type(before) is not dict or before or isinstance(made, list):
        raise _unlike(f"a {type(before).__name__} is filled by a loop over a size")
    return Numbered(made, around)


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
