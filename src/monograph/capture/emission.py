"""Nodes are written: to the graph of the program, or to that of the body that is captured now."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Graph, Node

from monograph.capture.context import Context
from monograph.capture.python.frames import current_source_line
from monograph.ir.meta import CUSTOM, SHARES
from monograph.ir.module_scope import ModuleCall, Scope
from monograph.ir.names import Names
from monograph.torch_internals import (
    append_node,
    append_placeholder,
    claim_names,
    functionalized,
    users_annotations,
)

__all__ = ["Emission"]

_GIVEN_NAMES = {
    torch.ops.aten.sym_size.int: "sym_size_int", operator.getitem: "getitem",
    functionalized: "auto_functionalized",
}  # fmt: skip
_given_names = {id(target): name for target, name in _GIVEN_NAMES.items()}
_id = id  # a program that is captured gets another function under this name, which costs more


class Emission:
    """Writes nodes, with their names, lines and modules.

    ``graph``, ``names`` and ``opaque`` (the graph's attributes) are those of the graph that is
    written now, ``program_graph`` and ``program_names`` those of the program.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.graph = self.program_graph = Graph()
        self.names = self.program_names = Names()
        self.has_regions = False  # graphs of branches and loops
        self.opaque: dict[str, Any] = {}
        self.scope: Scope | None = None
        self.module_calls: dict[str, list[ModuleCall]] = {}
        self._first_argument: Node | None = None

    def append(
        self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], example: object
    ) -> Node:
        """A new node. ``meta["val"]`` holds specs until the graph is read."""
        name = _given_names.get(_id(target)) or target._opname
        node = append_node(self.graph, self.names.fresh(name), target, args, kwargs)
        return self._noted(node, example)

    def append_named(
        self, name: str, target: Callable[..., object], args: tuple[Any, ...], example: object
    ) -> Node:
        """A node that computes with sizes."""
        node = append_node(self.graph, self.names.fresh(name), target, args, {})
        return self._noted(node, example)

    def _noted(self, node: Node, example: object) -> Node:
        meta = node.meta
        meta["val"] = example
        meta["location"] = current_source_line(4) if self.context.is_running else None
        meta["scope"] = self.scope
        noted = users_annotations()
        if noted:
            meta[CUSTOM] = noted
        return node

    def shares(self, node: Node, source: Node) -> None:
        """``node`` is a view of ``source``, or another name of it."""
        node.meta[SHARES] = source

    def gives(self, node: Node, value: object) -> None:
        """What ``node`` gives is known by now."""
        node.meta["val"] = value

    def attribute(self, held: object) -> Node:
        """An object that only the operator understands (a Generator): an attribute of the graph."""
        name = next((name for name, other in self.opaque.items() if other is held), None)
        if name is None:
            name = self.names.fresh(f"obj_{type(held).__name__.lower()}")
            self.opaque[name] = held
        node = self.graph.get_attr(name)
        self.names.used.add(node.name)
        return node

    def argument(self, name: str) -> Node:
        """The placeholder of an argument."""
        node = append_placeholder(self.graph, self.names.argument(name))
        if self._first_argument is None:
            self._first_argument = node
        return node

    def placeholder(self, name: str) -> Node:
        """A new placeholder, before the arguments if it comes while the program runs."""
        graph = self.program_graph
        unique = self.program_names.argument(name)
        before = self._first_argument
        if before is None and self.context.is_running:  # a program without arguments
            before = next((n for n in graph.nodes if n.op != "placeholder"), None)
        if before is None:
            return append_placeholder(graph, unique)
        with graph.inserting_before(before):
            return append_placeholder(graph, unique)

    def finish(self, results: tuple[Any, ...]) -> None:
        """The graph of the program returns ``results``."""
        claim_names(self.program_graph, self.names.used)
        self.program_graph.output(results)
