"""A program for another device: devices are data in a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph, Node

from monograph.ir.spec import TensorSpec, spec_of
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph, subgraphs_of
from monograph.torch_internals import claim_names, copied_node

__all__ = ["Placed", "devices_of", "place", "tensor_on"]

Move = Callable[[torch.device], torch.device]


@dataclass
class Placed:
    """A graph for other devices, and what it holds."""

    graph: Graph
    attributes: dict[str, Any]


def devices_of(graph: Graph) -> set[torch.device]:
    """The devices of all tensors of a graph, and of the graphs inside it."""
    found: set[torch.device] = set()

    def note(device: torch.device) -> torch.device:
        found.add(device)
        return device

    for node in graph.nodes:
        _moved(node.meta.get("val"), note)
        _moved((node.args, node.kwargs), note)
        for subgraph in subgraphs_of(node):
            found |= devices_of(subgraph.graph)
    return found


def place(graph: Graph, attributes: dict[str, Any], move: Move) -> Placed:
    """A copy of ``graph`` whose tensors are where ``move`` says.

    Ensures: the same nodes by the same names; arguments that are devices, and what is promised
    of results, are moved, in control-flow bodies too.
    """
    made = Graph()
    nodes: dict[Node, Node] = {}
    inside = {
        id(item): Subgraph(*_parts(item, move))
        for item in attributes.values()
        if isinstance(item, Subgraph)
    }
    claim_names(made, {node.name for node in graph.nodes})
    for node in graph.nodes:
        copy = nodes[node] = copied_node(made, node, nodes.__getitem__)
        copy.args = _moved(copy.args, move)
        copy.kwargs = _moved(dict(copy.kwargs), move)
        copy.meta = {**node.meta, "val": _moved(node.meta.get("val"), move)}
        if SUBGRAPHS in copy.meta:
            copy.meta[SUBGRAPHS] = [inside[id(item)] for item in copy.meta[SUBGRAPHS]]
    held = {name: inside.get(id(item), item) for name, item in attributes.items()}
    return Placed(made, held)


def _parts(item: Subgraph, move: Move) -> tuple[Graph, dict[str, Any]]:
    found = place(item.graph, item.attributes, move)
    return found.graph, found.attributes


def _moved(item: Any, move: Move) -> Any:
    if isinstance(item, torch.Tensor):
        item = spec_of(item)
    if isinstance(item, TensorSpec):
        return TensorSpec.of(item.shape, item.strides, item.dtype, move(item.device), item.bits)
    if isinstance(item, torch.device):
        return move(item)
    if isinstance(item, (tuple, list)):
        return type(item)(_moved(each, move) for each in item)
    if isinstance(item, dict):
        return {key: _moved(each, move) for key, each in item.items()}
    return item


def tensor_on(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on another device; as it is, where it has no values or the device is not here."""
    has_no_values = tensor.is_meta or type(tensor) not in (torch.Tensor, torch.nn.Parameter)
    if has_no_values or device.type == "meta" or not _is_here(device):
        return tensor
    if tensor.device == device:
        return tensor
    moved = tensor.detach().to(device)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(moved, requires_grad=tensor.requires_grad)
    return moved


def _is_here(device: torch.device) -> bool:
    if device.type == "cpu":
        return True
    backend = getattr(torch, device.type, None)
    return backend is not None and bool(backend.is_available())
