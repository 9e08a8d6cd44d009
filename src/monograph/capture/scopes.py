"""Which module's ``forward`` is running."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Scope"]


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """A module that is running: its dotted path, its class's name, and the scope around it."""

    path: str
    class_name: str
    outer: Scope | None

    def stack(self) -> dict[str, tuple[str, str]]:
        """The form that ``meta["nn_module_stack"]`` has in the field: path to (path, class)."""
        found = {} if self.outer is None else self.outer.stack()
        found[f"L__self__{'.' + self.path if self.path else ''}".replace(".", "_")] = (
            self.path,
            self.class_name,
        )
        return found
