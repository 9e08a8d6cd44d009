"""Which module's ``forward`` is running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monograph.ir.structure import Structure

__all__ = ["ModuleCall", "Scope"]


class Scope:
    """A module that is running: its dotted path, its class's name, and the scope around it.

    ``call``: how many times it was called before.
    """

    __slots__ = ("call", "class_name", "outer", "path")

    def __init__(self, path: str, class_name: str, outer: Scope | None, call: int = 0) -> None:
        self.path = path
        self.call = call
        self.class_name = class_name
        self.outer = outer

    def stack(self) -> dict[str, tuple[str, str]]:
        """The form that ``meta["nn_module_stack"]`` has in the field: call to (path, class)."""
        found = {} if self.outer is None else self.outer.stack()
        call = f"@{self.call}" if self.call else ""
        found[f"L__self__{self.path}{call}"] = (self.path, self.class_name)
        return found


@dataclass(frozen=True)
class ModuleCall:
    """One call of a module: leaves are nodes or constants."""

    inputs: list[Any]
    outputs: list[Any]
    in_structure: Structure
    out_structure: Structure
