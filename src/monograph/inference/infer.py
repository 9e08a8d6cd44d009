"""What an operator's results look like: a rule of ours, else the operator run on fake tensors.

``infer`` is only asked on a miss of the recorder's memo, so a network of equal layers pays for
one of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from monograph.diagnostics import (
    ExportError,
    MissingFakeError,
    OperatorError,
    OperatorIndexError,
    OperatorTypeError,
)
from monograph.inference.fakes import (
    BUILT_IN_NAMESPACES,
    Outcome,
    Result,
    outcome_on_fakes,
    specs_in,
    substitute,
    varies,
)
from monograph.inference.rules import RULES, VIEWS, Found, View
from monograph.inference.rules.table import is_canonical
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import TAKEN_AS_EQUAL, ShapeEnv
from monograph.shapes.expr import Expr, UndeterminedError
from monograph.shapes.floats import FloatExpr
from monograph.shapes.supposing import Aside, Known, forget, mark, rely_on_again
from monograph.torch_internals import (
    Operator,
    materialises,
)

__all__ = ["infer"]

aten = torch.ops.aten
# Without the tag of pointwise operators, and still all tensors are brought to one shape.
_BROADCASTING = frozenset(
    (
        aten.allclose.default, aten.broadcast_tensors.default, aten.complex.default,
        aten.cosine_similarity.default, aten.cross.default, aten.dist.default,
        aten.floor_divide.default, aten.hinge_embedding_loss.default, aten.isclose.default,
        aten.kl_div.default, aten.linalg_cross.default, aten.linalg_vecdot.default,
        aten.masked_scatter.default, aten.mse_loss.default, aten.pairwise_distance.default,
        aten.poisson_nll_loss.default, aten.polar.default, aten.smooth_l1_loss.default,
        aten.huber_loss.default, aten.l1_loss.default, aten.rsub.Tensor, aten.where.Scalar,
        aten.where.ScalarOther, aten.where.ScalarSelf,
    )
)  # fmt: skip
_REFUSALS = (MissingFakeError, OperatorError, OperatorIndexError, OperatorTypeError)


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
    if env is not None and env.sides and torch.Tag.pointwise in op.tags:
        from monograph.inference.ties import stretched_by_sides

        args, kwargs = stretched_by_sides(env, args, kwargs)
    outcome = _outcome_by_rule(op, args, kwargs)
    if outcome is not None:
        return outcome
    if env is not None and (torch.Tag.pointwise in op.tags or op in _BROADCASTING):
        from monograph.inference.ties import stretched_rows

        gives_views = op is aten.broadcast_tensors.default
        rows = stretched_rows(env, args, kwargs, gives_views=gives_views)
        if rows is not None:
            args, kwargs = rows
            outcome = _outcome_by_rule(op, args, kwargs)
            if outcome is not None:
                return outcome
        outcome = _outcome_with_ties(op, args, kwargs, unpatched, env)
        if outcome is not None:
            return outcome
    from monograph.inference.examples import (
        laid_as_in_examples,
        outcome_of_kernel,
        pointwise_outcome,
    )

    with unpatched():
        if env is None or not varies((args, tuple(kwargs.values()))):
            return outcome_of_kernel(op, args, kwargs) or outcome_on_fakes(op, args, kwargs, env)
        if torch.Tag.pointwise in op.tags:
            outcome = pointwise_outcome(op, args, kwargs)
            if outcome is not None:
                return outcome
        known = mark(env)
        if op is aten.einsum.default or op in _BROADCASTING:
            env.of_equalities = TAKEN_AS_EQUAL
        if torch.Tag.pointwise in op.tags:
            env.of_equalities = TAKEN_AS_EQUAL
            from monograph.inference.ties import require_stretched_rows

            require_stretched_rows(env, specs_in((args, tuple(kwargs.values()))))
        try:
            outcome = _outcome_for_any_sizes(op, args, kwargs, env)
        finally:
            env.of_equalities = None
        if _may_lie_otherwise(op, args, kwargs):
            outcome = laid_as_in_examples(op, *_in_normal_form(args, kwargs, env), env, outcome)
        if env.scope.replacements == known.replacements or len(env.symbols) > known.symbols:
            return outcome
        # Sizes are tied or fixed by now: a rule may tell the result, which asks nothing more. Or
        # it may lie otherwise than where they differ.
        return (
            _by_rule_with_ties(op, args, kwargs, env, known)
            or _again(op, args, kwargs, env)
            or outcome
        )


def _outcome_by_rule(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object]
) -> Outcome | None:
    rule = RULES.get(op)
    if rule is None:
        return None
    bits = 0 if op in VIEWS else _bits_in((args, tuple(kwargs.values())))
    try:
        found = rule(*args, **kwargs) if not bits else _found_without(bits, op, args, kwargs)
    except (UndeterminedError, ZeroDivisionError):  # the rule knows plain numbers only
        return None
    return None if found is None else _outcome_of_rule(found)


def _outcome_with_ties(
    op: Operator,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    unpatched: Callable[[], AbstractContextManager[None]],
    env: ShapeEnv,
) -> Outcome | None:
    """The outcome where tensors are brought to one shape whose sizes are equal from here on.

    Nothing is tied where there is none without fake tensors.
    """
    from monograph.inference.examples import pointwise_outcome
    from monograph.inference.ties import ties_of_broadcasting

    def outcome() -> Outcome | None:
        given, named = _in_normal_form(args, kwargs, env)
        found = _outcome_by_rule(op, given, named)
        if found is not None or torch.Tag.pointwise not in op.tags:
            return found
        with unpatched():
            return pointwise_outcome(op, given, named)

    ties = ties_of_broadcasting(env, args, kwargs, lambda: outcome() is not None)
    if ties is None:
        return None
    env.of_equalities = TAKEN_AS_EQUAL  # what is a bound of one size by now is a demand
    try:
        are_tied = all(map(env.require, ties))
    finally:
        env.of_equalities = None
    return outcome() if are_tied else None


def _outcome_for_any_sizes(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv
) -> Outcome:
    """The outcome on fake tensors; as few sizes are tied or fixed as ``op`` needs not to refuse."""

    def attempt() -> Outcome:
        return _of_all_sides(op, *_in_normal_form(args, kwargs, env), env)

    def passes() -> bool:
        try:
            outcome_on_fakes(op, *_in_normal_form(args, kwargs, env), env)
        except Exception:
            return False
        return True

    from monograph.inference.ties import fewest_fixed, fewest_ties

    given = (args, tuple(kwargs.values()))
    is_built_in = op.namespace in BUILT_IN_NAMESPACES
    numbers = env.numbers_refused
    with contextlib.suppress(_RefusedError), _numbers_refused(env, is_built_in):
        return _attempted(attempt, env)
    if env.numbers_refused > numbers:
        found = _outcome_by_examples(op, args, kwargs, env)
        if found is not None:
            return found
        with contextlib.suppress(_RefusedError):
            return _attempted(attempt, env)
    ties = fewest_ties(env, given, passes)
    if ties is not None:
        for test in ties:
            env.require(test, TAKEN_AS_EQUAL)
        return attempt()
    # Torch has taken a size that varies for one that is not 1; in the example it is.
    env.by_example = True
    try:
        return _attempted(attempt, env)
    except _RefusedError as refused:
        error = refused.error
    finally:
        env.by_example = False
    if is_built_in:  # or it has no implementation that takes sizes that vary
        found = _outcome_by_examples(op, args, kwargs, env)
        if found is not None:
            return found
    fixed = fewest_fixed(env, given, passes)
    if fixed is None:  # the operator refuses the example, too
        if env.listener.is_caught():  # what it demands is noted, as what does not hold
            attempt()
        raise error from None
    for test in fixed:
        env.rely_on(test, "fixed", asked=test, answer=True, message=f"{op} needs this number")
    return attempt()


def _outcome_by_examples(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv
) -> Outcome | None:
    from monograph.inference.examples import outcome_by_examples
    from monograph.inference.ties import ties_of_broadcasting

    if op in _BROADCASTING:  # where a size of them is 1, the result has the other's
        for test in ties_of_broadcasting(env, args, kwargs, lambda: True) or ():
            env.require(test, TAKEN_AS_EQUAL)
    return outcome_by_examples(op, *_in_normal_form(args, kwargs, env), env)


def _may_lie_otherwise(op: Operator, args: tuple[object, ...], kwargs: dict[str, object]) -> bool:
    """Whether torch's implementation for sizes that vary may promise a layout that is not theirs.

    It does not see the order in which the dimensions of such an argument lie.
    """
    given = specs_in((args, tuple(kwargs.values())))
    return op.namespace in BUILT_IN_NAMESPACES and (
        "fft" in op.name() or not all(map(is_canonical, given))
    )


@contextlib.contextmanager
def _numbers_refused(env: ShapeEnv, refuses: bool) -> Iterator[None]:
    """A kernel that wants the very number of a size does not get it, if it ``refuses``."""
    before = env.refuses_numbers
    env.refuses_numbers = refuses
    try:
        yield
    finally:
        env.refuses_numbers = before


def _by_rule_with_ties(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv, known: Known
) -> Outcome | None:
    """The outcome by rule under what was tied since ``known``; what else was asked is forgotten."""
    asked = env.guards[known.guards :]
    ties = [guard for guard in asked if guard.solved or guard.kind != "branch"]
    if op not in RULES or len(ties) == len(asked):
        return None
    forget(env, known)
    rely_on_again(env, ties)
    outcome = _outcome_by_rule(op, *_in_normal_form(args, kwargs, env))
    if outcome is None:
        forget(env, known)
        rely_on_again(env, asked)
    return outcome


def _again(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv
) -> Outcome | None:
    """The outcome for sizes as they are known by now; None where it asks what nobody knows."""
    known, listener = mark(env), env.listener
    env.listener = aside = Aside(listener)
    try:
        found = infer(op, *_in_normal_form(args, kwargs, env), env=env)
    except Exception:
        found = None
    finally:
        env.listener = listener
    if found is None or aside.is_asked or len(env.symbols) > known.symbols:
        forget(env, known)
        return None
    for test, message in aside.asserted:
        listener.assert_at_run_time(test, message)
    return found


class _RefusedError(Exception):
    """An operator refuses its arguments, perhaps because sizes of them vary."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _attempted(attempt: Callable[[], Outcome], env: ShapeEnv) -> Outcome:
    """The outcome; of an attempt that fails nothing stays.

    Raises:
        _RefusedError: with what was raised.
    """
    known = mark(env)
    try:
        return attempt()
    except Exception as error:
        is_of_fake = not isinstance(error, ExportError)  # a custom operator's own
        if not is_of_fake and not isinstance(error, _REFUSALS):
            raise
        forget(env, known)
        raise _RefusedError(error) from None


def _in_normal_form(
    args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments under the equalities between sizes that are known by now."""

    def size(item: Expr | FloatExpr) -> object:
        return env.scope.normal(item) if isinstance(item, Expr) else item

    named = {n: substitute(value, TensorSpec.normal, size) for n, value in kwargs.items()}
    return tuple(substitute(arg, TensorSpec.normal, size) for arg in args), named


def _of_all_sides(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv
) -> Outcome:
    """What the operator gives on fake tensors, whatever it asks about sizes.

    The fake implementation of a custom operator is the user's: it runs once.
    """
    given = specs_in((args, tuple(kwargs.values())))
    if op.namespace not in BUILT_IN_NAMESPACES or not given:
        return outcome_on_fakes(op, args, kwargs, env)
    from monograph.inference.sides import outcome_of_all_sides

    return outcome_of_all_sides(lambda: outcome_on_fakes(op, args, kwargs, env), env, given)


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
        return Result(found.spec, found.source, found.offset)
    return Result(found)
