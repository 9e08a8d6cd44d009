"""Views and writes become functional: who shares memory with whom, and how a write folds back.

An alias set is a root value and views below it. A write to any member gives a new value for the
root; the other members are then out of date and are derived again when next read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.diagnostics import MutationError
from monograph.ir.spec import TensorSpec, contiguous_strides, is_dense
from monograph.shapes.expr import Int
from monograph.shapes.symnode import symbolic

if TYPE_CHECKING:
    from monograph.capture.inputs import Origin
    from monograph.capture.recorder import Recorder

__all__ = [
    "Value",
    "fold_into_root",
    "functional_form",
    "laid_out_as",
    "overlap_partly",
    "overlaps_itself",
    "passes_detach",
]

aten = torch.ops.aten
_END = 2**63 - 1


class Value:
    """What a tensor of the program stands for: a graph node, and its place in an alias set.

    ``seen`` is the root's ``version`` when ``node`` was derived; where they differ the node is
    out of date. ``tracks``: 2 where a gradient flows through it, 1 where one would if an argument
    required it, else 0. ``detached``: computed under ``no_grad``, so that none may. For a view,
    ``step`` is the node that made it from ``step_parent`` (``step_index``: which of several
    results) and ``offset`` is where it starts in the root's memory, in elements.
    """

    __slots__ = (
        "detached",
        "node",
        "offset",
        "origin",
        "parent",
        "recorder",
        "root",
        "seen",
        "spec",
        "step",
        "step_index",
        "step_parent",
        "tracks",
        "version",
    )

    node: Node
    spec: TensorSpec
    parent: Value | None
    root: Value
    recorder: Recorder
    origin: Origin | None
    step: Node
    step_index: int | None
    step_parent: Node

    def __init__(self, node: Node, spec: TensorSpec, recorder: Recorder) -> None:
        self.node = node
        self.spec = spec
        self.parent = None
        self.root = self
        self.recorder = recorder
        self.seen = self.version = 0
        self.offset: Int = 0
        self.tracks = 0
        self.detached = False
        self.origin = None

    def state(self) -> dict[str, Any]:
        """Everything that may change."""
        return {name: getattr(self, name) for name in self.__slots__ if hasattr(self, name)}

    def restore(self, state: dict[str, Any]) -> None:
        """Be again what ``state()`` returned."""
        for name, content in state.items():
            setattr(self, name, content)

    def abstract(self) -> AbstractTensor:
        """A tensor that stands for this value."""
        return make_abstract(self.spec, self)


def fold_into_root(value: Value, written: AbstractTensor) -> None:
    """Make ``written``, which has the shape and dtype of ``value``, the new content of it."""
    recorder, root = value.recorder, value.root
    is_hidden = recorder.hides_gradients() or passes_detach(value)
    current: Value | None = value
    content = written
    while current is not None and current.parent is not None:
        folded = _invert(current, content)
        if folded is None:
            content, current = _scatter_into_root(current, content), None
        else:
            content, current = folded, current.parent
    content = laid_out_as(content, root.abstract())
    recorder.touch(root)
    recorder.touch(value)
    if is_hidden and root.tracks:
        content = _behind_autograd(root, content)
    before, root.node = root.node, recorder.read(content.value)
    recorder.layouts.note_write(root, before)
    root.tracks = max(root.tracks, content.value.tracks)
    root.version += 1
    root.detached = content.value.detached
    root.seen = -1 if root.detached else root.version
    if value is not root and written.value.spec is value.spec:
        value.node, value.seen = recorder.read(written.value), root.version
        recorder.layouts.note_write(value, value.step)
        value.tracks = written.value.tracks


def passes_detach(value: Value) -> bool:
    """Whether a view was made of a detached tensor (``x.data[0]``)."""
    current: Value | None = value
    while current is not None and current.parent is not None:
        if current.step.target is aten.detach.default:
            return True
        current = current.parent
    return False


def _behind_autograd(root: Value, content: AbstractTensor) -> AbstractTensor:
    """The new content of ``root``, written under ``no_grad`` or through ``.data``.

    Eager mode changes the values and leaves the gradient as it was: the derivative of the new
    content with respect to the old is 1. ``old - old.detach()`` is zero and has that derivative;
    ``where`` keeps the zero where old is not finite.
    """
    recorder = root.recorder
    if root.tracks < 2:
        name = "a tensor" if root.origin is None else root.origin.target
        recorder.assume(
            "gradient",
            f"{name} is written behind autograd: where a gradient with respect to the arguments "
            "is taken, the exported program cuts it off there",
            recorder.here(),
        )
        return content
    with torch.enable_grad():
        call, old = recorder.call, root.abstract()
        zero = call(aten.sub.Tensor, (old, call(aten.detach.default, (old,))))
        zero = call(aten.where.ScalarOther, (call(aten.isfinite.default, (old,)), zero, 0.0))
        return call(aten.add.Tensor, (call(aten.detach.default, (content,)), zero))


def laid_out_as(content: AbstractTensor, model: AbstractTensor) -> AbstractTensor:
    """``content`` with the shape, dtype and strides of ``model``, copied where they differ."""
    call = content.value.recorder.call
    want = model.value.spec
    have = content.value.spec
    if have.dtype != want.dtype or have.device != want.device:
        content = call(
            aten._to_copy.default, (content,), {"dtype": want.dtype, "device": want.device}
        )
    if content.value.spec.shape != want.shape:
        content = call(aten.expand.default, (content, list(want.shape)))
    if content.value.spec is want:
        return content
    if want.strides == contiguous_strides(want.shape):
        return call(aten.clone.default, (content,), {"memory_format": torch.contiguous_format})
    # slice_scatter gives its result the strides of its first argument, and has a gradient
    # (aten.copy, which is meant for this, has none).
    return call(aten.slice_scatter.default, (model, content, 0, 0, _END))


def overlaps_itself(spec: TensorSpec) -> bool:
    """Whether two elements may lie at one address (an expanded or unfolded tensor)."""
    if spec.scope is not None:  # told only of dimensions that repeat for certain
        pairs = zip(spec.strides, spec.shape, strict=True)
        return any(stride == 0 and size != 1 for stride, size in pairs)
    if spec.numel == 0:
        return False
    reach = 0
    for stride, size in sorted(zip(spec.strides, spec.shape, strict=True)):
        if size > 1:
            if stride <= reach:
                return True
            reach += stride * (size - 1)
    return False


def overlap_partly(left: Value, right: Value) -> bool:
    """Whether two tensors without gaps share some of their memory, but not element by element.

    Where one has gaps the answer is False: kernels do not look further either.
    """
    if left.root is not right.root or left.spec.dtype != right.spec.dtype:
        return False
    if left.spec.scope is not None or right.spec.scope is not None:
        return False
    if not (left.spec.numel and right.spec.numel and is_dense(left.spec) and is_dense(right.spec)):
        return False
    if left.offset == right.offset and left.spec.numel == right.spec.numel:
        return left.spec.strides != right.spec.strides
    ends = left.offset + left.spec.numel, right.offset + right.spec.numel
    return left.offset < ends[1] and right.offset < ends[0]


# Inverses of views ---------------------------------------------------------------------------

Inverse = Callable[["Recorder", AbstractTensor, AbstractTensor, Node], AbstractTensor]


def _invert(view: Value, content: AbstractTensor) -> AbstractTensor | None:
    """The parent of ``view`` after ``content`` was written to the view; None if unknown."""
    assert view.parent is not None
    parent, recorder = view.parent, view.recorder
    target = view.step.target
    if view.spec is parent.spec and view.offset == parent.offset and target not in _REINTERPRETING:
        return content
    if view.step_index is not None:
        return None
    if target in _SAME_ORDER and view.spec.numel == parent.spec.numel:
        return recorder.call(aten.reshape.default, (content, list(parent.spec.shape)))
    if target in _PERMUTATIONS:
        order = _order_of(view.step)
        inverse = sorted(range(len(order)), key=order.__getitem__)
        return recorder.call(aten.permute.default, (content, inverse))
    inverse_of = _INVERSES.get(target)
    if inverse_of is None:
        return None
    return inverse_of(recorder, parent.abstract(), content, view.step)


_SAME_ORDER = frozenset({
    aten.view.default, aten.reshape.default, aten._unsafe_view.default, aten.unsqueeze.default,
    aten.squeeze.default, aten.squeeze.dim, aten.squeeze.dims, aten.flatten.using_ints,
    aten.unflatten.int, aten.view_as.default, aten.ravel.default, aten.reshape_as.default,
    aten.expand.default, aten.expand_as.default, aten._reshape_alias.default,
    aten.broadcast_to.default,
})  # fmt: skip

_PERMUTATIONS = frozenset({
    aten.transpose.int, aten.permute.default, aten.t.default, aten.movedim.int,
    aten.movedim.intlist, aten.moveaxis.int, aten.moveaxis.intlist, aten.swapaxes.default,
    aten.swapdims.default, aten.numpy_T.default, aten.mT.default, aten.matrix_H.default,
})  # fmt: skip


def _order_of(step: Node) -> list[int]:
    """Which dimension of the parent each dimension of a permuting view is."""
    rank = len(step.args[0].meta["val"].shape)  # type: ignore[union-attr]
    sizes = list(range(2, rank + 2))
    probe = torch.empty(sizes, device="meta")
    target: Any = step.target
    return [size - 2 for size in target(probe, *step.args[1:], **step.kwargs).shape]


def _given(recorder: Recorder, step: Node) -> tuple[Any, ...]:
    """The arguments of a view but for the first; sizes that vary as the program had them."""
    return tuple(
        symbolic(recorder.sizes.env, arg.meta["val"]) if isinstance(arg, Node) else arg
        for arg in step.args[1:]
    )


def _unslice(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    return recorder.call(aten.slice_scatter.default, (parent, content, *_given(recorder, step)))


def _unselect(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    return recorder.call(aten.select_scatter.default, (parent, content, *_given(recorder, step)))


def _undiagonal(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    return recorder.call(
        aten.diagonal_scatter.default, (parent, content, *_given(recorder, step)), dict(step.kwargs)
    )


def _unnarrow(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    dim, start, length = _given(recorder, step)[:3]
    if isinstance(start, int) and start < 0:
        start += parent.shape[dim]
    end = start + length
    return recorder.call(aten.slice_scatter.default, (parent, content, dim, start, end))


def _unreal(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    imaginary = recorder.call(aten.imag.default, (parent,))
    return recorder.call(aten.complex.default, (content, imaginary))


def _unimag(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    real = recorder.call(aten.real.default, (parent,))
    return recorder.call(aten.complex.default, (real, content))


def _unview_as_real(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    dense = recorder.call(aten.contiguous.default, (content,))
    return recorder.call(aten.view_as_complex.default, (dense,))


def _unview_as_complex(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    return recorder.call(aten.view_as_real.default, (content,))


def _unconj(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    return recorder.call(aten.conj_physical.default, (content,))


def _unview_dtype(
    recorder: Recorder, parent: AbstractTensor, content: AbstractTensor, step: Node
) -> AbstractTensor:
    dense = recorder.call(aten.contiguous.default, (content,))
    return recorder.call(aten.view.dtype, (dense, parent.value.spec.dtype))


_REINTERPRETING = frozenset({aten._conj.default, aten.conj.default, aten._neg_view.default})

_INVERSES: dict[Any, Inverse] = {
    aten.slice.Tensor: _unslice,
    aten.select.int: _unselect,
    aten.diagonal.default: _undiagonal,
    aten.narrow.default: _unnarrow,
    aten.real.default: _unreal,
    aten.imag.default: _unimag,
    aten.view_as_real.default: _unview_as_real,
    aten.view_as_complex.default: _unview_as_complex,
    aten._conj.default: _unconj,
    aten.conj.default: _unconj,
    aten.view.dtype: _unview_dtype,
}


def _scatter_into_root(view: Value, content: AbstractTensor) -> AbstractTensor:
    """The general inverse: the view's elements, by address, written into the root's memory."""
    recorder, root = view.recorder, view.root
    if view.spec.dtype != root.spec.dtype or not _only_reinterprets_layout(view):
        raise MutationError(
            f"a write through {view.step.target}, a view that reinterprets its tensor's data",
            where=recorder.here(),
            hint="write to the tensor itself, or to a copy: y = view.clone(), then use y.",
        )
    whole = root.abstract()
    recorder.rely_on_layout(root)
    return recorder.call(
        aten.as_strided_scatter.default,
        (whole, content, list(view.spec.shape), list(view.spec.strides), view.offset),
    )


def _only_reinterprets_layout(view: Value) -> bool:
    """Whether elements of the view are elements of the root, unchanged (not conjugated ...)."""
    current: Value | None = view
    while current is not None and current.parent is not None:
        if current.step.target in _REINTERPRETING:
            return False
        if current.spec.dtype != current.parent.spec.dtype:
            return False
        current = current.parent
    return True


# Functional forms ----------------------------------------------------------------------------

_IRREGULAR = {
    aten.normal_.default: aten.normal_functional.default,
    aten.bernoulli_.float: aten.bernoulli.p,
    aten._native_batch_norm_legit.default: aten._native_batch_norm_legit_functional.default,
    aten._batch_norm_with_update.default: aten._batch_norm_with_update_functional.default,
    aten._fused_moving_avg_obs_fq_helper.default: (
        aten._fused_moving_avg_obs_fq_helper_functional.default
    ),
    aten.rrelu_with_noise_.default: aten.rrelu_with_noise_functional.default,
}
_functional_forms: dict[Any, Any] = dict(_IRREGULAR)


def functional_form(op: Any) -> Any:
    """The operator that returns what ``op`` writes; None where there is none.

    For ``add_.Tensor`` it is ``add.Tensor``; for ``add.out`` too.
    """
    if op not in _functional_forms:
        _functional_forms[op] = _find_functional_form(op)
    return _functional_forms[op]


def _find_functional_form(op: Any) -> Any:
    namespace, name = op._schema.name.split("::")
    base = name[:-1] if name.endswith("_") and not name.endswith("__") else name
    if name.startswith("__i") and name.endswith("__"):
        base = "__" + name[3:]  # __iand__ -> __and__
    packet = getattr(getattr(torch.ops, namespace), base, None)
    if packet is None:
        return None
    wanted = _signature(op._schema.arguments)
    for overload in packet.overloads():
        candidate = getattr(packet, overload)
        schema = candidate._schema
        if schema.is_mutable or not schema.returns:
            continue
        if _signature(schema.arguments) == wanted:
            return candidate
    return None


def _signature(arguments: Any) -> list[tuple[str, str]]:
    """Names and types; the first argument is ``self`` in some places and ``input`` in others."""
    found = [(a.name, str(a.type)) for a in arguments if not a.is_out]
    return [("", kind) if i == 0 else (name, kind) for i, (name, kind) in enumerate(found)]
