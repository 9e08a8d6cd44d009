"""Graphs inside a graph: the bodies of branches and loops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from torch.fx import Graph, GraphModule, Node

from monograph.diagnostics import ControlFlowError
from monograph.ir.meta import SUBGRAPHS

__all__ = ["SUBGRAPHS", "Subgraph", "built", "refuse_leak", "refuse_leaks", "subgraphs_of"]


@dataclass(eq=False)
class Subgraph:
    """A graph whose inputs are operands, and the objects that its ``get_attr`` nodes name."""

    graph: Graph
    attributes: dict[str, Any] = field(default_factory=dict)


def subgraphs_of(node: Node) -> list[Subgraph]:
    """The subgraphs of a control-flow node; none of any other."""
    found: list[Subgraph] = node.meta.get(SUBGRAPHS, [])
    return found


def built(attributes: dict[str, Any], graph: Graph) -> GraphModule:
    """The module of a graph, with modules for the subgraphs."""
    made = {
        name: built(item.attributes, item.graph) if isinstance(item, Subgraph) else item
        for name, item in attributes.items()
    }
    return GraphModule(made, graph)


def refuse_leak(node: Node) -> NoReturn:
    """``node`` uses a tensor of a branch or loop body that is over."""
    raise ControlFlowError(
        "a tensor that was made inside a branch or a loop body is used outside of it",
        code="MG-C109",
        where=node.meta.get("location"),
        hint="return it from the branch (from every branch), and use what the operator returns.",
    )


def refuse_leaks(graph: Graph, results: list[Any]) -> None:
    """Raise MG-C109 where a node of ``graph`` or of ``results`` comes from another graph."""
    for node in graph.nodes:
        if any(source.graph is not graph for source in node.all_input_nodes):
            refuse_leak(node)
    for result in results:
        if isinstance(result, Node) and result.graph is not graph:
            refuse_leak(result)
