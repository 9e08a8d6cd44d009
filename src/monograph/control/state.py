"""The Python state that a branch may change: variables, attributes, containers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CellType, FunctionType, ModuleType
from typing import Any

from torch import nn

from monograph.capture.python.saved import (
    MISSING,
    Saved,
    SavedClasses,
    SavedGenerator,
    SavedIterator,
    SavedNames,
)
from monograph.capture.python.snapshot import Snapshot
from monograph.capture.python.walk import saved_in
from monograph.capture.recorder import Recorder
from monograph.control.results import UNDEFINED
from monograph.control.unseen import Unseen, refuse_as_unseen

__all__ = ["Entry", "Holder", "Items", "Key", "Place", "State", "Variable"]

_OURS = "_monograph_"
_UNJOINED = (SavedNames, SavedClasses)
_OF_ITS_OWN = (SavedGenerator, SavedIterator)
_WATCHED = (nn.Module, ModuleType, type)  # what changes in them is seen for the whole program


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that functions share with the function around them."""

    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a dict, or an attribute of an object; ``container``: its identity."""

    container: int
    key: str


@dataclass(frozen=True, slots=True)
class Items:
    """All items of a list or a set; ``container``: its identity."""

    container: int


@dataclass(frozen=True, slots=True)
class Place:
    """One item of a list; ``container``: its identity."""

    container: int
    index: int


Key = Variable | Entry | Items  # one thing that may change
Holder = Variable | Entry | Place  # what holds one object


class State:
    """Variables that functions share with the function around them, and what hangs on these."""

    def __init__(self, recorder: Recorder, functions: Sequence[Callable[..., object]]) -> None:
        self.recorder = recorder
        self.cells: dict[str, CellType] = {}
        self._followed: set[str] = set()
        for function in functions:
            self._note_variables(function)
        self.variables = {name: _content(cell) for name, cell in self.cells.items()}
        seen: set[int] = set()
        self.saved: list[Saved] = []
        if recorder.context.snapshot is not None:
            # What cannot be joined is not put back between branches: a tensor there is a leak.
            self.saved += recorder.context.snapshot.again(but_for=_UNJOINED)
            seen.update(*(saved.identities() for saved in self.saved))
        known = set(seen)
        self._hanging: list[Saved] = []  # on the variables, and what the call has made
        if recorder.context.snapshot is not None:
            self._add_made(recorder.context.snapshot, seen)
        for name, content in self.variables.items():
            if not isinstance(content, _WATCHED):
                self._hanging += saved_in(content, name, "variable", seen)
        self.saved += self._hanging
        self._owners = {id(saved.container): saved for saved in self.saved}
        self._unseen = Unseen(self.things(), known)

    def _add_made(self, snapshot: Snapshot, seen: set[int]) -> None:
        """What the call has made that hangs on attributes: lists, objects with a state."""
        for saved in snapshot.find_changed():
            if type(saved) is not Saved or not isinstance(saved.container, dict):
                continue
            self._hanging.append(saved.again())
            for key, value in saved.container.items():
                if value is not saved.copy.get(key) and not isinstance(value, _WATCHED):
                    self._hanging += saved_in(value, saved.path_of(key), saved.field, seen)

    def _note_variables(self, function: object) -> None:
        while isinstance(function, functools.partial):
            function = function.func
        function = getattr(function, "__func__", function)
        closure = getattr(function, "__closure__", None) or ()
        names = getattr(getattr(function, "__code__", None), "co_freevars", ())
        for own_name, cell in zip(names, closure, strict=True):
            name = self._name_of(own_name, cell)
            self.cells.setdefault(name, cell)
            content = _content(cell)  # a decorated function has the real one in a variable
            is_closure = isinstance(content, FunctionType) and content.__closure__ is not None
            if is_closure and name not in self._followed:
                self._followed.add(name)
                self._note_variables(content)

    def _name_of(self, name: str, cell: CellType) -> str:
        """The name of a variable, which no other has: functions that are called have their own."""
        found, count = name, 1
        while self.cells.get(found, cell) is not cell:
            count += 1
            found = f"{name} ({count})"
        return found

    def changed(self) -> dict[Key, tuple[str, object]]:
        """What is another object now: a name for it, and the object."""
        self._unseen.require_unchanged(self._hanging, self.recorder.here())
        found: dict[Key, tuple[str, object]] = {}
        for name, cell in self.cells.items():
            now = _content(cell)
            if now is not self.variables[name] and not _is_own_function(name, now):
                found[Variable(name)] = (name, now)
        parts = [p for saved in self.saved if not saved.is_unchanged() for p in saved.parts()]
        for saved in parts:
            if isinstance(saved, _OF_ITS_OWN):
                refuse_as_unseen(saved.path, self.recorder.here())
            if type(saved) is not Saved:
                continue
            self._owners[id(saved.container)] = saved
            if isinstance(saved.container, dict):
                for change in saved.changes():
                    key = change.key
                    new = UNDEFINED if change.new is MISSING else change.new
                    if saved.field == "global" and isinstance(
                        new, (ModuleType, FunctionType, type)
                    ):
                        continue  # imported when first needed
                    found[Entry(id(saved.container), key)] = (change.path, new)
            else:
                found[Items(id(saved.container))] = (saved.path, list(saved.container))
        return found

    def has(self, key: Key) -> bool:
        """Whether there is such a thing (a list may have become another object)."""
        if isinstance(key, Variable):
            return key.name in self.variables
        return self._owner(key.container) is not None

    def _owner(self, container: int) -> Saved | None:
        if container not in self._owners:  # one of those that are watched together
            several = (each.find(container) for each in self.saved)
            found = next(filter(None, several), None)
            if found is None:
                return None
            self._owners[container] = found
        return self._owners[container]

    def _owner_of(self, key: Entry | Items | Place) -> Saved:
        owner = self._owner(key.container)
        assert owner is not None
        return owner

    def before(self, key: Key) -> tuple[str, object]:
        """The same as it was when this object was made."""
        if isinstance(key, Variable):
            return key.name, self.variables[key.name]
        saved = self._owner_of(key)
        if isinstance(key, Items):
            return saved.path, list(saved.copy)
        return f"{saved.path}.{key.key}", saved.copy.get(key.key, UNDEFINED)

    def things(self) -> Iterator[tuple[str, object]]:
        """What the variables hold now, and the containers that hang on them, by paths."""
        for name, cell in self.cells.items():
            yield name, _content(cell)
        for saved in self._hanging:
            yield from ((f"{saved.path} {key!r}", item) for key, item in _items(saved.container))

    def items_before(self, key: Items) -> list[object]:
        """What was in a list or a set when this object was made."""
        return list(self._owner_of(key).copy)

    def restore(self) -> None:
        """Everything as it was."""
        for name, content in self.variables.items():
            _set(self.cells[name], content)
        for saved in self.saved:
            if not saved.is_unchanged():
                saved.restore()

    def set(self, key: Key | Place, value: object) -> None:
        """Make one thing another object."""
        if isinstance(key, Variable):
            _set(self.cells[key.name], value)
            return
        container = self._owner_of(key).container
        if isinstance(key, Place):
            container[key.index] = value
            return
        if isinstance(key, Items):
            assert isinstance(value, Iterable)
            container.clear()
            (container.update if isinstance(container, set) else container.extend)(value)
        elif value is UNDEFINED:
            container.pop(key.key, None)
        else:
            container[key.key] = value

    def container(self, key: Entry | Items) -> object:
        """The container itself."""
        return self._owner_of(key).container

    def holders_of(self, key: Entry | Items) -> list[Holder]:
        """The variables that hold the container behind ``key``, and the containers on these."""
        content = self.container(key)
        found: list[Holder] = [Variable(n) for n, item in self.variables.items() if item is content]
        for saved in self._hanging:
            kind = Entry if isinstance(saved.container, dict) else Place
            items = _items(saved.container)
            found += [kind(id(saved.container), at) for at, item in items if item is content]
        return found


def _items(container: object) -> Iterable[tuple[Any, object]]:
    """The entries of a dict, or the items of a list with their places."""
    if isinstance(container, dict):
        return list(container.items())
    return list(enumerate(container)) if isinstance(container, list) else ()


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return UNDEFINED


def _set(cell: CellType, content: object) -> None:
    if content is not UNDEFINED:
        cell.cell_contents = content
    elif _content(cell) is not UNDEFINED:
        del cell.cell_contents


def _is_own_function(name: str, content: object) -> bool:
    return name.startswith(_OURS) and isinstance(content, FunctionType)
