"""Modules that a program imports while it is captured: executed as outside of the capture.

A module is executed once in a process, and what it makes then is there for all who come later: its
tensors have values (``EPS = torch.tensor(1e-6)``), and the functions that it takes out of torch
(``from torch import tensor``, tables of what ``builtins`` holds) are torch's own.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from monograph.capture.python.process_state import not_exporting
from monograph.torch_internals import dispatch_of_a_new_thread

__all__ = ["executed_outside", "is_importing"]

Outside = Callable[[], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def executed_outside(
    unpatched: Outside, mine: Callable[[], bool], loaded: Callable[[], None]
) -> Iterator[None]:
    """Have modules that are imported inside, by a call that is ``mine``, executed as outside.

    ``unpatched``: what takes the capture's replacements of functions back for a while;
    ``loaded``: called after each.
    """
    finder = _Finder(unpatched, mine, loaded)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path[:] = [each for each in sys.meta_path if each is not finder]


class _Finder(importlib.abc.MetaPathFinder):
    """What the finders behind it find, to be executed outside."""

    def __init__(
        self, unpatched: Outside, mine: Callable[[], bool], loaded: Callable[[], None]
    ) -> None:
        self._unpatched = unpatched
        self._mine = mine
        self._loaded = loaded
        self._is_outside = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if self._is_outside or not self._mine():
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        with self._outside(name):  # what they ask of files, the program does not
            found = (each.find_spec(name, path, target) for each in others)
            spec = next((each for each in found if each is not None), None)
        loader = None if spec is None else spec.loader
        if spec is not None and loader is not None and hasattr(loader, "exec_module"):
            spec.loader = _Loader(loader, self._outside)
        return spec

    def is_at_work(self) -> bool:
        """Whether this thread imports a module."""
        return self._is_outside and self._mine()

    @contextlib.contextmanager
    def _outside(self, name: str) -> Iterator[None]:
        is_first, self._is_outside = not self._is_outside, True
        try:
            if not is_first:
                yield
            elif name.startswith("torch."):  # it makes no tensors; to leave modes needs some of it
                with self._unpatched():
                    yield
            else:
                with self._unpatched(), not_exporting(), dispatch_of_a_new_thread():
                    yield
        finally:
            self._is_outside = not is_first
            if is_first:
                self._loaded()


def is_importing() -> bool:
    """Whether a module is being imported: what it prints and writes then, the program does not."""
    finders = (each for each in sys.meta_path if isinstance(each, _Finder))
    return any(finder.is_at_work() for finder in finders)


class _Loader(importlib.abc.Loader):
    """Another loader, whose modules are executed outside; they know the other one alone."""

    def __init__(
        self,
        loader: importlib.abc.Loader,
        outside: Callable[[str], contextlib.AbstractContextManager[None]],
    ) -> None:
        self._loader = loader
        self._outside = outside

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        with self._outside(spec.name):
            return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        with self._outside(module.__name__):
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> object:  # ``get_source``, of whoever only asks
        found: object = getattr(self._loader, name)
        return found
