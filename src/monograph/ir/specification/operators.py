"""What operators get and give, and what is noted of it."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Node

from monograph.diagnostics import SourceLine
from monograph.ir import meta
from monograph.ir.module_scope import Scope
from monograph.ir.operators import SIZE_FUNCTIONS, writes
from monograph.ir.schemas import fits, misfit, takes
from monograph.ir.spec import TensorSpec
from monograph.ir.specification.table import (
    NUMBERS,
    PLAIN,
    UNKNOWN,
    Found,
    Place,
    content_of,
    is_number,
    normal,
    of_graph,
    value_of,
)

aten = torch.ops.aten

__all__ = ["arguments", "functional", "keys", "metadata", "values", "views"]


@of_graph
def values(place: Place) -> Found:
    """``val`` says what a node gives, in the number and of the kinds that its operator returns.

    A placeholder has a spec, a number or a constant; an item is the one that its node gives there,
    and a size the one of its tensor.
    """
    for node in place.nodes:
        if node.op == "placeholder" and meta.VAL not in node.meta:
            yield node, "nothing is said of what it is"
        if node.op in ("get_attr", "output") and content_of(node) is not None:
            yield node, "a value is noted where none is given"
        if node.op != "call_function":
            continue
        target: Any = node.target
        content = content_of(node)
        if content is UNKNOWN:
            yield node, "what it gives is a tensor of another kind"
        elif isinstance(target, torch._ops.OpOverload):
            problem = _misresult(node, target, content)
            if problem is not None:
                yield node, problem
        elif target is operator.getitem:
            yield from _item(node, content)
        elif target in SIZE_FUNCTIONS:
            if content is None or not is_number(content):
                yield node, f"it gives a number, and {content} is noted"
        elif not isinstance(content, (tuple, TensorSpec, *NUMBERS, *PLAIN, type(None))):
            yield node, f"{content} is noted"


def _misresult(node: Node, target: Any, content: Any) -> str | None:
    returns = target._schema.returns
    if target is aten.sym_size.int and len(node.args) == 2:
        whole = value_of(node.args[0])
        if isinstance(whole, TensorSpec) and type(node.args[1]) is int:
            if not -len(whole.shape) <= node.args[1] < len(whole.shape):
                return f"{whole} has no dimension {node.args[1]}"
            size = whole.shape[node.args[1]]
            if normal(size) != normal(content):
                return f"{content} is noted, and the size is {size}"
    if len(returns) == 1:
        if content is None and isinstance(returns[0].real_type, torch.OptionalType):
            return None
        return None if fits(returns[0].real_type, content) and content is not None else (
            f"it returns {returns[0].real_type}, and {content} is noted"
        )  # fmt: skip
    if not returns:
        return None if content is None else f"it returns nothing, and {content} is noted"
    if not isinstance(content, tuple) or len(content) != len(returns):
        return f"it returns {len(returns)} values, and {content} is noted"
    for result, item in zip(returns, content, strict=True):
        if item is not None and not fits(result.real_type, item):
            return f"it returns {result.real_type}, and {item} is noted"
    return None


def _item(node: Node, content: Any) -> Found:
    args: Any = node.args
    if len(args) != 2 or type(args[1]) is not int:
        return  # see "arguments"
    source, index = args
    whole = value_of(source)
    if not isinstance(whole, (tuple, list)):
        yield node, f"an item is taken of {source}, which gives {whole}"
    elif not 0 <= index < len(whole):
        yield node, f"there are {len(whole)} items, and item {index} is taken"
    elif normal(whole[index]) != normal(content):
        yield node, f"{content} is noted, and the item is {whole[index]}"


@of_graph
def arguments(place: Place) -> Found:
    """A call gives an operator the arguments that its schema asks for, each of its type.

    Numbers may stand for tensors, as in eager mode; a function on sizes gets numbers alone, and as
    many as it takes.
    """
    for node in place.calls:
        target: Any = node.target
        if isinstance(target, torch._ops.OpOverload):
            problem = misfit(target, node.args, node.kwargs, content_of)
        elif target is operator.getitem:
            is_item = len(node.args) == 2 and not node.kwargs and isinstance(node.args[0], Node)
            is_item = is_item and type(node.args[1]) is int
            problem = None if is_item else "it takes a node and a number"
        elif isinstance(target, torch._ops.HigherOrderOperator):
            problem = None  # see "operands"
        else:
            values = [*node.args, *node.kwargs.values()]
            wrong = next((v for v in values if not is_number(value_of(v))), None)
            problem = None if wrong is None else f"{wrong} is no number"
            if not takes(target, len(node.args), tuple(node.kwargs)):
                problem = f"it does not take {len(values)} arguments"
        if problem is not None:
            yield node, problem


@of_graph
def functional(place: Place) -> Found:
    """No operator writes what it is given."""
    for node in place.calls:
        if writes(node):
            yield node, f"{node.target} writes what it is given"


@of_graph
def views(place: Place) -> Found:
    """What a view shares memory with is a tensor of the same graph that comes before it."""
    for node in place.nodes:
        if meta.SHARES not in node.meta:
            continue
        base = node.meta[meta.SHARES]
        if (
            not isinstance(base, Node)
            or place.order.get(base, len(place.order)) >= (place.order[node])
        ):
            yield node, f"it is noted as a view of {base}, which does not come before it here"
        elif not all(isinstance(content_of(n), (TensorSpec, tuple)) for n in (node, base)):
            yield node, f"it is noted as a view of {base}, and one of them is no tensor"


@of_graph
def metadata(place: Place) -> Found:
    """What is noted under the keys that ``ir/meta.py`` names is of the types that it says."""
    for node in place.nodes:
        found = node.meta
        for key, kind in _TYPES.items():
            if found.get(key) is not None and not isinstance(found[key], kind):
                yield node, f"{key} is a {type(found[key]).__name__}"
        origin = found.get(meta.FROM_NODE)
        if isinstance(origin, list) and not all(
            isinstance(step, tuple) and len(step) == 2 for step in origin
        ):
            yield node, f"{meta.FROM_NODE} is no list of pairs"


_TYPES: dict[str, type] = {
    meta.LOCATION: SourceLine, meta.STACK_TRACE: str, meta.SCOPE: Scope,
    meta.NN_MODULE_STACK: dict, meta.FROM_NODE: list, meta.SUBGRAPHS: list,
}  # fmt: skip


@of_graph
def keys(place: Place) -> Found:
    """Every key of a node's meta is one that ``ir/meta.py`` documents."""
    for node in place.nodes:
        for key in node.meta:
            if key not in meta.KEYS:
                yield node, f"the key {key!r} is documented nowhere"
