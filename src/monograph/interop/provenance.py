"""What operators come from, as torch's tools look it up: ``from_node`` and ``torch_fn``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from torch.fx import Node
from torch.fx.traceback import NodeSource, NodeSourceAction

from monograph.torch_internals import name_of

__all__ = ["Functions", "pairs_of", "pairs_of_json", "sources"]

Origin = Sequence[tuple[str, str]]  # names of nodes and their operators, the oldest first

_PASS = "run_decompositions"


def sources(origin: Origin) -> list[NodeSource]:
    """The operators that were replaced on the way to a node, in torch's form."""
    found: list[NodeSource] = []
    for name, target in origin:
        source = NodeSource(None, _PASS, NodeSourceAction.CREATE)
        source.node_info = NodeSource.NodeInfo(name, target, 0)  # the graph is gone
        source.from_node = found
        found = [source]
    return found


def pairs_of(node: Node, found: Sequence[NodeSource]) -> list[tuple[str, str]]:
    """The operators that were replaced on the way to ``node``; copies of one are no other."""
    return _replaced(str(node.target), [source.to_dict() for source in found])


def pairs_of_json(target: str, text: str) -> list[tuple[str, str]]:
    """The same for what a file tells of a node with this operator."""
    return _replaced(target, json.loads(text) or [])


def _replaced(target: str, told: list[dict[str, object]]) -> list[tuple[str, str]]:
    pairs = list(_steps(told))
    last = target
    found = []
    for name, operator in reversed(pairs):
        if operator != last and not operator.isidentifier():  # a placeholder's is its name
            found.append((name, operator))
            last = operator
    return found[::-1]


def _steps(told: list[dict[str, object]]) -> Iterator[tuple[str, str]]:
    """The oldest first."""
    for source in told[:1]:
        before = source["from_node"]
        if isinstance(before, list):
            yield from _steps(before)
        yield str(source["name"]), str(source["target"])


class Functions:
    """Under ``torch_fn``: which call of which function a node comes from, counted by function.

    Operators that one call was decomposed into come from that one, and so do parts of a result.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._calls: dict[object, tuple[str, str]] = {}

    def of(self, node: Node) -> tuple[str, str]:
        """The call that ``node`` comes from."""
        given = node.args[0] if node.args else None
        name = name_of(node.target)
        if name == "getitem" and isinstance(given, Node) and given.op == "call_function":
            return self.of(given)
        key: object = node
        origin = node.meta.get("from_node")
        if origin:
            target = origin[0][1]
            key = (node.graph, origin[0])
            name = target.split(".")[1] if "." in target else target
        if key not in self._calls:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._calls[key] = (f"{name}_{self._counts[name]}", f"OpOverload.{name}")
        return self._calls[key]
