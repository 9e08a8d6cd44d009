"""The Python state that a branch may change: variables, attributes, containers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import CellType, FunctionType, ModuleType

from torch import nn

from monograph.capture.python.saved import MISSING, Saved, SavedClasses, SavedNames
from monograph.capture.python.walk import saved_in
from monograph.capture.recorder import Recorder
from monograph.control.results import UNDEFINED

__all__ = ["Entry", "Items", "Key", "State", "Variable"]

_OURS = "_monograph_"
_UNJOINED = (SavedNames, SavedClasses)


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


Key = Variable | Entry | Items  # one thing that may change


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
        for name, content in self.variables.items():
            if not isinstance(content, (nn.Module, ModuleType, type)):
                self.saved += saved_in(content, name, "variable", seen)
        self._owners = {id(saved.container): saved for saved in self.saved}

    def _note_variables(self, function: object) -> None:
        while isinstance(function, functools.partial):
            function = function.func
        function = getattr(function, "__func__", function)
        closure = getattr(function, "__closure__", None) or ()
        names = getattr(getattr(function, "__code__", None), "co_freevars", ())
        for name, cell in zip(names, closure, strict=True):
            self.cells.setdefault(name, cell)
            content = _content(cell)  # a decorated function has the real one in a variable
            is_closure = isinstance(content, FunctionType) and content.__closure__ is not None
            if is_closure and name not in self._followed:
                self._followed.add(name)
                self._note_variables(content)

    def changed(self) -> dict[Key, tuple[str, object]]:
        """What is another object now: a name for it, and the object."""
        found: dict[Key, tuple[str, object]] = {}
        for name, cell in self.cells.items():
            now = _content(cell)
            if now is not self.variables[name] and not _is_own_function(name, now):
                found[Variable(name)] = (name, now)
        parts = [p for saved in self.saved if not saved.is_unchanged() for p in saved.parts()]
        for saved in parts:
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

    def _owner_of(self, key: Entry | Items) -> Saved:
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

    def now(self, name: str) -> object:
        """What the variable ``name`` holds now."""
        return _content(self.cells[name])

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

    def set(self, key: Key, value: object) -> None:
        """Make one thing another object."""
        if isinstance(key, Variable):
            _set(self.cells[key.name], value)
            return
        container = self._owner_of(key).container
        if isinstance(key, Items):
            assert isinstance(value, Iterable)
            container.clear()
            (container.update if isinstance(container, set) else container.extend)(value)
        elif value is UNDEFINED:
            container.pop(key.key, None)
        else:
            container[key.key] = value

    def variables_of(self, key: Items) -> list[Variable]:
        """The variables that hold the container behind ``key``."""
        container = self._owner_of(key).container
        return [Variable(name) for name, item in self.variables.items() if item is container]


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
