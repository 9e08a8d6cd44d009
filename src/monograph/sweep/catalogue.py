"""The models of a sweep: a folder of files, one a library, each with its entries; or one file.

A file in TOML declares its models (``declared.py``). A file in Python defines ``LIBRARY`` (the name
of its distribution), ``NEEDS`` (the modules that are imported once, before any model is built) and
``entries()``. What a library needs to be told, and how its models are made small, stands there and
nowhere else.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from monograph.sweep.declared import Declared
from monograph.sweep.entries import Entry

__all__ = ["Catalogue", "Listing", "is_chosen"]


@dataclass(frozen=True)
class Listing:
    """What is known of a library's models without building one: their names, and digests of how
    they are built. ``torch``, ``stages``: what there is beside it. ``problem``: why there are none.
    """

    version: str = ""
    content: dict[str, str] = field(default_factory=dict)
    torch: str = ""
    stages: tuple[str, ...] = ()
    problem: str = ""


class Library(Protocol):
    """What a file has."""

    @property
    def LIBRARY(self) -> str:  # noqa: N802
        """The name of its distribution."""

    @property
    def NEEDS(self) -> tuple[str, ...]:  # noqa: N802
        """Modules to import before models are built."""

    def entries(self) -> Iterable[Entry]:
        """Its models."""


@dataclass
class Catalogue:
    """The entries of a folder (or of one file), library by library; a library is read when it is
    asked for.
    """

    path: Path
    _read: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _files: dict[str, Library] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.path.parent if self.path.suffix == ".toml" else self.path

    def libraries(self) -> list[str]:
        """The names of the files."""
        if self.path.suffix == ".toml":
            return [self.path.stem]
        files = (p for p in self.path.iterdir() if p.suffix in (".py", ".toml"))
        return sorted(p.stem for p in files if not p.stem.startswith("_"))

    def file(self, library: str) -> Library:
        """The file of a library.

        Raises:
            KeyError: there is none.
            ImportError: the library is not installed.
        """
        if library not in self._files:
            table, path = self.folder / f"{library}.toml", self.folder / f"{library}.py"
            if table.exists() and self.path in (self.folder, table):
                self._files[library] = Declared.read(table)
            elif path.exists():
                found = importlib.import_module(f"{self._package()}.{library}")
                self._files[library] = cast("Library", found)
            else:
                raise KeyError(library)
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

    def found(self, patterns: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        """The entries, each with its library, that ``LIBRARY`` or ``LIBRARY/NAME`` describe."""
        for library in self.libraries():
            for name, entry in self.entries(library).items():
                if is_chosen(library, name, patterns):
                    yield library, entry

    def warm(self, library: str) -> None:
        """Import what the models of a library are made of, once for all of them."""
        for name in getattr(self.file(library), "NEEDS", ()):
            importlib.import_module(name)

    def prepare(self, library: str, name: str) -> None:
        """Import what one model is made of."""
        for module in self.entries(library)[name].needs:
            importlib.import_module(module)

    def version(self, library: str) -> str:
        """Of the library, as it is installed; of none, where a file names none."""
        name = getattr(self.file(library), "LIBRARY", library)
        try:
            return version(name) if name else ""
        except PackageNotFoundError:
            return ""


def is_chosen(library: str, name: str, patterns: Iterable[str]) -> bool:
    """Whether ``LIBRARY`` or ``LIBRARY/NAME`` describes it; ``*`` stands for anything."""
    return any(
        fnmatch(library, p.partition("/")[0]) and fnmatch(name, p.partition("/")[2] or "*")
        for p in patterns
    )
