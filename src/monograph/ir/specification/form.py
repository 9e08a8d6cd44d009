"""The form of a graph, which all other rules take for granted."""

from __future__ import annotations

import operator
from typing import Any

import torch

from monograph.ir.names import is_free_name
from monograph.ir.operators import SIZE_FUNCTIONS
from monograph.ir.specification.table import Found, Place, of_graph

__all__ = ["kinds_of_nodes", "names", "order", "targets"]


@of_graph
def kinds_of_nodes(place: Place) -> Found:
    """A graph is its placeholders, then calls and attributes, then one output, which is last.

    The output gives a tuple; only the condition of a loop, or another subgraph of one result, may
    give that result itself.
    """
    is_behind = False
    for node in place.nodes:
        if node.op == "placeholder":
            if is_behind:
                yield node, "a placeholder comes after other nodes"
            continue
        is_behind = True
        if node.op not in ("call_function", "get_attr", "output"):
            yield node, f"nodes of the kind {node.op} are no part of a program"
        if node.op == "output" and node is not place.nodes[-1]:
            yield node, "the output is not the last node"
    if not place.nodes or place.nodes[-1].op != "output":
        yield None, "the graph has no output at its end"
    elif len(place.nodes[-1].args) != 1 or place.nodes[-1].kwargs:
        yield place.nodes[-1], "the output gives other than one value"
    elif not place.path and not isinstance(place.nodes[-1].args[0], (tuple, list)):
        yield place.nodes[-1], "the output gives no tuple"


@of_graph
def names(place: Place) -> Found:
    """Names of nodes are identifiers that generated code can use, and no two are the same.

    So are the targets of placeholders.
    """
    seen: set[str] = set()
    targets: set[str] = set()
    for node in place.nodes:
        if not is_free_name(node.name):
            yield node, f"a node is called {node.name!r}, which is no name"
        if node.name in seen:
            yield node, f"two nodes are called {node.name}"
        seen.add(node.name)
        if node.op == "placeholder":
            target = str(node.target)
            if not is_free_name(target):
                yield node, f"an input is called {target!r}, which is no name"
            if target in targets:
                yield node, f"two inputs are called {target}"
            targets.add(target)


@of_graph
def order(place: Place) -> Found:
    """A node reads nodes of its own graph, and only those that come before it."""
    for i, node in enumerate(place.nodes):
        if node.graph is not place.graph:
            yield node, f"{node.name} is a node of another graph"
        for source in node.all_input_nodes:
            at = place.order.get(source)
            if at is None:
                yield node, f"it reads {source.name}, which is no node of this graph"
            elif at >= i:
                yield node, f"it reads {source.name}, which is computed later"


@of_graph
def targets(place: Place) -> Found:
    """What is called is an operator with a schema, a control-flow operator, ``operator.getitem``

    or a function on sizes; an attribute is one that the graph holds.
    """
    for node in place.nodes:
        target = node.target
        if node.op == "get_attr":
            if target not in place.attributes:
                yield node, f"the graph holds nothing that is called {target!r}"
        elif node.op == "call_function" and not (
            isinstance(target, (torch._ops.OpOverload, torch._ops.HigherOrderOperator))
            or target is operator.getitem
            or (_is_hashable(target) and target in SIZE_FUNCTIONS)
        ):
            yield node, f"{target} is no operator that a program calls"


def _is_hashable(item: Any) -> bool:
    return type(item).__hash__ is not None
