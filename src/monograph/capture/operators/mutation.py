"""Operators that write their arguments, and tensors that become other tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

from monograph.capture.abstract import AbstractTensor, become, make_abstract
from monograph.capture.aliasing import (
    Value,
    fold_into_root,
    functional_form,
    keep_memory,
    may_lie_otherwise,
    meet_otherwise,
    overlap_partly,
    overlaps_itself,
    overwritten,
    passes_detach,
    refuse_repeated,
    rely_on_memory,
    start_of_memory,
    windows_overlap,
)
from monograph.capture.operators.registry import HANDLERS, handles, handles_kind
from monograph.capture.python.identity import is_identity_asked
from monograph.diagnostics import MutationError, OperatorError
from monograph.inference.fakes import Result
from monograph.inference.layout_flow import depends_on_layout
from monograph.inference.rules import VIEWS
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.questions import equal
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    FunctionSchema,
    Operator,
    functionalized,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["check_write", "store", "write_in_place"]

aten = torch.ops.aten
_id = id  # a program that is captured gets another function under this name
# What they write has no derivative, and its target keeps the one that it had.
_UNSEEN = frozenset({
    aten.logical_not_.default, aten.logical_and_.default, aten.logical_or_.default,
    aten.logical_xor_.default,
})  # fmt: skip


@handles_kind("writes in place")
def write_in_place(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """``add_`` and its like: the functional form, and its result stored in the argument."""
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
        return _write_custom(recorder, op, args, kwargs)
    if op is aten._foreach_zero_.default:  # whose functional form has no gradient
        for target in targets:
            write_in_place(recorder, aten.zero_.default, (target,), {})
        return None
    if len(targets) > 1 and op._opname.startswith("_foreach_"):
        places = _one_after_another(recorder, targets, args, kwargs)
        for some_args, some_kwargs in places:
            write_in_place(recorder, op, some_args, some_kwargs)
        if places:
            return None
    for target in targets:
        check_write(recorder, op, target)
    _refuse_overlap(recorder, op, args, kwargs)
    args = _without_gradients(recorder, targets, args)
    if functional is aten.zero.default and targets[0].is_complex():  # it has no gradient of these
        found = recorder.record(aten.fill.Scalar, (targets[0], 0))
    else:
        found = recorder.record(functional, _completed(schema, functional._schema, args), kwargs)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    # A functional form returns what the operator returns, then what it writes; for the usual
    # in-place operator these are one and the same.
    contents = results[-len(targets) :] if targets else []
    specs = [(content.value.spec, recorder.value_of(t).spec) for t, content in
             zip(targets, contents, strict=True)]  # fmt: skip
    if any(
        have.shape != want.shape or have.dtype != want.dtype for have, want in specs
    ) and not all(_will_fit(have, want) for have, want in specs):
        recorder.check(op, args, kwargs)  # a result that does not fit, or is cast
    for target, content in zip(targets, contents, strict=True):
        store(recorder, target, content, is_unseen=op in _UNSEEN)
    returns = len(schema.returns)
    if returns == 0:
        return None
    if returns == 1 and len(results) == 1:
        return targets[0]
    kept = results[:returns]
    return kept[0] if returns == 1 else tuple(kept)


def _one_after_another(
    recorder: Recorder,
    targets: list[torch.Tensor],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Arguments for each of several tensors, where what is written to one is seen in another.

    So it is where gradients flow: those of one call flow to all of them. Else nothing: then one
    call writes all.
    """
    count = len(targets)
    lists = [a for a in (*args, *kwargs.values()) if isinstance(a, (list, tuple))]
    roots = [
        {recorder.value_of(a[i]).root for a in lists if isinstance(a[i], torch.Tensor)}
        for i in range(count)
    ]
    written = [recorder.value_of(target).root for target in targets]
    is_seen = any(written[i] in roots[j] for i in range(count) for j in range(count) if i != j)
    has_gradients = any(root.tracks for each in roots for root in each)
    if not (is_seen or (has_gradients and not recorder.context.hides_gradients())):
        return []

    def at(i: int, arg: object) -> object:
        return [arg[i]] if isinstance(arg, (list, tuple)) else arg

    return [
        (tuple(at(i, a) for a in args), {name: at(i, a) for name, a in kwargs.items()})
        for i in range(count)
    ]


def _without_gradients(
    recorder: Recorder, targets: list[torch.Tensor], args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """The arguments for a write of which no gradient comes: into integers.

    Autograd has no such functional form of a tensor that requires one.
    """
    if any(t.dtype.is_floating_point or t.dtype.is_complex for t in targets):
        return args
    return tuple(
        recorder.call(aten.detach.default, (item,))
        if isinstance(item, AbstractTensor) and item.value.tracks and item.dtype.is_floating_point
        else item
        for item in args
    )


def _will_fit(have: TensorSpec, want: TensorSpec) -> bool:
    """With sizes that vary: whether a result has the shape of what it is written to.

    Where that is not known it is a condition of the program: eager mode raises an error.
    """
    scope = have.scope or want.scope
    if scope is None or have.dtype != want.dtype or len(have.shape) != len(want.shape):
        return False
    pairs = zip(have.shape, want.shape, strict=True)
    return all(a == b or scope.owner.require(equal(a, b)) for a, b in pairs)


def _refuse_overlap(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise what eager mode raises where an argument lies partly in what ``op`` writes."""
    tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor)]
    if len(tensors) < 2:
        return
    written, *others = map(recorder.value_of, tensors)
    if any(overlap_partly(written, other) for other in others):
        error = OperatorError(
            f"{op}: unsupported operation: some elements of the input tensor and the written-to "
            "tensor refer to a single memory location. Please clone() the tensor before "
            "performing the operation."
        )
        error.where = recorder.here()
        raise error
    _refuse_other_places(recorder, op, written, others)


def _refuse_other_places(
    recorder: Recorder, op: Operator, written: Value, others: list[Value]
) -> None:
    """Raise MG-M105 where an element is written that is read for an element of another place."""
    goes_through = torch.Tag.pointwise in op.tags or op is aten.copy_.default
    if goes_through and any(meet_otherwise(written, other) for other in others):
        raise MutationError(
            f"{op} writes elements that it still has to read for others: in eager mode its results "
            "depend on the order in which they are computed",
            code="MG-M105",
            where=recorder.here(),
            hint="let it read a copy: .clone().",
        )


def _write_custom(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """A custom operator that writes: called on copies, which then become the content."""
    names = [argument.name for argument in op._schema.arguments]
    given = {a.name: a.default_value for a in op._schema.arguments if a.has_default_value()}
    given |= dict(zip(names, args, strict=False)) | kwargs
    written = [
        a.name for a in op._schema.arguments if a.alias_info is not None and a.alias_info.is_write
    ]
    if op.namespace == "aten" or not all(_is_written_to(given[name]) for name in written):
        raise MutationError(
            f"{op} writes its arguments and has no functional form",
            code="MG-M105",
            where=recorder.here(),
            hint="let the operator return new tensors instead, and copy_ them where needed.",
        )
    targets = [given[name] for name in written]
    each = [t for target in targets for t in _tensors_in(target)]
    _refuse_shared(recorder, op, each)
    for tensor in each:
        check_write(recorder, op, tensor)
    returned, contents = _on_copies(recorder, op, given, targets)
    for target, content in zip(targets, contents, strict=True):
        for tensor, copy in zip(_tensors_in(target), _tensors_in(content), strict=True):
            store(recorder, tensor, copy)
    return returned


def _lie_apart(left: Value, right: Value) -> bool:
    """Whether two tensors certainly have no memory in common."""
    if left.root is not right.root:
        return True
    spans = []
    for value in (left, right):
        pairs = list(zip(value.spec.shape, value.spec.strides, strict=True))
        numbers = (value.offset, *(number for pair in pairs for number in pair))
        if value.spec.scope is not None or not all(type(number) is int for number in numbers):
            return False
        last = value.offset + sum((size - 1) * stride for size, stride in pairs)
        spans.append((value.offset, last))
    return spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0]


def _is_written_to(argument: object) -> bool:
    """Whether an argument that is written is of a kind that there are copies of."""
    items = argument if isinstance(argument, (list, tuple)) else [argument]
    return all(item is None or isinstance(item, torch.Tensor) for item in items)


def _tensors_in(argument: object) -> list[AbstractTensor]:
    """The tensors of an argument that is written: itself, those of a list, or none."""
    items = argument if isinstance(argument, (list, tuple)) else [argument]
    return [cast(AbstractTensor, item) for item in items if item is not None]


def _refuse_shared(recorder: Recorder, op: Operator, written: list[AbstractTensor]) -> None:
    """Raise MG-M105 where one write would be seen through another: copies do not show it."""
    values = list(map(recorder.value_of, written))
    for i, left in enumerate(values):
        if any(not _lie_apart(left, right) for right in values[:i]):
            raise MutationError(
                f"{op} writes two arguments that share memory",
                code="MG-M105",
                where=recorder.here(),
                hint="pass tensors with memory of their own: .clone().",
            )


def _on_copies(
    recorder: Recorder, op: Operator, arguments: dict[str, Any], targets: list[Any]
) -> tuple[Any, list[Any]]:
    """Record ``op`` on copies of what it writes; returns its results and the copies."""
    key: list[Any] = [_id(op), torch.get_default_dtype()]
    sources: list[Value] = []
    nodes = {name: recorder.argument(arg, key, sources) for name, arg in arguments.items()}
    outcome = recorder.outcomes.find(op, (), arguments, tuple(key))
    if any(result.source >= 0 for result in outcome.results):
        raise MutationError(
            f"{op} returns one of its arguments",
            code="MG-M105",
            where=recorder.here(),
            hint="let the operator return nothing, and use the argument that it writes.",
        )
    results = outcome.results or (Result(None),)  # nothing returned counts as one None
    copies = [_copy_of(recorder, target) for target in targets]
    node = recorder.emission.append(functionalized, (op,), nodes, None)
    tracks = max((source.tracks for source in sources), default=0)
    found = recorder.unpack((*results, *copies), node, node, sources, tracks, False)
    returned, contents = found[: len(results)], found[len(results) :]
    if outcome.container is not None:
        return outcome.container(returned), contents
    return returned[0], contents


def _copy_of(recorder: Recorder, target: object) -> Result:
    """The copy of an argument that is written, as a result: of a list, one with parts."""
    if isinstance(target, (list, tuple)):
        result = Result(None)
        result.parts = tuple(_copy_of(recorder, item) for item in target)
        return result
    return Result(None if target is None else recorder.to_specs(target))


def _completed(
    schema: FunctionSchema, functional: FunctionSchema, args: tuple[Any, ...]
) -> tuple[Any, ...]:
    """``args`` with the defaults that only the writing operator's schema has."""
    missing = list(zip(schema.arguments, functional.arguments, strict=False))[len(args) :]
    extra = []
    for mine, other in missing:
        if mine.kwarg_only or not mine.has_default_value() or other.has_default_value():
            break
        extra.append(mine.default_value)
    return (*args, *extra)


def _argument(
    schema: FunctionSchema, i: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return args[i] if i < len(args) else kwargs.get(schema.arguments[i].name)


def _is_expanded(value: Value) -> bool:
    """Whether eager mode, which looks no further, sees elements that lie over each other."""
    pairs = zip(value.spec.strides, value.spec.shape, strict=True)
    is_empty = value.spec.scope is None and value.spec.numel == 0
    return not is_empty and any(stride == 0 and size != 1 for stride, size in pairs)


def check_write(recorder: Recorder, op: Operator, target: torch.Tensor) -> None:
    """Refuse what eager mode refuses to write, and note that the memory is written."""
    value = recorder.value_of(target)
    root = value.root
    origin = root.origin
    if recorder.aliases.copies_of_branches or recorder.aliases.kept:
        recorder.aliases.part_copies(root)
    if root in recorder.aliases.addressed:
        keep_memory(root)
    if recorder.aliases.ambiguous or recorder.aliases.argument_views:
        recorder.aliases.settle_copies(root)
    recorder.aliases.settle_bits(root)
    recorder.layouts.rely_on_views(value)
    recorder.layouts.rely_on_single_elements(root)
    may_repeat = op._opname in ("fill_", "zero_") and not value.spec.bits
    if not may_repeat and _is_expanded(value):
        overlap = OperatorError(
            f"{op}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location. Please clone() the tensor before writing."
        )
        overlap.where = recorder.here()
        raise overlap
    if not may_repeat and (overlaps_itself(value.spec) or windows_overlap(value)):
        refuse_repeated(root)
    is_hidden = (
        recorder.context.custom_functions
        or recorder.context.hides_gradients()
        or passes_detach(value)
    )
    if origin is not None and not is_hidden:
        # Autograd sees the write, and refuses it for a leaf; so does the exported program.
        origin.is_seen_by_autograd = True
        if origin.tensor.requires_grad and origin.tensor.is_leaf and recorder.context.base_grad:
            leaf = OperatorError(
                f"{op} writes {origin.target}, a leaf that requires grad",
                hint="write it under torch.no_grad(), or make it a buffer.",
            )
            leaf.where = recorder.here()
            raise leaf
    recorder.aliases.written(value)


def store(
    recorder: Recorder, target: torch.Tensor, content: AbstractTensor, *, is_unseen: bool = False
) -> None:
    """Make ``content`` the new content of ``target``, which autograd may take no notice of."""
    value = recorder.value_of(target)
    spec = value.spec
    have = content.value.spec
    if have.dtype != spec.dtype or have.device != spec.device:
        content = recorder.call(
            aten._to_copy.default, (content,), {"dtype": spec.dtype, "device": spec.device}
        )
    if content.value.spec.shape != spec.shape:
        content = recorder.call(aten.expand.default, (content, list(spec.shape)))
    fold_into_root(value, content, is_unseen=is_unseen)


@handles(aten.copy_.default)
def _copy(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    target, source = args[0], _made_of_number(recorder, args[1])
    args = (target, source, *args[2:])
    if recorder.value_of(source) is recorder.value_of(target):
        return target  # a copy of a tensor to itself writes nothing
    check_write(recorder, op, target)
    _refuse_overlap(recorder, op, args, kwargs)
    have, want = recorder.value_of(source).spec, recorder.value_of(target).spec
    if have.shape != want.shape and have.scope is None and want.scope is None:
        recorder.check(op, args, kwargs)  # where sizes vary, expand says what must hold
    content = recorder.value_of(source).abstract()
    recorder.read(content.value)
    if content.value.spec.dtype == recorder.value_of(target).spec.dtype:
        # A tensor of its own: later writes to ``source`` must not reach ``target``, and the
        # node alone carries the value.
        snapshot = Value(content.value.node, content.value.spec, recorder)
        snapshot.tracks = content.value.tracks
        content = make_abstract(snapshot.spec, snapshot)
        value = recorder.value_of(target)
        # ``target`` keeps its layout, however the inputs lie.
        if value.parent is None and have is want and recorder.layouts.follows_inputs(snapshot):
            if may_lie_otherwise(value):
                content = overwritten(value, content)
            else:
                content = recorder.call(
                    aten.clone.default, (content,), {"memory_format": torch.contiguous_format}
                )
    store(recorder, target, content)
    return target


@handles_kind("writes out")
def _write_out(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
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
    if not any(argument.name == "dtype" for argument in op._schema.arguments):
        options = {argument.name for argument in functional._schema.arguments}
        # A factory: what is written says of which kind it is.
        rest |= {name: getattr(outs[0], name) for name in ("dtype", "device") if name in options}
    read = [recorder.value_of(a) for a in args if isinstance(a, torch.Tensor)]
    for out in outs:
        _refuse_other_places(recorder, op, recorder.value_of(out), read)
    found = recorder.record(functional, args, rest)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    for out, content in zip(outs, results, strict=True):
        check_write(recorder, op, out)
        have, want = content.value.spec, recorder.value_of(out).spec
        if not torch.can_cast(have.dtype, want.dtype):
            error = OperatorError(f"{op}: result type {have.dtype} can't be cast to {want.dtype}")
            error.where = recorder.here()
            raise error
        if have.shape == want.shape:
            store(recorder, out, content)
        else:
            if have.dtype != want.dtype:
                content = recorder.call(aten._to_copy.default, (content,), {"dtype": want.dtype})
            _refuse_in_shared_memory(recorder, op, out)
            _become(recorder, out, content, f"{op} resizes its out= argument")
    return outs[0] if len(outs) == 1 else tuple(outs)


def _refuse_in_shared_memory(recorder: Recorder, op: Operator, out: torch.Tensor) -> None:
    """Raise MG-M105 where a tensor that is resized keeps memory in which others lie."""
    value = recorder.value_of(out)
    is_viewed = any(user.target in VIEWS for user in value.root.node.users)
    if value.spec.numel != 0 and (value.parent is not None or is_viewed):
        raise MutationError(
            f"{op} resizes its out= argument, which shares its memory with other tensors",
            code="MG-M105",
            where=recorder.here(),
            hint="call it without out=, and copy_ the result.",
        )


@handles_kind("rebinds")
def _rebind(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
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


def _become(recorder: Recorder, target: torch.Tensor, content: AbstractTensor, what: str) -> None:
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
    row = None if old.parent is None else VIEWS.get(old.step.target)
    if row is not None and row.itself and row.may_copy == "layout":
        raise MutationError(
            f"{what}: for some layouts that is also the tensor before it",
            code="MG-M105",
            where=recorder.here(),
            hint="rebind the name instead: y = y.t().",
        )
    if old in recorder.aliases.perhaps_same:
        raise MutationError(
            f"{what}: another tensor is, or may be, the very same",
            code="MG-M105",
            where=recorder.here(),
            hint="rebind the name instead: y = y.t().",
        )
    recorder.aliases.settle_bits(old.root)
    recorder.aliases.touch_tensor(target)
    become(target, content.value)


@handles(aten.detach_.default)
def _detach_in_place(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    target = args[0]
    if isinstance(target, AbstractTensor) and target.value.tracks:
        recorder.aliases.touch_tensor(target)
        target.value = recorder.record(aten.detach.default, (target,)).value
    return target


@handles(aten._has_compatible_shallow_copy_type.default)
def _assign_data(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """``x.data = y`` asks this first, and copies the metadata itself."""
    target, source = args
    if target is source:  # ``module.to(dtype)`` of the dtype that it has
        return True
    if not isinstance(target, AbstractTensor):
        raise MutationError(
            ".data of a tensor of the caller is replaced",
            code="MG-M106",
            where=recorder.here(),
            hint="under torch.no_grad(), write its content: tensor.copy_(new).",
        )
    recorder.aliases.touch_tensor(target)
    value = recorder.value_of(source)
    if target.value.tracks:
        text = "the data of a tensor is replaced: the exported program cuts the gradient off there"
        recorder.assume("gradient", text, recorder.here())
    if value.tracks or target.value.tracks:
        value = recorder.record(aten.detach.default, (value.abstract(),)).value
    target.value = value
    return True


@handles(aten.resize_.default)
def _resize(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    target, shape = args[0], tuple(args[1])
    if recorder.value_of(target).spec.shape == shape:
        return target
    empty = recorder.call(
        aten.empty.memory_format, (list(shape),), {"dtype": target.dtype, "device": target.device}
    )
    value = recorder.value_of(target)
    if value.spec.scope is not None or any(not isinstance(n, int) for n in shape):
        raise MutationError(
            "resize_ with sizes that vary", code="MG-M105", where=recorder.here(),
            hint="make a new tensor of the size that is needed.",
        )  # fmt: skip
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


@handles(aten.fill_diagonal_.default)
def _fill_diagonal(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """A diagonal is a view that is filled; one that begins again below the matrix is a mask."""
    target, value, wrap = (*args, False)[:3]
    shape = target.shape
    if len(shape) < 2:
        raise OperatorError("fill_diagonal_: a tensor has to have at least two dimensions")
    check_write(recorder, op, target)
    if len(shape) == 2 and wrap:
        rows, columns = (
            recorder.call(aten.arange.default, (size,), {"device": target.device}) for size in shape
        )
        rows = recorder.call(aten.remainder.Scalar, (rows, shape[1] + 1))
        rows = recorder.call(aten.unsqueeze.default, (rows, 1))
        mask = recorder.call(aten.eq.Tensor, (rows, columns))
        filled = recorder.call(aten.masked_fill.Scalar, (target, mask, value))
        store(recorder, target, filled)
        return target
    sizes = [expression_of(size) for size in shape]
    diagonal = target
    for size in sizes[1:]:
        if len(sizes) > 2 and not recorder.sizes.env.require(equal(sizes[0], size)):
            raise OperatorError("fill_diagonal_: sizes of more than two dimensions must be equal")
        # The diagonal so far is the last dimension.
        diagonal = recorder.call(aten.diagonal.default, (diagonal, 0, 0, -1))
    store(recorder, diagonal, recorder.call(aten.fill.Scalar, (diagonal, value)))
    return target


@handles(aten.lift_fresh.default)
def _lift_fresh(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
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


@handles(aten.detach.default, aten.alias.default)
def _detach(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    tensor = args[0]
    if isinstance(tensor, AbstractTensor):
        # Torch's factories detach what they return, and the autograd engine what it saves for
        # the backward pass: the same value, which a node would not change.
        saved = recorder.context.above_autograd and not recorder.context.user_detach
        if saved or not (tensor.value.tracks or tensor.value.viewed().tracks):
            return make_abstract(tensor.value.spec, tensor.value)
    return recorder.record(op, args, kwargs)


@handles(aten.as_strided.default, aten.as_strided_copy.default, aten.as_strided_scatter.default)
def _address(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """The memory behind a tensor: of an argument as the caller has it, whatever was written."""
    rely_on_memory(recorder.value_of(args[0]))
    found = recorder.record(op, args, kwargs)
    start = args[3] if len(args) > 3 else kwargs.get("storage_offset")
    if op is aten.as_strided.default and start is not None:  # counted from the memory's start
        found.value.offset = recorder.size_of(start) - start_of_memory(found.value.root)
    return found


@handles(aten.slice_inverse.default)
def _slice_inverse(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """The memory of the first tensor, seen as the second lies in its own."""
    whole = recorder.value_of(args[1])
    start = whole.offset + start_of_memory(whole.root)
    where = (args[0], list(whole.spec.shape), list(whole.spec.strides), start)
    return _address(recorder, aten.as_strided.default, where, {})


_OF_NUMBERS = {
    bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128,
    torch.SymBool: torch.bool, torch.SymInt: torch.int64, torch.SymFloat: torch.float64,
}  # fmt: skip


def _made_of_number(recorder: Recorder, item: object) -> torch.Tensor:
    """The tensor that torch makes of a number where an operator takes a tensor."""
    dtype = _OF_NUMBERS.get(type(item))
    if dtype is None:
        return cast(torch.Tensor, item)
    made: torch.Tensor = recorder.record(aten.scalar_tensor.default, (item,), {"dtype": dtype})
    return made


@handles(aten._to_copy.default, aten.clone.default, aten.unsqueeze.default)
def _of_a_number(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """Rules of ``vmap`` convert numbers, as tensors of no dimensions, to the type of rows."""
    if args[0].__class__ is not AbstractTensor:
        args = (_made_of_number(recorder, args[0]), *args[1:])
    return recorder.record(op, args, kwargs)


def _copy_or_view(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """A copy or a view, as the tensor lies; or the very tensor, as of ``x.contiguous()``.

    Where it is a copy for another layout, it is a view here: the tensor itself stays as it lies.
    """
    row, lies = VIEWS[op], depends_on_layout(op, kwargs)
    args = (_made_of_number(recorder, args[0]), *args[1:])
    if (row.itself or op is aten.flatten.using_ints) and lies and _is_identity_asked(recorder):
        recorder.layouts.rely_on_copy(recorder.value_of(args[0]))
        return _perhaps_itself(recorder, op, args, kwargs)
    if row.itself and not (
        lies or row.may_copy == "bits" or recorder.context.opens or recorder.context.rules
    ):
        outcome, spec = recorder.check(op, args, kwargs).single, recorder.value_of(args[0]).spec
        if outcome is not None and outcome.source == 0 and outcome.spec is spec:
            return args[0]  # no node, which nobody would read
    found = recorder.record(op, args, kwargs)
    if not isinstance(found, AbstractTensor):  # it was opened
        return found
    source, value = recorder.value_of(args[0]), found.value
    if row.may_copy == "bits":
        kind = "conjugate" if op is aten.resolve_conj.default else "negative"
        recorder.aliases.resolved.append((source, value, kind))
        if _is_identity_asked(recorder):
            recorder.layouts.bit(source, kind)
    if lies and value.root is not source.root:
        recorder.aliases.ambiguous.append((source, value))
    if value.parent is not source and value.parent is not None:  # detached, under no_grad
        value = value.parent
    if op is aten.flatten.using_ints:
        return _itself(recorder, found, args[0])
    if not row.itself or value.parent is not source or value.spec is not source.spec:
        return found
    if row.may_copy == "bits":  # a node that resolves them, and stands for the tensor from now on
        recorder.aliases.touch(source)
        source.node = value.node
    if not lies:
        return args[0]
    recorder.aliases.perhaps_same.add(source)
    if value.root.origin is None:
        recorder.aliases.argument_views.append(value)
    return value.abstract()


@handles(aten.view.default, aten._unsafe_view.default, aten._reshape_alias.default)
def _view(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """What a kernel views it would have copied, were it to lie otherwise."""
    if recorder.context.is_in_kernel():
        return _copy_or_view(recorder, aten.reshape.default, args[:2], {})
    if op is aten._reshape_alias.default:
        return _address(recorder, op, args, kwargs)
    return recorder.record(op, args, kwargs)


@handles(
    aten.native_group_norm.default, aten.native_group_norm_backward.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
    aten._scaled_dot_product_flash_attention_for_cpu_backward.default,
    aten._cdist_forward.default, aten._cdist_backward.default, aten._pdist_forward.default,
    aten._pdist_backward.default, aten._weight_norm_interface.default,
    aten._weight_norm_interface_backward.default,
)  # fmt: skip
def _of_what_lies_in_order(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """What calls such a kernel has asked whether its tensors lie in order, and put them so."""
    if recorder.context.is_in_kernel():
        args = tuple(_in_order(recorder, arg) for arg in args)
    return recorder.record(op, args, kwargs)


def _in_order(recorder: Recorder, arg: object) -> object:
    if isinstance(arg, torch.Tensor) and recorder.layouts.follows_inputs(recorder.value_of(arg)):
        return recorder.call(aten.contiguous.default, (arg,))
    return arg


@handles(aten.broadcast_tensors.default)
def _broadcast(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """Tensors that have one shape already are given back, as eager mode does."""
    specs = [recorder.value_of(tensor).spec for tensor in args[0]]
    if all(spec.shape == specs[0].shape for spec in specs):
        return list(args[0])
    return _perhaps_itself(recorder, op, args, kwargs)


@handles(
    aten.type_as.default, aten.sum_to_size.default, aten.to_dense.default, aten.dequantize.self,
    aten.atleast_1d.default, aten.atleast_2d.default, aten.atleast_3d.default,
    aten.atleast_1d.Sequence, aten.atleast_2d.Sequence, aten.atleast_3d.Sequence,
    aten.cartesian_prod.default, aten.dropout.default,
    aten.feature_dropout.default, aten.alpha_dropout.default, aten.feature_alpha_dropout.default,
    aten.mT.default, aten.mH.default, aten.matrix_H.default, aten.adjoint.default,
    aten.conj_physical.default,
)  # fmt: skip
def _perhaps_itself(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """Where nothing is to be done, eager mode returns the very tensor; so where that is asked."""
    found = recorder.record(op, args, kwargs)
    if isinstance(found, (list, tuple)):
        pairs = zip(found, args[0], strict=True)
        return type(found)(_itself(recorder, one, given) for one, given in pairs)
    return _itself(recorder, found, args[0][0] if isinstance(args[0], (list, tuple)) else args[0])


def _is_identity_asked(recorder: Recorder) -> bool:
    """Whether the program asks, not who calls a decomposition."""
    return recorder.context.is_running and is_identity_asked()


def _itself(recorder: Recorder, found: object, given: torch.Tensor) -> object:
    """``given``, where ``found`` is nothing but that, and the program asks for it."""
    if not isinstance(found, AbstractTensor):  # it was opened
        return found
    value, source = found.value, recorder.value_of(given)
    if value.is_cut and value.parent is not None:  # a view that is made under no_grad
        value = value.parent
    if value.parent is not source or value.spec is not source.spec:
        return found
    if _is_identity_asked(recorder):
        return given
    recorder.aliases.perhaps_same.update((found.value, source))
    return found


HANDLERS.update((op, _copy_or_view) for op, row in VIEWS.items() if row.itself or row.may_copy)
