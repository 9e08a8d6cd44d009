"""A program for another device: devices are data in a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import Argument, map_aggregate

from monograph.ir.meta import SHARES
from monograph.ir.spec import TensorSpec, spec_of
from monograph.ir.spec_tensor import spec_tensor
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph, subgraphs_of
from monograph.torch_internals import claim_names, copied_node

__all__ = [
    "Move",
    "Placed",
    "devices_in",
    "devices_of",
    "place",
    "place_within",
    "placed_module",
    "tensor_on",
]

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
        _moved_arguments(node, note)
        for subgraph in subgraphs_of(node):
            found |= devices_of(subgraph.graph)
    return found


def devices_in(module: nn.Module) -> set[torch.device]:
    """The devices of all graphs of a module and of the modules in it."""
    graphs = (inner.graph for inner in module.modules() if isinstance(inner, GraphModule))
    return set[torch.device]().union(*map(devices_of, graphs))


def place(graph: Graph, attributes: dict[str, Any], move: Move) -> Placed:
    """A copy of ``graph`` whose tensors are where ``move`` says.

    Ensures: the same nodes by the same names; arguments that are devices, and what is promised
    of results, are moved, in control-flow bodies too.
    """
    made, inside = _copied(graph, move)
    return Placed(made, {name: inside.get(id(item), item) for name, item in attributes.items()})


def placed_module(module: GraphModule, move: Move) -> GraphModule:
    """A copy of a module's graph, and of those of the modules that it calls, with ``place``."""
    attributes: dict[str, object] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            held = attrgetter(str(node.target))(module)
            is_graph = isinstance(held, GraphModule)
            attributes[str(node.target)] = placed_module(held, move) if is_graph else held
    return GraphModule(attributes, _copied(module.graph, move)[0])


def place_within(module: nn.Module, move: Move) -> None:
    """The same where the modules stay, and their graphs are exchanged."""
    for inner in module.modules():
        if isinstance(inner, GraphModule):
            inner.graph = _copied(inner.graph, move)[0]


def _copied(graph: Graph, move: Move) -> tuple[Graph, dict[int, Subgraph]]:
    """A graph with its tensors moved; the graphs inside it, by the identity of the old ones."""
    made = Graph()
    nodes: dict[Node, Node] = {}
    inside: dict[int, Subgraph] = {}
    claim_names(made, {node.name for node in graph.nodes})
    for node in graph.nodes:
        copy = nodes[node] = copied_node(made, node, nodes.__getitem__)
        copy.args, copy.kwargs = _moved_arguments(copy, move)
        copy.meta = {**node.meta, "val": _moved(node.meta.get("val"), move)}
        if SHARES in copy.meta:
            copy.meta[SHARES] = nodes.get(copy.meta[SHARES])
        if SUBGRAPHS in copy.meta:
            for item in copy.meta[SUBGRAPHS]:
                found = place(item.graph, item.attributes, move)
                inside[id(item)] = Subgraph(found.graph, found.attributes)
            copy.meta[SUBGRAPHS] = [inside[id(item)] for item in copy.meta[SUBGRAPHS]]
    return made, inside


def _moved_arguments(node: Node, move: Move) -> tuple[tuple[Argument, ...], dict[str, Argument]]:
    def moved(item: Argument) -> Argument:
        return move(item) if isinstance(item, torch.device) else item

    return map_aggregate(node.args, moved), map_aggregate(dict(node.kwargs), moved)


def _moved(item: object, move: Move) -> object:
    if isinstance(item, torch.Tensor):
        return spec_tensor(_moved_spec(spec_of(item), move))
    if isinstance(item, TensorSpec):
        return _moved_spec(item, move)
    if isinstance(item, (tuple, list)):
        return type(item)(_moved(each, move) for each in item)
    return item


def _moved_spec(spec: TensorSpec, move: Move) -> TensorSpec:
    return TensorSpec.of(spec.shape, spec.strides, spec.dtype, move(spec.device), spec.bits)


def tensor_on(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on another device; as it is, where it has no values or the device is not here."""
    has_no_values = tensor.is_meta or type(tensor) not in (torch.Tensor, nn.Parameter)
    if has_no_values or device.type == "meta" or not _is_here(device):
        return tensor
    if tensor.device == device:
        return tensor
    moved = tensor.detach().to(device)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(moved, requires_grad=tensor.requires_grad)
    return moved


def _is_here(device: torch.device) -> bool:
    if device.type == "cpu":
        return True
    backend = getattr(torch, device.type, None)
    return backend is not None and bool(backend.is_available())
