"""Views and writes become functional: who shares memory with whom, and how a write folds back.

An alias set is a root value and views below it. A write to any member gives a new value for the
root; the other members are then out of date and are derived again when next read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch.fx import Node
from torch.fx.node import map_arg

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.diagnostics import MutationError
from monograph.inference.rules import VIEWS, ViewRow, Written
from monograph.ir.meta import SHARES
from monograph.ir.spec import (
    CONJUGATE,
    NEGATIVE,
    TensorSpec,
    contiguous_strides,
    is_dense,
)
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import not_less
from monograph.shapes.symnode import symbolic
from monograph.torch_internals import FunctionSchema, Operator, without_modes

if TYPE_CHECKING:
    from monograph.capture.inputs import Origin
    from monograph.capture.recorder import Recorder

__all__ = [
    "Value",
    "base_of",
    "copied_as_it_lies",
    "fold_into_root",
    "functional_form",
    "in_own_memory",
    "keep_memory",
    "may_lie_otherwise",
    "meet_otherwise",
    "overlap_partly",
    "overlaps_itself",
    "overwritten",
    "passes_detach",
    "refuse_repeated",
    "rely_on_memory",
    "start_of_memory",
    "windows_overlap",
]

aten = torch.ops.aten
_END = 2**63 - 1


class Value:
    """What a tensor of the program stands for: a graph node, and its place in an alias set.

    ``seen`` is the root's ``version`` when ``node`` was derived; where they differ the node is
    out of date. ``tracks``: 2 where a gradient flows through it, 1 where one would if an argument
    required it, else 0. ``detached``: computed under ``no_grad``, so that none may; ``is_cut``: a
    view that is made there, of which eager mode says that one does. ``is_data``: it is the
    ``.data`` of a tensor. ``kept`` is the ``version`` that a backward pass may look at. For a
    view, ``step`` is the node that made it from ``step_parent`` (``step_index``: which of several
    results) and ``offset`` is where it starts in the root's memory, in elements.
    """

    __slots__ = (
        "detached",
        "is_cut",
        "is_data",
        "kept",
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
        self.kept = -1
        self.detached = self.is_cut = self.is_data = False
        self.origin = None

    def state(self) -> dict[str, Any]:
        """Everything that may change."""
        return {name: getattr(self, name) for name in self.__slots__ if hasattr(self, name)}

    def restore(self, state: dict[str, Any]) -> None:
        """Be again what ``state()`` returned."""
        for name, content in state.items():
            setattr(self, name, content)

    def viewed(self) -> Value:
        """What this is a view of, as gradients go: those that are made under ``no_grad`` are cut

        off here, and in eager mode say what that says.
        """
        current = self
        while current.parent is not None:
            if current.step.target is aten.detach.default and not current.is_cut:
                break
            current = current.parent
        return current

    def is_view_of_cut(self) -> bool:
        """Whether it is, or is a view of, a view that is made under ``no_grad``."""
        if not self.recorder.context.base_grad and self.parent is not None:
            return True
        current, end = self, self.viewed()
        while not current.is_cut and current is not end and current.parent is not None:
            current = current.parent
        return current.is_cut

    def abstract(self) -> AbstractTensor:
        """A tensor that stands for this value."""
        return make_abstract(self.spec, self)


def fold_into_root(value: Value, written: AbstractTensor, *, is_unseen: bool = False) -> None:
    """Make ``written``, which has the shape and dtype of ``value``, the new content of it.

    ``is_unseen``: autograd takes no notice of the operator that writes.
    """
    recorder, root = value.recorder, value.root
    is_hidden = is_unseen or recorder.context.hides_gradients() or passes_detach(value)
    if root.kept == root.version and _passes_data(value):
        name = "a tensor" if root.origin is None else root.origin.target
        recorder.assume(
            "backward",
            f"{name} is written through .data after it was used: the gradient of what used it is "
            "that of the content that was used; eager mode takes what it holds when it goes back",
            recorder.here(),
        )
    content = laid_out_as(
        _folded(value, written), root, in_memory=root in recorder.aliases.addressed
    )
    recorder.aliases.touch(root)
    recorder.aliases.touch(value)
    if is_hidden and root.tracks:
        content = _behind_autograd(root, content)
    become(root, content, is_hidden=is_hidden)
    if value is not root and written.value.spec is value.spec:
        value.node, value.seen = recorder.read(written.value), root.version
        recorder.layouts.note_write(value, value.step)
        value.tracks = written.value.tracks


def become(root: Value, content: AbstractTensor, *, is_hidden: bool = False) -> None:
    """Make ``content`` what a root holds; the views of it are out of date.

    ``is_hidden``: autograd sees nothing of it.
    """
    before, root.node = root.node, root.recorder.read(content.value)
    root.recorder.layouts.note_write(root, before)
    root.recorder.layouts.note_gradient(root, before, is_hidden=is_hidden)
    root.tracks = max(root.tracks, 0 if is_hidden else content.value.tracks)
    root.version += 1
    root.detached = content.value.detached
    root.seen = -1 if root.detached else root.version


def passes_detach(value: Value) -> bool:
    """Whether a view was made of a detached tensor (``x.data[0]``), or of its bytes."""
    current: Value | None = value
    while current is not None and current.parent is not None:
        if current.step.target in (aten.detach.default, aten.view.dtype):
            return True
        current = current.parent
    return False


def _passes_data(value: Value) -> bool:
    """Whether it is, or is a view of, the ``.data`` of a tensor: its writes are not counted."""
    current: Value | None = value
    while current is not None and not current.is_data:
        current = current.parent
    return current is not None


def _behind_autograd(root: Value, content: AbstractTensor) -> AbstractTensor:
    """The new content of ``root``, written under ``no_grad`` or through ``.data``.

    Eager mode changes the values and leaves the gradient as it was: the derivative of the new
    content with respect to the old is 1. ``old.detach() - old`` is zero and takes away a derivative
    of -1; ``where`` keeps the zero where old is not finite. (A zero that is added would make a
    negative zero positive.)
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
        is_seen = content.value.tracks == 2 and not content.value.detached
        return recorder.call(aten.detach.default, (content,)) if is_seen else content
    with torch.enable_grad():
        call, old = recorder.call, root.abstract()
        zero = call(aten.sub.Tensor, (call(aten.detach.default, (old,)), old))
        zero = call(aten.where.ScalarOther, (call(aten.isfinite.default, (old,)), zero, 0.0))
        return call(aten.sub.Tensor, (call(aten.detach.default, (content,)), zero))


def laid_out_as(
    content: AbstractTensor, model: Value, *, in_memory: bool = False
) -> AbstractTensor:
    """``content`` as ``model`` looks, strides and bits included; copied where they differ.

    ``in_memory``: with what lies around it, too.
    """
    call = content.value.recorder.call
    want = model.spec
    have = content.value.spec
    if have.dtype != want.dtype or have.device != want.device:
        content = call(
            aten._to_copy.default, (content,), {"dtype": want.dtype, "device": want.device}
        )
    if content.value.spec.shape != want.shape:
        content = call(aten.expand.default, (content, list(want.shape)))
    if content.value.spec is want and not in_memory:
        return content
    if want.bits:
        plain = _flipped(model.abstract(), want.bits, as_view=True).value
        content = _flipped(content, want.bits, as_view=False)
        content = laid_out_as(content, plain, in_memory=in_memory)
        return _flipped(content, want.bits, as_view=True)
    if want.strides == contiguous_strides(want.shape) and not in_memory:
        return call(aten.clone.default, (content,), {"memory_format": torch.contiguous_format})
    # The scatter operators give their result the memory of their first argument, gaps included,
    # and have a gradient (aten.copy, which is meant for this, has none).
    whole = model.abstract()
    if not want.shape:  # as_strided_scatter gives its first argument the second one's gradient
        whole, content = (call(aten.unsqueeze.default, (each, 0)) for each in (whole, content))
        found = call(aten.slice_scatter.default, (whole, content, 0, 0, _END))
        return call(aten.select.int, (found, 0, 0))
    if want.dtype.is_complex and (model.root.tracks or content.value.tracks):
        call = _in_parts(content.value.recorder)
    return call(aten.slice_scatter.default, (whole, content, 0, 0, _END))


def base_of(node: Node) -> Node:
    """The node whose memory ``node`` looks at."""
    while SHARES in node.meta:
        node = node.meta[SHARES]
    return node


def in_own_memory(value: Value, owners: Mapping[Node, Value]) -> Node:
    """``value`` as it lies, in memory that is no argument's and of no other of the ``owners``.

    A view that leaves gaps or repeats elements is made again, of a copy of the whole.
    """
    recorder, root = value.recorder, value.root
    if value is root or is_dense(value.spec):
        return recorder.read(copied_as_it_lies(value.abstract()).value)
    base = base_of(recorder.read(root))
    if base.op == "placeholder" or owners.get(base, root) is not root:
        recorder.aliases.touch(root)
        root.node = recorder.read(copied_as_it_lies(root.abstract()).value)
    root.version += 1
    root.seen = root.version
    return recorder.read(value)


def copied_as_it_lies(tensor: AbstractTensor) -> AbstractTensor:
    """A copy with the same strides; where a dimension repeats its elements, the copy does."""
    call, spec = tensor.value.recorder.call, tensor.value.spec
    if is_dense(spec):
        return call(aten.clone.default, (tensor,))
    once = tensor
    for dim, stride in enumerate(spec.strides):
        if stride == 0:
            once = call(aten.slice.Tensor, (once, dim, 0, 1))
    copied = call(aten.clone.default, (once,))
    if not is_dense(once.value.spec):  # it keeps the memory of its first argument, gaps included
        copied = call(aten.slice_scatter.default, (once, copied, 0, 0, _END))
    return call(aten.expand.default, (copied, list(spec.shape)))


def _flipped(tensor: AbstractTensor, bits: int, *, as_view: bool) -> AbstractTensor:
    """The conjugate, the negative or both: of a tensor's memory as a view, or computed."""
    call, is_complex = tensor.value.recorder.call, tensor.value.spec.dtype.is_complex
    if bits & CONJUGATE and is_complex:
        tensor = call((aten._conj if as_view else aten.conj_physical).default, (tensor,))
    if bits & NEGATIVE:
        tensor = call((aten._neg_view if as_view else aten.neg).default, (tensor,))
    return tensor


def rely_on_memory(value: Value) -> None:
    """An operator addresses the memory behind ``value``: let its root lie there as it did at first.

    What a program computes and writes has memory of its own, without the gaps and the offset of
    the argument that it becomes the content of.
    """
    recorder, root = value.recorder, value.root
    recorder.layouts.rely_on_memory(root)
    if root.origin is not None and root not in recorder.aliases.addressed:
        recorder.aliases.addressed.add(root)
        if root.version:
            keep_memory(root)
            recorder.aliases.touch(root)
            first = Value(root.origin.node, root.spec, recorder)
            become(root, laid_out_as(root.abstract(), first, in_memory=True))
    if value is not root and value.seen == root.version and SHARES not in value.node.meta:
        recorder.aliases.touch(root)
        become(root, root.abstract())  # ``value`` was computed: it is derived as a view again


def keep_memory(root: Value) -> None:
    """An argument is written and addressed: it must come as it was, each element once."""
    if overlaps_itself(root.spec):
        refuse_repeated(root)
    root.recorder.aliases.rely_on_layout(root)


def overlaps_itself(spec: TensorSpec) -> bool:
    """Whether two elements may lie at one address (an expanded or unfolded tensor)."""
    pairs = list(zip(spec.strides, spec.shape, strict=True))
    if spec.scope is not None:  # told only of dimensions that repeat for certain
        return any(stride == 0 and size != 1 for stride, size in pairs)
    return spec.numel > 0 and _do_overlap(pairs)


def _do_overlap(pairs: Iterable[tuple[Any, Any]]) -> bool:
    """Whether elements meet that lie by such strides and sizes."""
    reach = 0
    for stride, size in sorted(pairs):
        if size > 1:
            if stride <= reach:
                return True
            reach += stride * (size - 1)
    return False


def windows_overlap(value: Value) -> bool:
    """Whether ``value`` has windows that lie over each other, where sizes decide how many."""
    if value.spec.scope is None:
        return False
    env, current = value.recorder.sizes.env, value
    while current.parent is not None:
        count = _overlapping_windows(current)
        if count is not None and (isinstance(count, int) or not env.decide(not_less(1, count))):
            strides, sizes = (
                [env.hint(n) for n in numbers] for numbers in (value.spec.strides, value.spec.shape)
            )
            return None in (*strides, *sizes) or _do_overlap(zip(strides, sizes, strict=True))
        current = current.parent
    return False


def _overlapping_windows(value: Value) -> Int | None:
    """How many windows there are, where each reaches into the next."""
    if value.parent is None or value.step.target is not aten.unfold.default:
        return None
    _, dim, size, step = value.step.args
    # Counted from the end it is one further in the result, which has the windows last.
    count = value.spec.shape[dim - (dim < 0)]  # type: ignore[index,operator]
    is_apart = isinstance(size, int) and isinstance(step, int) and step >= size
    return None if is_apart or count in (0, 1) else count


def may_lie_otherwise(value: Value) -> bool:
    """Whether a tensor that the program makes lies as an argument does."""
    is_plain = bool(value.spec.shape) and not value.spec.dtype.is_complex
    return value.origin is None and is_plain and value.recorder.layouts.follows_inputs(value)


def overwritten(value: Value, content: AbstractTensor) -> AbstractTensor:
    """``content`` in the layout of ``value``, whatever that is."""
    arguments = (value.abstract(), content, 0, 0, _END)
    found: AbstractTensor = value.recorder.call(aten.slice_scatter.default, arguments)
    return found


def overlap_partly(left: Value, right: Value) -> bool:
    """Whether two tensors without gaps share some of their memory, but not element by element.

    Where one has gaps the answer is False: kernels do not look further either; so it is where sizes
    decide where they lie.
    """
    if left.root is not right.root or left.spec.dtype != right.spec.dtype:
        return False
    if left.spec.scope is not None or right.spec.scope is not None:
        return False
    if not (left.spec.numel and right.spec.numel and is_dense(left.spec) and is_dense(right.spec)):
        return False
    distance = right.offset - left.offset
    if isinstance(distance, Expr):
        return False  # how far they lie from one another depends on sizes
    if not distance and left.spec.numel == right.spec.numel:
        return left.spec.strides != right.spec.strides
    return -right.spec.numel < distance < left.spec.numel


_MOST_MET = 4096  # elements of a tensor that are looked at one by one


def meet_otherwise(written: Value, read: Value) -> bool:
    """Whether an element of ``read`` lies where ``written`` has the element of another place.

    Of tensors with few elements, as they lie in the example; elsewhere the answer is False.
    """
    if written.root is not read.root or written.spec.dtype != read.spec.dtype or written is read:
        return False
    places = [_places(value) for value in (written, read)]
    if places[0] is None or places[1] is None:
        return False
    try:
        wide = torch.broadcast_to(places[1], places[0].shape)
    except RuntimeError:
        return bool(torch.isin(places[1], places[0]).any())
    return bool(torch.isin(wide[wide != places[0]], places[0]).any())


def _places(value: Value) -> torch.Tensor | None:
    """Where in its root's memory each element lies, in the example."""
    hint = value.recorder.sizes.env.hint
    numbers = [hint(n) for n in (*value.spec.shape, *value.spec.strides, value.offset)]
    if not all(isinstance(n, int) for n in numbers):
        return None
    rank = len(value.spec.shape)
    sizes, strides, offset = numbers[:rank], numbers[rank:-1], numbers[-1]
    if math.prod(sizes) > _MOST_MET:
        return None
    with value.recorder.context.unpatched(), without_modes():
        places = torch.full(sizes, offset)
        for i, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
            shape = [-1 if i == j else 1 for j in range(rank)]
            places = places + (torch.arange(size) * stride).view(shape)
    return places


# Writes to views -----------------------------------------------------------------------------


def _folded(value: Value, content: AbstractTensor) -> AbstractTensor:
    """The content of the root of ``value``, after ``content`` was written to ``value``."""
    current = value
    while (parent := current.parent) is not None:
        if current.spec is parent.spec and current.offset == parent.offset:
            current = parent  # the tensor itself
            continue
        row, top = _row_of(current), _last_overlapping(current)
        if row.addresses or (top is not None and _passes_address(current, top)):
            return _addressed(current, content)
        if top is None:
            content, current = _inverted(current, row, content), parent
        elif top.parent is not None:
            content, current = _scattered(current, top.parent, content), top.parent
        else:
            break
    return _folded_into_repeated(current, content) if overlaps_itself(value.root.spec) else content


def _row_of(view: Value) -> ViewRow:
    return VIEWS.get(view.step.target, _UNKNOWN)


_UNKNOWN = ViewRow()


def _last_overlapping(value: Value) -> Value | None:
    """Of ``value`` and what it was made of, the last whose elements lie over each other.

    A write changes more elements of such a tensor than those that it names.
    """
    found: Value | None = None
    current: Value | None = value
    while current is not None:
        if overlaps_itself(current.spec) or _overlapping_windows(current) is not None:
            found = current
        current = current.parent
    return found


def _passes_address(value: Value, top: Value) -> bool:
    """Whether a view between two was made by address."""
    views = _between(value, top)
    if top.parent is not None:
        views.append(top)
    return any(_row_of(view).addresses for view in views)


def _inverted(view: Value, row: ViewRow, content: AbstractTensor) -> AbstractTensor:
    """What a view was made of, after ``content`` was written to it."""
    parent, recorder, step = view.parent, view.recorder, view.step
    assert parent is not None
    recorder.aliases.reads_steps = True
    call = recorder.call
    if row.order is not None:
        order = row.order(len(parent.spec.shape), *step.args[1:])
        back = sorted(range(len(order)), key=order.__getitem__)
        content = call(aten.permute.default, (content, back))
    if row.flips:
        content = _flipped(content, row.flips, as_view=False)
    if row.order is not None:
        return content
    if row.in_order or (row.undo is None and _only_adds_ones(view)):
        if view.spec.shape == parent.spec.shape:
            return content
        return call(aten.reshape.default, (content, list(parent.spec.shape)))
    if row.undo is None:
        return _scattered(view, parent, content)
    pieces = step.meta["val"] if view.step_index is not None else ()
    is_tracked = parent.root.tracks or content.value.tracks
    found: Any = row.undo(
        Written(
            _in_parts(recorder) if is_tracked and parent.spec.dtype.is_complex else call,
            parent.abstract(),
            content,
            parent.spec,
            _given(recorder, step),
            dict(step.kwargs),
            tuple(pieces),
            view.step_index or 0,
        )
    )
    undone: AbstractTensor = found
    return undone


def _in_parts(recorder: Recorder) -> Callable[..., torch.Tensor]:
    """Calls operators; those that have no gradient of complex tensors on their two parts."""

    def as_real(tensor: AbstractTensor) -> torch.Tensor:
        # Also without the bit: an argument may come without it, and what is made of it with it.
        plain = recorder.call(aten.resolve_conj.default, (tensor,))
        return recorder.call(aten.view_as_real.default, (plain,))

    def call(
        op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
    ) -> torch.Tensor:
        if op not in (aten.select_scatter.default, aten.slice_scatter.default):
            return recorder.call(op, args, kwargs)
        tensor, content, *where = args
        dim = where[0] % tensor.dim() if where else 0
        found = recorder.call(op, (as_real(tensor), as_real(content), dim, *where[1:]))
        return recorder.call(aten.view_as_complex.default, (found,))

    return call


def _only_adds_ones(view: Value) -> bool:
    """Whether an expansion repeats nothing."""
    assert view.parent is not None
    is_expansion = view.step.target in _EXPANSIONS
    return is_expansion and bool(view.spec.numel == view.parent.spec.numel)


def _given(recorder: Recorder, step: Node) -> tuple[Any, ...]:
    """The arguments of a view but for the first; sizes that vary as the program had them."""
    values: dict[Node, Any] = {n: _as_given(recorder, n) for n in step.all_input_nodes[1:]}
    return tuple(map_arg(step.args[1:], values.__getitem__))


def _as_given(recorder: Recorder, node: Node) -> object:
    known = node.meta["val"]
    if isinstance(known, TensorSpec):
        return Value(node, known, recorder).abstract()
    return symbolic(recorder.sizes.env, known)


def _scattered(value: Value, top: Value, content: AbstractTensor) -> AbstractTensor:
    """``top`` after a write to a view of it that only picks elements: by their positions in it."""
    return _scattered_into(top.abstract(), value, top, content)


def _scattered_into(
    whole: AbstractTensor, value: Value, top: Value, content: AbstractTensor
) -> AbstractTensor:
    """The same where ``whole``, expanded to the shape of ``top``, is ``top``."""
    recorder = value.recorder
    recorder.aliases.reads_steps = True
    call, spec = recorder.call, whole.value.spec
    count = symbolic(recorder.sizes.env, spec.numel)
    positions = call(aten.arange.default, (count,), {"device": spec.device})
    positions = call(aten.reshape.default, (positions, list(spec.shape)))
    if spec.shape != top.spec.shape:
        positions = call(aten.expand.default, (positions, list(top.spec.shape)))
    for view in _between(value, top):
        row = _row_of(view)
        if view.spec.dtype != view.parent.spec.dtype:  # type: ignore[union-attr]
            _refuse_reinterpreted(view)
        if row.flips:
            content = _flipped(content, row.flips, as_view=False)
        if row.in_order:
            positions = call(aten.reshape.default, (positions, list(view.spec.shape)))
        elif view.step.op == "call_function":
            seen = _among_others(positions, view, call)
            found = call(view.step.target, (seen, *_given(recorder, view.step)),
                         dict(view.step.kwargs))  # fmt: skip
            positions = found if view.step_index is None else found[view.step_index]
    flat = call(aten.reshape.default, (whole, [-1]))
    content = call(aten.reshape.default, (content, [-1]))
    positions = call(aten.reshape.default, (positions, [-1]))
    flat = call(aten.index_put.default, (flat, [positions], content))
    return call(aten.reshape.default, (flat, list(spec.shape)))


def _among_others(positions: object, view: Value, call: Callable[..., object]) -> object:
    """``positions`` in place of what ``view`` is a view of; of several, among the others."""
    first = view.step.args[0]
    if not isinstance(first, (list, tuple)):
        return positions

    def like(node: Node) -> object:
        spec = node.meta["val"]
        shape = [symbolic(view.recorder.sizes.env, size) for size in spec.shape]
        return call(aten.zeros.default, (shape,), {"dtype": torch.int64, "device": spec.device})

    seen = [map_arg(each, like) for each in first]  # type: ignore[arg-type]
    seen[view.step_index or 0] = positions
    return seen


def _between(value: Value, top: Value) -> list[Value]:
    """The views that lead from ``top`` to ``value``."""
    found, current = [], value
    while current is not top:
        found.append(current)
        assert current.parent is not None
        current = current.parent
    return found[::-1]


def _folded_into_repeated(value: Value, content: AbstractTensor) -> AbstractTensor:
    """An argument that repeats its elements (``x.expand(...)``), after a write to a view of it."""
    root = value.root
    spec, call = root.spec, root.recorder.call
    repeated = [i for i, stride in enumerate(spec.strides) if stride == 0 and spec.shape[i] != 1]
    once = root.abstract()
    for dim in repeated:
        once = call(aten.slice.Tensor, (once, dim, 0, 1))
    if overlaps_itself(once.value.spec):
        refuse_repeated(root)
    root.recorder.aliases.rely_on_layout(root)
    once = _scattered_into(once, value, root, content)
    return call(aten.expand.default, (once, list(spec.shape)))


def _addressed(view: Value, content: AbstractTensor) -> AbstractTensor:
    """The view's elements, by address, written into the root's memory."""
    recorder, root = view.recorder, view.root
    if any(step.spec.dtype != root.spec.dtype for step in _between(view, root)):
        _refuse_reinterpreted(view)
    if not _lies_within(view, root):
        raise MutationError(
            f"a write through {view.step.target} reaches memory that is not the tensor's own",
            where=recorder.here(),
            hint="write to the tensor that owns the memory.",
        )
    rely_on_memory(root)
    starts_elsewhere = view.offset != root.offset or any(
        len(step.step.args) > 3 or "storage_offset" in step.step.kwargs
        for step in _between(view, root)
        if _row_of(step).addresses
    )
    recorder.aliases.rely_on_layout(root, with_offset=starts_elsewhere)
    where = (view.offset + start_of_memory(root),) if starts_elsewhere else ()
    whole = _flipped(root.abstract(), root.spec.bits, as_view=True)
    content = _flipped(content, view.spec.bits, as_view=False)
    place = (list(view.spec.shape), list(view.spec.strides), *where)
    if root.tracks or content.value.tracks:
        whole = _written_at(whole, content, place)
    else:
        whole = recorder.call(aten.as_strided_scatter.default, (whole, content, *place))
    return _flipped(whole, root.spec.bits, as_view=True)


def _written_at(
    whole: AbstractTensor, content: AbstractTensor, place: tuple[Any, ...]
) -> AbstractTensor:
    """What as_strided_scatter gives, with a gradient: torch gives ``whole`` that of ``content``."""
    value = whole.value
    spec, call, env = value.spec, value.recorder.call, value.recorder.sizes.env
    # With a third number, it counts from where the memory starts.
    start = (value.offset + start_of_memory(value),) if place[2:] else ()
    is_dense = spec.strides == contiguous_strides(spec.shape)
    reach = spec.numel if is_dense else 1 + sum(map(_steps, spec.shape, spec.strides))
    length = symbolic(env, sum(start, reach))
    memory = call(aten.as_strided.default, (whole, [length], [1], *(0 for _ in start)))
    positions = call(aten.arange.default, (length,), {"device": spec.device})
    positions = call(aten.as_strided.default, (positions, *place))
    where, content = (call(aten.reshape.default, (each, [-1])) for each in (positions, content))
    memory = call(aten.index_put.default, (memory, [where], content))
    return call(aten.as_strided.default, (memory, list(spec.shape), list(spec.strides), *start))


def _steps(size: Int, stride: Int) -> Int:
    return (size - 1) * stride


def _lies_within(view: Value, root: Value) -> bool:
    """Whether all elements of ``view``, by address, are elements of ``root``: it may have gaps."""
    own, its, before = root.offset, view.offset, start_of_memory(root)
    varies = view.spec.scope is not None or root.spec.scope is not None
    if varies or not isinstance(own, int) or not isinstance(its, int):
        return True  # what the memory does not have, the kernel refuses
    length = 1 + before + max(its + _reach(view.spec), own + _reach(root.spec))
    with without_modes():
        memory = torch.zeros(length, dtype=torch.bool)
        memory.as_strided(root.spec.shape, root.spec.strides, before + own).fill_(True)
        return bool(memory.as_strided(view.spec.shape, view.spec.strides, before + its).all())


def start_of_memory(root: Value) -> int:
    """How many elements lie before what offsets are counted from: 0, but for an argument."""
    origin = root.origin
    return int(origin.tensor.storage_offset()) if origin and origin.kind == "input" else 0


def _reach(spec: TensorSpec) -> int:
    """How many elements further on than the first the last one lies."""
    pairs = zip(spec.shape, spec.strides, strict=True)
    return int(sum((size - 1) * stride for size, stride in pairs if size > 1))


def refuse_repeated(root: Value) -> NoReturn:
    """What is left in such elements the order of a kernel decides."""
    raise MutationError(
        "a tensor is written whose elements lie over each other",
        where=root.recorder.here(),
        hint="write to a copy: y = x.clone(), then use y.",
    )


def _refuse_reinterpreted(view: Value) -> NoReturn:
    raise MutationError(
        f"a write through {view.step.target}, a view that reinterprets its tensor's data",
        where=view.recorder.here(),
        hint="write to the tensor itself, or to a copy: y = view.clone(), then use y.",
    )


_EXPANSIONS = (aten.expand.default, aten.expand_as.default, aten.broadcast_to.default)


# Functional forms ----------------------------------------------------------------------------

_IRREGULAR = {
    aten.normal_.default: aten.normal_functional.default,
    aten.bernoulli_.float: aten.bernoulli.p,
    aten._native_batch_norm_legit.default: aten._native_batch_norm_legit_functional.default,
    aten._batch_norm_with_update.default: aten._batch_norm_with_update_functional.default,
    aten._fused_moving_avg_obs_fq_helper.default: (
        aten._fused_moving_avg_obs_fq_helper_functional.default
    ),
    aten.rrelu_with_noise.default: aten.rrelu_with_noise_functional.default,
    aten.rrelu_with_noise_.default: aten.rrelu_with_noise_functional.default,
}
_functional_forms: dict[Operator, Operator | None] = dict(_IRREGULAR)


def functional_form(op: Operator) -> Operator | None:
    """The operator that returns what ``op`` writes; None where there is none.

    For ``add_.Tensor`` it is ``add.Tensor``; for ``add.out`` too.
    """
    if op not in _functional_forms:
        _functional_forms[op] = _find_functional_form(op)
    return _functional_forms[op]


# What is made of numbers alone: with ``out=`` it is computed in the dtype of what is written, as it
# is with ``dtype=``. Others with such options are made in a dtype of their own, and cast.
_FACTORIES = frozenset({
    "arange", "empty", "eye", "fft_fftfreq", "fft_rfftfreq", "full", "linspace", "logspace",
    "normal", "ones", "rand", "randint", "randn", "randperm", "range", "zeros",
})  # fmt: skip
_OF_THE_RESULT = frozenset({"dtype", "layout", "device", "pin_memory"})


def _find_functional_form(op: Operator) -> Operator | None:
    namespace, name = op._schema.name.split("::")
    base = name[:-1] if name.endswith("_") and not name.endswith("__") else name
    if name.startswith("__i") and name.endswith("__"):
        base = "__" + name[3:]  # __iand__ -> __and__
    packet = getattr(getattr(torch.ops, namespace), base, None)
    if packet is None:
        return None
    wanted = _signature(op._schema)
    for overload in packet.overloads():
        candidate = getattr(packet, overload)
        schema = candidate._schema
        if schema.is_mutable or not schema.returns:
            continue
        found = _signature(schema)
        if base in _FACTORIES and namespace == "aten" and not _reads_tensors(schema):
            found = [(name, kind) for name, kind in found if name not in _OF_THE_RESULT]
        if found == wanted:
            return candidate
    return None


def _reads_tensors(schema: FunctionSchema) -> bool:
    return any("Tensor" in str(argument.type) for argument in schema.arguments)


def _signature(schema: FunctionSchema) -> list[tuple[str, str]]:
    """Names and types; the first argument is ``self`` in some places and ``input`` in others."""
    found = [(a.name, str(a.type)) for a in schema.arguments if not a.is_out]
    return [("", kind) if i == 0 else (name, kind) for i, (name, kind) in enumerate(found)]
