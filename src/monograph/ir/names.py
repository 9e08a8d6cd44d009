"""Names of nodes: deterministic, free, and identifiers."""

from __future__ import annotations

import builtins
import keyword
import re

__all__ = ["Names", "is_free_name"]

# Names that the generated code of a graph uses itself.
_RESERVED = frozenset({*keyword.kwlist, "self", "torch", "device", "inf", "nan", "getattr"})
_AVOIDED = frozenset({*_RESERVED, *dir(builtins)})


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
        if base in _RESERVED or base[:1].isdigit():
            base = f"_{base}"
        if base in self.used:
            return self.fresh(base)
        self.used.add(base)
        return base

    def fresh(self, base: str) -> str:
        """``add``, ``add_1``, ``add_2`` ...: never a builtin, never one that is taken."""
        used, counts = self.used, self._counts
        count = counts.get(base, -1)
        if count < 0:
            count = 0
            if base not in _AVOIDED and base not in used:
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
