"""Operators that are more than a node: writes, questions about values, hidden side effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from monograph.capture.abstract import AbstractTensor, contiguous_strides, make_abstract, spec_of
from monograph.capture.aliasing import Value, fold_into_root, functional_form, overlaps_itself
from monograph.capture.infer import Outcome, Result
from monograph.capture.location import frames_of_user
from monograph.diagnostics import (
    ControlFlowError,
    DataDependentError,
    ExportError,
    MutationError,
    OperatorError,
    PythonFeatureError,
)
from monograph.torch_internals import (
    COMPOSITE,
    autocast_handles,
    has_kernel,
    install_metadata,
    node_is_marked_constant,
    opened_composite,
    storage_key,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["HANDLERS", "PURE", "classify", "open_where_needed", "require_known"]

aten = torch.ops.aten
Handler = Callable[["Recorder", Any, tuple[Any, ...], dict[str, Any]], Any]


def PURE(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: N802
    """An operator that is recorded as it is."""
    return recorder.record(op, args, kwargs)


HANDLERS: dict[Any, Handler] = {}


def _handles(*operators: Any) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for operator in operators:
            HANDLERS[operator] = handler
        return handler

    return register


def classify(op: Any) -> Handler:
    """Find, once for each operator, how it is handled."""
    if not isinstance(op, torch._ops.OpOverload):
        handler: Handler = _control_flow
    elif torch.Tag.inplace_view in op.tags:
        handler = _rebind
    elif op._schema.is_mutable:
        handler = _write_out if any(a.is_out for a in op._schema.arguments) else _write_in_place
    elif op._schema.returns and not any("Tensor" in str(r.type) for r in op._schema.returns):
        handler = _answer
    else:
        handler = PURE
    HANDLERS[op] = handler
    return handler


def _control_flow(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    raise ControlFlowError(
        f"the control-flow operator {op} is not captured yet",
        where=recorder.here(),
        hint="where both sides may be computed, use torch.where; unroll a loop of fixed length.",
    )


# Questions about values ----------------------------------------------------------------------

_QUESTIONS = {
    "is_nonzero": ("MG-D101", "bool(tensor)"),
    "item": ("MG-D102", ".item()"),
    "_local_scalar_dense": ("MG-D102", ".item()"),
    "equal": ("MG-D101", "torch.equal"),
    "allclose": ("MG-D101", "torch.allclose"),
}


def _answer(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operator that returns a Python value."""
    name = op._opname
    if name not in _QUESTIONS:
        return recorder.record(op, args, kwargs)
    code, asked = _QUESTIONS[name]
    known = [
        require_known(recorder, arg, asked, code) if isinstance(arg, torch.Tensor) else arg
        for arg in args
    ]
    return op(*known, **kwargs)


def require_known(
    recorder: Recorder, tensor: torch.Tensor, asked: str, code: str
) -> torch.Tensor:
    """The data of ``tensor``, where constants alone determine it.

    Raises:
        DataDependentError: with the user's line and the expression that asks.
    """
    value = recorder.value_of(tensor)
    known = recorder.known_value(value)
    where = recorder.here()
    if known is not None:
        for origin in recorder.origins:
            if origin.kind == "constant" and not origin.fresh and origin.read_at is None:
                origin.read_at = where
        return known
    marked = _marked_constant_function()
    if marked is not None:
        known = recorder.known_value(value, use_examples=True)
        if known is not None:
            recorder.assume(
                "constant-result",
                f"{marked} is marked as returning a constant: what it returned for the example "
                "inputs is part of the program",
                where,
            )
            return known
    origin = value.root.origin
    expression = where.expression() if where else None
    what = f"{asked} of {value.spec!r}"
    if expression:
        what = f"`{expression}` needs the data of {value.spec!r} ({asked})"
    if origin is not None and origin.kind in ("parameter", "buffer"):
        what += f", which is the {origin.kind} {origin.target}"
    raise DataDependentError(
        what + ", which is only known when the program runs",
        code=code,
        where=where,
        hint=_HINTS[code],
    )


_HINTS = {
    "MG-D101": "compute both sides and choose with torch.where(condition, a, b).",
    "MG-D102": "keep the number a tensor, or pass it to the program as a Python number.",
    "MG-D103": "keep the values in a tensor, or pass them to the program as Python numbers.",
    "MG-D104": "compute with a mask of fixed size (torch.where), or outside the program.",
}


def _marked_constant_function() -> str | None:
    """The running function that ``assume_constant_result`` decorates, if there is one."""
    for frame in frames_of_user():
        name = frame.f_code.co_name
        owner = frame.f_locals.get("self", frame.f_locals.get("cls"))
        candidate = getattr(owner, name, None) if owner is not None else None
        candidate = candidate or frame.f_globals.get(name)
        if candidate is not None and node_is_marked_constant(candidate):
            return name
    return None


_SIZED_BY_INDEX = (aten.index.Tensor, aten.masked_select.default)


class _Known(NamedTuple):
    data: torch.Tensor


def outcome_from_known(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: ExportError
) -> Outcome | None:
    """The outcome of an operator whose result's size depends on values that are known."""
    if error.code != "MG-D104":
        return None
    if op in _SIZED_BY_INDEX and isinstance(args[0], torch.Tensor):
        # The size follows from the indices alone: any memory will do for what is indexed.
        spec = recorder.value_of(args[0]).spec
        stand_in = torch.zeros((), dtype=spec.dtype, device=spec.device).expand(spec.shape)
        args = (_Known(stand_in), *args[1:])
    failed = False

    def known(item: Any) -> Any:
        nonlocal failed
        if isinstance(item, _Known):
            return item.data
        if isinstance(item, torch.Tensor):
            data = recorder.known_value(recorder.value_of(item))
            failed = failed or data is None
            return data
        if isinstance(item, (list, tuple)):
            return type(item)(known(each) for each in item)
        return item

    real_args = known(args)
    real_kwargs = {name: known(value) for name, value in kwargs.items()}
    if failed:
        return None
    found = op(*real_args, **real_kwargs)
    if isinstance(found, torch.Tensor):
        return Outcome((Result(spec_of(found)),), None)
    return Outcome(tuple(Result(spec_of(item)) for item in found), type(found))


# Writes --------------------------------------------------------------------------------------


def _write_in_place(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    functional = functional_form(op)
    schema = op._schema
    written = [
        _argument(schema, i, args, kwargs)
        for i, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    flat = [t for item in written for t in (item if isinstance(item, (list, tuple)) else [item])]
    targets = [item for item in flat if isinstance(item, torch.Tensor)]
    if functional is None:
        if len(op._schema.returns) == 0 and op._opname.startswith("_foreach_"):
            return _write_each(recorder, op, args, kwargs)
        raise MutationError(
            f"{op} writes its arguments and has no functional form",
            code="MG-M105",
            where=recorder.here(),
            hint="let the operator return new tensors instead, and copy_ them where needed.",
        )
    for target in targets:
        _check_write(recorder, op, target)
    recorder.check(op, args, kwargs)
    found = recorder.record(functional, _completed(schema, functional._schema, args), kwargs)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    # A functional form returns what the operator returns, then what it writes; for the usual
    # in-place operator these are one and the same.
    contents = results[-len(targets) :] if targets else []
    for target, content in zip(targets, contents, strict=True):
        _store(recorder, target, content)
    returns = len(schema.returns)
    if returns == 0:
        return None
    if returns == 1 and len(results) == 1:
        return targets[0]
    kept = results[:returns]
    return kept[0] if returns == 1 else tuple(kept)


def _write_each(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    base = op._opname.removesuffix("_")
    functional = getattr(getattr(aten, base), op._overloadname)
    found = recorder.record(functional, args, kwargs)
    for target, content in zip(args[0], found, strict=True):
        _check_write(recorder, op, target)
        _store(recorder, target, content)


def _completed(schema: Any, functional: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """``args`` with the defaults that only the writing operator's schema has."""
    missing = list(zip(schema.arguments, functional.arguments, strict=False))[len(args) :]
    extra = []
    for mine, other in missing:
        if mine.kwarg_only or not mine.has_default_value() or other.has_default_value():
            break
        extra.append(mine.default_value)
    return (*args, *extra)


def _argument(schema: Any, i: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[i] if i < len(args) else kwargs.get(schema.arguments[i].name)


def _check_write(recorder: Recorder, op: Any, target: torch.Tensor) -> None:
    value = recorder.value_of(target)
    root = value.root
    origin = root.origin
    if op._opname not in ("fill_", "zero_") and overlaps_itself(value.spec):
        overlap = OperatorError(
            f"{op}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location. Please clone() the tensor before writing."
        )
        overlap.where = recorder.here()
        raise overlap
    if (
        origin is not None
        and origin.kind == "parameter"
        and origin.tensor.requires_grad
        and torch.is_grad_enabled()
        and recorder.base_grad
    ):
        error = OperatorError(
            f"{op} writes the parameter {origin.target}, a leaf that requires grad"
        )
        error.where = recorder.here()
        raise error
    recorder.written(value)
    if root.tracks and origin is not None and not torch.is_grad_enabled() and recorder.base_grad:
        recorder.assume(
            "gradient",
            f"{origin.target} is written under no_grad: the exported program differentiates "
            "through the write, eager mode ignores it",
            recorder.here(),
        )


def _store(recorder: Recorder, target: torch.Tensor, content: AbstractTensor) -> None:
    """Make ``content`` the new content of ``target``."""
    value = recorder.value_of(target)
    spec = value.spec
    have = content.value.spec
    if have.dtype != spec.dtype or have.device != spec.device:
        content = recorder.call(
            aten._to_copy.default, (content,), {"dtype": spec.dtype, "device": spec.device}
        )
    if content.value.spec.shape != spec.shape:
        content = recorder.call(aten.expand.default, (content, list(spec.shape)))
    fold_into_root(value, content)


@_handles(aten.copy_.default)
def _copy(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    target, source = args[0], args[1]
    _check_write(recorder, op, target)
    recorder.check(op, args, kwargs)
    content = recorder.tensor_of(recorder.value_of(source))
    recorder.read(content.value)
    if content.value.spec.dtype == recorder.value_of(target).spec.dtype:
        # A tensor of its own: later writes to ``source`` must not reach ``target``, and the
        # node alone carries the value.
        snapshot = Value(content.value.node, content.value.spec, recorder)
        snapshot.tracks = content.value.tracks
        content = make_abstract(snapshot.spec, snapshot)
    _store(recorder, target, content)
    return target


def _write_out(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``out=`` variants."""
    names = [a.name for a in op._schema.arguments if a.is_out]
    outs = [kwargs[name] for name in names]
    functional = functional_form(op)
    if functional is None:
        raise MutationError(
            f"{op} has no functional form", code="MG-M105", where=recorder.here(),
            hint="call it without out=, and copy_ the result.",
        )  # fmt: skip
    rest = {name: value for name, value in kwargs.items() if name not in names}
    found = recorder.record(functional, args, rest)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    for out, content in zip(outs, results, strict=True):
        _check_write(recorder, op, out)
        have, want = content.value.spec, recorder.value_of(out).spec
        if not torch.can_cast(have.dtype, want.dtype):
            error = OperatorError(f"{op}: result type {have.dtype} can't be cast to {want.dtype}")
            error.where = recorder.here()
            raise error
        if have.shape == want.shape:
            _store(recorder, out, content)
        else:
            if have.dtype != want.dtype:
                content = recorder.call(aten._to_copy.default, (content,), {"dtype": want.dtype})
            _become(recorder, out, content, f"{op} resizes its out= argument")
    return outs[0] if len(outs) == 1 else tuple(outs)


# Tensors that become other tensors -----------------------------------------------------------


def _rebind(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``t_()``, ``squeeze_()`` ...: the same tensor object, seen differently from now on."""
    target = args[0]
    functional = functional_form(op)
    if functional is None:
        raise MutationError(
            f"{op} changes a tensor's sizes in place", code="MG-M105", where=recorder.here(),
            hint="use the operator without the trailing underscore.",
        )  # fmt: skip
    view = recorder.record(functional, args, kwargs)
    _become(recorder, target, view, f"{op} changes a tensor's sizes in place")
    return target


def _become(
    recorder: Recorder, target: torch.Tensor, content: AbstractTensor, what: str
) -> None:
    if not isinstance(target, AbstractTensor):
        raise MutationError(
            f"{what}, which would change a tensor of the caller",
            code="MG-M106",
            where=recorder.here(),
            hint="make a new tensor and rebind the attribute: self.x = new.",
        )
    old = target.value
    if old.origin is not None:
        raise MutationError(
            f"{what}: {old.origin.target} would have another shape after the call",
            code="MG-M103",
            where=recorder.here(),
            hint="return the new tensor instead.",
        )
    for node in (old.node,):
        if node.meta.get("val") is target:
            node.meta["val"] = make_abstract(old.spec, old)
    target.value = content.value
    install_metadata(target, make_abstract(content.value.spec, content.value))


@_handles(aten.detach_.default)
def _detach_in_place(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    target = args[0]
    if isinstance(target, AbstractTensor) and target.value.tracks:
        target.value = recorder.record(aten.detach.default, (target,)).value
    return target


@_handles(aten._has_compatible_shallow_copy_type.default)
def _assign_data(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """``x.data = y`` asks this first, and copies the metadata itself."""
    target, source = args
    if not isinstance(target, AbstractTensor):
        raise MutationError(
            ".data of a tensor of the caller is replaced",
            code="MG-M106",
            where=recorder.here(),
            hint="under torch.no_grad(), write its content: tensor.copy_(new).",
        )
    if target.value.node.meta.get("val") is target:
        target.value.node.meta["val"] = make_abstract(target.value.spec, target.value)
    target.value = recorder.value_of(source)
    return True


@_handles(aten.resize_.default)
def _resize(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    target, shape = args[0], tuple(args[1])
    if recorder.value_of(target).spec.shape == shape:
        return target
    empty = recorder.call(
        aten.empty.memory_format, (list(shape),), {"dtype": target.dtype, "device": target.device}
    )
    value = recorder.value_of(target)
    if value.spec.numel >= empty.numel() and value.spec.is_contiguous():
        strides = list(contiguous_strides(shape))
        prefix = recorder.call(aten.as_strided.default, (target, list(shape), strides))
        _become(recorder, target, prefix, "resize_")
        return target
    if value.spec.numel:
        raise MutationError(
            "resize_ of a tensor with elements", code="MG-M105", where=recorder.here(),
            hint="make a new tensor of the size that is needed.",
        )  # fmt: skip
    _become(recorder, target, empty, "resize_")
    return target


@_handles(aten.lift_fresh.default)
def _lift_fresh(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``torch.tensor(...)`` inside the program: a constant, and a tensor of its own."""
    if isinstance(args[0], AbstractTensor):
        return args[0]
    value = recorder.value_of(args[0])
    origin = value.origin
    assert origin is not None
    if origin.kind != "constant":
        return args[0]
    origin.fresh = True
    copied = Value(value.node, value.spec, recorder)
    return make_abstract(copied.spec, copied)


@_handles(aten.detach.default, aten.alias.default)
def _detach(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    if isinstance(tensor, AbstractTensor):
        # Torch's factories detach what they return, and the autograd engine what it saves for
        # the backward pass: the same value, which a node would not change.
        saved = recorder.above_autograd and not recorder.user_detach
        if saved or not tensor.value.tracks:
            return make_abstract(tensor.value.spec, tensor.value)
    return recorder.record(op, args, kwargs)


@_handles(aten._make_dual.default, aten._unpack_dual.default)
def _dual(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    raise PythonFeatureError(
        "forward-mode differentiation with dual tensors is not captured",
        code="MG-P107",
        where=recorder.here(),
        hint="use torch.func.jvp or torch.func.jacfwd.",
    )


# Hidden side effects -------------------------------------------------------------------------


@_handles(aten.batch_norm.default, aten.native_batch_norm.default)
def _batch_norm(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In training mode the kernel writes its running statistics, unknown to its schema."""
    names = [a.name for a in op._schema.arguments]
    given = dict(zip(names, args, strict=False)) | kwargs
    mean, var = given["running_mean"], given["running_var"]
    if not given["training"] or mean is None:
        return recorder.record(op, args, kwargs)
    values = [given[n] for n in names[:8]]
    output, saved_mean, saved_rstd, new_mean, new_var = recorder.record(
        aten._native_batch_norm_legit_functional.default, tuple(values)
    )
    for target, content in ((mean, new_mean), (var, new_var)):
        _check_write(recorder, op, target)
        _store(recorder, target, content)
    if op is aten.batch_norm.default:
        return output
    return output, saved_mean, saved_rstd


@_handles(aten.instance_norm.default)
def _instance_norm(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if args[3] is None or not args[5]:
        return recorder.record(op, args, kwargs)
    with recorder:
        return opened_composite(op, args, kwargs)


def open_where_needed(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Record a composite operator as its parts, where it must not stay whole.

    That is when the caller asks for it, and under autocast, which casts the arguments of the
    parts: kept whole, the operator would run without the casts when the program is called. (An
    operator that autocast knows itself arrives with its arguments cast.)
    """
    if not isinstance(op, torch._ops.OpOverload) or not has_kernel(op, COMPOSITE):
        return NotImplemented
    if recorder.opens:
        with recorder:
            return opened_composite(op, args, kwargs)
    tensor = next((a for a in args if isinstance(a, torch.Tensor)), None)
    device = tensor.device.type if tensor is not None else "cpu"
    if device not in recorder.autocast or autocast_handles(op, device) or _is_view(op):
        return NotImplemented
    dtype = torch.get_autocast_dtype(device)
    with torch.autocast(device, dtype, cache_enabled=False), recorder:
        return opened_composite(op, args, kwargs)


class OpenInstead(BaseException):
    """Record the parts of a composite operator: whole, its result's size is not known."""


def may_open(op: Any, error: ExportError) -> bool:
    """Whether the parts of ``op`` may get by with values that are known."""
    return error.code == "MG-D104" and has_kernel(op, COMPOSITE)


def _is_view(op: Any) -> bool:
    return any(r.alias_info is not None for r in op._schema.returns)


def refuse_shared_memory(recorder: Recorder, root: Value) -> None:
    """Two real tensors in one memory, one of them written: they must be the same tensor."""
    origin = root.origin
    assert origin is not None
    key = storage_key(origin.tensor)
    for other in recorder.origins:
        if other is origin or storage_key(other.tensor) != key:
            continue
        if origin.kind == other.kind == "input" and other.tensor is origin.tensor:
            _join_twin(recorder, origin.node, other.node)
            continue
        raise MutationError(
            f"{origin.target} is written, and {other.target} shares its memory",
            code="MG-M102",
            where=recorder.here(),
            hint="give one of them memory of its own (.clone()) before exporting.",
        )


def _join_twin(recorder: Recorder, written: Any, other: Any) -> None:
    """One tensor passed twice and written once: the second becomes another name of the first."""
    first = recorder.argument_values[written]
    second = recorder.argument_values[other]
    second.parent, second.root = first, first.root
    second.seen = first.root.version
    second.step, second.step_parent, second.step_index = other, written, None
    recorder.twins.append((written.name, other.name))
    for node in recorder.graph.nodes:  # views that were made of the second so far
        tensor = node.meta.get("val")
        if isinstance(tensor, AbstractTensor) and tensor.value.root is second:
            tensor.value.root, tensor.value.seen = first.root, first.root.version
