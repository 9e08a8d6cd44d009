"""The rule of attention with sizes that vary.

Which kernel attention uses, and so how its result lies in memory, depends on dtypes, on masks and
on process-wide switches, not on the sizes: it is seen once on tensors of the example's sizes.
"""

from __future__ import annotations

from typing import Any

import torch

from monograph.capture.abstract import TensorSpec, contiguous_strides
from monograph.capture.rules.table import rule
from monograph.shapes.expr import Expr

__all__ = ["LAYOUTS"]

aten = torch.ops.aten
LAYOUTS: dict[Any, tuple[int, ...]] = {}  # call without sizes -> the order of the dimensions


@rule(aten.scaled_dot_product_attention.default)
def _attention(
    query: TensorSpec, key: TensorSpec, value: TensorSpec, mask: TensorSpec | None = None,
    *rest: Any, **options: Any,
) -> Any:  # fmt: skip
    given = (query, key, value, mask)
    if all(spec is None or spec.scope is None for spec in given) or len(query.shape) != 4:
        return None
    if query.shape[:2] != value.shape[:2] or query.shape[-1] != key.shape[-1]:
        return None
    shape = (*query.shape[:-1], value.shape[-1])
    order = _order(given, rest, options)
    if order is None:
        return None
    laid = contiguous_strides(tuple(shape[i] for i in order))
    strides: list[Any] = [0] * 4
    for i, stride in zip(order, laid, strict=True):
        strides[i] = stride
    return query.with_layout(shape, tuple(strides))


def _order(given: tuple[Any, ...], rest: Any, options: dict[str, Any]) -> tuple[int, ...] | None:
    from monograph.capture.infer import attention_switches, infer

    kinds = tuple(
        None if spec is None else (spec.dtype, spec.device, _permutation(spec)) for spec in given
    )
    known = (kinds, rest, tuple(sorted(options.items())), torch.is_grad_enabled())
    token = (*known, attention_switches())
    if token not in LAYOUTS:
        plain = [None if spec is None else _example(spec) for spec in given]
        if any(spec is None and was is not None for spec, was in zip(plain, given, strict=True)):
            return None
        outcome = infer(aten.scaled_dot_product_attention.default, (*plain, *rest), options)
        assert outcome.single is not None
        assert outcome.single.spec is not None
        LAYOUTS[token] = _permutation(outcome.single.spec)
    return LAYOUTS[token]


def _permutation(spec: TensorSpec) -> tuple[int, ...]:
    """The dimensions from the outermost to the innermost, as the example lies."""
    example = _example(spec)
    if example is None:
        return ()
    rank = range(len(example.shape))
    return tuple(sorted(rank, key=lambda i: (-example.strides[i], i)))


def _example(spec: TensorSpec) -> TensorSpec | None:
    """``spec`` with sizes that tell the dimensions apart."""
    spec = spec.normal()
    if spec.scope is None:
        return spec
    # One number for each symbol, so that equal sizes stay equal.
    names = sorted({a.name for n in (*spec.shape, *spec.strides) if isinstance(n, Expr)
                    for a in n.symbols()})  # fmt: skip
    values = {name: 6 + sum(map(ord, name)) % 97 for name in names}
    try:
        shape = tuple(n.evaluate(values) if isinstance(n, Expr) else n for n in spec.shape)
        strides = tuple(n.evaluate(values) if isinstance(n, Expr) else n for n in spec.strides)
    except (ZeroDivisionError, ValueError):
        return None
    if any(size < 2 and isinstance(n, Expr) for size, n in zip(shape, spec.shape, strict=True)):
        return None
    return TensorSpec.of(shape, strides, spec.dtype, spec.device)
