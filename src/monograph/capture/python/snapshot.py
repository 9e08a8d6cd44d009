"""The state that a program might change while it runs, remembered and put back.

Watched are the modules' attributes, parameters and buffers, the containers and plain objects
that they hold, the globals of the Python modules that define them, and the random generators.
"""

from __future__ import annotations

import functools
import operator
import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CellType
from typing import Any

import torch
from torch import nn

__all__ = ["MISSING", "Change", "Saved", "Snapshot", "saved_in"]

_OWNED = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}
_BUILT_IN_MODULE_STATE = frozenset(nn.Module().__dict__)
_CONTAINERS = (list, dict, set, deque)
_MAX_OBJECTS = 20_000


@dataclass(frozen=True)
class Change:
    """One entry of a watched container that is another object now.

    ``path`` is dotted, ``field`` says where it stands (``buffer``, ``parameter``, ``attribute``,
    ``global``, ``closure`` or ``class``); ``old`` is ``MISSING`` for a new entry, ``new`` for one
    that is gone.
    """

    path: str
    field: str
    old: Any
    new: Any


MISSING = object()


class Saved:
    """One container, and the objects that were in it."""

    __slots__ = ("container", "copy", "field", "path")

    def __init__(self, container: Any, path: str, field: str) -> None:
        self.container = container
        self.path = path
        self.field = field
        self.copy: Any = dict(container) if isinstance(container, dict) else list(container)

    def is_unchanged(self) -> bool:
        """Whether it holds the same objects."""
        now, before = self.container, self.copy
        if len(now) != len(before):
            return False
        if isinstance(now, dict):
            return all(map(operator.is_, now.values(), before.values())) and all(
                map(operator.eq, now, before)
            )
        return all(map(operator.is_, now, before))

    def changes(self) -> Iterator[Change]:
        """The entries that are other objects now."""
        if isinstance(self.container, dict):
            before, after = self.copy, self.container
            keys: Iterable[Any] = {**before, **after}
        elif isinstance(self.container, set):
            yield Change(self.path, self.field, self.copy, self.container)
            return
        else:
            before = dict(enumerate(self.copy))
            after = dict(enumerate(self.container))
            keys = {**before, **after}
        for key in keys:
            old, new = before.get(key, MISSING), after.get(key, MISSING)
            if old is not new:
                yield Change(f"{self.path}.{key}" if self.path else str(key), self.field, old, new)

    def restore(self) -> None:
        """Hold the same objects again."""
        container = self.container
        if isinstance(container, dict):
            if list(container) != list(self.copy):
                dict.clear(container)
            dict.update(container, self.copy)
        elif isinstance(container, list):
            container[:] = self.copy
        else:
            container.clear()
            (container.update if isinstance(container, set) else container.extend)(self.copy)


class Snapshot:
    """Taken before the program runs; ``changes`` and ``restore`` come after."""

    def __init__(self, modules: list[tuple[str, nn.Module]], function: Any) -> None:
        self._saved: list[Saved] = []
        self._empty: list[tuple[dict[str, Any], str, str]] = []
        self._changed: list[Saved] | None = None
        self._seen: set[int] = set()
        self._torch_state = torch.get_rng_state()
        self._python_state = random.getstate()
        numpy = sys.modules.get("numpy")
        self._numpy_state = numpy.random.get_state() if numpy is not None else None
        self._cells: list[tuple[CellType, Any]] = []
        self._classes: list[tuple[type, dict[str, Any]]] = []
        self._watch_function(function)
        namespaces = {getattr(function, "__module__", None)}
        for path, child in modules:
            kind = type(child)
            namespaces.add(kind.__module__)
            if not kind.__module__.startswith("torch.") and id(kind) not in self._seen:
                self._seen.add(id(kind))
                self._classes.append((kind, _attributes(kind)))
                self._watch_function(vars(kind).get("forward"))
            self._watch_module(child, path)
        for name in namespaces:
            if name and not name.startswith(("torch.", "monograph.capture")):
                self._watch_globals(name)

    def _watch_module(self, module: nn.Module, path: str) -> None:
        state = module.__dict__
        self._seen.add(id(state))
        self._saved.append(Saved(state, path, "attribute"))
        for name, field in _OWNED.items():
            held = state.get(name)
            if held:
                if isinstance(held, dict):  # a scripted module has wrappers of its own
                    self._saved.append(Saved(held, path, field))
            elif held is not None:
                self._empty.append((held, path, field))
        for name, value in state.items():
            if type(value) not in _PLAIN and name not in _BUILT_IN_MODULE_STATE:
                self._watch_value(value, f"{path}.{name}" if path else name, "attribute")

    def _watch_function(self, function: Any) -> None:
        """The variables that a function closes over, and the containers in them."""
        while isinstance(function, functools.partial):
            function = function.func
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        for name, cell in zip(
            getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (),
            strict=True,
        ):  # fmt: skip
            try:
                content = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            self._cells.append((cell, content))
            if not isinstance(content, nn.Module):
                self._watch_value(content, name, "closure")

    def _watch_globals(self, name: str) -> None:
        namespace = getattr(sys.modules.get(name), "__dict__", None)
        if namespace is None:
            return
        self._saved.append(Saved(namespace, name, "global"))
        for key, value in namespace.items():
            if not key.startswith("__") and type(value) in _CONTAINERS:
                self._seen.add(id(value))
                self._saved.append(Saved(value, f"{name}.{key}", "global"))

    def _watch_value(self, value: Any, path: str, field: str) -> None:
        """Containers and plain objects, as deep as they go."""
        self._saved += saved_in(value, path, field, self._seen)

    def again(self) -> list[Saved]:
        """Everything that is watched, as it is now."""
        now = [Saved(saved.container, saved.path, saved.field) for saved in self._saved]
        return now + [Saved(held, path, field) for held, path, field in self._empty]

    def _find_changed(self) -> list[Saved]:
        changed = [saved for saved in self._saved if not saved.is_unchanged()]
        for container, path, field in self._empty:
            if container:
                saved = Saved({}, path, field)
                saved.container = container
                changed.append(saved)
        return changed

    def other_changes(self) -> Iterator[Change]:
        """Rebound closure variables and class attributes."""
        for cell, content in self._cells:
            if cell.cell_contents is not content:
                yield Change("a closed-over variable", "closure", content, cell.cell_contents)
        for kind, before in self._classes:
            now = _attributes(kind)
            for name in {**before, **now}:
                if before.get(name, MISSING) is not now.get(name, MISSING):
                    old, new = before.get(name, MISSING), now.get(name, MISSING)
                    yield Change(f"{kind.__qualname__}.{name}", "class", old, new)

    def changes(self) -> list[Change]:
        """What is another object now, before ``restore``."""
        self._changed = self._find_changed()
        found = [change for saved in self._changed for change in saved.changes()]
        return [*found, *self.other_changes()]

    def tensor_paths(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Plain tensor attributes, in lists and dicts too, with their dotted paths."""
        for saved in self._saved:
            if saved.field != "attribute":
                continue
            items = saved.copy.items() if isinstance(saved.copy, dict) else enumerate(saved.copy)
            for key, item in items:
                if isinstance(item, torch.Tensor):
                    yield (f"{saved.path}.{key}" if saved.path else str(key)), item

    def restore(self) -> None:
        """Put everything back, the random generators too."""
        for saved in self._find_changed() if self._changed is None else self._changed:
            saved.restore()
        for cell, content in self._cells:
            cell.cell_contents = content
        for kind, before in self._classes:
            for name in _attributes(kind):
                if name not in before:
                    delattr(kind, name)
            for name, value in before.items():
                if vars(kind).get(name, MISSING) is not value:
                    setattr(kind, name, value)
        if not torch.equal(torch.get_rng_state(), self._torch_state):
            torch.set_rng_state(self._torch_state)
        if random.getstate() != self._python_state:
            random.setstate(self._python_state)
        if self._numpy_state is not None:
            numpy = sys.modules["numpy"].random
            now, before = numpy.get_state(), self._numpy_state
            if now[2:] != before[2:] or now[1].tobytes() != before[1].tobytes():
                numpy.set_state(before)


def saved_in(value: Any, path: str, field: str, seen: set[int]) -> list[Saved]:
    """The containers and plain objects in ``value``, but for those in ``seen``, as they are now."""
    found: list[Saved] = []
    stack = [(value, path)]
    while stack and len(seen) < _MAX_OBJECTS:
        value, path = stack.pop()
        kind = type(value)
        if kind in _PLAIN or id(value) in seen:
            continue
        if isinstance(value, _CONTAINERS):
            container = value
        elif _is_plain_object(value):
            container = value.__dict__
        elif isinstance(value, tuple):
            stack.extend((item, f"{path}.{i}") for i, item in enumerate(value))
            continue
        else:
            continue
        seen.update((id(value), id(container)))
        found.append(Saved(container, path, field))
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, item in items:
            if type(item) not in _PLAIN:
                stack.append((item, f"{path}.{key}"))
    return found


def _attributes(kind: type) -> dict[str, Any]:
    """A class's own attributes; Python itself adds names with two underscores."""
    return {name: value for name, value in vars(kind).items() if not name.startswith("__")}


_PLAIN = frozenset(
    {int, float, bool, str, bytes, type(None), torch.dtype, torch.device, torch.Size}
)


def _is_plain_object(value: Any) -> bool:
    kind = type(value)
    return (
        not isinstance(value, (nn.Module, torch.Tensor, type))
        and getattr(kind, "__dictoffset__", 0) != 0
        and kind.__module__ not in ("builtins", "functools", "typing", "logging")
        and not kind.__module__.startswith("torch.")
        and isinstance(getattr(value, "__dict__", None), dict)
    )
