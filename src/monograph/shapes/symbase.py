"""What the nodes under ``torch.SymInt``, ``SymFloat`` and ``SymBool`` share. Names are torch's."""

from __future__ import annotations

from typing import Any

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.text import format_expr

__all__ = ["Node"]


class Node:
    """What the three kinds share. ``content`` is an expression, or a number."""

    __slots__ = ("content", "env")
    kind: type

    def __init__(self, env: ShapeEnv, content: Any) -> None:
        self.env = env
        self.content = content

    # What torch asks of any node.
    def is_int(self) -> bool:
        return self.kind is int

    def is_float(self) -> bool:
        return self.kind is float

    def is_bool(self) -> bool:
        return self.kind is bool

    def is_nested_int(self) -> bool:
        return False

    def nested_int(self) -> None:
        return None

    def is_constant(self) -> bool:
        return isinstance(self.content, (int, float))

    def is_symbolic(self) -> bool:
        return not self.is_constant()

    @property
    def constant(self) -> Any:
        return self.content if self.is_constant() else None

    @property
    def pytype(self) -> type:
        return self.kind

    @property
    def expr(self) -> Any:
        from monograph.shapes.torch_env import Sympyish

        return Sympyish(self.env, self.content)

    _expr = expr

    @property
    def shape_env(self) -> Any:
        from monograph.shapes.torch_env import facade

        return facade(self.env)

    @property
    def hint(self) -> Any:
        return self.require_hint(None)

    @property
    def fx_node(self) -> None:
        return None

    def has_hint(self) -> bool:
        return self._hint is not None

    @property
    def _hint(self) -> Any:
        return self.env.hint(self.content)

    def require_hint(self, fallback: Any = None) -> Any:
        found = self._hint
        return fallback if found is None else found

    def maybe_as_int(self) -> int | None:
        return self.content if self.kind is int and self.is_constant() else None

    def maybe_as_float(self) -> float | None:
        return self.content if self.kind is float and self.is_constant() else None

    def maybe_as_bool(self) -> bool | None:
        return self.content if self.kind is bool and self.is_constant() else None

    def clone(self) -> Node:
        return self

    def __str__(self) -> str:
        return format_expr(self.content) if isinstance(self.content, Expr) else f"{self.content}"

    def _graph_repr(self) -> str:
        """What the program's own ``str(n)`` gives."""
        return self.env.on_text(self.content) or str(self)

    __repr__ = __str__
