"""What schemas and tags say of operators, and the functions on sizes that graphs call."""

from __future__ import annotations

import math
import operator

import torch
from torch.fx import Node

from monograph.shapes.floats import MATHEMATICAL
from monograph.torch_internals import Operator, schema_of

__all__ = [
    "RESHAPING",
    "SIZE_FUNCTIONS",
    "SQUEEZING",
    "draws",
    "is_operator",
    "is_random",
    "writes",
]

aten = torch.ops.aten

# What a graph computes sizes, other numbers and tests with. Every table of such functions (those
# of a capture, those that files name) is part of this one.
SIZE_FUNCTIONS = frozenset({
    *(getattr(operator, name) for name in (
        "add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "neg", "pos", "abs", "eq", "ne",
        "lt", "le", "gt", "ge", "and_", "or_", "xor", "lshift", "rshift")),
    *(getattr(math, name) for name in (
        "trunc", "floor", "ceil", "isqrt", *MATHEMATICAL)),
    *(getattr(torch, name) for name in (
        "sym_not", "sym_int", "sym_float", "sym_ite", "sym_max", "sym_min", "sym_sqrt")),
    round,
})  # fmt: skip

# Operators that return their argument's elements, and so the argument where the shape is its own.
RESHAPING = frozenset(
    {
        aten.expand.default,
        aten.broadcast_to.default,
        aten.clone.default,
        aten.view.default,
        aten.reshape.default,
        aten._unsafe_view.default,
        aten.flatten.using_ints,
        aten.contiguous.default,
        aten.alias.default,
        aten.slice.Tensor,
    }
)

# Operators that leave dimensions out where their size is 1.
SQUEEZING = frozenset({aten.squeeze.default, aten.squeeze.dim, aten.squeeze.dims})

# Composite operators that update running statistics which their schema does not show.
_UPDATES_STATISTICS = {aten.batch_norm.default, aten.instance_norm.default,
                       aten.native_batch_norm.default}  # fmt: skip


# Composite operators that draw random numbers, and have no tag that says so.
_DRAWS = {aten.feature_dropout.default, aten.feature_alpha_dropout.default, aten.rrelu.default,
          aten.scaled_dot_product_attention.default}  # fmt: skip


def is_random(target: object) -> bool:
    """Whether an operator may draw random numbers; ``draws`` tells of a call."""
    found = _random.get(_id(target))
    if found is None:
        may = torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
        if not isinstance(target, torch._ops.OpOverload):
            return may
        found = _random[_id(target)] = target, may or target in _DRAWS
    return found[1]


def draws(node: Node) -> bool:
    """Whether a call draws random numbers: dropout in evaluation, or at a rate of 0, does not."""
    target = node.target
    if not is_random(target):
        return False
    if not isinstance(target, Operator):
        return True
    given = _given(target, node)
    return not any(given.get(name) is False for name in _TRAINS) and not any(
        name in given and _is_zero(given[name]) for name in _RATES
    )


_TRAINS = ("train", "training")
_RATES = ("dropout_p", "dropout")


def _is_zero(value: object) -> bool:
    return isinstance(value, (int, float)) and value == 0


# By identity: an operator's hash is computed in Python. It is kept, so that no other has its own.
_random: dict[int, tuple[torch._ops.OpOverload, bool]] = {}
_id = id  # a program that is captured gets another function under this name, which costs more


def is_operator(target: object) -> bool:
    """Whether programs call ``target``: it has a schema, is for control flow or for sizes."""
    if isinstance(target, (torch._ops.OpOverload, torch._ops.HigherOrderOperator)):
        return True
    is_hashable = type(target).__hash__ is not None
    return target is operator.getitem or (is_hashable and target in SIZE_FUNCTIONS)


def writes(node: Node) -> bool:
    """Whether a call writes what it is given: its schema says so, or it updates statistics."""
    target = node.target
    if not isinstance(target, Operator):
        return False
    if target not in _UPDATES_STATISTICS:
        return schema_of(target).is_mutable
    return not _is_evaluation(target, node)


def _is_evaluation(target: Operator, node: Node) -> bool:
    """Whether a normalisation only reads its running statistics, or has none."""
    given = _given(target, node)
    if given.get("running_mean") is None and given.get("running_var") is None:
        return True
    return not given.get("training", given.get("use_input_stats"))


def _given(target: Operator, node: Node) -> dict[str, object]:
    """The arguments of a call by their names, with the schema's own values for the others."""
    arguments = schema_of(target).arguments
    given = {each.name: each.default_value for each in arguments if each.has_default_value()}
    names = [each.name for each in arguments]
    return {**given, **dict(zip(names, node.args, strict=False)), **node.kwargs}
