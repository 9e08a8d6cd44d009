"""Rules of pointwise operators: type promotion and the layout of results."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.table import RULES, fresh, is_canonical, resolve, rule
from monograph.ir.spec import TensorSpec, is_dense
from monograph.shapes.certificates import shifted_bound
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import equal, not_less

__all__ = ["Number", "category", "elementwise", "is_less", "number_dtype"]

aten = torch.ops.aten

_STAYS = -2

# A complex dtype by that of its two parts.
_OF_PARTS = {torch.float32: torch.complex64, torch.float64: torch.complex128}

Number = Int | FloatExpr | float | complex
Operand = TensorSpec | Number


def category(dtype: torch.dtype) -> int:
    """0 for bool, 1 for integers, 2 for floating point, 3 for complex: what promotes to what."""
    if dtype.is_complex:
        return 3
    if dtype.is_floating_point:
        return 2
    return 0 if dtype is torch.bool else 1


def number_dtype(number: Number) -> torch.dtype:
    """The dtype that a Python number counts as, or one that is computed from sizes."""
    if isinstance(number, bool):
        return torch.bool
    if isinstance(number, (int, Expr)):
        return torch.int64
    if isinstance(number, (float, FloatExpr)):
        return torch.get_default_dtype()
    return torch.promote_types(torch.get_default_dtype(), torch.complex32)


def _promoted(operands: Sequence[Operand]) -> torch.dtype:
    """Torch's type promotion: tensors, then 0-d tensors, then Python numbers."""
    classes: list[torch.dtype | None] = [None, None, None]
    for operand in operands:
        if isinstance(operand, TensorSpec):
            which, dtype = (0 if operand.shape else 1), operand.dtype
        else:
            which, dtype = 2, number_dtype(operand)
        known = classes[which]
        classes[which] = dtype if known is None else torch.promote_types(known, dtype)
    result: torch.dtype | None = None
    for dtype_ in classes:  # a weaker class counts only by its category
        if dtype_ is None:
            continue
        if result is None:
            result = dtype_
        elif category(dtype_) > category(result):
            result = torch.promote_types(result, dtype_)
    assert result is not None
    return result


def elementwise(operands: Sequence[Operand], dtype: torch.dtype) -> TensorSpec | None:
    """The layout that ``TensorIterator`` gives the result, where it is certain for all sizes."""
    tensors = [operand for operand in operands if isinstance(operand, TensorSpec)]
    first = max(tensors, key=lambda spec: len(spec.shape))
    shape, strides = first.shape, first.strides
    placed = [spec for spec in tensors if spec.shape]
    if any(spec.device != first.device for spec in placed):
        return None
    is_alike = all(spec.shape == shape and spec.strides == strides for spec in placed)
    # Beside a number the iterator looks at the strides of single rows, too.
    is_beside = len(placed) < len(operands)
    is_apart = is_beside and first.scope is None and 1 in shape and not is_canonical(first)
    if is_alike and (is_canonical(first) or is_dense(first)) and not is_apart:
        if first.scope is None and 1 in shape:
            strides = _strides_of_new(first)
        return TensorSpec.of(shape, strides, dtype, first.device)
    rank = len(shape)
    sizes = _common_shape(placed)
    if sizes is None:
        return None
    if all(is_canonical(spec) for spec in placed):
        return fresh(first, sizes, dtype)
    is_static = all(spec.scope is None for spec in placed)
    if is_static and 0 in sizes:
        return None
    if is_static and 1 in sizes and all(spec.shape == shape for spec in placed) and not is_apart:
        laid = [_strides_of_new(spec) for spec in placed]  # of a single row, too
        if all(is_dense(spec) for spec in placed) and all(found == laid[0] for found in laid):
            return TensorSpec.of(shape, laid[0], dtype, first.device)
    steps = [_steps(spec, sizes) for spec in placed]
    order = _iterated(range(rank), sizes, steps)
    if is_static and order is not None:
        return TensorSpec.of(tuple(sizes), _packed(sizes, order), dtype, first.device)
    long = [i for i in range(rank) if sizes[i] != 1]
    if order is None or _iterated(long, sizes, steps) != [i for i in order if sizes[i] != 1]:
        return None  # strides of single rows would matter, which nobody promises
    return TensorSpec.of(tuple(sizes), _packed(sizes, order), dtype, first.device)


def _common_shape(tensors: Sequence[TensorSpec]) -> list[Int] | None:
    """The sizes that all are brought to; None where they are not known to agree."""
    rank = max((len(spec.shape) for spec in tensors), default=0)
    sizes: list[Int] = [1] * rank
    for spec in sorted(tensors, key=lambda spec: -len(spec.shape)):
        for i, size in enumerate(spec.shape, rank - len(spec.shape)):
            if sizes[i] == 1:
                sizes[i] = size
            elif size not in (1, sizes[i]) and not _are_equal(size, sizes[i]):
                return None
    return sizes


def _strides_of_new(spec: TensorSpec) -> tuple[Int, ...]:
    """Those of a new tensor that lies as ``spec`` does: single rows have strides, too."""
    rank = len(spec.shape)
    orders = [tuple(reversed(range(rank)))]
    if rank == 4:  # channels last
        orders.append((1, *reversed(range(2, rank)), 0))
    for order in orders:
        laid = _packed(spec.shape, order)
        steps = zip(spec.shape, spec.strides, laid, strict=True)
        if all(n == 1 or step == new for n, step, new in steps):
            return laid
    return spec.strides


def _are_equal(left: Int, right: Int) -> bool:
    """Whether two sizes are known to be equal, in whatever form."""
    difference = left - right
    if not isinstance(difference, Expr):
        return bool(difference == 0)
    known: bool = difference.scope.owner.is_known(equal(left, right))
    return known


def _steps(spec: TensorSpec, sizes: Sequence[Int]) -> list[Int]:
    """The strides of an operand in the dimensions of the result; 0 where it is broadcast."""
    missing = len(sizes) - len(spec.shape)
    steps: list[Int] = [0] * missing
    pairs = zip(spec.shape, spec.strides, sizes[missing:], strict=True)
    steps += [0 if n == 1 and size != 1 else step for n, step, size in pairs]
    return steps


def _iterated(
    dims: Sequence[int], sizes: Sequence[Int], steps: Sequence[Sequence[Int]]
) -> list[int] | None:
    """The order in which ``TensorIterator`` lays dimensions out, from the innermost.

    None where that is not certain for all sizes from 2 (``reorder_dimensions`` in ATen's
    TensorIterator.cpp).
    """
    order = [*reversed(dims)]
    for last in range(1, len(order)):
        at, stays = last, False
        for before in reversed(range(last)):
            swaps = _swaps(order[before], order[at], sizes, steps)
            if swaps is None or (swaps > 0 and stays):
                return None
            if swaps > 0:
                order[before], order[at] = order[at], order[before]
                at = before
            elif swaps == _STAYS:  # nothing that comes later may swap it, if it goes on
                stays = True
            elif swaps < 0:
                break
    return order


def _swaps(
    inner: int, outer: int, sizes: Sequence[Int], steps: Sequence[Sequence[Int]]
) -> int | None:
    """Whether ``inner`` belongs outside ``outer`` (1) or not (-1), or nobody minds (0).

    ``_STAYS``: it does not, and whether somebody minds depends on the sizes.
    """
    stays = False
    for step in steps:
        one, other = step[inner], step[outer]
        if 0 in (one, other):
            continue
        found = _compared(one, other, sizes)
        if found == 0 and (found := _compared(sizes[inner], sizes[outer], sizes)) == -1:
            continue
        if found is None and all(
            _is_at_most(*pair, sizes) for pair in ((one, other), (sizes[inner], sizes[outer]))
        ):
            stays = True  # as it is less, or equal and not longer
        elif found != 0:
            return None if stays and found != -1 else found
    return _STAYS if stays else 0


def _compared(left: Int, right: Int, sizes: Sequence[Int]) -> int | None:
    """-1, 0 or 1 as ``left`` is less than ``right``, equal, or more, with ``sizes`` from 2."""
    if left == right:
        return 0
    if is_less(left, right, sizes):
        return -1
    return 1 if is_less(right, left, sizes) else None


def _is_at_most(left: Int, right: Int, sizes: Sequence[Int]) -> bool:
    """Whether ``left`` is less than ``right`` or equal, with ``sizes`` from 2."""
    if left == right or is_less(left - 1, right, sizes):
        return True
    if isinstance(left, Expr):  # where nothing is empty, no size is less than 1
        known: bool = left.scope.owner.is_known(not_less(1, left))
        return known
    return left <= 1


def _packed(sizes: Sequence[Int], order: Sequence[int]) -> tuple[Int, ...]:
    """Strides without gaps, the dimensions in this ``order``, the innermost first."""
    strides: list[Int] = [0] * len(order)
    step: Int = 1
    for i in order:
        strides[i] = step
        step = sizes[i] * step
    return tuple(strides)


def is_less(left: Int, right: Int, sizes: Sequence[Int] = ()) -> bool:
    """Whether a stride is smaller for all tensors that are not empty, and for ``sizes`` from 2."""
    difference = right - left - 1
    if not isinstance(difference, Expr):
        return bool(difference >= 0)
    least = {atom.index: 1 for atom in difference.atoms()}
    for size in sizes:
        if isinstance(size, Expr) and len(size.terms) == 1 and not size.const:
            monomial, coefficient = size.terms[0]
            if coefficient == 1 and len(monomial) == 1:
                least[monomial[0]] = 2
    bound = shifted_bound(difference, least)
    if bound is not None and bound >= 0:
        return True
    varying = [size for size in sizes if isinstance(size, Expr)]
    if any(_is_stepped_over(left, right, size) for size in varying):
        return True
    return bool(varying) and _is_multiple(left, right, varying)


def _is_stepped_over(left: Int, right: Int, size: Expr) -> bool:
    """Whether ``right`` is ``left`` times ``size``, which is from 2, or more."""
    if len(size.terms) == 1 and not size.const and len(size.terms[0][0]) == 1:
        return False  # a symbol: its least value has been taken
    rest = right - left * size
    positive = [item for item in (left - 1, rest) if isinstance(item, Expr)]
    if any(item < 0 for item in (left - 1, rest) if not isinstance(item, Expr)):
        return False
    bounds = [shifted_bound(item, {a.index: 1 for a in item.atoms()}) for item in positive]
    return all(bound is not None and bound >= 0 for bound in bounds)


def _is_multiple(left: Int, right: Int, sizes: Sequence[Expr]) -> bool:
    """Whether ``right`` is ``left`` as often as one of the ``sizes``, or as a number from 2.

    So the rows of a part are stepped over: that of all rows is no less than that of some.
    """
    times = _quotient(right, left)
    if times is None or not _is_positive(left, sizes):
        return False
    if isinstance(times, int):
        return times >= 2
    env = times.scope.owner
    return any(
        env.is_known(not_less(times, size)) or _is_product(times, size, sizes) for size in sizes
    )


def _is_positive(step: Int, sizes: Sequence[Expr]) -> bool:
    """Whether a stride is, as a number, or a product of ``sizes``."""
    if isinstance(step, int):
        return step > 0
    bound = shifted_bound(step, {atom.index: 1 for atom in step.atoms()})
    if bound is not None and bound > 0:
        return True
    return any(_is_product(step, size, sizes) for size in sizes)


def _is_product(step: Int, size: Expr, sizes: Sequence[Expr]) -> bool:
    """Whether ``step`` is ``size``, as often as a number or another product of ``sizes`` says."""
    times = _quotient(step, size)
    return times is not None and _is_positive(times, sizes)


def _quotient(whole: Int, part: Int) -> Int | None:
    if isinstance(whole, Expr):
        return whole.exact_quotient(part)
    return None if isinstance(part, Expr) or part == 0 or whole % part else whole // part


def _numbers_and_tensors(*operands: Operand) -> bool:
    return all(isinstance(o, (TensorSpec, int, float, Expr, FloatExpr)) for o in operands)


@rule(aten.add.Tensor, aten.sub.Tensor, aten.rsub.Scalar)
def _add(left: Operand, right: Operand, *rest: object, alpha: Number = 1) -> TensorSpec | None:
    if rest or alpha != 1 or not _numbers_and_tensors(left, right):
        return None
    dtype = _promoted((left, right))
    return None if dtype is torch.bool else elementwise((left, right), dtype)


@rule(
    aten.mul.Tensor, aten.mul.Scalar, aten.multiply.Tensor, aten.maximum.default,
    aten.minimum.default, aten.max.other, aten.min.other,
)  # fmt: skip
def _mul(left: Operand, right: Operand) -> TensorSpec | None:
    if not _numbers_and_tensors(left, right):
        return None
    return elementwise((left, right), _promoted((left, right)))


@rule(aten.floor_divide.default, aten.remainder.Tensor, aten.remainder.Scalar, aten.fmod.Tensor,
      aten.fmod.Scalar)  # fmt: skip
def _floor_divide(left: Operand, right: Operand) -> TensorSpec | None:
    found = _mul(left, right)
    return found if found is not None and 0 < category(found.dtype) < 3 else None


@rule(aten.fill.Tensor, aten.fill.Scalar)
def _fill(x: TensorSpec, value: Operand) -> TensorSpec | None:
    is_number = not isinstance(value, TensorSpec) or not value.shape
    if not is_number:
        return None
    return x if x.scope is None and is_dense(x) else elementwise((x,), x.dtype)


@rule(aten.div.Tensor)
def _div(left: Operand, right: Operand) -> TensorSpec | None:
    if not _numbers_and_tensors(left, right):
        return None
    dtype = _promoted((left, right))
    if category(dtype) < 2:
        dtype = torch.get_default_dtype()
    return elementwise((left, right), dtype)


@rule(aten.pow.Tensor_Scalar)
def _pow(base: TensorSpec, exponent: Number) -> TensorSpec | None:
    if not _numbers_and_tensors(base, exponent) or category(base.dtype) < 2:
        return None
    return elementwise((base,), _promoted((base, exponent)))


@rule(
    aten.eq.Tensor, aten.ne.Tensor, aten.lt.Tensor, aten.le.Tensor, aten.gt.Tensor, aten.ge.Tensor,
    aten.eq.Scalar, aten.ne.Scalar, aten.lt.Scalar, aten.le.Scalar, aten.gt.Scalar, aten.ge.Scalar,
    aten.logical_and.default, aten.logical_or.default,
)  # fmt: skip
def _compare(left: Operand, right: Operand) -> TensorSpec | None:
    if not _numbers_and_tensors(left, right):
        return None
    return elementwise((left, right), torch.bool)


@rule(aten.complex.default, aten.polar.default)
def _complex(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    if left.dtype != right.dtype or left.dtype not in _OF_PARTS:
        return None
    return elementwise((left, right), _OF_PARTS[left.dtype])


@rule(aten.where.self, aten.where.ScalarSelf, aten.where.ScalarOther, aten.where.Scalar)
def _where(condition: TensorSpec, left: Operand, right: Operand) -> TensorSpec | None:
    if not _numbers_and_tensors(left, right):
        return None
    return elementwise((condition, left, right), _promoted((left, right)))


@rule(aten.masked_fill.Scalar)
def _masked_fill(spec: TensorSpec, mask: TensorSpec, value: Number) -> TensorSpec | None:
    if mask.dtype is not torch.bool or mask.device != spec.device:
        return None
    sizes = _common_shape((spec, mask))
    return None if sizes is None else fresh(spec, sizes)  # a copy, in row-major order


@rule(
    aten.sin.default, aten.cos.default, aten.exp.default, aten.log.default, aten.sqrt.default,
    aten.rsqrt.default, aten.tanh.default, aten.sigmoid.default, aten.reciprocal.default,
    aten.erf.default, aten.log1p.default, aten.expm1.default,
)  # fmt: skip
def _float_unary(spec: TensorSpec) -> TensorSpec | None:
    dtype = spec.dtype if category(spec.dtype) >= 2 else torch.get_default_dtype()
    return elementwise((spec,), dtype)


@rule(
    aten.relu.default, aten.silu.default, aten.hardswish.default,
    aten.hardsigmoid.default, aten.relu6.default,
    aten.logical_not.default, aten.floor.default, aten.ceil.default, aten.round.default,
)  # fmt: skip
def _same_unary(spec: TensorSpec) -> TensorSpec | None:
    return elementwise((spec,), spec.dtype) if category(spec.dtype) == 2 else None


@rule(aten.neg.default, aten.abs.default)
def _sign(spec: TensorSpec) -> TensorSpec | None:
    return elementwise((spec,), spec.dtype) if 0 < category(spec.dtype) < 3 else None


@rule(
    aten.__and__.Tensor, aten.__or__.Tensor, aten.__xor__.Tensor, aten.bitwise_and.Tensor,
    aten.bitwise_or.Tensor, aten.bitwise_xor.Tensor,
)  # fmt: skip
def _bitwise(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    dtype = _promoted((left, right))
    return elementwise((left, right), dtype) if category(dtype) < 2 else None


RULES[aten.logical_not.default] = lambda spec: elementwise((spec,), torch.bool)
RULES[aten.bitwise_not.default] = lambda spec: (
    elementwise((spec,), spec.dtype) if category(spec.dtype) < 2 else None
)


@rule(aten.glu.default)
def _glu(x: TensorSpec, dim: int = -1) -> TensorSpec | None:
    """Of two halves, the second of which says how much of the first counts."""
    at = resolve(x, dim)
    if at is None or x.scope is None or category(x.dtype) != 2:
        return None
    size = x.shape[at]
    if isinstance(size, Expr) or size % 2 or not size:
        return None
    half = x.with_layout((*x.shape[:at], size // 2, *x.shape[at + 1 :]), x.strides)
    return elementwise((half, half), x.dtype)


@rule(aten.gelu.default, aten.leaky_relu.default, aten.elu.default, aten.softplus.default)
def _activation(spec: TensorSpec, *rest: object, **options: object) -> TensorSpec | None:
    return _same_unary(spec)


@rule(
    aten.fake_quantize_per_tensor_affine.default,
    aten.fake_quantize_per_tensor_affine.tensor_qparams,
    aten.fake_quantize_per_channel_affine.default,
)
def _fake_quantize(x: TensorSpec, *rest: object) -> TensorSpec | None:
    return x if x.dtype is torch.float32 and is_dense(x) else None


@rule(aten.clamp.default, aten.clamp_min.default, aten.clamp_max.default)
def _clamp(spec: TensorSpec, *bounds: Operand | None) -> TensorSpec | None:
    if not all(bound is None or _numbers_and_tensors(bound) for bound in bounds):
        return None
    operands = [spec, *(bound for bound in bounds if bound is not None)]
    return elementwise((spec,), _promoted(operands))
