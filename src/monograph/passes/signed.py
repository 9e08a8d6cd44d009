"""Modules of ``unflatten`` that are called as the program's own modules were."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch.fx import Graph, Node
from torch.fx.node import Argument

from monograph.diagnostics import InteropError
from monograph.ir.structure import Structure

__all__ = ["Signed", "called", "named", "roles", "with_signature"]

_PLAIN = (tuple, list, dict, None)


class _Named(str):
    """The name of a node, among constants."""

    __slots__ = ()


# The name of a node, or a constant.
Leaf = _Named | Argument


@dataclass(frozen=True)
class Signed:
    """How a module was called once: leaves are names of nodes (``named``), or constants."""

    inputs: list[Leaf]
    outputs: list[Leaf]
    in_structure: Structure
    out_structure: Structure


def named(name: str) -> Leaf:
    """A leaf of a ``Signed`` that is a node."""
    return _Named(name)


def roles(signature: Signed, inputs: Sequence[Node], outputs: Sequence[Node]) -> str:
    """Equal for calls of equal graphs that pass the same things at the same places."""
    taken = {node.name: f"in {i}" for i, node in enumerate(inputs)}
    given = {node.name: f"out {i}" for i, node in enumerate(outputs)}
    leaves = [
        (given.get(leaf) or taken.get(leaf, "unread")) if isinstance(leaf, _Named) else repr(leaf)
        for leaf in (*signature.inputs, *signature.outputs)
    ]
    return f"{signature.in_structure!r} {signature.out_structure!r} {leaves}"


def with_signature(
    inner: Graph, inputs: Sequence[Node], outputs: Sequence[Node], signature: Signed, path: str
) -> Graph:
    """The graph ``inner``, of a module's tensors, as one of the module's arguments.

    ``inputs`` and ``outputs``: the nodes that the placeholders and results of ``inner`` are in the
    whole program, whose names ``signature`` uses.

    Raises:
        InteropError: MG-F104, where the module reads a tensor that is none of its arguments.
    """
    graph = Graph()
    leaves: list[Argument] = []
    for name, structure in _arguments(signature):
        leaves += _apart(graph, graph.placeholder(name), structure, f"{path}: {name}")
    given: dict[str, Argument] = {
        leaf: found
        for leaf, found in zip(signature.inputs, leaves, strict=True)
        if isinstance(leaf, _Named)
    }
    missing = [node.name for node in inputs if node.name not in given]
    if missing:
        raise InteropError(
            f"{path} reads {missing[0]}, which is none of its arguments: its call signature "
            "cannot be kept",
            hint="pass it as an argument of the module's forward.",
        )
    inside: dict[Node, Argument] = {}
    outer = iter(inputs)
    for node in inner.nodes:
        if node.op == "placeholder":
            inside[node] = given[next(outer).name]
        elif node.op != "output":
            inside[node] = graph.node_copy(node, inside.__getitem__)
    values = inner.output_node().args[0]
    values = values if isinstance(values, tuple) else (values,)
    gives = {n.name: inside[v] for n, v in zip(outputs, values, strict=True)}
    results = [
        (gives[leaf] if leaf in gives else given[leaf]) if isinstance(leaf, _Named) else leaf
        for leaf in signature.outputs
    ]
    graph.output(_together(graph, signature.out_structure, results))
    return graph


def called(
    graph: Graph, target: str, signature: Signed, value_of: Callable[[str], Argument]
) -> dict[str, Argument]:
    """Call the module ``target`` as it was called; its tensor results by name."""
    leaves = iter([value_of(x) if isinstance(x, _Named) else x for x in signature.inputs])
    args, kwargs = signature.in_structure.children
    call = graph.call_module(
        target,
        tuple(_together(graph, child, _next(leaves, child)) for child in args.children),
        {
            name: _together(graph, child, _next(leaves, child))
            for (_, name), child in zip(kwargs.keys, kwargs.children, strict=True)
        },
    )
    parts = _apart(graph, call, signature.out_structure, f"the result of {target}")
    return {
        leaf: found
        for leaf, found in zip(signature.outputs, parts, strict=True)
        if isinstance(leaf, _Named)
    }


def _arguments(signature: Signed) -> list[tuple[str, Structure]]:
    args, kwargs = signature.in_structure.children
    return [
        *((f"arg{i}", child) for i, child in enumerate(args.children)),
        *((name, child) for (_, name), child in zip(kwargs.keys, kwargs.children, strict=True)),
    ]


def _next(leaves: Iterator[Argument], structure: Structure) -> list[Argument]:
    return [next(leaves) for _ in range(structure.num_leaves)]


# Nested values in graphs -------------------------------------------------------------------------


class _Taken:
    """A function of a graph: the leaves of a nested value, which must have this structure."""

    def __init__(self, structure: Structure, path: str) -> None:
        self.structure, self.path = structure, path
        self.__name__ = "leaves_of"

    def __call__(self, value: object) -> list[Any]:
        return self.structure.match(value, self.path)


class _Put:
    """A function of a graph: the nested value of these leaves."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.__name__ = f"made_{getattr(structure.kind, '__name__', 'leaf')}"

    def __call__(self, *leaves: object) -> object:
        return self.structure.unflatten(leaves)


def _is_plain(structure: Structure) -> bool:
    return structure.kind in _PLAIN and all(map(_is_plain, structure.children))


def _apart(graph: Graph, value: Argument, structure: Structure, path: str) -> list[Argument]:
    """The leaves of a nested value, as nodes that take them out."""
    if structure.kind is None:
        return [value]
    if not _is_plain(structure):
        leaves = graph.call_function(_Taken(structure, path), (value,))
        count = structure.num_leaves
        return [graph.call_function(operator.getitem, (leaves, i)) for i in range(count)]
    keys = structure.context if structure.kind is dict else range(len(structure.children))
    found: list[Argument] = []
    for key, child in zip(keys, structure.children, strict=True):
        found += _apart(graph, graph.call_function(operator.getitem, (value, key)), child, path)
    return found


def _together(graph: Graph, structure: Structure, leaves: list[Argument]) -> Argument:
    """The nested value of these leaves: as it is, or as a node that makes it."""
    if _is_plain(structure):
        nested: Argument = structure.unflatten(leaves)
        return nested
    return graph.call_function(_Put(structure), tuple(leaves))
