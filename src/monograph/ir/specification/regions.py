"""Graphs inside a graph: their operands and results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from monograph.ir import meta
from monograph.ir.spec import TensorSpec
from monograph.ir.specification.table import (
    TESTS,
    Found,
    Place,
    content_of,
    is_number,
    normal,
    of_graph,
    value_of,
)
from monograph.ir.subgraphs import Subgraph

higher_order = torch.ops.higher_order

__all__ = ["operands", "results_of_graphs", "subgraphs"]


@of_graph
def subgraphs(place: Place) -> Found:
    """The graphs that a control-flow node is noted to have are those that it names, in order.

    No operator but a control-flow operator gets a graph, and each graph is named once.
    """
    named: set[str] = set()
    for node in place.calls:
        given = [a for a in node.all_input_nodes if a.op == "get_attr"]
        graphs = [place.attributes[str(a.target)] for a in given]
        graphs = [item for item in graphs if isinstance(item, Subgraph)]
        if graphs and not isinstance(node.target, torch._ops.HigherOrderOperator):
            yield node, "a graph is given to an operator that calls none"
        known = node.meta.get(meta.SUBGRAPHS, [])
        if len(known) != len(graphs) or any(a is not b for a, b in zip(known, graphs, strict=True)):
            yield node, "its graphs are not those that it names"
        for attribute in given:
            name = str(attribute.target)
            if isinstance(place.attributes[name], Subgraph):
                if name in named:
                    yield node, f"the graph {name} is called twice"
                named.add(name)


@of_graph
def operands(place: Place) -> Found:
    """A control-flow operator gives each of its graphs an operand for each input.

    They have the dtype, device and number of dimensions that the inputs are noted with, rows of
    them where the operator takes rows; those of ``cond`` are the very same.
    """
    for node in place.calls:
        layout = _LAYOUTS.get(node.target)
        if layout is None:
            continue
        inside = place.inside(node)
        given = layout.operands(node)
        if given is None or len(inside) != layout.graphs:
            yield node, "its arguments are not those of this operator"
            continue
        for graph in inside:
            inputs = graph.placeholders
            if len(inputs) != len(given):
                name = graph.path[-1]
                yield (
                    node,
                    f"{name} takes {len(inputs)} inputs, and gets {len(given)}",
                )
                continue
            for placeholder, (operand, is_row) in zip(inputs, given, strict=True):
                want, have = content_of(placeholder), value_of(operand)
                exact = node.target is higher_order.cond
                if not agree(want, have, is_row=is_row, exact=exact):
                    yield node, f"{graph.path[-1]} takes {want} as {placeholder}, and gets {have}"


@of_graph
def results_of_graphs(place: Place) -> Found:
    """What a control-flow node gives is what its graphs return.

    Both branches return as many results as the node has, of their dtypes, devices and numbers of
    dimensions; the body of a loop returns what the loop carries, and its condition one truth.
    """
    for node in place.calls:
        layout = _LAYOUTS.get(node.target)
        inside = place.inside(node)
        if layout is None or len(inside) != layout.graphs:
            continue
        whole = content_of(node)
        if not isinstance(whole, (tuple, list)):
            yield node, f"it gives several results, and {whole} is noted"
            continue
        if node.target is higher_order.while_loop:
            truth = [value_of(item) for item in inside[0].results]
            if len(truth) != 1 or not _is_truth(truth[0]):
                yield node, f"the condition of the loop returns {truth}"
            inside = inside[1:]
        for graph in inside:
            returned = [value_of(item) for item in graph.results]
            name = graph.path[-1]
            if len(returned) != len(whole):
                yield node, f"{name} returns {len(returned)} results, and the node {len(whole)}"
                continue
            for i, (have, want) in enumerate(zip(returned, whole, strict=True)):
                is_row = layout.is_stacked(node, i)
                if not agree(have, want, is_row=is_row):
                    yield node, f"{name} returns {have} as result {i}, and the node gives {want}"


@dataclass(frozen=True)
class _Layout:
    """How an operator's arguments lie: its graphs, then groups of operands, rows or whole."""

    graphs: int
    groups: tuple[tuple[int, bool, int], ...]  # place, whether rows are taken, how often
    first_graph: int = 0
    stacked_after: int | None = None  # the group whose number of items is not stacked

    def operands(self, node: Node) -> list[tuple[Any, bool]] | None:
        count = 1 + max(place for place, _, _ in self.groups)
        if len(node.args) != count or node.kwargs:
            return None
        found: list[tuple[Any, bool]] = []
        for place, is_row, times in self.groups:
            group = node.args[place]
            if not isinstance(group, (tuple, list)):
                return None
            found += [(item, is_row) for item in group] * times
        return found

    def is_stacked(self, node: Node, index: int) -> bool:
        """Whether a result of the node holds one of the graph's for each row."""
        if not any(is_row for _, is_row, _ in self.groups):
            return False
        if self.stacked_after is None:
            return True
        group: Any = node.args[self.stacked_after]
        return index >= len(group)


_LAYOUTS: dict[Any, _Layout] = {
    higher_order.cond: _Layout(2, ((3, False, 1),)),
    higher_order.while_loop: _Layout(2, ((2, False, 1), (3, False, 1))),
    higher_order.map_impl: _Layout(1, ((1, True, 1), (2, False, 1))),
    higher_order.scan: _Layout(1, ((1, False, 1), (2, True, 1), (3, False, 1)), 0, 1),
    higher_order.associative_scan: _Layout(1, ((1, True, 2), (2, False, 1))),
}


def agree(small: Any, large: Any, *, is_row: bool = False, exact: bool = False) -> bool:
    """Whether a tensor is of the same kind as another, or as its rows; numbers are numbers."""
    if not isinstance(large, TensorSpec) or not isinstance(small, TensorSpec):
        return is_number(small) and is_number(large)
    if exact and not is_row and normal(small) != normal(large):
        return False
    rank = len(large.shape) - is_row
    return (small.dtype, small.device, len(small.shape)) == (large.dtype, large.device, rank)


def _is_truth(value: Any) -> bool:
    if isinstance(value, TensorSpec):
        return value.dtype is torch.bool and value.numel == 1
    return isinstance(value, (bool, *TESTS))
