"""All that hangs on a program, each thing once: what is near before what is far."""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import random
import sys
import threading
import weakref
from collections import deque
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any

import torch
from torch import nn

from monograph.capture.python.saved import (
    CONTAINERS,
    OF_ANY_MODULE,
    OWNED,
    PARTS,
    PLAIN,
    Saved,
    SavedCache,
    SavedChoices,
    SavedClass,
    SavedClasses,
    SavedDicts,
    SavedGenerator,
    SavedIterator,
    SavedParts,
    SavedSlots,
    SavedTensors,
    SavedVariable,
    SavedWeak,
    is_watched,
    slots_of,
)

__all__ = ["Walk", "saved_in"]

_MOST_OBJECTS = 200_000


class Walk:
    """All that hangs on some objects, each thing once, what is near before what is far."""

    def __init__(self, seen: set[int] | None = None) -> None:
        self.saved: list[Saved] = []
        self.tensors: list[tuple[torch.Tensor, str, str]] = []
        self.unwatched: str | None = None  # where it was given up
        self.with_defaults: list[FunctionType] = []
        self.partials: list[functools.partial[Any]] = []
        self._seen = set() if seen is None else seen
        self._queue: deque[tuple[object, str, str]] = deque()
        self._names: set[object] = set()
        self._parts: dict[tuple[str, bool], tuple[SavedDicts, SavedParts]] = {}
        self._slots: dict[type, tuple[str, ...]] = {}
        self._opaque: set[type] = set()
        self._to_come: set[int] = set()
        self._classes: set[int] = set()
        self._nearby: list[type] = []  # classes in namespaces
        self._namespaces: list[tuple[str, dict[str, object]]] = []
        self._numpy_generators = _numpy_generators()

    def add(self, value: object, path: str, field: str) -> None:
        """Something that the program may reach."""
        if value.__class__ not in PLAIN:
            self._queue.append((value, path, field))

    def run(self, *, globals_too: bool = False) -> None:
        """Look at all that was added, and at what hangs on it."""
        self._go(globals_too)
        nearby = [kind for kind in self._nearby if id(kind) not in self._classes]
        self.saved.append(SavedClasses(nearby, "", "class"))
        self.saved.append(SavedTensors(self.tensors, "", "attribute"))

    def _go(self, globals_too: bool) -> None:
        self._empty_queue()
        while globals_too and self._namespaces:
            self.add_globals(*self._namespaces.pop())
            self._empty_queue()

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
            if isinstance(value, FunctionType):
                seen.add(id(value))
                self._add_function(value, path, field)
            elif isinstance(value, (tuple, frozenset)):  # made anew, as often as not
                for i, item in enumerate(value):
                    if item.__class__ not in PLAIN:
                        queue.append((item, f"{path}.{i}", field))
            elif isinstance(value, CONTAINERS):
                self._add_entries(Saved(value, path, field))
            else:
                seen.add(id(value))
                self._add_object(value, path, field)

    def _add_entries(self, saved: Saved) -> None:
        self._seen.add(id(saved.container))
        self.saved.append(saved)
        self._add_items(saved.copy, saved.path, saved.field)

    def _add_items(self, entries: Any, path: str, field: str) -> None:
        queue, is_dict = self._queue, isinstance(entries, dict)
        if PLAIN.issuperset(map(type, entries.values() if is_dict else entries)):
            return
        for key, item in entries.items() if is_dict else enumerate(entries):
            kind = item.__class__
            # A table of a program has thousands of rows that hold nothing but texts and numbers.
            if kind not in PLAIN and not (kind is tuple and PLAIN.issuperset(map(type, item))):
                queue.append((item, f"{path}.{key}" if path else str(key), field))

    def _add_object(self, value: object, path: str, field: str) -> None:
        if isinstance(value, torch.Tensor):
            if type(value) in _PLAIN_TENSORS:
                self.tensors.append((value, path, field))
        elif isinstance(value, nn.Module):
            self.add_module(value, path, field)
        elif isinstance(value, FunctionType):
            self._add_function(value, path, field)
        elif isinstance(value, MethodType) or _is_method(value):
            self.add(value.__self__, path, field)  # type: ignore[attr-defined]
            self.add(getattr(value, "__func__", None), path, field)
        elif isinstance(value, functools.partial):
            self.partials.append(value)
            for part in (value.func, value.args, value.keywords):
                self.add(part, path, field)
        elif isinstance(value, type):
            self.add_class(value, is_program=False)
        elif isinstance(value, (*_STANDARD, *self._numpy_generators)):
            self._add_standard(value, path, field)
        elif not _is_plain_object(value):
            self._opaque.add(type(value))
        else:
            state = getattr(value, "__dict__", None)
            if isinstance(state, dict) and id(state) not in self._seen:
                self._add_entries(Saved(state, path, field))
            kind = type(value)
            slots = self._slots.get(kind)
            if slots is None:
                slots = self._slots[kind] = slots_of(kind)
            if slots:
                self._add_entries(SavedSlots(value, path, field))
            self.add_class(kind, is_program=False)

    def _add_standard(self, value: object, path: str, field: str) -> None:
        """An object of Python's, torch's or numpy's that holds something behind its back."""
        if isinstance(value, _Cached):
            self.saved.append(SavedCache(value, path, field))
        elif isinstance(value, threading.local):
            self._add_entries(Saved(value.__dict__, path, field))  # this thread's
        elif isinstance(value, _ITERATORS):
            self.saved.append(SavedIterator(value, path, field))
        elif isinstance(value, _WEAK):
            self._add_entries(SavedWeak(vars(value)["data"], path, field))
        elif isinstance(value, functools.singledispatchmethod):
            self.add(value.dispatcher, path, field)
        else:
            with contextlib.suppress(NotImplementedError):  # the system's own has no state
                self.saved.append(SavedGenerator(value, path, field))

    def add_modules(self, modules: list[tuple[str, nn.Module]]) -> None:
        """The program's own, with their names."""
        self._to_come = {*map(id, [module for _, module in modules])}
        self._seen |= self._to_come
        self._add_modules(modules, "attribute", owned=True)

    def add_module(self, module: nn.Module, path: str, field: str) -> None:
        """A module that is not the program's own."""
        if id(module.__dict__) not in self._seen:
            self._add_modules([(path, module)], field, owned=False)

    def _add_modules(self, modules: list[tuple[str, nn.Module]], field: str, owned: bool) -> None:
        """Modules. ``owned``: by the program, so that what they hold is known by names.

        All at once: one step for all of them is several times as fast as one for each.
        """
        states = [module.__dict__ for _, module in modules]
        paths = [path for path, _ in modules]
        self._seen.update(map(id, states))
        group = self._parts.get((field, owned))
        if group is None:
            group = SavedDicts(field), SavedParts([], [], field, owned)
            self._parts[field, owned] = group
            self.saved += group
        attributes, parts = group
        entries_of_states = attributes.add(states, paths)
        try:
            held = list(itertools.chain.from_iterable(map(_parts_of, states)))
        except KeyError:  # a module that was made by an older torch
            held = [state.get(name, ()) for state in states for name in PARTS]
        owned_entries: list[tuple[dict[str, object], str]] = []
        for path, name, entries in parts.add(held, paths):
            inside = f"{path}." if path else ""
            if name not in OWNED:
                self._add_items(entries, inside + name, field)
            elif not (name == "_modules" and self._to_come.issuperset(map(id, entries.values()))):
                owned_entries.append((entries, inside))
        self._add_owned(owned_entries, field)
        for _, path, name, value in entries_of_states:
            if name not in OF_ANY_MODULE:
                self._queue.append((value, f"{path}.{name}" if path else name, field))
        for kind in dict.fromkeys([module.__class__ for _, module in modules]):
            self.add_class(kind, is_program=True)

    def _add_owned(self, owned: list[tuple[dict[str, object], str]], field: str) -> None:
        """Parameters, buffers or modules of modules; ``owned`` says how their names begin."""
        items = [
            (item, inside + key, field)
            for entries, inside in owned
            for key, item in entries.items()
            if item is not None
        ]
        places = map(id, [item for item, _, _ in items])
        new: dict[int, tuple[Any, str, str]] = {}
        for place, each in zip(places, items, strict=True):
            if place not in self._seen and place not in new:
                new[place] = each
        tensors = {p: each for p, each in new.items() if type(each[0]) in _PLAIN_TENSORS}
        self._seen.update(tensors)
        self.tensors += tensors.values()
        self._queue += [each for place, each in new.items() if place not in tensors]

    def _add_function(self, function: FunctionType, path: str, field: str) -> None:
        """The variables that it closes over, its defaults, attributes and globals."""
        if field != "class":
            namespace = function.__globals__
            name = namespace.get("__name__")
            if name not in self._names:
                self.add_namespace(name, namespace)
        if function.__code__ is _DISPATCHED:
            self._add_dispatched(function, path, field)
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
        if function.__defaults__ or function.__kwdefaults__:
            self.with_defaults.append(function)
        for part in (function.__defaults__, function.__kwdefaults__):
            if part:
                self.add(part, path, field)
        self.add(function.__dict__, path, field)

    def _add_dispatched(self, function: FunctionType, path: str, field: str) -> None:
        """A function of ``functools.singledispatch``, with what it has chosen before."""
        choosing = vars(function)["dispatch"].__closure__
        names = vars(function)["dispatch"].__code__.co_freevars
        cells = dict(zip(names, choosing, strict=True))
        cache, registry = (cells[n].cell_contents for n in ("dispatch_cache", "registry"))
        self._seen.update((id(cache), id(cells["cache_token"])))
        self.add(registry, path, field)
        self.saved.append(SavedChoices(vars(cache)["data"], path, field))

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
            if is_watched(each.__module__):
                self.add_attributes(each, is_program)

    def add_attributes(self, kind: type, is_program: bool) -> None:
        """A class's own, and what they hold."""
        saved = SavedClass(kind, kind.__qualname__, "class")
        self.saved.append(saved)
        if is_program:
            module = sys.modules.get(kind.__module__)
            self.add_namespace(kind.__module__, getattr(module, "__dict__", None))
        for name, value in saved.copy.items():
            kind_of = value.__class__
            if kind_of is FunctionType:
                if not (is_program and (value.__defaults__ or value.__closure__)):
                    continue
            elif kind_of in _INERT and not _is_method(value):
                continue
            if name[:2] != "__":
                self._queue.append((value, saved.path_of(name), "class"))

    def add_namespace(self, name: object, namespace: dict[str, object] | None) -> None:
        """The globals of a Python module are looked at later, when what is near has been."""
        if name not in self._names and namespace is not None:
            self._names.add(name)
            if is_watched(name):
                self._namespaces.append((str(name), namespace))

    def add_globals(self, name: str, namespace: dict[str, object]) -> None:
        """The globals of a Python module, and what they hold; but for code."""
        if id(namespace) in self._seen:
            return
        self._seen.add(id(namespace))
        saved = Saved(namespace, name, "global")
        self.saved.append(saved)
        plain: dict[str, FunctionType] = {}
        for key, value in saved.copy.items():
            kind = value.__class__
            if kind is FunctionType:
                if value.__globals__ is not namespace and value.__code__ is not _DISPATCHED:
                    continue
                if not (value.__closure__ or value.__dict__ or value.__defaults__):
                    plain[f"{name}.{key}"] = value
                    continue
            elif isinstance(value, type):
                if value.__module__ == name:
                    self._nearby.append(value)
                continue
            elif (kind in _INERT and not _is_method(value)) or isinstance(value, ModuleType):
                continue
            if key[:2] != "__":
                self._queue.append((value, f"{name}.{key}", "global"))
        self._add_attributes_to_come(plain)

    def _add_attributes_to_come(self, functions: dict[str, FunctionType]) -> None:
        """Functions without attributes, which may get some: ``table.made = torch.arange(3)``."""
        attributes = SavedDicts("attribute")
        attributes.add([each.__dict__ for each in functions.values()], list(functions))
        self.saved.append(attributes)


def saved_in(value: object, path: str, field: str, seen: set[int]) -> list[Saved]:
    """The containers and plain objects in ``value``, but for those in ``seen``, as they are now."""
    walk = Walk(seen)
    walk.add(value, path, field)
    walk.run()
    return [saved for saved in walk.saved if saved.__class__ is Saved]


_DISPATCHED = next(
    code
    for code in functools.singledispatch.__code__.co_consts
    if isinstance(code, CodeType) and code.co_name == "wrapper"
)
_PLAIN_TENSORS = (torch.Tensor, nn.Parameter)
# Nothing hangs on these; on functions and classes little, and where it does they are looked at.
_Cached = type(functools.lru_cache(lambda: None))
_WEAK = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
_ITERATORS: tuple[type, ...] = (
    GeneratorType, itertools.count, type(iter([])), type(iter(())), type(iter(range(0))),
)  # fmt: skip
_STANDARD: tuple[type, ...] = (
    random.Random,
    torch.Generator,
    _Cached,
    threading.local,
    functools.singledispatchmethod,
    *_WEAK,
    *_ITERATORS,
)
_INERT = PLAIN | {property, classmethod, BuiltinFunctionType, type, FunctionType, ModuleType}
# What every module has.
_parts_of = operator.itemgetter(*PARTS)
# Objects of these are not looked into: what they hold is not the program's.
_OPAQUE = frozenset(
    {"builtins", "functools", "typing", "logging", "weakref", "_thread", "threading"}
)
# Programs of earlier exports: what they know of sizes is no state of this one. And what runs in the
# place of a condition.
_OURS = ("program", "variants", "ir.", "shapes.", "source.branching")
_NO_STATE = tuple(f"monograph.{name}" for name in _OURS)


def _is_method(value: object) -> bool:
    """Whether it is a method of C of one object: ``draw = random.Random(0).random``."""
    if value.__class__ is not BuiltinFunctionType:
        return False
    return not isinstance(value.__self__, (ModuleType, type, type(None)))


def _is_plain_object(value: object) -> bool:
    kind = type(value)
    module = kind.__module__
    return (
        module not in _OPAQUE
        and not isinstance(value, ModuleType)
        and (not module.startswith("torch.") or module.startswith("torch.nn."))
        and not module.startswith(_NO_STATE)
    )


def _numpy_generators() -> tuple[type, ...]:
    numpy = sys.modules.get("numpy.random")  # which numpy loads when it is first asked for
    return () if numpy is None else (numpy.Generator,)
