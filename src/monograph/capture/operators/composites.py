"""Composite operators that are recorded as the operators they are made of."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.registry import rescues
from monograph.diagnostics import ExportError
from monograph.shapes.expr import Int
from monograph.shapes.questions import Test, both, either, equal
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    COMPOSITE,
    Operator,
    autocast_handles,
    has_kernel,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["OpenInstead", "open_where_needed"]

_EINSUM = torch.ops.aten.einsum.default


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
    if op is _EINSUM:
        _decide_what_multiplies(recorder, *args)
    dtype = torch.get_autocast_dtype(device)
    before = set(recorder.context.autocast)
    try:
        with torch.autocast(device, dtype, cache_enabled=False):
            return recorder.opened(op, args, kwargs)
    finally:  # the region ends as it began: where torch hides that autocast is on
        recorder.context.autocast = before


def _decide_what_multiplies(
    recorder: Recorder, equation: str, operands: Sequence[torch.Tensor], **_: object
) -> None:
    """Ask whether ``einsum`` has anything to sum up of two tensors.

    If not, it multiplies them as they are, else it has a matrix product, which autocast casts.
    Its code takes it unheard that no size is 1.
    """
    env = recorder.sizes.env
    summed = _sizes_that_are_summed(equation, operands)
    if len(operands) == 2:  # it is enough that one of the sums is of more than one
        found: Test = False
        for sizes in summed:
            found = either(found, functools.reduce(both, map(_is_not_one, sizes)))
        if env.decide(found, may_settle=False):
            return
    for sizes in summed:
        for size in sizes:
            env.decide(_is_not_one(size), may_settle=False)


def _is_not_one(size: Int) -> Test:
    return equal(size, 1, is_equal=False)


def _sizes_that_are_summed(equation: str, operands: Sequence[torch.Tensor]) -> list[list[Int]]:
    """For each label that several operands have, and the result has not: how large it is."""
    given, arrow, result = equation.replace(" ", "").partition("->")
    sizes: dict[str | int, list[Int]] = {}
    for labels, tensor in zip(given.split(","), operands, strict=False):
        first, _, last = labels.partition("...")
        count = tensor.dim() - len(first) - len(last)  # of the ellipsis, which ends at one place
        of_each: list[str | int] = [*first, *range(-count, 0), *last]
        for label, size in zip(of_each, tensor.shape, strict=False):
            sizes.setdefault(label, []).append(expression_of(size))

    def is_kept(label: str | int) -> bool:
        if isinstance(label, int):
            return not arrow or "..." in result
        return label in result if arrow else given.count(label) == 1

    return [found for label, found in sizes.items() if len(found) > 1 and not is_kept(label)]


def _is_view(op: Operator) -> bool:
    return any(r.alias_info is not None for r in op._schema.returns)
