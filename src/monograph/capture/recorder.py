"""The choke point: every operator that the program calls arrives here and becomes a node."""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch.fx import Graph, Node

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.constants import known_value
from monograph.capture.layouts import Layouts
from monograph.capture.lifting import Entrance
from monograph.capture.operators import (
    data_dependence,
    dispatch,
    mutation,
    tensor_subclasses,
    unbacked,
)
from monograph.capture.operators.registry import HANDLERS, PURE
from monograph.capture.python.frames import current_source_line, frames_of_user
from monograph.capture.sizes import Sizes, in_sizes
from monograph.diagnostics import ExportError, MutationError, SourceLine
from monograph.inference.fakes import Outcome, Result
from monograph.inference.infer import infer
from monograph.inference.rules.attention import attention_switches
from monograph.ir.assumptions import Assumption
from monograph.ir.meta import SHARES
from monograph.ir.module_scope import ModuleCall, Scope
from monograph.ir.structure import flatten
from monograph.shapes.expr import Expr
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    DispatchMode,
    Operator,
    append_node,
    functionalized,
    hide_from_compiler,
    opened_composite,
    without_modes,
)

if TYPE_CHECKING:
    from monograph.capture.python.snapshot import Snapshot
    from monograph.capture.strictness import Strictness

__all__ = ["SHARES", "Body", "Recorder"]

_GIVEN_NAMES = {
    torch.ops.aten.sym_size.int: "sym_size_int", operator.getitem: "getitem",
    functionalized: "auto_functionalized",
}  # fmt: skip
_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default
_DETACH = torch.ops.aten.detach.default
_is_grad_enabled, _get_default_dtype = torch.is_grad_enabled, torch.get_default_dtype
_PLAIN = frozenset({
    int, type(None), str, torch.dtype, torch.device, torch.layout, torch.memory_format,
})  # fmt: skip

# Outcomes of built-in operators hold for the whole process; those of custom operators only for
# one capture, because their fake implementation is the user's and may change.
_memo: dict[tuple[Any, ...], Outcome] = {}
_MEMO_LIMIT = 200_000

Converted = TypeVar("Converted")


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


class Replacements(Protocol):
    """Functions by the operators that they replace."""

    def __contains__(self, op: object, /) -> bool: ...

    def __getitem__(self, op: Operator, /) -> Callable[..., object]: ...


class Recorder(Entrance, DispatchMode):
    """Writes one graph.

    ``opens`` asks for composite operators to be recorded as the operators they are made of,
    ``rules`` for those in it to be recorded as what these functions make of them.
    """

    def __init__(
        self,
        *,
        opens: bool = False,
        above_autograd: bool = False,
        rules: Replacements | None = None,
    ) -> None:
        DispatchMode.__init__(self)  # type: ignore[no-untyped-call]
        Entrance.__init__(self)
        self.region: Body | None = None  # the branch or loop body that is captured now
        self.has_regions = False
        self.snapshot: Snapshot | None = None  # the Python state as it was before the program ran
        self.strict: Strictness | None = None  # where the strict mode is on
        self.collected: list[ExportError] | None = None  # refusals that are passed over
        self.example_values: dict[Node, Any] = {}
        self.pending: BaseException | None = None  # to be raised, whoever catches it before
        self.assumptions: list[Assumption] = []
        self.opens = opens
        self.rules = rules  # replacements of operators, where these are asked for
        self.above_autograd = above_autograd
        self.base_grad = _is_grad_enabled()
        self.scope: Scope | None = None
        self.custom_functions = 0
        self.known: dict[Node, torch.Tensor | None] = {}
        self.layouts = Layouts(self)
        self.addressed: set[Value] = set()  # roots that keep the memory of the tensors they were
        self.opaque: dict[str, Any] = {}
        self.argument_views: list[Value] = []
        self.twins: list[tuple[str, str]] = []
        self.has_written = False  # a tensor that entered
        self.sizes = Sizes(self)
        self._local_memo: dict[tuple[Any, ...], Outcome] = {}
        self.user_detach = self.indexes = False  # (see indexing)
        self.unpatched: Callable[[], AbstractContextManager[None]] = nullcontext
        self.is_running = False
        self.ambiguous: list[tuple[Value, Value]] = []  # (what was copied, the copy)
        self.copies_of_branches: list[tuple[Value, Value]] = []
        self.as_called: dict[int, CodeType] = {}  # code whose calls stay as they are
        # Device types for which autocast is on. Torch hides its state from dispatch modes.
        self.autocast = {d for d in ("cpu", "cuda") if torch.is_autocast_enabled(d)}
        self.watched: frozenset[str] = frozenset()
        self.module_calls: dict[str, list[ModuleCall]] = {}

    def enter(self, kind: str, name: str, target: str, tensor: torch.Tensor) -> Value:
        """Lift a real tensor, of which nothing was written before."""
        value = super().enter(kind, name, target, tensor)
        if self.has_written:
            mutation.refuse_written_part(self, value)
        return value

    def read(self, value: Value) -> Node:
        """The node of ``value``, brought up to date."""
        if value.seen != value.root.version:
            self._refresh(value)
        return value.node

    def touch(self, value: Value) -> None:
        """``value`` is about to change: inside a branch, not for what comes after it."""
        if self.region is not None:
            self.region.save(value)

    def touch_tensor(self, tensor: AbstractTensor) -> None:
        """``tensor`` is about to become another value."""
        if self.region is not None:
            self.region.save_tensor(tensor)

    def _refresh(self, value: Value) -> None:
        self.touch(value)
        if value.detached:
            if not _is_grad_enabled() or self.custom_functions:
                return
            # Computed under no_grad and now used where gradients flow: cut them off here.
            value.detached, value.tracks = False, 0
            old = value.node
            value.node = self.append(_DETACH, (old,), {}, value.spec)
            value.node.meta[SHARES] = old
            value.seen = value.root.version
            return
        parent = value.parent
        if parent is None:
            mutation.refuse_forbidden(self)
        old, new = value.step_parent, self.read(parent)
        step = value.step
        if step.op == "placeholder":  # one tensor passed twice: another name of the first
            value.node, value.seen = new, value.root.version
            return
        self.layouts.rely_on_views(value)
        args = torch.fx.map_arg(step.args, lambda n: new if n is old else n)
        kwargs = torch.fx.map_arg(step.kwargs, lambda n: new if n is old else n)
        replayed = self.append(step.target, args, kwargs, step.meta["val"])
        value.step, value.step_parent = replayed, new
        index = value.step_index
        value.node = replayed
        if index is not None:
            value.node = self.append(operator.getitem, (replayed, index), {}, value.spec)
        value.node.meta[SHARES] = new
        value.seen = value.root.version

    def rely_on_layout(self, root: Value, *, with_offset: bool = False) -> None:
        """The graph addresses the memory of ``root``: an input must come with its strides."""
        if root.origin is not None and root.origin.kind == "input":
            self.layouts.rely_on(root.origin, with_offset=with_offset)

    # Operators -------------------------------------------------------------------------------

    def __torch_dispatch__(
        self,
        op: Operator,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        handler = HANDLERS.get(op) or dispatch.classify(op)
        try:
            if types and (len(types) > 1 or types[0] is not AbstractTensor):
                found = tensor_subclasses.run(self, op, types, args, kwargs or {})
                if found is not NotImplemented:
                    return found
            if handler is not PURE:
                return handler(self, op, args, kwargs or {})
            return self.record(op, args, kwargs)
        except ExportError as error:
            self.note_refusal(error)
            raise

    def note_refusal(self, error: ExportError) -> None:
        """Remember an error that eager mode does not raise: no ``except`` may take it."""
        if not isinstance(error, (RuntimeError, IndexError, TypeError)):
            self.pending = error

    def record(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """Append ``op`` as a node and return abstract results."""
        if self.autocast or self.opens or self.rules is not None:
            opened = dispatch.open_where_needed(self, op, args, kwargs or {})
            if opened is not NotImplemented:
                return opened
        key: list[Any] = [op, _get_default_dtype()]
        sources: list[Value] = []
        nodes: list[Any] = []
        for arg in args:
            cls = arg.__class__
            if cls is AbstractTensor:
                value = arg.value
                if value.seen != value.root.version:
                    self._refresh(value)
                key.append(value.spec)
                nodes.append(value.node)
                sources.append(value)
            elif cls in _PLAIN:
                key.append(arg)
                nodes.append(arg)
            else:
                nodes.append(self.argument(arg, key, sources))
        node_kwargs: dict[str, Any] = {}
        if kwargs:
            for name, arg in kwargs.items():
                key.append(name)
                node_kwargs[name] = self.argument(arg, key, sources)
        try:
            outcome = self.outcome_of(op, args, kwargs or {}, tuple(key))
        except dispatch.OpenInstead:
            with self:
                return opened_composite(op, args, kwargs or {})
        return self._emit(op, tuple(nodes), node_kwargs, outcome, sources)

    call = record

    def argument(self, arg: Any, key: list[Any], sources: list[Value]) -> Any:
        """The node form of one argument; what distinguishes it goes into ``key``."""
        cls = arg.__class__
        if cls in _PLAIN:
            key.append(arg)
            return arg
        if cls is list or cls is tuple:
            key.append(len(arg))
            return [self.argument(item, key, sources) for item in arg]
        if cls is float or cls is bool or cls is complex:
            key.append(cls)
            key.append(arg)
            return arg
        if isinstance(arg, torch.Tensor):
            value = self.value_of(arg)
            if value.seen != value.root.version:
                self._refresh(value)
            key.append(value.spec)
            sources.append(value)
            return value.node
        if isinstance(arg, (list, tuple)):  # torch.Size, immutable_list
            return self.argument(list(arg), key, sources)
        if in_sizes(arg):
            content = self.size_of(arg)
            key.append(content)
            return self.sizes.node_of(content)
        key.append(id(arg))
        return self._opaque(arg)

    def size_of(self, arg: object) -> Any:
        """The expression of a SymInt or SymFloat; a truth value is decided here."""
        content = expression_of(arg)
        if isinstance(content, Expr):
            return self.sizes.env.scope.normal(content)
        if isinstance(arg, torch.SymBool):
            return bool(arg)
        return content

    def _opaque(self, arg: object) -> Node:
        """An object that only the operator understands (a Generator): an attribute of the graph."""
        name = next((name for name, held in self.opaque.items() if held is arg), None)
        if name is None:
            name = self.names.fresh(f"obj_{type(arg).__name__.lower()}")
            self.opaque[name] = arg
        node = self.graph.get_attr(name)
        self.names.used.add(node.name)
        return node

    def check(self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """What ``op`` would return, without recording it; raises what eager mode raises."""
        key: list[Any] = [op, _get_default_dtype()]
        for arg in args:
            self.argument(arg, key, [])
        for name, arg in kwargs.items():
            key.append(name)
            self.argument(arg, key, [])
        return self.outcome_of(op, args, kwargs, tuple(key))

    def outcome_of(
        self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]
    ) -> Outcome:
        """What ``op`` returns: from the memo, else inferred."""
        if op is _ATTENTION:
            key = (*key, attention_switches())
        try:
            outcome = _memo.get(key) or self._local_memo.get(key)
        except TypeError:  # an argument that cannot be hashed
            outcome = None
        return outcome if outcome is not None else self._infer(op, args, kwargs, key)

    def _infer(
        self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]
    ) -> Outcome:
        specs = tuple(self.to_specs(arg) for arg in args)
        spec_kwargs = {name: self.to_specs(arg) for name, arg in kwargs.items()}
        env = self.sizes.env
        symbols = len(env.symbols)
        try:
            outcome = infer(op, specs, spec_kwargs, self.unpatched, env)
        except ExportError as error:
            known = data_dependence.outcome_from_known(self, op, args, kwargs, error)
            known = known or unbacked.outcome_of(self, op, args, specs, spec_kwargs, error)
            if known is not None:
                return known
            if dispatch.may_open(op, error):
                raise dispatch.OpenInstead from None
            data_dependence.place(self, error, args)
            raise
        if len(env.symbols) > symbols and self.sizes.adopt(symbols, outcome):
            return outcome  # its sizes are this call's own
        memo = self._local_memo
        if op.namespace in ("aten", "prims") and not outcome.is_symbolic(key):
            memo = _memo
            if len(memo) > _MEMO_LIMIT:
                memo.clear()
        with contextlib.suppress(TypeError):
            memo[key] = outcome
        return outcome

    def to_specs(self, arg: Any) -> Any:
        """``arg`` with each tensor in it replaced by its spec."""
        if isinstance(arg, torch.Tensor):
            return self.value_of(arg).spec
        if isinstance(arg, (list, tuple)):
            return [self.to_specs(item) for item in arg]
        return self.size_of(arg) if in_sizes(arg) else arg

    def append_named(
        self, name: str, target: Callable[..., object], args: tuple[Any, ...], example: object
    ) -> Node:
        """A node that computes with sizes."""
        node = append_node(self.graph, self.names.fresh(name), target, args, {})
        node.meta["val"] = example
        node.meta["location"] = current_source_line(3) if self.is_running else None
        node.meta["scope"] = self.scope
        return node

    def append(
        self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], example: object
    ) -> Node:
        """A new node. ``meta["val"]`` holds specs until the graph is read."""
        name = _GIVEN_NAMES.get(target) or target._opname
        node = append_node(self.graph, self.names.fresh(name), target, args, kwargs)
        meta = node.meta
        meta["val"] = example
        meta["location"] = current_source_line(3) if self.is_running else None
        meta["scope"] = self.scope
        return node

    def _emit(
        self,
        op: Operator,
        nodes: tuple[Any, ...],
        node_kwargs: dict[str, Any],
        outcome: Outcome,
        sources: list[Value],
    ) -> object:
        tracks = 0
        if op is not _DETACH:
            for source in sources:
                if source.tracks > tracks:
                    tracks = source.tracks
        detached = tracks > 0 and self.hides_gradients()
        result = outcome.single
        if result is not None:
            if result.is_constant:
                return result.constant
            node = self.append(op, nodes, node_kwargs, result.spec)
            if self.sizes.unbound and result.spec is not None:
                self.sizes.bind_results(result.spec, node)
            return self._result(result, node, sources, tracks, detached)
        node = self.append(op, nodes, node_kwargs, None)
        found = self.unpack(outcome.results, node, node, sources, tracks, detached)
        if outcome.container is None:
            node.meta["val"] = None
            return None
        return outcome.container(found)

    def unpack(
        self,
        results: tuple[Result, ...],
        step: Node,
        node: Node,
        sources: list[Value],
        tracks: int,
        detached: bool,
    ) -> list[Any]:
        """One ``getitem`` node for each of several results."""
        found: list[Any] = []
        for index, result in enumerate(results):
            if result.is_constant:
                found.append(result.constant)
            elif result.parts is not None:
                part = self.append(operator.getitem, (node, index), {}, None)
                found.append(self.unpack(result.parts, step, part, sources, tracks, detached))
            elif result.spec is None:
                found.append(None)
            else:
                part = self.append(operator.getitem, (node, index), {}, result.spec)
                if self.sizes.unbound:
                    self.sizes.bind_results(result.spec, part)
                tensor = self._result(result, part, sources, tracks, detached)
                if result.source >= 0:
                    tensor.value.step, tensor.value.step_index = step, index
                found.append(tensor)
        node.meta["val"] = tuple(result.promised() for result in results)
        return found

    def _result(
        self, result: Result, node: Node, sources: list[Value], tracks: int, detached: bool
    ) -> AbstractTensor:
        spec = result.spec
        assert spec is not None
        value = Value(node, spec, self)
        if result.source >= 0:
            parent = sources[result.source]
            value.parent, root = parent, parent.root
            value.root, value.seen = root, root.version
            value.offset = parent.offset + result.offset
            value.step, value.step_parent, value.step_index = node, parent.node, None
            node.meta[SHARES] = parent.node
            if root.origin is not None:
                self.argument_views.append(value)
        if tracks and (spec.dtype.is_floating_point or spec.dtype.is_complex):
            value.tracks = tracks
            if detached and value.root is value:
                value.detached, value.seen = True, -1
            elif detached:  # a view that is made under no_grad: writes pass, gradients do not
                return self.record(_DETACH, (make_abstract(spec, value),))
        return make_abstract(spec, value)

    def hides_gradients(self) -> bool:
        """Whether a ``no_grad`` region of the program is running."""
        return not _is_grad_enabled() and self.base_grad and not self.custom_functions

    def note_module_call(self, path: str, args: object, kwargs: object, result: object) -> None:
        """Remember a call of a module: its arguments and results as nodes."""
        inputs, in_structure = flatten((args, kwargs))
        outputs, out_structure = flatten(result)
        self.module_calls.setdefault(path, []).append(
            ModuleCall(
                [self.argument(leaf, [], []) for leaf in inputs],
                [self.argument(leaf, [], []) for leaf in outputs],
                in_structure,
                out_structure,
            )
        )

    # Questions -------------------------------------------------------------------------------

    def here(self) -> SourceLine | None:
        """The user's line that is running."""
        return current_source_line(2)

    def here_if_user(self) -> SourceLine | None:
        """The user's line, if the innermost caller outside us is the user's (not a library's)."""
        frames = frames_of_user(3)
        return self.here() if frames and frames[0] is sys._getframe(2) else None

    def assume(self, kind: str, text: str, where: SourceLine | None = None) -> None:
        """List something that was fixed while capturing, once for each line."""
        found = Assumption(kind, text, where)
        if found not in self.assumptions:
            self.assumptions.append(found)

    def read_values(
        self, tensor: torch.Tensor, asked: str, convert: Callable[[torch.Tensor], Converted]
    ) -> Converted:
        """``convert`` of a tensor whose data is known while capturing.

        Raises:
            DataDependentError: MG-D103, where it is not known.
        """
        with without_modes(), torch.no_grad():
            return convert(data_dependence.require_known(self, tensor, asked, "MG-D103"))

    def is_known(self, value: Value) -> bool:
        """Whether constants alone determine the data of ``value``."""
        with without_modes(), torch.no_grad():
            return self.known_value(value) is not None

    def known_value(self, value: Value, *, use_examples: bool = False) -> torch.Tensor | None:
        """The data of ``value`` where constants alone determine it."""
        return known_value(self, self.read(value), use_examples=use_examples)

    def written(self, value: Value) -> None:
        """Bookkeeping for a write to ``value``'s memory."""
        origin = value.root.origin
        if origin is None or origin.mutated:
            return
        if origin.read_at is not None:
            raise MutationError(
                f"the values of {origin.target} were read into Python at {origin.read_at}, and "
                "the tensor is written here",
                code="MG-M104", where=self.here(), read_at=origin.read_at,
                hint="keep a Python number beside the tensor, or register it as a buffer and "
                "use it as a tensor.",
            )  # fmt: skip
        origin.mutated = self.has_written = True
        self.known.clear()
        mutation.refuse_shared_memory(self, value.root)


hide_from_compiler(Recorder.__torch_dispatch__)
