"""Which tensors of a graph are conjugated or negated, where its specs do not say it yet."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Graph, Node

from monograph.inference.fakes import Result
from monograph.inference.infer import infer
from monograph.inference.rules import VIEWS
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import subgraphs_of
from monograph.shapes.env import ShapeEnv

__all__ = ["restore_bits"]


def restore_bits(graph: Graph, env: ShapeEnv) -> None:
    """Give the specs of ``graph`` the bits that follow from its placeholders and operators."""
    for node in graph.nodes:
        for inside in subgraphs_of(node):
            restore_bits(inside.graph, env)
        if node.op != "call_function" or "val" not in node.meta:
            continue
        if not isinstance(node.target, torch._ops.OpOverload):
            if node.target is operator.getitem and isinstance(node.args[0], Node):
                node.meta["val"] = node.args[0].meta["val"][node.args[1]]
            continue
        row = VIEWS.get(node.target)
        if (row is not None and row.flips) or any(map(_has_bits, node.all_input_nodes)):
            args = torch.fx.map_arg(node.args, _known)
            outcome = infer(node.target, args, torch.fx.map_arg(node.kwargs, _known), env=env)
            node.meta["val"] = _marked(node.meta["val"], outcome.single or outcome.results)


def _known(node: Node) -> Any:
    return node.meta["val"]


def _has_bits(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, TensorSpec) and value.bits != 0


def _marked(promised: Any, found: Any) -> Any:
    if isinstance(found, Result):
        found = found.parts if found.parts is not None else found.spec
    if isinstance(promised, TensorSpec) and isinstance(found, TensorSpec):
        return promised.with_bits(found.bits)
    if isinstance(promised, (list, tuple)) and isinstance(found, tuple):
        pairs = zip(promised, found, strict=True)
        return type(promised)(_marked(one, other) for one, other in pairs)
    return promised
