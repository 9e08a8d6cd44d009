"""The metadata of a graph's nodes: as noted while capturing, and as others read it.

While a program is captured, rewritten or read from a file, ``meta["val"]`` holds specs and
expressions, ``location`` the user's line and ``scope`` the module. Readers of graphs look for
tensors and symbols in ``val``, and for the texts ``stack_trace`` and ``nn_module_stack``: these
are written when somebody first looks at the graph.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, Node

from monograph.ir.spec import TensorSpec
from monograph.ir.spec_tensor import spec_tensor
from monograph.ir.subgraphs import subgraphs_of
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some
from monograph.shapes.symnode import BoolNode, symbolic

__all__ = ["described", "fill_metadata"]


def _tensors_of(promised: object, node: Node, env: ShapeEnv) -> object:
    """Tensors for the specs that a node was recorded with, symbols for its expressions."""
    if isinstance(promised, TensorSpec):
        return spec_tensor(promised.normal())
    if isinstance(promised, tuple) and node.op == "call_function":
        return tuple(_tensors_of(item, node, env) for item in promised)
    if isinstance(promised, (Expr, FloatExpr)):
        return symbolic(env, promised)
    if isinstance(promised, (Compare, CompareFloats, All, Some, OneOf)):
        return torch.SymBool(BoolNode(env, promised))
    return promised


def fill_metadata(graph: Graph, env: ShapeEnv) -> None:
    """Write what other readers of graphs look for, from what was noted while capturing."""
    texts: dict[Any, Any] = {}
    for node in graph.nodes:
        for subgraph in subgraphs_of(node):
            fill_metadata(subgraph.graph, env)
        if node.op != "output":
            node.meta["val"] = _tensors_of(node.meta.get("val"), node, env)
        node.meta.update(described(node, texts))


def described(node: Node, texts: dict[Any, Any]) -> dict[str, Any]:
    """``stack_trace`` and ``nn_module_stack`` of a node; ``texts`` keeps those that were made."""
    found: dict[str, Any] = {}
    for key, name in (("location", "stack_trace"), ("scope", "nn_module_stack")):
        if name in node.meta:
            found[name] = node.meta[name]
            continue
        noted = node.meta.get(key)
        if noted is not None:
            if noted not in texts:
                texts[noted] = noted.stack_trace() if key == "location" else noted.stack()
            found[name] = texts[noted]
    if "from_node" in node.meta:
        found["from_node"] = node.meta["from_node"]
    return found
