"""Random numbers that are drawn in place, where the functional form draws others or has no name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.operators.mutation import check_write, store, write_in_place
from monograph.capture.operators.registry import handles
from monograph.diagnostics import OperatorError
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr
from monograph.shapes.layout import question_of_order
from monograph.torch_internals import Operator

if TYPE_CHECKING:
    from monograph.capture.abstract import AbstractTensor
    from monograph.capture.aliasing import Value
    from monograph.capture.recorder import Recorder

aten = torch.ops.aten
# They look like their argument, and nothing of it is in them.
_NEW = frozenset({
    aten.empty_like.default, aten.new_empty.default, aten.new_zeros.default, aten.new_ones.default,
    aten.new_full.default, aten.zeros_like.default, aten.ones_like.default, aten.full_like.default,
    aten.rand_like.default, aten.randn_like.default, aten.new_empty_strided.default,
})  # fmt: skip


@handles(aten.bernoulli_.float)
def _bernoulli(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """In place the draws follow the memory; the functional form gives a row-major tensor."""
    target = args[0]
    value = recorder.value_of(target)
    order = _order_in_memory(recorder, value.spec)
    rows = list(range(len(order)))
    if len(order) > 1:
        recorder.layouts.rely_on_strides(value)
    check_write(recorder, op, target)
    turned = _without_history(recorder, target)
    if order != rows:
        turned = recorder.call(aten.permute.default, (turned, order))
    drawn = recorder.call(aten.bernoulli.p, (turned, *(args[1:] or (0.5,))), kwargs)
    if order != rows:
        drawn = recorder.call(aten.permute.default, (drawn, [order.index(i) for i in rows]))
    _store_drawn(recorder, target, drawn)
    return target


@handles(aten.uniform_.default)
def _uniform(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """The functional form has no gradient of complex tensors."""
    target = args[0]
    if not (target.is_complex() and _has_history(recorder.value_of(target))):
        return write_in_place(recorder, op, args, kwargs)
    check_write(recorder, op, target)
    into = _without_history(recorder, target)
    drawn = recorder.call(aten.uniform.default, (into, *args[1:]), kwargs)
    _store_drawn(recorder, target, drawn)
    return target


def _without_history(recorder: Recorder, target: torch.Tensor) -> torch.Tensor:
    """What to draw into: the functional forms of some have no derivative.

    It is a new tensor: what is only cut off is whole again where decompositions drop ``detach``.
    """
    if not _has_history(recorder.value_of(target)):
        return target
    found: torch.Tensor = recorder.call(aten.empty_like.default, (target,))
    return found


def _store_drawn(recorder: Recorder, target: torch.Tensor, drawn: AbstractTensor) -> None:
    """Store what was drawn into ``target``, whose gradient is zero from then on."""
    if _has_history(recorder.value_of(target)):
        zeros = recorder.call(aten.fill.Scalar, (target, 0))
        drawn = recorder.call(aten.add.Tensor, (zeros, drawn))
    store(recorder, target, drawn)


def _has_history(value: Value) -> bool:
    """Whether a gradient may flow through what ``value`` holds now."""
    return bool(value.tracks) and value.root.node.target not in _NEW


def _order_in_memory(recorder: Recorder, spec: TensorSpec) -> list[int]:
    """The dimensions, outermost first, as they lie where sizes that vary are large."""
    values = recorder.sizes.env.values
    steps = []
    for stride in spec.strides:
        if isinstance(stride, Expr):
            large = {atom.name: values.get(atom.name, 0) + 1000 for atom in stride.symbols()}
            stride = stride.evaluate(large)
        steps.append(stride)
    long = [i for i, size in enumerate(spec.shape) if size != 1]
    sorted_long = iter(sorted(long, key=lambda i: -steps[i]))
    return [next(sorted_long) if i in long else i for i in range(len(steps))]


@handles(aten.normal_.default)
def _normal(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """In place many numbers are drawn at once where they lie in order, else one by one.

    The functional form draws into a copy, which has no gaps: of a tensor that has some, the
    numbers that are drawn one by one are drawn into one that lies out of order.
    """
    target = args[0]
    value = recorder.value_of(target)
    has_generator = any(item is not None for item in kwargs.values())
    if has_generator or _is_of_its_own(value) or _has_few(value.spec):
        return _normal_as_it_lies(recorder, op, args, kwargs)
    if value.origin is not None and value.spec.is_contiguous():
        recorder.layouts.truth(value, "contiguous", torch.contiguous_format, True)
    else:
        recorder.layouts.rely_on_strides(value)
    if _is_dense(recorder, value.spec) or _lies_in_order(value.spec):
        return _normal_as_it_lies(recorder, op, args, kwargs)
    check_write(recorder, op, target)
    order = _order_in_memory(recorder, value.spec)
    drawn = _one_by_one(recorder, target, args[1:])
    shape = [target.shape[i] for i in order]
    drawn = recorder.call(aten.view.default, (drawn, shape))
    back = [order.index(i) for i in range(len(order))]
    _store_drawn(recorder, target, recorder.call(aten.permute.default, (drawn, back)))
    return target


def _normal_as_it_lies(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """The functional form draws what the operator does."""
    target = args[0]
    if not _has_history(recorder.value_of(target)):
        return write_in_place(recorder, op, args, kwargs)
    check_write(recorder, op, target)
    into = _without_history(recorder, target)
    drawn = recorder.call(aten.normal_functional.default, (into, *args[1:]), kwargs)
    _store_drawn(recorder, target, drawn)
    return target


def _is_of_its_own(value: Value) -> bool:
    """Whether it is a new tensor, and so one without gaps, however the arguments lie."""
    return value.parent is None and value.origin is None


def _has_few(spec: TensorSpec) -> bool:
    """Whether there are so few elements that they are drawn one by one however they lie."""
    return spec.numel.__class__ is int and spec.numel < 8  # 16, of which complex ones are two


def _is_dense(recorder: Recorder, spec: TensorSpec) -> bool:
    """Whether the elements lie without gaps, for all sizes."""
    order = _order_in_memory(recorder, spec)
    shape, strides = [spec.shape[i] for i in order], [spec.strides[i] for i in order]
    return spec.with_layout(tuple(shape), tuple(strides)).is_contiguous()


def _lies_in_order(spec: TensorSpec) -> bool:
    """Whether it is contiguous: a question about sizes, where these vary."""
    if spec.scope is None:
        return spec.is_contiguous()
    order = tuple(range(len(spec.shape)))[::-1]
    found: bool = spec.scope.owner.decide(question_of_order(spec.shape, spec.strides, order, 0))
    return found


def _one_by_one(recorder: Recorder, target: torch.Tensor, how: tuple[Any, ...]) -> torch.Tensor:
    """As many normal numbers as ``target`` has elements, in the order in which they are drawn.

    Pairs that lie the other way round, and the last one of an odd number: so few are always drawn
    one by one.
    """
    count = target.numel()
    parts = []
    for shape in ((count // 2, 2), (count % 2, 1)):
        if shape[0].__class__ is int and not shape[0]:
            continue
        empty = recorder.call(
            aten.zeros.default, (list(shape),), {"dtype": target.dtype, "device": target.device}
        )
        turned = recorder.call(aten.permute.default, (empty, [1, 0]))
        drawn = recorder.call(aten.normal_functional.default, (turned, *how))
        drawn = recorder.call(aten.permute.default, (drawn, [1, 0]))
        parts.append(recorder.call(aten.view.default, (drawn, [-1])))
    found: torch.Tensor = parts[0] if len(parts) == 1 else recorder.call(aten.cat.default, (parts,))
    return found


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
