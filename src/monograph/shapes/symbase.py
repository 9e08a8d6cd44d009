"""What the nodes under ``torch.SymInt``, ``SymFloat`` and ``SymBool`` share. Names are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr, Real
from monograph.shapes.questions import Test
from monograph.shapes.text import format_expr

if TYPE_CHECKING:
    from monograph.shapes.torch_env import Facade, Sympyish

__all__ = ["Node"]


class Node:
    """What the three kinds share. ``content`` is an expression, or a number."""

    __slots__ = ("content", "env")
    kind: type

    content: Real | Test

    def __init__(self, env: ShapeEnv, content: Real | Test) -> None:
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
    def constant(self) -> float | None:
        return self.content if isinstance(self.content, (int, float)) else None

    @property
    def pytype(self) -> type:
        return self.kind

    @property
    def expr(self) -> Sympyish:
        from monograph.shapes.torch_env import Sympyish

        return Sympyish(self.env, self.content)

    _expr = expr

    @property
    def shape_env(self) -> Facade:
        from monograph.shapes.torch_env import facade

        return facade(self.env)

    @property
    def hint(self) -> float | None:
        return self.require_hint(None)

    @property
    def fx_node(self) -> None:
        return None

    def has_hint(self) -> bool:
        return self._hint is not None

    @property
    def _hint(self) -> float | None:
        content = self.content
        if isinstance(content, (int, float, Expr, FloatExpr)):
            return self.env.hint(content)
        return self.env.truth(content)

    def require_hint(self, fallback: float | None = None) -> float | None:
        found = self._hint
        return fallback if found is None else found

    def maybe_as_int(self) -> int | None:
        return self.content if self.kind is int and isinstance(self.content, int) else None

    def maybe_as_float(self) -> float | None:
        return (
            self.content if self.kind is float and isinstance(self.content, (int, float)) else None
        )

    def maybe_as_bool(self) -> bool | None:
        return self.content if self.kind is bool and isinstance(self.content, bool) else None

    def clone(self) -> Node:
        return self

    def __str__(self) -> str:
        return format_expr(self.content) if isinstance(self.content, Expr) else f"{self.content}"

    def _graph_repr(self) -> str:
        """What the program's own ``str(n)`` gives."""
        return self.env.listener.on_text(self.content) or str(self)

    __repr__ = __str__
