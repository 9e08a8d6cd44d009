"""The state that a program might change while it runs, remembered and put back.

Watched is what hangs on the program: its modules with all that they hold (hooks too), containers,
plain objects, functions and classes as deep as they go, the globals of the Python modules that
define them, flags of tensors, and the random generators. The thread's and torch's own state are
``process_state``'s.
"""

from __future__ import annotations

import copy
import functools
import itertools
import operator
import random
import sys
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import torch
from torch import nn

from monograph.torch_internals import GLOBAL_HOOKS

__all__ = ["MISSING", "Change", "Saved", "SavedClasses", "SavedNames", "Snapshot", "saved_in"]

_OWNED = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}
_CONTAINERS = (list, dict, set, deque)
_MOST_OBJECTS = 200_000


@dataclass(frozen=True)
class Change:
    """One entry of a watched container that is another object now.

    ``path`` is dotted, ``field`` says where it stands (``buffer``, ``parameter``, ``module``,
    ``attribute``, ``global``, ``closure`` or ``class``), ``key`` is its key there; ``old`` is
    ``MISSING`` for a new entry, ``new`` for one that is gone.
    """

    path: str
    field: str
    old: Any
    new: Any
    key: Any = None


MISSING = object()


class Saved:
    """One container, and the objects that were in it."""

    __slots__ = ("container", "copy", "field", "path")

    def __init__(self, container: Any, path: str, field: str) -> None:
        self.container = container
        self.path = path
        self.field = field
        self.copy: Any = self.content()

    def content(self) -> Any:
        """What is in it now: a dict by keys, else a list in its order."""
        return _content(self.container)

    def is_unchanged(self) -> bool:
        """Whether it holds the same objects."""
        return _holds(self.container, self.copy)

    def again(self) -> Saved:
        """The same container as it is now."""
        return self.__class__(self.container, self.path, self.field)

    def parts(self) -> Iterator[Saved]:
        """The containers in it that have changed, where it stands for several."""
        yield self

    def changes(self) -> Iterator[Change]:
        """The entries that are other objects now."""
        if isinstance(self.container, set):
            yield Change(self.path, self.field, self.copy, self.container)
            return
        before, after = self.copy, self.content()
        if not isinstance(before, dict):
            before, after = dict(enumerate(before)), dict(enumerate(after))
        keys: Iterable[Any] = {**before, **after}
        for key in keys:
            old, new = before.get(key, MISSING), after.get(key, MISSING)
            if old is not new:
                yield Change(self.path_of(key), self.field, old, new, key)

    def path_of(self, key: Any) -> str:
        """The dotted name of an entry."""
        return f"{self.path}.{key}" if self.path else str(key)

    def restore(self) -> None:
        """Hold the same objects again, in the same order."""
        container = self.container
        if isinstance(container, dict):
            kind: Any = OrderedDict if isinstance(container, OrderedDict) else dict
            if list(self.content()) != list(self.copy):
                kind.clear(container)
            for key, value in self.copy.items():
                kind.__setitem__(container, key, value)
        elif isinstance(container, list):
            list.__setitem__(container, slice(None), self.copy)
        elif isinstance(container, set):
            set.clear(container)
            set.update(container, self.copy)
        else:
            deque.clear(container)
            deque.extend(container, self.copy)


class SavedSeveral(Saved):
    """Several containers at once."""

    __slots__ = ()

    def parts(self) -> Iterator[Saved]:
        raise NotImplementedError

    def changes(self) -> Iterator[Change]:
        return (change for saved in self.parts() for change in saved.changes())

    def restore(self) -> None:
        for saved in self.parts():
            saved.restore()


class SavedParts(SavedSeveral):
    """The containers that every module has: parameters, buffers, modules, and hooks of all kinds.

    Those of all modules in one list, one module after the other: most are empty, and one look at
    all their lengths is ten times as fast. ``copy`` has the contents of the others, by places.
    ``owned``: the modules are the program's own.
    """

    __slots__ = ("lengths", "owned", "paths")

    def __init__(self, containers: list[Any], paths: list[str], field: str, owned: bool) -> None:
        self.paths = paths
        self.owned = owned
        super().__init__(containers, "", field)

    def content(self) -> dict[int, Any]:
        containers = self.container
        self.lengths = list(map(len, containers))
        places = itertools.compress(range(len(containers)), self.lengths)
        return {i: _content(containers[i]) for i in places}

    def add(self, held: tuple[Any, ...], path: str) -> Iterator[tuple[str, Any]]:
        """One module more; gives what is in its containers, with their names."""
        first, lengths = len(self.container), list(map(len, held))
        self.container += held
        self.lengths += lengths
        self.paths.append(path)
        for i in itertools.compress(_PLACES, lengths):
            found = self.copy[first + i] = _content(held[i])
            yield _PARTS[i], found

    def is_unchanged(self) -> bool:
        containers = self.container
        return list(map(len, containers)) == self.lengths and all(
            _holds(containers[i], before) for i, before in self.copy.items()
        )

    def again(self) -> Saved:
        return SavedParts(self.container, self.paths, self.field, self.owned)

    def parts(self) -> Iterator[Saved]:
        for i, container in enumerate(self.container):
            before = self.copy.get(i)
            if len(container) == self.lengths[i] and (before is None or _holds(container, before)):
                continue
            module, place = divmod(i, len(_PARTS))
            name, path = _PARTS[place], self.paths[module]
            is_owned = name in _OWNED
            if not is_owned:
                path = f"{path}.{name}" if path else name
            saved = Saved(container, path, _OWNED[name] if is_owned and self.owned else self.field)
            saved.copy = type(saved.copy)() if before is None else before
            yield saved


class SavedVariable(Saved):
    """A variable that a function closes over."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        """Nothing where it is not assigned."""
        try:
            return {"": self.container.cell_contents}
        except ValueError:
            return {}

    def is_unchanged(self) -> bool:
        return _is_same(self.content(), self.copy)

    def path_of(self, key: Any) -> str:
        return self.path

    def restore(self) -> None:
        if self.copy:
            self.container.cell_contents = self.copy[""]
        elif self.content():
            del self.container.cell_contents


class SavedNames(Saved):
    """What an object holds under names but in no dict of its own."""

    __slots__ = ()

    def is_unchanged(self) -> bool:
        """Whether each name stands for what it stood for."""
        return _is_same(self.content(), self.copy)

    def restore(self) -> None:
        """Let each name stand for it again."""
        now = self.content()
        for name in now:
            if name not in self.copy:
                self.delete(name)
        for name, value in self.copy.items():
            if now.get(name, MISSING) is not value:
                self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Give a name its object."""
        setattr(self.container, name, value)

    def delete(self, name: str) -> None:
        """Take a name away."""
        delattr(self.container, name)


class SavedClass(SavedNames):
    """A class's own attributes, but for those with two underscores: Python itself adds some."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = type.__getattribute__(self.container, "__dict__").copy()
        return found

    def is_unchanged(self) -> bool:
        now = self.content()
        return _is_same(now, self.copy) or _is_same(
            _without_special(now), _without_special(self.copy)
        )

    def changes(self) -> Iterator[Change]:
        return (change for change in super().changes() if change.key[:2] != "__")

    def set(self, name: str, value: Any) -> None:
        if name[:2] != "__":
            type.__setattr__(self.container, name, value)

    def delete(self, name: str) -> None:
        if name[:2] != "__":
            type.__delattr__(self.container, name)


class SavedClasses(SavedSeveral):
    """The classes of the program's files: one look at many. What they hold is not followed."""

    __slots__ = ()

    def content(self) -> list[dict[str, Any]]:
        """The attributes of each."""
        return [type.__getattribute__(kind, "__dict__").copy() for kind in self.container]

    def is_unchanged(self) -> bool:
        """Whether no class has another attribute."""
        return all(map(_is_same, self.content(), self.copy))

    def parts(self) -> Iterator[Saved]:
        """The classes that have."""
        for kind, before in zip(self.container, self.copy, strict=True):
            saved = SavedClass(kind, kind.__qualname__, "class")
            saved.copy = before
            if not saved.is_unchanged():
                yield saved


def _without_special(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name[:2] != "__"}


class SavedSlots(SavedNames):
    """The attributes of an object whose class names them in ``__slots__``."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        found = {}
        for name in _slots(type(self.container)):
            value = getattr(self.container, name, MISSING)
            if value is not MISSING:
                found[name] = value
        return found

    def set(self, name: str, value: Any) -> None:
        object.__setattr__(self.container, name, value)

    def delete(self, name: str) -> None:
        object.__delattr__(self.container, name)


class SavedTensor(SavedNames):
    """What Python can change of a tensor; its values are written by operators only."""

    __slots__ = ()

    def content(self) -> dict[str, Any]:
        tensor = self.container
        grad = tensor.grad if tensor.is_leaf else None
        return {"requires_grad": tensor.requires_grad, "grad": grad, **tensor.__dict__}

    def set(self, name: str, value: Any) -> None:
        if name == "requires_grad":
            self.container.requires_grad_(value)
        else:
            setattr(self.container, name, value)


class SavedTensors(SavedSeveral):
    """All tensors, each with its path: one look at many is ten times as fast."""

    __slots__ = ()

    def content(self) -> list[tuple[Any, ...]]:
        return [
            (t.requires_grad, t.grad if t.is_leaf else None, t.__dict__.copy() or None)
            for t, _, _ in self.container
        ]

    def is_unchanged(self) -> bool:
        return all(
            t.requires_grad is flag
            and (not t.is_leaf or t.grad is grad)
            and (not t.__dict__ if attributes is None else _is_same(t.__dict__, attributes))
            for (t, _, _), (flag, grad, attributes) in zip(self.container, self.copy, strict=True)
        )

    def parts(self) -> Iterator[Saved]:
        for (tensor, path, field), (flag, grad, attributes) in zip(
            self.container, self.copy, strict=True
        ):
            saved = SavedTensor(tensor, path, field)
            saved.copy = {"requires_grad": flag, "grad": grad, **(attributes or {})}
            if not saved.is_unchanged():
                yield saved


class SavedGenerator(Saved):
    """A random generator of Python or of numpy."""

    __slots__ = ()

    def content(self) -> Any:
        generator = self.container
        if isinstance(generator, random.Random):
            return generator.getstate()
        return copy.deepcopy(generator.bit_generator.state)

    def is_unchanged(self) -> bool:
        return repr(self.content()) == repr(self.copy)

    def changes(self) -> Iterator[Change]:
        """None: that a number was drawn is told where it was drawn."""
        return iter(())

    def restore(self) -> None:
        if isinstance(self.container, random.Random):
            self.container.setstate(self.copy)
        else:
            self.container.bit_generator.state = self.copy


class SavedCache(Saved):
    """What a function under ``functools.lru_cache`` remembers: a program may leave tensors there.

    A cache with new entries is emptied, which changes no result of the function.
    """

    __slots__ = ()

    def content(self) -> tuple[int, int]:
        info = self.container.cache_info()
        return info.misses, info.currsize

    def is_unchanged(self) -> bool:
        return self.content() == (self.copy[0], self.copy[1])

    def changes(self) -> Iterator[Change]:
        """None: a cache is no state of the program."""
        return iter(())

    def restore(self) -> None:
        self.container.cache_clear()


class Walk:
    """All that hangs on some objects, each thing once, what is near before what is far."""

    def __init__(self, seen: set[int] | None = None) -> None:
        self.saved: list[Saved] = []
        self.tensors: list[tuple[torch.Tensor, str, str]] = []
        self.unwatched: str | None = None  # where it was given up
        self._seen = set() if seen is None else seen
        self._queue: deque[tuple[Any, str, str]] = deque()
        self._names: set[Any] = set()
        self._parts: dict[tuple[str, bool], SavedParts] = {}
        self._slots: dict[type, tuple[str, ...]] = {}
        self._opaque: set[type] = set()
        self._to_come: set[int] = set()
        self._classes: set[int] = set()
        self._nearby: list[type] = []  # classes in namespaces
        self._namespaces: list[tuple[str, dict[str, Any]]] = []
        self._numpy_generators = _numpy_generators()

    def add(self, value: Any, path: str, field: str) -> None:
        """Something that the program may reach."""
        if value.__class__ not in _PLAIN:
            self._queue.append((value, path, field))

    def run(self, *, globals_too: bool = False) -> None:
        """Look at all that was added, and at what hangs on it."""
        self._empty_queue()
        while globals_too and self._namespaces:
            self._add_globals(*self._namespaces.pop())
            self._empty_queue()
        nearby = [kind for kind in self._nearby if id(kind) not in self._classes]
        self.saved.append(SavedClasses(nearby, "", "class"))
        self.saved.append(SavedTensors(self.tensors, "", "attribute"))

    def _empty_queue(self) -> None:
        queue, seen = self._queue, self._seen
        while queue:
            value, path, field = queue.popleft()
            if id(value) in seen or type(value) in self._opaque:
                continue
            if len(seen) > _MOST_OBJECTS:
                self.unwatched = path
                queue.clear()
                return
            kind = value.__class__
            if kind is FunctionType:
                seen.add(id(value))
                self._add_function(value, path, field)
            elif isinstance(value, (tuple, frozenset)):  # made anew, as often as not
                for i, item in enumerate(value):
                    if item.__class__ not in _PLAIN:
                        queue.append((item, f"{path}.{i}", field))
            elif isinstance(value, _CONTAINERS):
                self._add_entries(Saved(value, path, field))
            else:
                seen.add(id(value))
                self._add_object(value, path, field)

    def _add_entries(self, saved: Saved) -> None:
        self._seen.add(id(saved.container))
        self.saved.append(saved)
        self._add_items(saved.copy, saved.path, saved.field)

    def _add_items(self, entries: Any, path: str, field: str) -> None:
        queue = self._queue
        for key, item in entries.items() if isinstance(entries, dict) else enumerate(entries):
            if item.__class__ not in _PLAIN:
                queue.append((item, f"{path}.{key}" if path else str(key), field))

    def _add_object(self, value: Any, path: str, field: str) -> None:
        if isinstance(value, torch.Tensor):
            if value.__class__ in _PLAIN_TENSORS:
                self.tensors.append((value, path, field))
        elif isinstance(value, nn.Module):
            self.add_module(value, path, field)
        elif isinstance(value, FunctionType):
            self._add_function(value, path, field)
        elif isinstance(value, MethodType):
            self.add(value.__self__, path, field)
            self.add(value.__func__, path, field)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self.add(part, path, field)
        elif isinstance(value, type):
            self.add_class(value, is_program=False)
        elif isinstance(value, (random.Random, *self._numpy_generators)):
            self.saved.append(SavedGenerator(value, path, field))
        elif isinstance(value, _Cached):
            self.saved.append(SavedCache(value, path, field))
        elif not _is_plain_object(value):
            self._opaque.add(type(value))
        else:
            state = getattr(value, "__dict__", None)
            if isinstance(state, dict) and id(state) not in self._seen:
                self._add_entries(Saved(state, path, field))
            kind = type(value)
            slots = self._slots.get(kind)
            if slots is None:
                slots = self._slots[kind] = _slots(kind)
            if slots:
                self._add_entries(SavedSlots(value, path, field))
            self.add_class(kind, is_program=False)

    def add_modules(self, modules: list[tuple[str, nn.Module]]) -> None:
        """The program's own, with their names."""
        self._to_come = {id(module) for _, module in modules}
        for path, module in modules:
            self.add_module(module, path, "attribute", owned=True)

    def add_module(self, module: nn.Module, path: str, field: str, *, owned: bool = False) -> None:
        """A module. ``owned``: by the program, so that what it holds is known by names."""
        state = module.__dict__
        seen = self._seen
        if id(state) in seen:
            return
        seen.add(id(module))
        seen.add(id(state))
        self.saved.append(Saved(state, path, field))
        try:
            held = _parts_of(state)
        except KeyError:  # a module that was made by an older torch
            held = tuple(state.get(name, ()) for name in _PARTS)
        parts = self._parts.get((field, owned))
        if parts is None:
            parts = self._parts[field, owned] = SavedParts([], [], field, owned)
            self.saved.append(parts)
        inside = f"{path}." if path else ""
        for name, entries in parts.add(held, path):
            if name in _OWNED:
                if not (name == "_modules" and self._to_come.issuperset(map(id, entries.values()))):
                    self._add_owned(entries, inside, field)
            else:
                self._add_items(entries, f"{inside}{name}", field)
        for name in itertools.filterfalse(_is_built_in, state):
            value = state[name]
            if value.__class__ not in _PLAIN:
                self._queue.append((value, inside + name, field))
        if id(module.__class__) not in self._classes:
            self.add_class(module.__class__, is_program=True)

    def _add_owned(self, entries: dict[str, Any], inside: str, field: str) -> None:
        """Parameters, buffers or modules of a module."""
        seen = self._seen
        for key, item in entries.items():
            if item is None or id(item) in seen:
                continue
            if item.__class__ in _PLAIN_TENSORS:
                seen.add(id(item))
                self.tensors.append((item, inside + key, field))
            else:
                self._queue.append((item, inside + key, field))

    def _add_function(self, function: FunctionType, path: str, field: str) -> None:
        """The variables that it closes over, its defaults, attributes and globals."""
        if field != "class":
            namespace = function.__globals__
            name = namespace.get("__name__")
            if name not in self._names:
                self._add_namespace(name, namespace)
        closure = function.__closure__
        for name, cell in (
            zip(function.__code__.co_freevars, closure, strict=True) if closure else ()
        ):
            if id(cell) not in self._seen:
                self._seen.add(id(cell))
                saved = SavedVariable(cell, "a closed-over variable", "closure")
                self.saved.append(saved)
                for content in saved.copy.values():
                    self.add(content, name, "closure")
        for part in (function.__defaults__, function.__kwdefaults__):
            if part:
                self.add(part, path, field)
        self.add(function.__dict__, path, field)

    def add_class(self, kind: type, *, is_program: bool) -> None:
        """A class and those that it inherits from, but for torch's and Python's own.

        ``is_program``: its methods are what runs, so that their globals count.
        """
        if id(kind) in self._classes:
            return
        for each in kind.__mro__:
            if id(each) in self._classes:
                continue
            self._classes.add(id(each))
            if not _is_watched(each.__module__):
                continue
            saved = SavedClass(each, each.__qualname__, "class")
            self.saved.append(saved)
            if is_program:
                module = sys.modules.get(each.__module__)
                self._add_namespace(each.__module__, getattr(module, "__dict__", None))
            for name, value in saved.copy.items():
                kind_of = value.__class__
                if kind_of is FunctionType:
                    if not (is_program and (value.__defaults__ or value.__closure__)):
                        continue
                elif kind_of in _INERT:
                    continue
                if name[:2] != "__":
                    self._queue.append((value, saved.path_of(name), "class"))

    def _add_namespace(self, name: Any, namespace: dict[str, Any] | None) -> None:
        if name not in self._names and namespace is not None:
            self._names.add(name)
            if _is_watched(name):
                self._namespaces.append((name, namespace))

    def _add_globals(self, name: str, namespace: dict[str, Any]) -> None:
        """The globals of a Python module, and what they hold; but for code."""
        if id(namespace) in self._seen:
            return
        self._seen.add(id(namespace))
        saved = Saved(namespace, name, "global")
        self.saved.append(saved)
        for key, value in saved.copy.items():
            kind = value.__class__
            if kind is FunctionType:
                if value.__globals__ is not namespace or not (
                    value.__closure__ or value.__dict__ or value.__defaults__
                ):
                    continue
            elif isinstance(value, type):
                if value.__module__ == name:
                    self._nearby.append(value)
                continue
            elif kind in _INERT or isinstance(value, ModuleType):
                continue
            if key[:2] != "__":
                self._queue.append((value, f"{name}.{key}", "global"))


class Snapshot:
    """Taken before the program runs; ``changes`` and ``restore`` come after."""

    def __init__(self, modules: list[tuple[str, nn.Module]], function: Any) -> None:
        self._changed: list[Saved] | None = None
        self._torch_state = torch.get_rng_state()
        self._python_state = random.getstate()
        numpy = sys.modules.get("numpy")
        self._numpy_state = numpy.random.get_state() if numpy is not None else None
        walk = Walk()
        walk.add_modules(modules)
        walk.add(function, "", "closure")
        for name, hooks in GLOBAL_HOOKS.items():
            walk.add(hooks, f"torch.nn.modules.module.{name}", "global")
        walk.run(globals_too=True)
        self._saved, self.unwatched = walk.saved, walk.unwatched
        self.tensors = [tensor for tensor, _, _ in walk.tensors]

    def again(self) -> list[Saved]:
        """Everything that is watched, as it is now."""
        return [saved.again() for saved in self._saved]

    def _find_changed(self) -> list[Saved]:
        return [part for saved in self._saved if not saved.is_unchanged() for part in saved.parts()]

    def changes(self) -> list[Change]:
        """What is another object now, before ``restore``."""
        self._changed = self._find_changed()
        return [change for saved in self._changed for change in saved.changes()]

    def tensor_paths(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Plain tensor attributes, in lists and dicts too, with their dotted paths."""
        for saved in self._saved:
            if saved.field != "attribute" or saved.__class__ is not Saved:
                continue
            items = saved.copy.items() if isinstance(saved.copy, dict) else enumerate(saved.copy)
            for key, item in items:
                if isinstance(item, torch.Tensor):
                    yield (f"{saved.path}.{key}" if saved.path else str(key)), item

    def restore(self) -> None:
        """Put everything back, the random generators too."""
        for saved in self._find_changed() if self._changed is None else self._changed:
            saved.restore()
        if not torch.equal(torch.get_rng_state(), self._torch_state):
            torch.set_rng_state(self._torch_state)
        if random.getstate() != self._python_state:
            random.setstate(self._python_state)
        if self._numpy_state is not None:
            numpy = sys.modules["numpy"].random
            now, before = numpy.get_state(), self._numpy_state
            if now[2:] != before[2:] or now[1].tobytes() != before[1].tobytes():
                numpy.set_state(before)


def _content(container: Any) -> Any:
    # By the methods of the built-in kinds: a class of the user's may have others.
    kind = container.__class__
    if kind is dict or kind is list:
        return container.copy()
    if isinstance(container, OrderedDict):
        return dict(OrderedDict.items(container))
    if isinstance(container, dict):
        return dict(dict.items(container))
    if isinstance(container, list):
        return list.copy(container)
    # A scripted module has wrappers of its own.
    return dict(container.items()) if hasattr(container, "items") else list(container)


def _holds(container: Any, before: Any) -> bool:
    """Whether a container holds what ``_content`` has given before."""
    kind = container.__class__
    return _is_same(container if kind is dict or kind is list else _content(container), before)


def _is_same(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return False
    if isinstance(before, dict):
        return all(map(operator.is_, now.values(), before.values())) and list(now) == list(before)
    return all(map(operator.is_, now, before))


def saved_in(value: Any, path: str, field: str, seen: set[int]) -> list[Saved]:
    """The containers and plain objects in ``value``, but for those in ``seen``, as they are now."""
    walk = Walk(seen)
    walk.add(value, path, field)
    walk.run()
    return [saved for saved in walk.saved if saved.__class__ is Saved]


_PLAIN = frozenset({
    int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.Size,
})  # fmt: skip
_EXACT_CONTAINERS = frozenset({*_CONTAINERS, OrderedDict})
_PLAIN_TENSORS = (torch.Tensor, nn.Parameter)
# Nothing hangs on these; on functions and classes little, and where it does they are looked at.
_Cached = type(functools.lru_cache(lambda: None))
_INERT = _PLAIN | {property, classmethod, BuiltinFunctionType, type, FunctionType, ModuleType}
# What every module has, and which of it are containers.
_is_built_in = frozenset(nn.Module().__dict__).__contains__
_PARTS = tuple(n for n, value in nn.Module().__dict__.items() if isinstance(value, _CONTAINERS))
_PLACES = range(len(_PARTS))
_parts_of = operator.itemgetter(*_PARTS)
# Objects of these are not looked into: what they hold is not the program's.
_OPAQUE = frozenset(
    {"builtins", "functools", "typing", "logging", "weakref", "_thread", "threading"}
)


def _is_watched(name: Any) -> bool:
    """Whether classes and globals of this Python module are the program's: not Python's, torch's

    or our own.
    """
    package, _, rest = str(name).partition(".")
    if package == "monograph":
        return rest.startswith("exportdb.cases.")
    return package != "torch" and package not in sys.stdlib_module_names


def _is_plain_object(value: Any) -> bool:
    kind = type(value)
    module = kind.__module__
    return (
        module not in _OPAQUE
        and not isinstance(value, ModuleType)
        and (not module.startswith("torch.") or module.startswith("torch.nn."))
    )


def _slots(kind: type) -> tuple[str, ...]:
    """The names that classes of the user's have for attributes outside of ``__dict__``."""
    return tuple(
        name
        for each in kind.__mro__
        if _is_watched(each.__module__)
        for name, member in vars(each).items()
        if isinstance(member, MemberDescriptorType)
    )


def _numpy_generators() -> tuple[type, ...]:
    numpy = sys.modules.get("numpy")
    return () if numpy is None else (numpy.random.Generator,)
