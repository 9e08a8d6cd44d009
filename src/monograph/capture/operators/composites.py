"""Composite operators that are recorded as the operators they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.registry import rescues
from monograph.diagnostics import ExportError
from monograph.torch_internals import (
    COMPOSITE,
    Operator,
    autocast_handles,
    has_kernel,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["OpenInstead", "open_where_needed"]


class OpenInstead(BaseException):
    """Record the parts of a composite operator: whole, its result's size is not known."""


@rescues("parts")
def _open_instead(
    recorder: Recorder,
    op: Operator,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    specs: tuple[Any, ...],
    spec_kwargs: dict[str, Any],
    error: ExportError,
) -> None:
    """The parts of ``op`` may get by with values that are known."""
    if error.code == "MG-D104" and has_kernel(op, COMPOSITE):
        raise OpenInstead from None


def open_where_needed(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """Record a composite operator as its parts, where it must not stay whole.

    That is when the caller asks for it, and under autocast, which casts the arguments of the
    parts: kept whole, the operator would run without the casts when the program is called. (An
    operator that autocast knows itself arrives with its arguments cast.)
    """
    if recorder.context.rules is not None and op in recorder.context.rules:
        with recorder:
            return recorder.context.rules[op](*args, **kwargs)
    if not isinstance(op, torch._ops.OpOverload) or not has_kernel(op, COMPOSITE):
        return NotImplemented
    if recorder.context.opens:
        return recorder.opened(op, args, kwargs)
    tensor = next((a for a in args if isinstance(a, torch.Tensor)), None)
    device = tensor.device.type if tensor is not None else "cpu"
    if device not in recorder.context.autocast or autocast_handles(op, device) or _is_view(op):
        return NotImplemented
    dtype = torch.get_autocast_dtype(device)
    before = set(recorder.context.autocast)
    try:
        with torch.autocast(device, dtype, cache_enabled=False):
            return recorder.opened(op, args, kwargs)
    finally:  # the region ends as it began: where torch hides that autocast is on
        recorder.context.autocast = before


def _is_view(op: Operator) -> bool:
    return any(r.alias_info is not None for r in op._schema.returns)
