"""Who shares memory with whom while a program is captured, and what a write makes out of date."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn, Protocol

import torch
from torch.fx import Graph, Node

from monograph.capture.abstract import AbstractTensor
from monograph.capture.aliasing import Value
from monograph.diagnostics import ControlFlowError, MutationError, SourceLine
from monograph.torch_internals import share_memory

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["Aliases", "Body"]

_DETACH = torch.ops.aten.detach.default
_is_grad_enabled = torch.is_grad_enabled
_Copy = tuple[Value, Value]  # what was copied, and the copy


class Body(Protocol):
    """The body of a branch or of a loop, while it is captured."""

    graph: Graph

    @property
    def outer(self) -> Body | None:
        """The body that it is a part of."""

    def save(self, value: Value) -> None:
        """``value`` is about to change: inside the body, not for what comes after it."""

    def save_tensor(self, tensor: AbstractTensor) -> None:
        """``tensor`` is about to stand for another value."""

    def is_outside(self, value: Value) -> bool:
        """Whether the memory of ``value`` is not the body's own."""


class Aliases:
    """The alias sets of one capture (the mechanics of views and writes are in ``aliasing``)."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.region: Body | None = None  # the branch or loop body that is captured now
        self.addressed: set[Value] = set()  # roots that keep the memory of the tensors they were
        self.argument_views: list[Value] = []
        self.perhaps_same: set[Value] = set()  # of which ``contiguous`` may give the very tensor
        self.twins: list[tuple[str, str]] = []
        self.ambiguous: list[_Copy] = []  # of which a layout decides that they are copies
        self.resolved: list[tuple[Value, Value, str]] = []  # by whose bits they are copies, or not
        self.copies_of_branches: list[tuple[Value, Value]] = []
        # An item of a list of unknown length, and the tensor that the list is kept in: a copy.
        self.kept: list[_Copy] = []
        self.overlapping: set[Value] = set()  # roots that keep items which may be in one memory
        # Roots that were perhaps written through another tensor: since when, and what was copied.
        self._doubts: dict[Value, tuple[int, SourceLine | None, list[_Copy]]] = {}
        self._has_written = False  # a tensor that entered
        self.reads_steps = False  # something was made of how a view was made

    def read(self, value: Value) -> Node:
        """The node of ``value``, brought up to date."""
        if value.seen != value.root.version:
            self.refresh(value)
        return value.node

    def refresh(self, value: Value) -> None:
        """Derive ``value`` again, whose memory was written since."""
        self.touch(value)
        append = self._recorder.emission.append
        if value.detached:
            if not _is_grad_enabled() or self._recorder.context.custom_functions:
                return
            # Computed under no_grad and now used where gradients flow: cut them off here.
            value.detached = False
            if not self._recorder.layouts.is_hidden(value):  # else that of before is left
                value.tracks = 0
            old = value.node
            value.node = append(_DETACH, (old,), {}, value.spec)
            self._recorder.emission.shares(value.node, old)
            value.seen = value.root.version
            return
        parent = value.parent
        if parent is None:
            version, where, copies = self._doubts.get(value, (0, None, []))
            if version != value.version:
                self._refuse_forbidden()
            self._rely_on_copies(where, copies)
            value.seen = version
            return
        old, new = value.step_parent, self.read(parent)
        step = value.step
        if step.op == "placeholder":  # one tensor passed twice: another name of the first
            value.node, value.seen = new, value.root.version
            return
        self.reads_steps = True
        self._recorder.layouts.rely_on_views(value)
        args = torch.fx.map_arg(step.args, lambda n: new if n is old else n)
        kwargs = torch.fx.map_arg(step.kwargs, lambda n: new if n is old else n)
        replayed = append(step.target, args, kwargs, step.meta["val"])
        value.step, value.step_parent = replayed, new
        index = value.step_index
        value.node = replayed
        if index is not None:
            value.node = append(operator.getitem, (replayed, index), {}, value.spec)
        self._recorder.emission.shares(value.node, new)
        value.seen = value.root.version

    def touch(self, value: Value) -> None:
        """``value`` is about to change: inside a branch, not for what comes after it."""
        if self.region is not None:
            self.region.save(value)

    def touch_tensor(self, tensor: AbstractTensor) -> None:
        """``tensor`` is about to become another value."""
        if self.region is not None:
            self.region.save_tensor(tensor)

    def rely_on_layout(self, root: Value, *, with_offset: bool = False) -> None:
        """The graph addresses the memory of ``root``: an input must come with its strides."""
        if root.origin is not None and root.origin.kind == "input":
            self._recorder.layouts.rely_on(root.origin, with_offset=with_offset)

    def meet(self, entered: Value) -> None:
        """A real tensor enters; none of its memory may have been written."""
        if self._has_written:
            self._refuse_written_part(entered)

    def written(self, value: Value) -> None:
        """Bookkeeping for a write to ``value``'s memory."""
        origin = value.root.origin
        if origin is None or origin.mutated:
            return
        if origin.read_at is not None:
            raise MutationError(
                f"the values of {origin.target} were read into Python at {origin.read_at}, and "
                "the tensor is written here",
                code="MG-M104", where=self._recorder.here(), read_at=origin.read_at,
                hint="keep a Python number beside the tensor, or register it as a buffer and "
                "use it as a tensor.",
            )  # fmt: skip
        origin.mutated = self._has_written = True
        self._recorder.knowledge.forget()
        self._refuse_shared_memory(value.root)

    def part_copies(self, root: Value) -> None:
        """What a branch returned is, or is not, the memory of a tensor that it was given.

        What is kept in a list is not, though it is in eager mode. Where one of the two is written,
        nobody may use the other any more.
        """
        if root in self.overlapping:
            self._refuse_forbidden()
        for other in _connected(root, [*self.copies_of_branches, *self.kept]):
            self.forbid(other)

    def keep(self, items: Iterable[Value], kept: Value) -> None:
        """``items`` are in a list, which is kept in ``kept``: in eager mode, as they are."""
        self.kept += [(item, kept) for item in items]
        if any(item.root in self.overlapping for item in items):
            self.overlapping.add(kept.root)

    def kept_with(self, root: Value) -> list[Value]:
        """The roots of what is kept in ``root``, or keeps it, or is kept beside it."""
        return _connected(root, self.kept) if self.kept else []

    def is_perhaps_shared(self, value: Value) -> bool:
        """Whether another tensor may be in its memory: as a branch, or a layout, decides."""
        pairs = (*self.copies_of_branches, *self.ambiguous)
        return any(value.root in (one.root, other.root) for one, other in pairs)

    def forbid(self, root: Value) -> None:
        """The memory of ``root`` may have been written, or not: it is not used from now on."""
        if root.origin is not None:
            raise ControlFlowError(
                f"{root.origin.target} is written if a branch goes one way, and a copy of it if it "
                "goes the other way",
                code="MG-C110",
                where=self._recorder.here(),
                hint="make the copy before: x = x.clone(); or write x = x + 1 instead of x += 1.",
            )
        self.touch(root)
        root.version += 1

    def _refuse_forbidden(self) -> NoReturn:
        """A tensor is used that ``forbid`` was called on."""
        raise ControlFlowError(
            "a tensor is used that a branch or a loop has written, or a copy of it",
            code="MG-C110",
            where=self._recorder.here(),
            hint="give the branch or the loop a copy to work on: x = x.clone(); what a list keeps "
            "that a loop makes is a copy, too: append(x.clone()).",
        )

    def settle_copies(self, root: Value) -> None:
        """``root`` is about to be written, and so may be what it is perhaps a copy of.

        Where an operator copies or not, as the layout demands, the other of the two tensors is in
        doubt: whoever uses it later relies on a copy. What can be seen from outside is settled now.
        """
        if self.ambiguous:
            for other, copies in self._perhaps_shared_with(root).items():
                is_hidden = (
                    other.origin is None
                    and self.region is None
                    and self.addressed.isdisjoint((root, other))
                )
                if is_hidden:
                    other.version += 1
                    self._doubts[other] = (other.version, self._recorder.here(), copies)
                else:
                    self._rely_on_copies(self._recorder.here(), copies)
        for view in self.argument_views:
            if view.root is root:
                self._recorder.layouts.rely_on_views(view)

    def settle_bits(self, root: Value) -> None:
        """``root`` is about to be written, and so may be what a bit decides to be a copy of it."""
        for source, found, kind in self.resolved:
            if root in (source.root, found.root):
                self._recorder.layouts.bit(source, kind)

    def _perhaps_shared_with(self, root: Value) -> dict[Value, list[_Copy]]:
        """The roots that perhaps share memory with ``root``; and what was copied between."""
        found: dict[Value, list[_Copy]] = {root: []}
        for current in (stack := [root]):
            for source, copied in self.ambiguous:
                for here, there in ((source.root, copied.root), (copied.root, source.root)):
                    if here is current and there not in found:
                        found[there] = [*found[current], (source, copied)]
                        stack.append(there)
            for source, copied in self.copies_of_branches:
                for here, there in ((source.root, copied.root), (copied.root, source.root)):
                    if here is current and there not in found:
                        found[there] = found[current]
                        stack.append(there)
        del found[root]
        return found

    def _rely_on_copies(self, where: SourceLine | None, copies: list[_Copy]) -> None:
        """The layout of what was copied belongs to the contract.

        Where it depends on sizes that vary (``x.contiguous()`` where a size is 1), the sizes must
        be such that it is a copy.
        """
        layouts = self._recorder.layouts
        for source, copied in copies:
            layouts.rely_on_strides(source)
            if not layouts.is_surely_copied(source.spec, copied.spec.shape):
                raise MutationError(
                    "a copy that is a view for some sizes is written, or what it was made of is",
                    code="MG-M101",
                    where=where,
                    hint="make it a copy for all sizes: .clone() instead of .contiguous(), "
                    ".reshape().",
                )

    def _refuse_shared_memory(self, root: Value) -> None:
        """Two real tensors in one memory, one of them written: they must be the same tensor."""
        origin = root.origin
        assert origin is not None
        for other in self._recorder.entrance.origins:
            if other is origin or not share_memory(origin.tensor, other.tensor):
                continue
            if origin.kind == other.kind == "input" and other.tensor is origin.tensor:
                self._join_twin(origin.node, other.node)
                continue
            self._refuse_part(origin.target, other.target)

    def _refuse_written_part(self, entered: Value) -> None:
        """A tensor enters whose memory the program has written, through another tensor."""
        origin = entered.origin
        assert origin is not None
        for other in self._recorder.entrance.origins:
            if other.mutated and other is not origin and share_memory(other.tensor, origin.tensor):
                self._refuse_part(other.target, origin.target)

    def _join_twin(self, written: Node, other: Node) -> None:
        """One tensor passed twice and written once: the second is another name of the first."""
        first = self._recorder.entrance.argument_values[written]
        second = self._recorder.entrance.argument_values[other]
        second.parent, second.root = first, first.root
        second.seen = first.root.version
        second.step, second.step_parent, second.step_index = other, written, None
        self.twins.append((written.name, other.name))
        for view in self.argument_views:  # views that were made of the second so far
            if view.root is second:
                view.root, view.seen = first.root, first.root.version

    def _refuse_part(self, written: str, other: str) -> NoReturn:
        raise MutationError(
            f"{written} is written, and {other} shares its memory",
            code="MG-M102",
            where=self._recorder.here(),
            hint="give one of them memory of its own (.clone()) before exporting.",
        )


def _connected(root: Value, pairs: Sequence[_Copy]) -> list[Value]:
    """The roots that are in a chain of ``pairs`` with ``root``."""
    found, stack = {id(root): root}, [root]
    while stack:
        current = stack.pop()
        for one, other in pairs:
            for here, there in ((one.root, other.root), (other.root, one.root)):
                if here is current and id(there) not in found:
                    found[id(there)] = there
                    stack.append(there)
    return list(found.values())[1:]
