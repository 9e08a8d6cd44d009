"""Whether what two captures of one replacement have recorded computes the same."""

from __future__ import annotations

from typing import Protocol

import torch
from torch.fx import Node

from monograph.ir.operators import draws
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal

__all__ = ["Body", "is_same_body"]

aten = torch.ops.aten
# In a graph that writes nothing, a copy is what it was made of.
_COPIES = frozenset(
    {aten.clone.default, aten.contiguous.default, aten.alias.default, aten.detach.default}
)
_RESHAPES = frozenset(
    {
        aten.view.default, aten.reshape.default, aten._unsafe_view.default,
        aten.flatten.using_ints, aten.squeeze.dim, aten.squeeze.dims, aten.unsqueeze.default,
    }
)  # fmt: skip


class Body(Protocol):
    """What a replacement has recorded: its inputs, the nodes, and which of them are results."""

    inputs: list[Node]
    symbols: dict[str, Node]
    body: list[Node]

    @property
    def results(self) -> object:
        """Nodes, numbers, and tuples of these."""


def is_same_body(env: ShapeEnv, general: Body, special: Body) -> bool:
    """Whether both give the same, for what is known of sizes now; layouts are no matter."""
    pairs = [*zip(_specs(general.results), _specs(special.results), strict=False)]
    if len(_specs(general.results)) != len(_specs(special.results)):
        return False
    if not all(_looks_alike(env, one, other) for one, other in pairs):
        return False
    if pairs and all(env.is_known(equal(one.numel, 0)) for one, _ in pairs):
        return True  # there are no elements to differ
    ids: dict[object, int] = {}
    return _Reader(env, ids).read(general) == _Reader(env, ids).read(special)


def _specs(results: object) -> list[TensorSpec]:
    if isinstance(results, tuple):
        return [spec for item in results for spec in _specs(item)]
    value = results.meta["val"] if isinstance(results, Node) else None
    return [value] if isinstance(value, TensorSpec) else []


def _looks_alike(env: ShapeEnv, one: TensorSpec, other: TensorSpec) -> bool:
    if one.dtype != other.dtype or one.device != other.device:
        return False
    if len(one.shape) != len(other.shape):
        return False
    pairs = zip(one.shape, other.shape, strict=True)
    return all(env.is_known(equal(a, b)) for a, b in pairs)


class _Reader:
    """Numbers for nodes that are equal where the nodes compute the same."""

    def __init__(self, env: ShapeEnv, ids: dict[object, int]) -> None:
        self.env = env
        self.ids = ids
        self.keys: dict[Node, int] = {}
        self.draws = 0

    def read(self, body: Body) -> object:
        """The whole body."""
        for index, node in enumerate(body.inputs):
            self._note(node, ("input", index))
        for name, node in body.symbols.items():
            self._note(node, ("size", self._normal(self.env.symbols[name].expr)))
        for node in body.body:
            self._note(node, self._key(node))
        return self._argument(body.results)

    def _note(self, node: Node, key: object) -> None:
        value = node.meta.get("val")
        if isinstance(value, Expr):
            key = ("size", self._normal(value))
        is_known = isinstance(key, int)
        self.keys[node] = key if is_known else self.ids.setdefault(key, len(self.ids))  # type: ignore[assignment]

    def _key(self, node: Node) -> object:
        source, value = node.args[0] if node.args else None, node.meta.get("val")
        if isinstance(source, Node) and isinstance(value, TensorSpec):
            if node.target in _COPIES:
                return self.keys[source]
            if node.target in _RESHAPES or node.target is aten.expand.default:
                old, new = map(self._shape, (source.meta["val"], value))
                if old == new:
                    return self.keys[source]
                if node.target in _RESHAPES:
                    return "reshape", self.keys[source], new
        if draws(node):
            self.draws += 1
        kwargs = tuple((name, self._argument(item)) for name, item in sorted(node.kwargs.items()))
        draw = self.draws if draws(node) else None
        return str(node.target), self._argument(node.args), kwargs, draw

    def _shape(self, spec: TensorSpec) -> tuple[object, ...]:
        return tuple(map(self._normal, spec.shape))

    def _argument(self, item: object) -> object:
        if isinstance(item, Node):
            return "node", self.keys[item]
        if isinstance(item, (tuple, list)):
            return tuple(self._argument(each) for each in item)
        if type(item) is int:
            return "node", self.ids.setdefault(("size", item), len(self.ids))
        return type(item).__name__, repr(item)

    def _normal(self, size: Int | object) -> object:
        return self.env.scope.normal(size) if isinstance(size, Expr) else size
