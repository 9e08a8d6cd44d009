"""Functions that a program may call, as far as the names in its code tell, without running it."""

from __future__ import annotations

import builtins
import contextlib
import functools
import sys
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import nn

from monograph.capture.python.frames import is_of_user
from monograph.capture.python.identity import is_one_asked_of_parameters

__all__ = ["AskingIfOne", "Search", "is_installed", "names_in"]

_MOST_ITEMS = 100  # of a container that a name leads to
_MISSING = object()
_INERT = frozenset((type(None), bool, int, float, complex, str, bytes, BuiltinFunctionType))
_CONTAINERS = (dict, list, tuple, set, OrderedDict)
_OF_ANY_MODULE = frozenset(vars(nn.Module()))
_HOOKS = frozenset(("_forward_hooks", "_forward_pre_hooks"))
_NOT_OF_USERS = sys.stdlib_module_names | {"torch", "monograph"}
_WRAPPERS: dict[type, tuple[str, ...]] = {
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset"),
    functools.cached_property: ("func",),
    functools.partial: ("func",),
    type(functools.lru_cache(lambda: None)): ("__wrapped__",),
}


class Search:
    """Looks for the functions in whose code a name leads to ``wanted``.

    Looked at is what was added, and what the names in functions that were looked at lead to:
    functions, classes, and those methods of classes that some function names. ``libraries`` looks
    at what belongs to installed packages: once in a process, which is why it keeps nothing alive.
    """

    def __init__(self, wanted: object, libraries: Search | None = None) -> None:
        self._wanted = wanted
        self._libraries = libraries
        self._found: weakref.WeakSet[FunctionType] = weakref.WeakSet()
        self._seen: dict[int, weakref.ref[Any]] = {}
        self._queue: list[FunctionType] = []
        self._names: set[str] = {"forward"} if libraries is None else libraries._names
        self._methods: dict[str, list[weakref.ref[Any]]] = {}  # by a name that nobody mentions yet

    def run(self) -> list[FunctionType]:
        """All that is found."""
        others = self._libraries
        while self._queue or (others is not None and others._queue):
            search = self if self._queue or others is None else others
            search._look_at(search._queue.pop(), self)
            for name in self._methods.keys() & self._names:
                self._add_methods(name)
        return [*self._found, *(() if others is None else others._found)]

    def add_all(self, values: Iterable[object]) -> None:
        """What the program is: its function, the types of its modules."""
        for value in values:
            self.add(value)

    def add_modules(self, modules: Iterable[nn.Module]) -> None:
        """Their classes, and what they hold beside tensors and modules."""
        given = list(modules)
        for kind in dict.fromkeys(map(type, given)):
            self._add_class(kind)
        for module in given:
            for name, value in module.__dict__.items():
                if name in _OF_ANY_MODULE:
                    if name in _HOOKS and value:
                        self.add_all(list(value.values()))
                elif not (type(value) in _INERT or _is_inert_tuple(value)):
                    self.add(value)

    def add(self, value: object, depth: int = 0) -> None:
        """Something that a name leads to."""
        kind = type(value)
        if kind in _INERT:
            return
        if isinstance(value, (dict, list, tuple, set)):
            if depth == 0 and kind in _CONTAINERS and len(value) <= _MOST_ITEMS:
                for item in list(value.values()) if isinstance(value, dict) else list(value):
                    if type(item) not in _INERT:
                        self.add(item, 1)
            return
        if isinstance(value, FunctionType):
            if is_of_user(value.__code__) or value.__code__.co_filename.startswith("<string"):
                search = self._searching(is_installed(value.__code__))
                if search._is_new(value):
                    search._queue.append(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, MethodType):
            self.add(value.__func__)
            self.add(type(value.__self__))
        elif kind in _WRAPPERS:
            for name in _WRAPPERS[kind]:
                self.add(getattr(value, name))
        elif kind is not ModuleType:
            self._add_class(kind)

    def _searching(self, is_installed: bool) -> Search:
        return self._libraries if is_installed and self._libraries is not None else self

    def _is_new(self, value: object) -> bool:
        before = self._seen.get(id(value))
        if before is not None and before() is value:
            return False
        self._seen[id(value)] = weakref.ref(value)
        return True

    def _add_class(self, kind: type) -> None:
        before = self._seen.get(id(kind))
        if before is not None and before() is kind:
            return
        for base in kind.__mro__:
            module = sys.modules.get(base.__module__)
            if not _is_of_user(base.__module__):
                continue
            search = self._searching("site-packages" in (getattr(module, "__file__", None) or ""))
            if not search._is_new(base):
                continue
            for name, value in list(vars(base).items()):
                for function in _functions_in(value):
                    if name in self._names or name.startswith("__"):
                        self.add(function)
                    else:
                        search._methods.setdefault(name, []).append(weakref.ref(function))
        self._is_new(kind)  # a library's too: not all its bases are looked at for each value

    def _add_methods(self, name: str) -> None:
        for search in dict.fromkeys((self, self._searching(True))):
            for reference in search._methods.pop(name, ()):
                self.add(reference())

    def _look_at(self, function: FunctionType, search: Search) -> None:
        names, is_wanted = function.__globals__, False
        for name in names_in(function.__code__):
            value = names.get(name, _MISSING)
            if value is _MISSING:
                value = vars(builtins).get(name)
            if value is self._wanted:
                is_wanted = True
            elif type(value) is ModuleType:
                search._add_members(value, function.__code__)
            else:
                search.add(value)
            if name not in self._names:
                self._names.add(name)
                search._add_methods(name)
        search.add_all(_contents(function))
        search.add_all(function.__defaults__ or ())
        search.add(getattr(function, "__wrapped__", None))
        if is_wanted:
            self._found.add(function)

    def _add_members(self, module: ModuleType, code: CodeType) -> None:
        if _is_of_user(module.__name__):
            members = vars(module)
            for name in names_in(code):
                self.add(members.get(name))


class AskingIfOne(Search):
    """Looks for the functions that ask if two of their arguments are one."""

    def __init__(self) -> None:
        super().__init__(_MISSING)

    def _look_at(self, function: FunctionType, search: Search) -> None:
        super()._look_at(function, search)
        if is_one_asked_of_parameters(function.__code__):
            self._found.add(function)


def is_installed(code: CodeType) -> bool:
    """Whether it belongs to an installed package."""
    return "site-packages" in code.co_filename


def names_in(code: CodeType) -> Iterator[str]:
    """The names of globals and attributes in ``code``, and in the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from names_in(constant)


def _is_inert_tuple(value: object) -> bool:
    """Whether it is a tuple of nothing but numbers and texts: most modules have several."""
    return type(value) is tuple and _INERT.issuperset(map(type, value))


def _is_of_user(module: str) -> bool:
    return module.partition(".")[0] not in _NOT_OF_USERS


def _functions_in(value: object) -> Iterator[FunctionType]:
    """The function that an entry of a class is, or those that it wraps."""
    if isinstance(value, FunctionType):
        yield value
    for name in _WRAPPERS.get(type(value), ()):
        yield from _functions_in(getattr(value, name))


def _contents(function: FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # empty so far
            yield cell.cell_contents
