"""What hangs on classes and globals of installed packages: remembered from snapshot to snapshot.

A program made with a library reaches thousands of objects of it: registries, configurations,
mixins. They are walked once; the next snapshot sees whether they hold what they held. Nothing is
remembered that has tensors or anything of the user's in it, because that would be kept alive.
"""

from __future__ import annotations

import functools
import os
import site
import sys
from dataclasses import dataclass
from types import FunctionType

import torch

from monograph.capture.python.saved import (
    Saved,
    SavedClasses,
    SavedTogether,
    Together,
    are_unchanged,
    is_watched,
)
from monograph.capture.python.walk import Walk

__all__ = ["ProgramWalk"]


@dataclass(frozen=True, slots=True)
class Attributes:
    """A class, whose attributes hold things. ``is_program``: its methods are what runs."""

    kind: type
    is_program: bool

    @property
    def key(self) -> tuple[int, bool]:
        """What is the same for the same class only, as long as it lives."""
        return id(self.kind), self.is_program

    def is_installed(self) -> bool:
        """Whether it is what an installed package calls by its name."""
        names = self.kind.__qualname__.split(".")
        found: object = sys.modules.get(self.kind.__module__)
        for name in names:
            found = getattr(found, "__dict__", {}).get(name)
        return found is self.kind and _is_installed(self.kind.__module__)

    def lead(self, walk: Walk) -> None:
        """Go on there, unless it was met."""
        walk.add_class(self.kind, is_program=self.is_program)

    def enter(self, walk: Walk) -> None:
        """Look at it."""
        Walk.add_attributes(walk, self.kind, self.is_program)


@dataclass(frozen=True, slots=True)
class Globals:
    """The globals of a Python module."""

    name: str
    namespace: dict[str, object]

    @property
    def key(self) -> tuple[int, bool]:
        """What is the same for the same globals only, as long as they live."""
        return id(self.namespace), False

    def is_installed(self) -> bool:
        """Whether they are those of a module of an installed package."""
        module = sys.modules.get(self.name)
        return getattr(module, "__dict__", None) is self.namespace and _is_installed(self.name)

    def lead(self, walk: Walk) -> None:
        """Go on there, unless they were met."""
        walk.add_namespace(self.name, self.namespace)

    def enter(self, walk: Walk) -> None:
        """Look at them."""
        Walk.add_globals(walk, self.name, self.namespace)


Root = Attributes | Globals


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    """What hangs on a root; it ends where others begin, which ``further`` names."""

    root: Root
    held: Together
    further: list[Root]


_regions: dict[tuple[int, bool], Region] = {}
_unfit: dict[tuple[int, bool], Root] = {}  # what cannot be remembered


class ProgramWalk(Walk):
    """All that hangs on a program; of libraries, what is remembered is not walked again."""

    def __init__(self) -> None:
        super().__init__()
        self._regions: list[Region] = []
        self._unchecked: list[Region] = []  # they may hold something else by now

    def run(self, *, globals_too: bool = False) -> None:
        """Look at all that was added, and at what hangs on it."""
        super().run(globals_too=globals_too)
        self.saved.append(SavedTogether([region.held for region in self._regions]))

    def add_attributes(self, kind: type, is_program: bool) -> None:
        """A class's own, and what they hold."""
        self._add_root(Attributes(kind, is_program))

    def add_globals(self, name: str, namespace: dict[str, object]) -> None:
        """The globals of a Python module, and what they hold."""
        self._add_root(Globals(name, namespace))

    def _go(self, globals_too: bool) -> None:
        super()._go(globals_too)
        while self._unchecked:
            regions, self._unchecked = self._unchecked, []
            is_same = are_unchanged([region.held for region in regions])
            for region in regions:
                if is_same or are_unchanged([region.held]):
                    self._regions.append(region)
                else:
                    self._walk_root(region.root)
            super()._go(globals_too)

    def _add_root(self, root: Root) -> None:
        region = _regions.get(root.key)
        if region is None:
            self._walk_root(root)
        else:
            self._unchecked.append(region)
            self._follow(region)

    def _walk_root(self, root: Root) -> None:
        region = _region_of(root)
        if region is None:
            root.enter(self)
        else:
            self._regions.append(region)
            self._follow(region)

    def _follow(self, region: Region) -> None:
        for root in region.further:
            root.lead(self)


class RegionWalk(Walk):
    """What hangs on one root, up to the next ones. ``is_own``: and nothing of the user's does."""

    def __init__(self) -> None:
        super().__init__()
        self.is_own = True
        self.further: dict[tuple[int, bool], Root] = {}

    def add_class(self, kind: type, *, is_program: bool) -> None:
        """Another region."""
        root = Attributes(kind, is_program)
        if is_watched(kind.__module__) and root.key not in self.further:
            self.is_own &= _is_installed(kind.__module__)
            self.further[root.key] = root

    def add_namespace(self, name: object, namespace: dict[str, object] | None) -> None:
        """Another region."""
        if namespace is not None and is_watched(name):
            root = Globals(str(name), namespace)
            self.is_own &= root.is_installed() or name not in sys.modules  # made by a library
            self.further[root.key] = root

    def run(self, *, globals_too: bool = False) -> None:
        """Look at all that was added, and at what hangs on it."""
        super().run(globals_too=globals_too)
        self.is_own &= not self.tensors and self.unwatched is None

    def _add_attributes_to_come(self, functions: dict[str, FunctionType]) -> None:
        """Of libraries nobody asks: they have thousands of functions."""

    def _add_object(self, value: object, path: str, field: str) -> None:
        if isinstance(value, (torch.Tensor, torch.UntypedStorage)):
            self.is_own = False
        else:
            super()._add_object(value, path, field)


def _region_of(root: Root) -> Region | None:
    """The region of a root as it is now; None for what cannot be remembered."""
    if root.key in _unfit or not root.is_installed():
        return None
    walk = RegionWalk()
    root.enter(walk)
    walk.run()
    if not walk.is_own or not _is_own(walk.saved):
        _regions.pop(root.key, None)
        _unfit[root.key] = root
        return None
    region = _regions[root.key] = Region(root, Together(walk.saved), list(walk.further.values()))
    return region


def _is_own(saved: list[Saved]) -> bool:
    """Whether nothing of the user's is in it: code and classes, which are watched but not followed,

    are looked at too.
    """
    walk = RegionWalk()
    for each in saved:
        for held in each.copy if isinstance(each, SavedClasses) else [each.copy]:
            for value in held.values() if isinstance(held, dict) else held:
                walk.add(value, "", "global")
    walk.run()
    return walk.is_own


@functools.cache
def _places() -> tuple[str, ...]:
    """Where packages are installed."""
    return tuple(p + os.sep for p in (*site.getsitepackages(), site.getusersitepackages()))


def _is_installed(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and file.startswith(_places())
