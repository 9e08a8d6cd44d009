"""Names of nodes: deterministic, free, and identifiers."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

from torch import nn
from torch.fx import GraphModule

__all__ = ["Names", "Targets", "is_free_name"]

# Names that the generated code of a graph uses itself.
_RESERVED = frozenset({*keyword.kwlist, "self", "torch", "device", "inf", "nan", "getattr"})
_AVOIDED = frozenset({*_RESERVED, *dir(builtins)})
# What a module has beside its tensors, and what code cannot name: no names of tensors.
_OF_MODULES = frozenset({*dir(GraphModule), *vars(nn.Module()), "meta", *keyword.kwlist})


def is_free_name(name: str) -> bool:
    """Whether the generated code of a graph can use a name: an identifier, and no keyword."""
    return name.isidentifier() and name not in _RESERVED


class Names:
    """The names of one graph; ``used`` holds those that are taken."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._counts: dict[str, int] = {}

    def argument(self, base: str) -> str:
        """A free name for a placeholder: the user's own, as far as it is an identifier."""
        if not base.isidentifier():
            base = re.sub(r"\W", "_", base)
            if base[:1].isdigit():
                base = f"_{base}"
        if base in _RESERVED:
            base = f"_{base}"
        if base in self.used:
            return self.fresh(base)
        self.used.add(base)
        return base

    def fresh(self, base: str) -> str:
        """``add``, ``add_1``, ``add_2`` ...: never a builtin, never one that is taken."""
        used, counts = self.used, self._counts
        count = 0
        if base in counts:
            count = counts[base]
        elif base not in _AVOIDED and base not in used:
            counts[base] = 0
            used.add(base)
            return base
        while True:
            count += 1
            name = f"{base}_{count}"
            if name not in used:
                counts[base] = count
                used.add(name)
                return name


class Targets:
    """The dotted names of a program's tensors: where each can be registered in a tree of modules.

    ``owners`` are names below which others lie: no tensor can have such a name, and no name can lie
    below that of a tensor.
    """

    def __init__(self) -> None:
        self._tensors: set[str] = set()
        self._owners: set[str] = set()
        self._taken: list[str] = []  # whose owners are looked for when a name is to be found

    def take(self, names: Iterable[str], modules: Iterable[str] = ()) -> None:
        """Names that are given: those of the program's own state and modules."""
        self._taken += names
        self._owners.update(modules)

    def _settle(self) -> None:
        owners = self._owners
        self._tensors.update(self._taken)
        for name in self._taken:
            if name.rpartition(".")[0] not in owners:  # else those above that are owners, too
                owners.update(_above(name))
        self._taken.clear()

    def free(self, path: str) -> str:
        """``path`` itself, or a name like it that can be had."""
        self._settle()
        steps = [re.sub(r"\W", "_", step) or "_" for step in path.split(".")]
        steps = [f"{step}_" if step in _OF_MODULES else step for step in steps]
        base = name = ".".join(steps)
        if any(above in self._tensors for above in _above(base)):
            base = name = base.replace(".", "_")
        count = 0
        while name in self._tensors or name in self._owners:
            count += 1
            name = f"{base}_{count}"
        self.take((name,))
        return name


def _above(name: str) -> list[str]:
    """``a`` and ``a.b`` of ``a.b.c``."""
    return [name[:end] for end, letter in enumerate(name) if letter == "."]
