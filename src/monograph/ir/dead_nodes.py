"""Operators whose results nobody reads, and results of branches that nobody reads."""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

from torch.fx import Graph, Node

from monograph.ir.operators import draws
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph, subgraphs_of
from monograph.torch_internals import Operator, schema_of

__all__ = ["drop_unused_operands", "remove_dead_nodes"]


def remove_dead_nodes(graph: Graph, kept: Collection[Node] = ()) -> None:
    """Drop operators whose results nobody reads; ``kept`` are read though nothing shows it yet.

    A random operator stays while a later one is live: each draw moves the generator on.
    """
    draws_later = False
    live: list[Node] = []  # whether they draw is asked where an unread one before them does
    for node in reversed(graph.nodes):
        if node.op not in ("call_function", "get_attr"):
            continue
        if node.users and SUBGRAPHS in node.meta and _is_cond(node):
            _drop_unused_results(node)
        if node.users or node in kept:
            live.append(node)
            continue
        if _draws(node):
            draws_later = draws_later or any(map(_draws, live))
            live.clear()
        if node.op == "call_function" and not _may_be_dropped(node, draws_later):
            live.append(node)
        else:
            graph.erase_node(node)


def _draws(node: Node) -> bool:
    return draws(node) or any(
        _draws(inner) for subgraph in subgraphs_of(node) for inner in subgraph.graph.nodes
    )


def _may_be_dropped(node: Node, draws_later: bool) -> bool:
    if draws_later and _draws(node):
        return False
    inner = [n for subgraph in subgraphs_of(node) for n in subgraph.graph.nodes]
    if inner:
        return all(n.op != "call_function" or _may_be_dropped(n, draws_later) for n in inner)
    target = node.target
    if not isinstance(target, Operator):  # getitem
        return True
    return bool(schema_of(target).returns) and target.namespace in ("aten", "prims")


def _is_cond(node: Node) -> bool:
    return getattr(node.target, "__name__", "") == "cond" and bool(subgraphs_of(node))


def _drop_unused_results(node: Node) -> None:
    """Results of a ``cond`` that nobody reads, and then operands that no branch reads."""
    users = list(node.users)
    count = len(node.meta["val"])
    if any(user.target is not operator.getitem for user in users):
        return
    used = sorted({int(user.args[1]) for user in users})  # type: ignore[arg-type]
    if len(used) == count:
        return
    for subgraph in subgraphs_of(node):
        output = subgraph.graph.output_node()
        results = output.args[0]
        output.args = (tuple(results[i] for i in used),)  # type: ignore[index]
        remove_dead_nodes(subgraph.graph)
    for user in users:
        user.args = (node, used.index(user.args[1]))  # type: ignore[arg-type]
    node.meta["val"] = tuple(node.meta["val"][i] for i in used)
    pred, then, otherwise, operands = node.args
    kept = drop_unused_operands(subgraphs_of(node), list(operands))  # type: ignore[arg-type]
    node.args = (pred, then, otherwise, tuple(kept))


def drop_unused_operands(subgraphs: list[Subgraph], operands: list[Any]) -> list[Any]:
    """``operands`` without those whose placeholders no subgraph reads; these go too."""
    columns = [[n for n in s.graph.nodes if n.op == "placeholder"] for s in subgraphs]
    kept = []
    for operand, *placeholders in zip(operands, *columns, strict=True):
        if any(p.users for p in placeholders):
            kept.append(operand)
            continue
        for subgraph, placeholder in zip(subgraphs, placeholders, strict=True):
            subgraph.graph.erase_node(placeholder)
    return kept
