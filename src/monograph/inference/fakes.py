"""Operators run on fake tensors: their results' specs, where no rule tells them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from monograph.diagnostics import (
    DataDependentError,
    ExportError,
    MissingFakeError,
    OperatorError,
    OperatorIndexError,
    OperatorTypeError,
)
from monograph.inference.registry import RULES, View
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.env import NumberWantedError, ShapeEnv
from monograph.shapes.expr import Expr, Int, UndeterminedError
from monograph.shapes.floats import FloatExpr
from monograph.shapes.symnode import expression_of, facade, symbolic
from monograph.torch_internals import (
    Operator,
    dispatch_kept,
    dynamic_output_errors,
    fake_mode,
    mark_bits,
    opened_composite,
    quiet_fakes,
    read_as_marked,
    schema_of,
    storage_key,
    symbolic_dispatch,
    symbolic_fake_mode,
    unsupported_operator_error,
)

__all__ = [
    "BUILT_IN_NAMESPACES",
    "Outcome",
    "Result",
    "numbers_in",
    "outcome_on_fakes",
    "sized_by_values",
    "specs_in",
    "substitute",
    "varies",
]

_NO_END = 1 << 40
BUILT_IN_NAMESPACES = ("aten", "prims", "prim")


class Result:
    """One result of an operator; ``parts`` are those of a list inside a tuple.

    ``source`` is the position, among the operator's tensor arguments, of the one whose memory
    the result shares (-1: memory of its own); ``offset`` is how many elements further on it
    starts. ``spec`` is None for an undefined tensor; ``constant`` holds what is no tensor.
    """

    __slots__ = ("constant", "is_constant", "offset", "parts", "source", "spec")

    def __init__(self, spec: TensorSpec | None, source: int = -1, offset: Int = 0) -> None:
        self.spec = spec
        self.source = source
        self.offset = offset
        self.constant: object = None
        self.is_constant = False
        self.parts: tuple[Result, ...] | None = None

    def promised(self) -> object:
        """What a node's ``val`` says of it: a spec, or a tuple of those of a list."""
        if self.parts is not None:
            return tuple(part.promised() for part in self.parts)
        return self.spec

    def is_symbolic(self) -> bool:
        """Whether a size of it varies."""
        if self.parts is not None:
            return any(part.is_symbolic() for part in self.parts)
        return self.offset.__class__ is not int or (
            self.spec is not None and self.spec.scope is not None
        )


class Outcome:
    """All results; ``container`` is ``tuple`` or ``list`` where there are several."""

    __slots__ = ("container", "results", "single")

    def __init__(self, results: tuple[Result, ...], container: type | None) -> None:
        self.results = results
        self.container = container
        self.single = results[0] if container is None and results else None

    def specs(self) -> list[TensorSpec]:
        """The specs of all results, also of those inside lists."""
        found: list[TensorSpec] = []
        stack = list(self.results)
        while stack:
            result = stack.pop()
            stack.extend(result.parts or ())
            if result.spec is not None:
                found.append(result.spec)
        return found

    def is_symbolic(self, key: tuple[object, ...]) -> bool:
        """Whether a size that varies is in the results, or in the ``key`` of the call."""
        return any(r.is_symbolic() for r in self.results) or any(
            item.__class__ in (Expr, FloatExpr)
            or (item.__class__ is TensorSpec and item.scope is not None)
            for item in key
        )


def numbers_in(args: tuple[object, ...]) -> list[int]:
    """The plain numbers above 1 among the arguments, but for those that say: to the end."""
    items = [item for arg in args for item in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    return [item for item in items if type(item) is int and 1 < item < _NO_END]


def substitute(
    item: object,
    on_spec: Callable[[TensorSpec], object],
    on_size: Callable[[Expr | FloatExpr], object],
) -> object:
    """``item`` with every ``TensorSpec`` in it, and every size that varies, replaced."""
    if isinstance(item, TensorSpec):
        return on_spec(item)
    if isinstance(item, (list, tuple)):
        return type(item)(substitute(each, on_spec, on_size) for each in item)
    if isinstance(item, (Expr, FloatExpr)):
        return on_size(item)
    return item


def specs_in(item: object) -> list[TensorSpec]:
    """Every ``TensorSpec`` in it."""
    if isinstance(item, TensorSpec):
        return [item]
    if isinstance(item, (list, tuple)):
        return [spec for each in item for spec in specs_in(each)]
    return []


def varies(item: object) -> bool:
    """Whether a size in it varies."""
    if isinstance(item, TensorSpec):
        return item.scope is not None
    if isinstance(item, (list, tuple)):
        return any(varies(each) for each in item)
    return isinstance(item, (Expr, FloatExpr))


def outcome_on_fakes(
    op: Operator, args: tuple[object, ...], kwargs: dict[str, object], env: ShapeEnv | None
) -> Outcome:
    """What ``op`` gives for fake tensors that look like the specs; ``env``: whose sizes they have.

    Raises:
        OperatorError: what eager mode would raise as RuntimeError (or Index-, TypeError).
        DataDependentError: MG-D104 when the result's size depends on values.
        PythonFeatureError: MG-P102 for a custom operator without a fake implementation.
    """
    custom = op.namespace not in BUILT_IN_NAMESPACES
    is_symbolic = env is not None and (custom or varies((args, tuple(kwargs.values()))))
    mode = fake_mode() if env is None or not is_symbolic else _symbolic_mode(env, custom)
    fakes: list[torch.Tensor] = []

    def fake(spec: TensorSpec) -> torch.Tensor:
        shape = [symbolic(env, size) for size in spec.shape]  # type: ignore[arg-type]
        strides = [symbolic(env, stride) for stride in spec.strides]  # type: ignore[arg-type]
        made = torch.empty_strided(shape, strides, dtype=spec.dtype, device=spec.device)
        if spec.bits:
            mark_bits(made, spec.bits)
        fakes.append(made)
        return made

    def size(item: Expr | FloatExpr) -> object:
        return symbolic(env, item)  # type: ignore[arg-type]

    with (
        dispatch_kept(),
        mode,
        quiet_fakes(),
        read_as_marked(),
        symbolic_dispatch(mode) if is_symbolic else nullcontext(),
    ):
        fake_args = [substitute(arg, fake, size) for arg in args]
        fake_kwargs = {name: substitute(value, fake, size) for name, value in kwargs.items()}
        try:
            found = op(*fake_args, **fake_kwargs)
        except (ExportError, NumberWantedError):
            raise
        except Exception as error:
            refused = _as_ours(op, error)
            if isinstance(refused, MissingFakeError):
                made = (substitute(arg, _example_maker(env), _hinted(env)) for arg in args)
                refused.call = op, tuple(made)
            raise refused from None
        sources = {storage_key(tensor): i for i, tensor in reversed(list(enumerate(fakes)))}
        if isinstance(found, (tuple, list)):
            container = list if isinstance(found, list) else tuple
            return Outcome(tuple(_result(item, fakes, sources) for item in found), container)
        if found is None:
            return Outcome((), None)
        return Outcome((_result(found, fakes, sources),), None)


def _hinted(env: ShapeEnv | None) -> Callable[[Expr | FloatExpr], float]:
    """The number that a size was for the example inputs; 2 where nobody knows."""
    return lambda item: 2 if env is None or (n := env.hint(item)) is None else n


def _example_maker(env: ShapeEnv | None) -> Callable[[TensorSpec], torch.Tensor]:
    number = _hinted(env)

    def make(spec: TensorSpec) -> torch.Tensor:
        shape = [n if isinstance(n, int) else int(number(n)) for n in spec.shape]
        return torch.empty(shape, dtype=spec.dtype, device="meta")

    return make


def _symbolic_mode(env: ShapeEnv, custom: bool) -> AbstractContextManager[object]:
    """The fake mode of one capture, whose sizes are that capture's symbols."""
    torch_env = facade(env)
    # Built-in operators that make sizes of values have rules of our own.
    torch_env.allow_dynamic_output_shape_ops = torch_env.allow_scalar_outputs = custom
    mode = env.scope.interned.get("fake mode")
    if mode is None:
        mode = env.scope.interned["fake mode"] = symbolic_fake_mode(torch_env, _by_rule)
    return mode


# Their parts lie as the kernels leave them; torch's decompositions say that they lie in order.
_TRANSFORMS = frozenset(
    getattr(torch.ops.aten, f"fft_{name}").default
    for kind in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    for name in (kind, f"{kind}2", f"{kind}n")
)


# Their results are views of several tensors, or read memory as other types: torch makes them.
_OWN_VIEWS = frozenset(
    (
        torch.ops.aten.meshgrid.indexing,
        torch.ops.aten.view_as_complex.default,
        torch.ops.aten.view_as_real.default,
    )
)


def _by_rule(mode: Any, op: Any, args: Sequence[object], kwargs: dict[str, Any]) -> object:
    """What a rule of ours gives for fake tensors: it asks less of sizes than torch does."""
    if op in _TRANSFORMS:
        with mode:
            return opened_composite(op, tuple(args), kwargs)
    rule = RULES.get(op)
    if rule is None:
        return NotImplemented
    if op in _OWN_VIEWS:
        return NotImplemented
    given = [_in_specs(arg) for arg in args]
    named = {name: _in_specs(value) for name, value in kwargs.items()}
    specs = specs_in((given, list(named.values())))
    if not varies(specs) or any(spec.bits for spec in specs):
        return NotImplemented
    try:
        found = rule(*given, **named)
    except (UndeterminedError, ZeroDivisionError, TypeError):  # for what no rule is written
        return NotImplemented
    if found is None:
        return NotImplemented
    env = mode.shape_env.env
    with mode:
        if isinstance(found, (TensorSpec, View)):
            return _fake_of(env, found, args)
        return type(found)(_fake_of(env, item, args) for item in found)  # type: ignore[call-arg]


def _in_specs(item: object) -> object:
    if isinstance(item, torch.Tensor):
        return spec_of(item)
    if isinstance(item, (list, tuple)):
        return [_in_specs(each) for each in item]
    return expression_of(item) if isinstance(item, (torch.SymInt, torch.SymFloat)) else item


def _fake_of(env: ShapeEnv, found: TensorSpec | View, args: Sequence[Any]) -> torch.Tensor:
    spec = found if isinstance(found, TensorSpec) else found.spec
    shape = [symbolic(env, size) for size in spec.shape]
    strides = [symbolic(env, stride) for stride in spec.strides]
    if isinstance(found, TensorSpec):
        return torch.empty_strided(shape, strides, dtype=spec.dtype, device=spec.device)
    start = expression_of(args[0].storage_offset()) + found.offset
    return torch.as_strided(args[0], shape, strides, symbolic(env, start))


def _result(found: object, fakes: list[torch.Tensor], sources: dict[int, int]) -> Result:
    if found is None:
        return Result(None)
    if isinstance(found, (list, tuple)):
        result = Result(None)
        result.parts = tuple(_result(item, fakes, sources) for item in found)
        return result
    if not isinstance(found, torch.Tensor):
        result = Result(None)
        result.constant, result.is_constant = found, True
        return result
    spec = spec_of(found)
    source = sources.get(storage_key(found), -1)
    offset = expression_of(found.storage_offset()) if source >= 0 else 0
    return Result(spec, source, offset)


def sized_by_values(op: Operator) -> DataDependentError:
    """What is said of an operator whose result has sizes that no size tells."""
    return DataDependentError(
        f"the size of what {op} returns depends on the values of its arguments",
        code="MG-D104",
        hint="compute with a mask of fixed size (torch.where), or outside the program.",
    )


def _as_ours(op: Operator, error: Exception) -> BaseException:
    if isinstance(error, dynamic_output_errors()):
        return sized_by_values(op)
    custom = op.namespace not in BUILT_IN_NAMESPACES
    text = str(error)
    if isinstance(error, unsupported_operator_error()) or (
        custom and (isinstance(error, NotImplementedError) or "no fake impl" in text)
    ):
        name = op.name().split(".")[0]
        return MissingFakeError(
            f"the operator {op} has no fake implementation",
            hint="it is one of torch's own: compute the same with other operators, or outside of "
            "the program."
            if not custom
            else "add one that returns empty tensors of the right shape and dtype:\n"
            f'  @torch.library.register_fake("{name}")\n'
            f"  def _({', '.join(arg.name for arg in schema_of(op).arguments)}):\n"
            "      return torch.empty_like(...)",
        )
    if custom:
        return error  # the fake implementation is the user's own code
    first = text.split("\n\n")[0].strip() or type(error).__name__
    message = f"{op}: {first}"
    if isinstance(error, IndexError):
        return OperatorIndexError(message)
    if isinstance(error, TypeError):
        return OperatorTypeError(message)
    return OperatorError(message)
