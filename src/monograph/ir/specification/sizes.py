"""Sizes that vary: where they come from, and their ranges."""

from __future__ import annotations

import operator

import torch
from torch.fx import Node

from monograph.ir.specification.table import Found, Place, of_graph
from monograph.shapes.floats import ROUNDINGS, FloatExpr
from monograph.torch_internals import HigherOrderOperator, Operator

__all__ = ["ranges", "symbols"]


@of_graph
def symbols(place: Place) -> Found:
    """A size that varies comes from an input, or from an operator that gives it when it runs.

    It is known before a node says that it has such a size: by a placeholder of the graph or of one
    around it, or by the call itself where the size depends on values. Functions on sizes give
    none but where they round floats, and no operator gives a size that belongs to an argument.
    """
    symbols = place.program.env.symbols
    known = _known_around(place)
    for node in place.nodes:
        new = place.symbols(node) - known
        if new and node.op == "placeholder":
            known |= new
        elif new:
            given = {name for name in new if name in symbols and symbols[name].is_unbacked}
            if _may_give_symbols(node):
                known |= given
            for name in sorted(new - known):
                yield node, f"nothing before it gives the size {name}"


def _known_around(place: Place) -> set[str]:
    """What the graphs around a graph know where it is called."""
    if place.outer is None or place.caller is None:
        return set()
    known, outer = _known_around(place.outer), place.outer
    for node in outer.nodes[: outer.order[place.caller]]:
        new = outer.symbols(node) - known
        if new and (node.op == "placeholder" or _may_give_symbols(node)):
            known |= new
    return known


def _may_give_symbols(node: Node) -> bool:
    """Whether a call may give sizes and numbers of its own: an operator, or an item of one's,

    or where a float is rounded; torch's files round by choosing between two integers.

    Which operators do, their tags do not say: torch's slice between two numbers that are read from
    tensors gives a size of its own.
    """
    target = node.target
    if target is operator.getitem and isinstance(node.args[0], Node):
        return _may_give_symbols(node.args[0])
    is_rounded = target in ROUNDINGS.values() or target is torch.sym_ite
    return is_rounded or isinstance(target, (Operator, HigherOrderOperator))


@of_graph
def ranges(place: Place) -> Found:
    """Each size that varies has a range, which is not empty; floats have none."""
    ranges, symbols = place.program.ranges, place.program.env.symbols
    seen: set[str] = set()
    for node in place.nodes:
        for name in sorted(place.symbols(node) - seen):
            seen.add(name)
            if name in symbols and isinstance(symbols[name].expr, FloatExpr):
                continue
            if name not in ranges:
                yield node, f"nothing is said of the range of {name}"
                continue
            lower, upper = ranges[name].lower, ranges[name].upper
            if lower is not None and upper is not None and lower > upper:
                yield node, f"{name} is between {lower} and {upper}"
