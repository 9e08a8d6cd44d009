"""What the program asks of how its tensors lie in memory, and of which arguments it is a fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from monograph.capture.operators.registry import handles
from monograph.diagnostics import PythonFeatureError
from monograph.inference.layout_flow import CONVERSIONS, COPY_OR_VIEW, LayoutFlow, may_copy
from monograph.inference.rules.table import is_canonical
from monograph.ir.layouts import LayoutFact, strides_for_all_sizes
from monograph.ir.spec import TensorSpec
from monograph.shapes.questions import equal

if TYPE_CHECKING:
    from monograph.capture.aliasing import Value
    from monograph.capture.inputs import Origin
    from monograph.capture.recorder import Recorder

__all__ = ["Layouts"]

aten = torch.ops.aten
_ITSELF = frozenset({aten.detach.default, aten.alias.default})
_CONJUGATES = frozenset({
    aten._conj.default, aten.conj.default, aten.matrix_H.default, aten.mH.default,
    aten.adjoint.default,
})  # fmt: skip


class Layouts:
    """The layout facts of one capture.

    A question about an argument itself is a fact of it. A question about what is made of an
    argument, and lies as that does, fixes the argument's strides.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._facts: dict[tuple[str, str, Any], LayoutFact] = {}
        self._born: dict[Value, Node] = {}
        self._flow: LayoutFlow | None = None
        self.follows: Callable[[Node], bool] | None = None  # of an input that is not the program's

    def facts(self) -> list[LayoutFact]:
        """All that was read, in order."""
        return list(self._facts.values())

    # Answers -----------------------------------------------------------------------------------

    def strides(self, value: Value, dim: int | None = None) -> tuple[Any, ...]:
        """The strides of ``value``, of which the program reads one or all."""
        spec = value.spec
        origin = _argument_of(value)
        if not self._recorder.is_running:
            return spec.strides
        if origin is None and spec.scope is not None and not is_canonical(spec):
            self._require_elements(spec)
        strides = strides_for_all_sizes(spec)
        if origin is None:
            self._derived(value, "all strides")
        elif dim is None:
            self._note(origin, "all strides", None, strides)
        else:
            self._note(origin, "stride", dim, strides[dim])
        return strides

    def truth(self, value: Value, kind: str, detail: Any, answer: Any) -> None:
        """The program reads a truth (or an order of dimensions), which is ``answer``."""
        if not self._recorder.is_running:
            return
        origin = _argument_of(value)
        if origin is not None:
            self._note(origin, kind, detail, answer)
        else:
            self._derived(value, "strides" if kind == "contiguous" else "all strides")

    def offset(self, value: Value) -> Any:
        """Where ``value`` starts in its memory, in elements; the program reads it."""
        root = value.root.origin
        found = value.offset
        if root is not None and root.kind == "input":
            found = found + int(root.tensor.storage_offset())
        if not self._recorder.is_running:
            return found
        strides, starts = self._read_flow().starts(self._node_of(value))
        for origin in self._arguments(starts):
            self._note(origin, "offset", None, int(origin.tensor.storage_offset()))
        for origin in self._arguments(strides):
            self._note(origin, "all strides", None, strides_for_all_sizes(origin.value.spec))
        return found

    def bit(self, value: Value, kind: str) -> bool:
        """Whether ``value`` is conjugated (or negated) when it is read; the program asks."""
        origin = value.root.origin
        conjugate = negative = False
        if origin is not None:
            conjugate, negative = origin.tensor.is_conj(), origin.tensor.is_neg()
        steps: list[Any] = []
        current: Value | None = value
        while current is not None and current.parent is not None:
            steps.append((current.step.target, current.parent.spec))
            current = current.parent
        for target, spec in reversed(steps):
            if target in _CONJUGATES and spec.dtype.is_complex:
                conjugate = not conjugate
            elif target is aten._neg_view.default:
                negative = not negative
            elif target is aten.imag.default:
                conjugate, negative = False, conjugate != negative
            elif target is aten.real.default:
                conjugate = False
        if origin is not None and origin.kind == "input" and self._recorder.is_running:
            if origin.tensor.is_complex():
                self._note(origin, "conjugate", None, origin.tensor.is_conj())
            if kind == "negative":
                self._note(origin, "negative", None, origin.tensor.is_neg())
        return conjugate if kind == "conjugate" else negative

    def example_of(self, value: Value) -> torch.Tensor | None:
        """The example that ``value`` is, where it is an argument itself."""
        origin = _argument_of(value)
        return None if origin is None else origin.tensor

    # Facts -------------------------------------------------------------------------------------

    def rely_on(self, origin: Origin) -> None:
        """The graph addresses the memory of an argument."""
        self._note(origin, "strides", None, origin.value.spec.strides)

    def rely_on_strides(self, value: Value) -> None:
        """Who shares memory with whom is so for tensors that lie like ``value``."""
        self._derived(value, "strides")

    def rely_on_views(self, value: Value) -> None:
        """A write goes through the views that ``value`` is made of, or is seen through them."""
        current = value
        while current.parent is not None:
            if may_copy(current.step):
                self._derived(current.parent, "strides")
            current = current.parent

    def note_write(self, value: Value, before: Node) -> None:
        """``value``, which was ``before``, has got new content: it lies as it did."""
        self._born.setdefault(value, before)
        if value.node is not before:
            self._read_flow().note_write(value.node, self._born[value])

    def follows_inputs(self, value: Value) -> bool:
        """Whether ``value`` lies as some input of the graph does."""
        return bool(self._read_flow().sources(self._node_of(value)))

    def _derived(self, value: Value, kind: str) -> None:
        for origin in self._arguments(self._read_flow().sources(self._node_of(value))):
            strides = origin.value.spec.strides
            if kind == "all strides":
                strides = strides_for_all_sizes(origin.value.spec)
            self._note(origin, kind, None, strides)

    def _note(self, origin: Origin, kind: str, detail: Any, answer: Any) -> None:
        key = (origin.target, kind, tuple(detail) if isinstance(detail, list) else detail)
        if key in self._facts:
            return
        where = self._recorder.here()
        fact = self._facts[key] = LayoutFact(origin.target, kind, detail, answer, where)
        self._recorder.assume("layout", fact.sentence(), where)

    def _require_elements(self, spec: TensorSpec) -> None:
        """Torch gives an empty tensor strides of another kind."""
        assert spec.scope is not None
        if spec.scope.owner.decide(equal(spec.numel, 0)):
            raise PythonFeatureError(
                "Python asks for the strides of an empty tensor whose sizes vary",
                code="MG-P106",
                where=self._recorder.here(),
                hint="export with an example that has elements.",
            )

    # Provenance --------------------------------------------------------------------------------

    def _read_flow(self) -> LayoutFlow:
        if self._flow is None:
            recorder = self._recorder
            self._flow = LayoutFlow(recorder.sizes.env, self._root_of, lambda: recorder.unpatched())
        return self._flow

    def _root_of(self, placeholder: Node) -> frozenset[Node]:
        """An argument is its own source; so is an input of a loop, of which nothing is known."""
        if self.follows is not None:
            return frozenset((placeholder,)) if self.follows(placeholder) else frozenset()
        is_state = any(o.node is placeholder and o.kind != "input" for o in self._recorder.origins)
        return frozenset() if is_state else frozenset((placeholder,))

    def _node_of(self, value: Value) -> Node:
        """The node that has decided how ``value`` lies: not what was written into it since."""
        if value.parent is not None:
            return value.step
        if value.origin is not None:
            return value.origin.node
        return self._born.get(value, value.node)

    def _arguments(self, sources: frozenset[Node]) -> list[Origin]:
        values = self._recorder.argument_values
        if all(node in values for node in sources):
            found = {values[node] for node in sources}
        else:
            found = set(values.values())
        return [v.origin for v in values.values() if v in found and v.origin is not None]


def _argument_of(value: Value) -> Origin | None:
    """The argument that ``value`` is, itself or under another name."""
    current = value
    while current.parent is not None and current.step.target in _ITSELF:
        current = current.parent
    origin = current.origin
    return origin if origin is not None and origin.kind == "input" else None


@handles(*COPY_OR_VIEW)
def _copy_or_view(
    recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A copy that is a view for other sizes or strides: nobody may see the difference."""
    source = recorder.value_of(args[0])
    result = recorder.record(op, args, kwargs)
    copied = recorder.value_of(result)
    if copied.root is not source.root:
        recorder.ambiguous.append((source, copied))
    return result


@handles(*CONVERSIONS)
def _converted(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``to``: a question of layout where it is given a memory format."""
    if kwargs.get("memory_format") in (None, torch.preserve_format):
        return recorder.record(op, args, kwargs)
    return _copy_or_view(recorder, op, args, kwargs)


# Asked through the dispatcher ------------------------------------------------------------------


@handles(aten.stride.int, aten.sym_stride.int)
def _stride(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0].stride(*args[1:], **kwargs)


@handles(aten.sym_stride.default)
def _strides(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return list(args[0].stride())


@handles(
    aten.is_contiguous.default, aten.is_contiguous.memory_format, aten.sym_is_contiguous.default
)
def _contiguous(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    form = args[1] if len(args) > 1 else kwargs.get("memory_format", torch.contiguous_format)
    return args[0].is_contiguous(memory_format=form)


@handles(aten.storage_offset.default, aten.sym_storage_offset.default)
def _offset(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0].storage_offset()


@handles(aten.is_conj.default)
def _conjugate(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0].is_conj()


@handles(aten.is_neg.default)
def _negative(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0].is_neg()


@handles(aten.is_non_overlapping_and_dense.default, aten.is_strides_like_format.default)
def _lies(recorder: Recorder, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    args[0].stride()  # both follow from the strides
    return recorder.record(op, args, kwargs)
