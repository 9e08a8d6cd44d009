"""Functions of sizes that programs of ``torch.export`` may not call, in words that they have."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import Argument, Target

from monograph.interop.symbols import TorchSymbols
from monograph.ir.spec import TensorSpec
from monograph.shapes.floats import MATHEMATICAL
from monograph.torch_internals import Operator

__all__ = ["NUMBER", "TRUTH", "in_words", "is_spelled_out"]

aten = torch.ops.aten
Call = Callable[..., Any]  # of a function and its arguments, nodes or numbers


def _floor(call: Call, number: Argument) -> Node:
    whole = call(math.trunc, number)
    less = call(operator.sub, whole, 1)
    return call(torch.sym_ite, call(operator.gt, whole, number), less, whole)


def _ceil(call: Call, number: Argument) -> Node:
    whole = call(math.trunc, number)
    more = call(operator.add, whole, 1)
    return call(torch.sym_ite, call(operator.lt, whole, number), more, whole)


def _round(call: Call, number: Argument) -> Node:
    """To the nearest integer, of two that are as near to the even one.

    ``h`` halves are rounded away from zero, and back where they are all of the number, and their
    count is 1 modulo 4. Torch takes what ``%`` gives for an integer, and our reader knows no choice
    but the last one: one condition asks for both.
    """
    double = call(operator.mul, number, 2.0)
    halves = call(math.trunc, double)
    down = call(operator.floordiv, halves, 2)
    up = call(operator.sub, halves, down)
    away = call(operator.add, call(torch.sym_max, up, 0), call(torch.sym_min, down, 0))
    less, more = call(operator.sub, away, 1), call(operator.add, away, 1)
    back = call(operator.add, call(torch.sym_max, less, 0), call(torch.sym_min, more, 0))
    count = call(operator.mod, _abs(call, halves), 4)
    beside = _abs(call, call(operator.sub, count, 1))
    error = call(operator.add, call(operator.sub, double, halves), beside)
    return call(torch.sym_ite, call(operator.eq, error, 0.0), back, away)


def _xor(call: Call, left: Argument, right: Argument) -> Node:
    both = call(operator.and_, left, right)
    return call(operator.sub, call(operator.or_, left, right), both)


def _isqrt(call: Call, number: Argument) -> Node:
    return call(math.trunc, call(torch.sym_sqrt, call(torch.sym_float, number)))


def _abs(call: Call, number: Argument) -> Node:
    return call(torch.sym_max, number, call(operator.neg, number))


# Torch's programs may hold the first of these, but its files have no form for them.
_STEPS: dict[Target, Call] = {
    math.floor: _floor,
    math.ceil: _ceil,
    round: _round,
    operator.abs: _abs,
    operator.xor: _xor,
    math.isqrt: _isqrt,
    math.sqrt: lambda call, number: call(torch.sym_sqrt, number),
}
# The others are computed of a tensor without dimensions, as Python does: in 64 bits.
_OF_TENSORS: dict[Target, Operator] = {
    getattr(math, name): getattr(aten, name).default
    for name in MATHEMATICAL
    if name not in ("sqrt", "gamma")  # nobody gives a tensor its gamma
}
# A number, and a truth, as a tensor.
NUMBER = TensorSpec.of((), (), torch.float64, torch.device("cpu"))
TRUTH = TensorSpec.of((), (), torch.bool, torch.device("cpu"))


def is_spelled_out(target: object, args: Sequence[object]) -> bool:
    """Whether ``torch.export`` has no word for a function of sizes, but several together."""
    if target is round:
        return len(args) == 1
    return target in _STEPS or target in _OF_TENSORS


def in_words(
    graph: Graph,
    symbols: TorchSymbols,
    target: Target,
    args: Sequence[Argument],
    value: object = None,
) -> list[Node]:
    """The nodes, the last for the result, that compute ``target(*args)``, each with its ``val``.

    ``value``: the result in torch's terms, where more is known of it than the steps tell.
    """
    made: list[Node] = []

    def call(function: Callable[..., Any], *args: Argument, **kwargs: Any) -> Node:
        made.append(graph.call_function(function, args, kwargs))
        return made[-1]

    def told(function: Callable[..., Any], *args: Argument) -> Node:
        node = call(function, *args)
        node.meta["val"] = function(*(a.meta["val"] if isinstance(a, Node) else a for a in args))
        return node

    if target is math.sqrt and value is not None:  # on a side of a branch there may be no root
        call(torch.sym_sqrt, *args)
    elif target in _STEPS:
        _STEPS[target](told, *args)
    else:
        tensor = call(aten.scalar_tensor.default, *args, dtype=torch.float64)
        result = call(_OF_TENSORS[target], tensor)
        tensor.meta["val"] = result.meta["val"] = symbols.tensor(NUMBER)
        call(aten._local_scalar_dense.default, result)
    if value is not None:
        made[-1].meta["val"] = value
    return made
