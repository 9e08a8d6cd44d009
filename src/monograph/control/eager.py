"""Control flow on real tensors: what a control-flow node of a captured program computes.

Plain Python, so that gradients flow through it as through any other code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch.fx import Graph, GraphModule

from monograph.capture.current import running_recorder
from monograph.ir.structure import flatten

__all__ = ["associative_scan_rows", "map_rows", "runnable", "scan_rows"]

higher_order = torch.ops.higher_order
Tensors = Sequence[torch.Tensor]
State = tuple[object, ...]
Function = Callable[..., object]
T = TypeVar("T")


def _rows(leaves: Tensors, index: int) -> list[torch.Tensor]:
    return [leaf[index] for leaf in leaves]


def _example_rows(leaves: Tensors) -> list[torch.Tensor]:
    """Rows to learn the results' shapes from, where there are none."""
    return [leaf.new_zeros(leaf.shape[1:]) for leaf in leaves]


def map_rows(f: Callable[..., object], xs: object, args: tuple[object, ...]) -> object:
    """``f(row, *args)`` for each row, stacked."""
    leaves, structure = flatten(xs)
    count = len(leaves[0])
    each = [_rows(leaves, i) for i in range(count)] or [_example_rows(leaves)]
    results = [flatten(f(structure.unflatten(rows), *args)) for rows in each]
    return results[0][1].unflatten(_stacked([found for found, _ in results], count))


def _stacked(results: Sequence[Sequence[object]], count: int) -> list[torch.Tensor]:
    columns = [[torch.as_tensor(item) for item in column] for column in zip(*results, strict=True)]
    return [torch.stack(column)[:count] for column in columns]


def scan_rows(
    combine: Callable[[T, Any], tuple[T, object]], init: T, xs: object
) -> tuple[T, object]:
    """``carry, y = combine(carry, row)`` for each row; the last carry, and all ``y`` stacked."""
    leaves, structure = flatten(xs)
    count = len(leaves[0])
    carry, outputs, out_structure = init, [], None
    for i in range(count):
        carry, out = combine(carry, structure.unflatten(_rows(leaves, i)))
        found, out_structure = flatten(out)
        outputs.append(found)
    if out_structure is None:
        found, out_structure = flatten(combine(init, structure.unflatten(_example_rows(leaves)))[1])
        outputs.append(found)
    return carry, out_structure.unflatten(_stacked(outputs, count))


def associative_scan_rows(combine: Callable[[T, T], T], xs: T) -> T:
    """All partial results, from the first row on."""
    leaves, structure = flatten(xs)
    count = len(leaves[0])
    if not count:
        return xs
    before = structure.unflatten(_rows(leaves, 0))
    results = [flatten(before)[0]]
    for i in range(1, count):
        before = combine(before, structure.unflatten(_rows(leaves, i)))
        results.append(flatten(before)[0])
    return structure.unflatten([torch.stack(column) for column in zip(*results, strict=True)])


# As the operators are called in a graph --------------------------------------------------------


def _is_captured() -> bool:
    """Whether somebody writes down what runs: then the operator itself is called."""
    return running_recorder() is not None or torch.compiler.is_dynamo_compiling()


def _cond(pred: object, true_graph: Function, false_graph: Function, operands: State) -> object:
    if _is_captured():
        return higher_order.cond(pred, true_graph, false_graph, operands)
    return (true_graph if pred else false_graph)(*operands)


def _while_loop(test: Function, body: Callable[..., State], state: State, more: State) -> State:
    if _is_captured():
        return higher_order.while_loop(test, body, state, more)
    state = tuple(state)
    if not _truth(test(*state, *more)):
        return tuple(t.clone() if isinstance(t, torch.Tensor) else t for t in state)
    while _truth(test(*state, *more)):
        state = body(*state, *more)
    return state


def _truth(result: object) -> bool:
    return bool(result[0] if isinstance(result, (tuple, list)) else result)


def _map(body: Callable[..., State], xs: State, more: State) -> object:
    if _is_captured():
        return higher_order.map_impl(body, xs, more)
    return map_rows(lambda rows: tuple(body(*rows, *more)), tuple(xs), ())


def _scan(combine: Callable[..., State], init: State, xs: State, more: State) -> object:
    if _is_captured():
        return higher_order.scan(combine, init, xs, more)
    count = len(init)

    def step(carry: State, rows: State) -> tuple[State, State]:
        found = tuple(combine(*carry, *rows, *more))
        return found[:count], found[count:]

    carry, out = scan_rows(step, tuple(init), tuple(xs))
    assert isinstance(out, tuple)
    return (*carry, *out)


def _associative_scan(combine: Callable[..., State], xs: State, more: State) -> object:
    if _is_captured():
        return higher_order.associative_scan(combine, xs, more)
    return associative_scan_rows(
        lambda left, right: tuple(combine(*left, *right, *more)), tuple(xs)
    )


_RUN: dict[object, Function] = {
    higher_order.cond: _cond,
    higher_order.while_loop: _while_loop,
    higher_order.map_impl: _map,
    higher_order.scan: _scan,
    higher_order.associative_scan: _associative_scan,
}


def runnable(module: GraphModule) -> GraphModule:
    """``module``, or where it holds control flow, a copy that runs it as Python does."""
    if not any(node.target in _RUN for node in module.graph.nodes):
        return module
    graph = Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    for node in graph.nodes:
        if node.target in _RUN:
            node.target = _RUN[node.target]
    attributes = {}
    for node in graph.nodes:
        if node.op == "get_attr":
            held = getattr(module, str(node.target))
            attributes[str(node.target)] = runnable(held) if isinstance(held, GraphModule) else held
    return GraphModule(attributes, graph)
