"""What an operator's results look like: a rule of ours, else the operator run on fake tensors.

``infer`` is only asked on a miss of the recorder's memo, so a network of equal layers pays for
one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from monograph.diagnostics import (
    OperatorError,
    OperatorIndexError,
)
from monograph.inference.fakes import Outcome, Result, outcome_on_fakes, substitute, varies
from monograph.inference.rules import RULES, VIEWS, Found, View
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, UndeterminedError
from monograph.shapes.floats import FloatExpr
from monograph.torch_internals import (
    Operator,
    materialises,
)

__all__ = ["infer"]


def infer(
    op: Operator,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    unpatched: Callable[[], AbstractContextManager[None]] = nullcontext,
    env: ShapeEnv | None = None,
) -> Outcome:
    """The outcome of ``op`` on arguments in which a ``TensorSpec`` stands for each tensor.

    ``unpatched`` is entered while an operator runs on fake tensors. ``env`` is where sizes that
    vary belong: questions about them go there.

    Raises:
        OperatorError: what eager mode would raise as RuntimeError (or Index-, TypeError).
        DataDependentError: MG-D104 when the result's size depends on values.
        PythonFeatureError: MG-P102 for a custom operator without a fake implementation.
    """
    rule = RULES.get(op)
    if rule is not None:
        bits = 0 if op in VIEWS else _bits_in((args, tuple(kwargs.values())))
        try:
            found = rule(*args, **kwargs) if not bits else _found_without(bits, op, args, kwargs)
        except (UndeterminedError, ZeroDivisionError):  # the rule knows plain numbers only
            found = None
        if found is not None:
            return _outcome_of_rule(found)
    with unpatched():
        try:
            return outcome_on_fakes(op, args, kwargs, env)
        except (OperatorError, OperatorIndexError):
            if env is None or env.by_example or not varies((args, tuple(kwargs.values()))):
                raise
        # Torch has taken a size that varies for one that is not 1; in the example it is.
        env.by_example = True
        try:
            return outcome_on_fakes(op, args, kwargs, env)
        finally:
            env.by_example = False


def _bits_in(item: object) -> int:
    if isinstance(item, TensorSpec):
        return item.bits
    bits = 0
    if isinstance(item, (list, tuple)):
        for each in item:
            bits |= _bits_in(each)
    return bits


def _found_without(
    bits: int, op: Operator, args: tuple[object, ...], kwargs: dict[str, object]
) -> Found:
    """What the rule of ``op`` gives where arguments have ``bits``; rules know tensors without.

    An operator that does not know such tensors gets copies of them.
    """
    clone = RULES[torch.ops.aten.clone.default] if materialises(op, bits) else None

    def plain(spec: TensorSpec) -> TensorSpec:
        if not spec.bits:
            return spec
        found = spec.with_bits(0) if clone is None else clone(spec.with_bits(0))
        if not isinstance(found, TensorSpec):
            raise UndeterminedError
        return found

    def same(size: Expr | FloatExpr) -> object:
        return size

    named = {name: substitute(value, plain, same) for name, value in kwargs.items()}
    found = RULES[op](*(substitute(arg, plain, same) for arg in args), **named)
    several = found if isinstance(found, list) else (found,)
    return None if any(isinstance(item, View) for item in several) else found


def _outcome_of_rule(found: TensorSpec | View | Sequence[TensorSpec | View]) -> Outcome:
    if isinstance(found, (TensorSpec, View)):
        return Outcome((_result_of_rule(found),), None)
    return Outcome(tuple(_result_of_rule(item) for item in found), type(found))


def _result_of_rule(found: TensorSpec | View) -> Result:
    if isinstance(found, View):
        return Result(found.spec, 0, found.offset)
    return Result(found)
