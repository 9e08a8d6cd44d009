"""Random numbers that are drawn in place, where the functional form draws others or has no name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.mutation import check_write, store, write_in_place
from monograph.capture.operators.registry import handles
from monograph.diagnostics import OperatorError
from monograph.ir.spec import TensorSpec
from monograph.torch_internals import Operator

if TYPE_CHECKING:
    from monograph.capture.abstract import AbstractTensor
    from monograph.capture.recorder import Recorder

aten = torch.ops.aten


@handles(aten.bernoulli_.float)
def _bernoulli(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """In place the draws follow the memory; the functional form gives a row-major tensor."""
    target = args[0]
    value = recorder.value_of(target)
    order = _order_in_memory(recorder, value.spec)
    rows = list(range(len(order)))
    if order == rows:
        return write_in_place(recorder, op, args, kwargs)
    check_write(recorder, op, target)
    recorder.layouts.rely_on_strides(value)
    turned = recorder.call(aten.permute.default, (target, order))
    drawn = recorder.call(aten.bernoulli.p, (turned, *(args[1:] or (0.5,))), kwargs)
    back = [order.index(i) for i in rows]
    store(recorder, target, recorder.call(aten.permute.default, (drawn, back)))
    return target


def _order_in_memory(recorder: Recorder, spec: TensorSpec) -> list[int]:
    """The dimensions, outermost first, as they lie for the example."""
    hint = recorder.sizes.env.hint
    steps = [hint(stride) or 0 for stride in spec.strides]
    sizes = [hint(size) for size in spec.shape]
    long = [i for i, size in enumerate(sizes) if size != 1]
    sorted_long = iter(sorted(long, key=lambda i: -steps[i]))
    return [next(sorted_long) if i in long else i for i in range(len(steps))]


@handles(getattr(aten.random_, "from"))
def _random_between(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """The functional form is called ``random.from``, which Python does not let a program say."""
    target, low, high = (*args, None)[:3]
    if any(item is not None for item in kwargs.values()):
        return write_in_place(recorder, op, args, kwargs)
    check_write(recorder, op, target)
    drawn = _without_a_bound if high is None else _between
    store(recorder, target, drawn(recorder, op, target, low, high))
    return target


def _between(
    recorder: Recorder, op: Operator, target: torch.Tensor, low: int, high: int
) -> AbstractTensor:
    found: AbstractTensor = recorder.call(aten.randint_like.low_dtype, (target, low, high))
    return found


def _without_a_bound(
    recorder: Recorder, op: Operator, target: torch.Tensor, low: int, high: None
) -> AbstractTensor:
    """From ``low`` up to the largest number before which the dtype leaves none out."""
    dtype = target.dtype
    if dtype.is_floating_point:
        return _between(recorder, op, target, low, int(2 / torch.finfo(dtype).eps) + 1)
    if dtype == torch.bool:
        return _between(recorder, op, target, low, 2)
    most = torch.iinfo(dtype).max
    if dtype != torch.int64:
        return _between(recorder, op, target, low, most + 1)
    if low <= 0:  # the bound is beyond what an argument can say
        if low == 0:
            every: AbstractTensor = recorder.call(aten.random.default, (target,))
            return every
        refused = OperatorError(f"{op} from {low} to the largest number of {dtype}")
        refused.where = recorder.here()
        raise refused
    drawn = _between(recorder, op, target, 0, most - low + 1)
    found: AbstractTensor = recorder.call(aten.add.Tensor, (drawn, low))
    return found
