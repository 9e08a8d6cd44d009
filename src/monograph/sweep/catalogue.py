"""The models of a sweep: a folder of Python files, one a library, each with its entries.

A file defines ``LIBRARY`` (the name of its distribution), ``NEEDS`` (the modules that are imported
once, before any model is built) and ``entries()``. What a library needs to be told, and how its
models are made small, stands there and nowhere else.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["Catalogue", "Entry", "Inputs", "Listing"]

Model = Callable[..., Any]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Inputs = Callable[..., Arguments]
Sizes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Listing:
    """What is known of a library's models without building one: their names, and digests of how
    they are built.
    """

    version: str
    content: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """A model, and the sizes of its arguments that may vary.

    ``build()`` gives the model and a function from sizes (by their names) to arguments; it is
    called with a seed. ``sizes``: for each name the example's size, then others to try; the size
    ``batch`` has 1 among them. Which of them eager mode can vary is found out by running it. A
    function where it takes an import to know them. ``needs``: modules that are imported before the
    model gets a process of its own.
    """

    name: str
    build: Callable[[], tuple[Model, Inputs]]
    sizes: Sizes | Callable[[], Sizes]
    needs: tuple[str, ...] = ()

    @functools.cached_property
    def all_sizes(self) -> dict[str, tuple[int, ...]]:
        """The example's size of each name, then others."""
        return dict(self.sizes() if callable(self.sizes) else self.sizes)

    def content(self) -> str:
        """A digest of how the model is built: the source of functions, and their arguments."""
        sizes = self.sizes if callable(self.sizes) else tuple(sorted(self.sizes.items()))
        text = f"{_source(self.build)} {_source(sizes)}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _source(function: object) -> str:
    if isinstance(function, functools.partial):
        parts = [function.func, *function.args, *sorted(function.keywords.items())]
        return " ".join(_source(part) for part in parts)
    if isinstance(function, tuple):
        return " ".join(_source(part) for part in function)
    if inspect.isfunction(function):
        text = textwrap.dedent(inspect.getsource(function))
        try:
            return ast.unparse(ast.parse(text))  # however it is laid out
        except SyntaxError:  # a lambda's lines
            return "".join(text.split())
    return getattr(function, "__qualname__", None) or repr(function)


@dataclass
class Catalogue:
    """The entries of a folder, library by library; a library is read when it is asked for."""

    folder: Path
    _read: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _files: dict[str, ModuleType] = field(default_factory=dict)

    def libraries(self) -> list[str]:
        """The names of the files."""
        return sorted(p.stem for p in self.folder.glob("*.py") if not p.stem.startswith("_"))

    def file(self, library: str) -> ModuleType:
        """The file of a library.

        Raises:
            KeyError: there is none.
            ImportError: the library is not installed.
        """
        if library not in self._files:
            path = self.folder / f"{library}.py"
            if not path.exists():
                raise KeyError(library)
            self._files[library] = importlib.import_module(f"{self._package()}.{library}")
        return self._files[library]

    def _package(self) -> str:
        """The folder as a package: a file in it may be called as the library is."""
        name = f"catalogue_{hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:8]}"
        if name not in sys.modules:
            package = ModuleType(name)
            package.__path__ = [str(self.folder.resolve())]
            sys.modules[name] = package
        return name

    def entries(self, library: str) -> dict[str, Entry]:
        """The entries of a library by their names."""
        if library not in self._read:
            found = list(self.file(library).entries())
            self._read[library] = {entry.name: entry for entry in found}
            if len(self._read[library]) != len(found):
                raise ValueError(f"{library} has two entries of one name")
        return self._read[library]

    def listing(self, library: str) -> Listing:
        """The names of the entries, with what they are made of."""
        entries = self.entries(library)
        content = {name: entry.content() for name, entry in entries.items()}
        return Listing(self.version(library), content)

    def warm(self, library: str) -> None:
        """Import what the models of a library are made of, once for all of them."""
        for name in getattr(self.file(library), "NEEDS", ()):
            importlib.import_module(name)

    def prepare(self, library: str, name: str) -> None:
        """Import what one model is made of."""
        for module in self.entries(library)[name].needs:
            importlib.import_module(module)

    def version(self, library: str) -> str:
        """Of the library, as it is installed."""
        try:
            return version(getattr(self.file(library), "LIBRARY", library))
        except PackageNotFoundError:
            return ""
