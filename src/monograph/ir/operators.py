"""What schemas and tags say of operators, and the functions on sizes that graphs call."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch.fx import Node

__all__ = ["SIZE_FUNCTIONS", "is_random", "writes"]

aten = torch.ops.aten

# What a graph computes sizes, other numbers and tests with. Every table of such functions (those
# of a capture, those that files name) is part of this one.
SIZE_FUNCTIONS = frozenset({
    *(getattr(operator, name) for name in (
        "add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "neg", "pos", "abs", "eq", "ne",
        "lt", "le", "gt", "ge", "and_", "or_", "xor", "lshift", "rshift")),
    *(getattr(math, name) for name in (
        "trunc", "floor", "ceil", "isqrt", "sqrt", "cos", "cosh", "sin", "sinh", "tan", "tanh",
        "asin", "acos", "atan", "exp", "log", "log2", "log10")),
    *(getattr(torch, name) for name in (
        "sym_not", "sym_int", "sym_float", "sym_ite", "sym_max", "sym_min", "sym_sqrt")),
    round,
})  # fmt: skip

# Composite operators that update running statistics which their schema does not show.
_UPDATES_STATISTICS = {aten.batch_norm.default, aten.instance_norm.default,
                       aten.native_batch_norm.default}  # fmt: skip


def is_random(target: Any) -> bool:
    """Whether an operator draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())


def writes(node: Node) -> bool:
    """Whether a call writes what it is given: its schema says so, or it updates statistics."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    return target._schema.is_mutable or (target in _UPDATES_STATISTICS and not _is_evaluation(node))


def _is_evaluation(node: Node) -> bool:
    """Whether a normalisation only reads its running statistics, or has none."""
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    if given.get("running_mean") is None and given.get("running_var") is None:
        return True
    return not given.get("training", given.get("use_input_stats"))
