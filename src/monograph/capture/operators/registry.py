"""How operators are handled that are more than a node, and functions of torch's that are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from monograph.diagnostics import ExportError
from monograph.inference.fakes import Outcome
from monograph.ir.registry import Registry
from monograph.torch_internals import HigherOrderOperator, Operator

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = [
    "HANDLERS", "KINDS", "PURE", "REPLACED", "RESCUES", "Handler", "handler_of", "handles",
    "handles_kind", "replaces", "rescues",
]  # fmt: skip


Handler = Callable[["Recorder", Operator, tuple[Any, ...], dict[str, Any]], object]
# (recorder, op, args, kwargs, the same as specs, and what was said) -> an outcome, if it has one
Rescue = Callable[
    [
        "Recorder",
        Operator,
        tuple[Any, ...],
        dict[str, Any],
        tuple[Any, ...],
        dict[str, Any],
        ExportError,
    ],
    Outcome | None,
]


def PURE(recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:  # noqa: N802
    """An operator that is recorded as it is."""
    return recorder.record(op, args, kwargs)


HANDLERS: Registry[Handler] = Registry()
handles = HANDLERS.registers  # decorates the handler of the operators that it is given

# The handlers of the operators that have none of their own: "higher order", "rebinds",
# "writes in place", "writes out", "answers".
KINDS: Registry[Handler] = Registry()
handles_kind = KINDS.registers

# What may know an outcome where inference refuses, by where it comes from: "known values",
# "new symbols", "parts", "example".
RESCUES: Registry[Rescue] = Registry()
rescues = RESCUES.registers

REPLACED: Registry[Callable[..., Any]] = Registry()
replaces = REPLACED.registers  # while a program is captured, calls of these go to the decorated one


def handler_of(op: Operator | HigherOrderOperator) -> Handler:
    """Find, once for each operator, how it is handled."""
    found = HANDLERS.get(op)
    if found is None:
        kind = _kind(op)
        found = HANDLERS[op] = PURE if kind is None else KINDS[kind]
    return found


def _kind(op: Operator | HigherOrderOperator) -> str | None:
    if not isinstance(op, torch._ops.OpOverload):
        return "higher order"
    if torch.Tag.inplace_view in op.tags:
        return "rebinds"
    if op._schema.is_mutable:
        is_out = any(a.is_out for a in op._schema.arguments)
        return "writes out" if is_out else "writes in place"
    returns = op._schema.returns
    if returns and not any("Tensor" in str(r.type) for r in returns):
        return "answers"
    return None
