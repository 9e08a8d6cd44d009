"""Functions of sizes that programs of ``torch.export`` may not call, in words that they have."""

from __future__ import annotations

import math
from collections.abc import Callable
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
_STEPS: dict[Target, tuple[Any, ...]] = {
    math.isqrt: (torch.sym_float, torch.sym_sqrt, math.trunc),
    math.sqrt: (torch.sym_sqrt,),
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


def is_spelled_out(target: object) -> bool:
    """Whether ``torch.export`` has no word for a function of sizes, but several together."""
    return target in _STEPS or target in _OF_TENSORS


def in_words(
    graph: Graph,
    symbols: TorchSymbols,
    target: Target,
    number: Argument,
    value: object = None,
) -> list[Node]:
    """The nodes, the last for the result, that compute ``target(number)``, each with its ``val``.

    ``value``: the result in torch's terms, where more is known of it than the steps tell.
    """
    made: list[Node] = []

    def call(function: Callable[..., Any], *args: Argument, **kwargs: Any) -> Node:
        made.append(graph.call_function(function, args, kwargs))
        return made[-1]

    if target in _STEPS:
        found = number
        for step in _STEPS[target]:
            before = found.meta["val"] if isinstance(found, Node) else found
            found = call(step, found)
            found.meta["val"] = step(before)
    else:
        tensor = call(aten.scalar_tensor.default, number, dtype=torch.float64)
        result = call(_OF_TENSORS[target], tensor)
        tensor.meta["val"] = result.meta["val"] = symbols.tensor(NUMBER)
        call(aten._local_scalar_dense.default, result)
    if value is not None:
        made[-1].meta["val"] = value
    return made
