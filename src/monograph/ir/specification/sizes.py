"""Sizes that vary: where they come from, and their ranges."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Node

from monograph.ir.specification.table import Found, Place, content_of, of_graph, symbols_of

aten = torch.ops.aten


@of_graph
def _symbols(place: Place) -> Found:
    """A size that varies comes from an input, or from an operator that gives it when it runs.

    It is known before a node says that it has such a size: by a placeholder of the graph or of one
    around it, or by the call itself where that is an operator whose results' sizes depend on
    values. Functions on sizes give none.
    """
    known = _known_around(place)
    for node in place.nodes:
        names = set(symbols_of(content_of(node)))
        if node.op == "placeholder" or _may_give_symbols(node):
            known |= names
        for name in sorted(names - known):
            yield node, f"nothing before it gives the size {name}"


def _known_around(place: Place) -> set[str]:
    """What the graphs around a graph know where it is called."""
    if place.outer is None or place.caller is None:
        return set()
    known, outer = _known_around(place.outer), place.outer
    for node in outer.nodes[: outer.order[place.caller]]:
        if node.op == "placeholder" or _may_give_symbols(node):
            known |= set(symbols_of(content_of(node)))
    return known


def _may_give_symbols(node: Node) -> bool:
    """Whether sizes or numbers of a call's results may depend on values."""
    target: Any = node.target
    if target is operator.getitem and isinstance(node.args[0], Node):
        return _may_give_symbols(node.args[0])
    if isinstance(target, torch._ops.HigherOrderOperator):
        return True
    if not isinstance(target, torch._ops.OpOverload):
        return False
    tags = (torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output)
    return target.namespace not in ("aten", "prims") or target in _GIVE_SYMBOLS or any(
        tag in target.tags for tag in tags
    )  # fmt: skip


# Composite operators with such an operator inside.
_GIVE_SYMBOLS: set[Any] = set()


@of_graph
def _ranges(place: Place) -> Found:
    """Each size that varies has a range, which is not empty."""
    ranges = place.program.ranges
    seen: set[str] = set()
    for node in place.nodes:
        for name in symbols_of(content_of(node), floats=False):
            if name in seen:
                continue
            seen.add(name)
            if name not in ranges:
                yield node, f"nothing is said of the range of {name}"
                continue
            lower, upper = ranges[name].lower, ranges[name].upper
            if lower is not None and upper is not None and lower > upper:
                yield node, f"{name} is between {lower} and {upper}"
