"""Whether what is noted of an operator's results is what the operator gives: inferred again.

A rule like those of ``ir/specification``, for programs that nobody here has captured: what a file
says of a tensor inside the program, or somebody who has edited it, is believed nowhere else.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch.fx import Node

from monograph.inference.fakes import Outcome
from monograph.inference.infer import infer
from monograph.ir.spec import TensorSpec
from monograph.ir.specification.regions import CONTROL_FLOW
from monograph.ir.specification.table import Found, Place, content_of, of_graph
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr, float_value
from monograph.shapes.questions import (
    All,
    Compare,
    CompareFloats,
    OneOf,
    Some,
    Test,
    holds,
    symbols_of,
)
from monograph.torch_internals import Operator

__all__ = ["inferred"]

Values = dict[str, Any]  # symbols for the example inputs
_TESTS = (Compare, OneOf, CompareFloats, All, Some)


class _NoExampleError(Exception):
    """A size that has no value before the program runs."""


@of_graph
def inferred(place: Place) -> Found:
    """What is noted of a tensor is what its operator gives: dtype, dimensions, fixed sizes.

    It is inferred for the example sizes (inside a branch that is not taken for them, for those that
    it does not ask for); an operator that cannot be asked (its result's size
    depends on values, say, or it has no fake implementation) is believed. So are graphs that
    another operator calls than those of control flow: under autocast, say, operators give others.
    """
    outside: Place | None = place
    while outside is not None:
        if outside.caller is not None and outside.caller.target not in CONTROL_FLOW:
            return
        outside = outside.outer
    known: dict[object, Outcome | None] = {}
    values = _values(place)
    for node in place.calls:
        if isinstance(node.target, Operator) and not _is_read_from_object(node):
            noted = content_of(node)
            given = _given(node, values, known)
            is_fixed = not any(place.symbols(source) for source in node.all_input_nodes)
            if given is not None and not _agree(noted, given, is_fixed):
                yield node, f"{noted} is noted, and the operator gives {given}"


def _values(place: Place) -> Values:
    """The example's sizes, but those that tell that a graph is not for the example."""
    if place.outer is None or place.caller is None:
        env = place.program.env
        hints = {name: env.hint(symbol.expr) for name, symbol in env.symbols.items()}
        return {name: hint for name, hint in hints.items() if hint is not None}
    values, caller = _values(place.outer), place.caller
    asked = content_of(caller.args[0]) if isinstance(caller.args[0], Node) else None
    if caller.target is not torch.ops.higher_order.cond or not isinstance(asked, _TESTS):
        return values
    side = caller.args[1]
    is_true = isinstance(side, Node) and side.target == place.path[-1]
    with contextlib.suppress(KeyError, ArithmeticError, ValueError):
        if holds(asked, values) is is_true:
            return values
    names = symbols_of(asked)
    return {name: value for name, value in values.items() if name not in names}


def _is_read_from_object(node: Node) -> bool:
    return any(source.op == "get_attr" for source in node.all_input_nodes)


def _given(node: Node, values: Values, known: dict[object, Outcome | None]) -> object:
    """The spec, or specs, of the results for the example sizes; None where they are not known."""
    try:
        args = tuple(_example(item, values) for item in node.args)
        kwargs = {name: _example(item, values) for name, item in node.kwargs.items()}
        key = (node.target, repr(args), repr(kwargs))
        if key not in known:
            assert isinstance(node.target, Operator)
            known[key] = infer(node.target, args, kwargs)
    except _NoExampleError:
        return None
    except Exception:  # the operator refuses, or a rule knows such arguments only as eager mode
        known[key] = None
    outcome = known[key]
    if outcome is None:
        return None
    if outcome.single is not None:
        return outcome.single.spec
    return tuple(result.promised() for result in outcome.results) or None


def _example(item: object, values: Values) -> object:
    """An argument with a spec for each tensor, and the example's numbers."""
    if isinstance(item, Node):
        return _example(content_of(item), values)
    if isinstance(item, TensorSpec):
        if item.scope is None:
            return item
        shape, strides = (tuple(_example(n, values) for n in each)
                          for each in (item.shape, item.strides))  # fmt: skip
        return item.with_layout(shape, strides)
    if isinstance(item, (list, tuple)):
        return [_example(each, values) for each in item]
    if isinstance(item, dict):
        return {name: _example(each, values) for name, each in item.items()}
    if isinstance(item, (Expr, FloatExpr, *_TESTS)):
        return _number(item, values)
    return item


def _number(item: Expr | FloatExpr | Test, values: Values) -> object:
    try:
        if isinstance(item, FloatExpr):
            return float_value(item, values)
        return item.evaluate(values) if isinstance(item, Expr) else holds(item, values)
    except (KeyError, ArithmeticError, ValueError):
        raise _NoExampleError from None


def _agree(noted: object, given: object, is_fixed: bool) -> bool:
    """Whether specs are alike; the example's sizes are compared where no argument's varies."""
    if isinstance(noted, TensorSpec) and isinstance(given, TensorSpec):
        if (noted.dtype, len(noted.shape)) != (given.dtype, len(given.shape)):
            return False
        pairs = zip(noted.shape, given.shape, strict=True)
        return all(not is_fixed or isinstance(n, Expr) or n == size for n, size in pairs)
    if isinstance(noted, (tuple, list)) and isinstance(given, tuple):
        return len(noted) == len(given) and all(
            _agree(*pair, is_fixed) for pair in zip(noted, given, strict=True)
        )
    return True
