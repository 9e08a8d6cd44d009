"""The choke point: every operator that the program calls arrives here and becomes a node."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node
from torch.nn import Parameter

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliases import Aliases
from monograph.capture.aliasing import Value
from monograph.capture.context import Context, Replacements
from monograph.capture.emission import Emission
from monograph.capture.knowledge import Knowledge
from monograph.capture.layouts import Layouts
from monograph.capture.lifting import Entrance
from monograph.capture.operators import handlers, tensor_subclasses
from monograph.capture.operators.composites import OpenInstead, open_where_needed
from monograph.capture.operators.registry import HANDLERS, PURE, handler_of
from monograph.capture.outcomes import Outcomes
from monograph.capture.python.frames import current_source_line
from monograph.capture.sizes import SIZES, Sizes
from monograph.diagnostics import SourceLine
from monograph.inference.fakes import Outcome, Result
from monograph.ir.meta import SHARES
from monograph.ir.module_scope import ModuleCall
from monograph.ir.operators import is_random
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import flatten
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    DispatchMode,
    Operator,
    hide_from_compiler,
    opened_composite,
)

if TYPE_CHECKING:
    pass

__all__ = ["SHARES", "Recorder", "handlers"]

_DETACH = torch.ops.aten.detach.default
_KEEP_NOTHING = frozenset(  # of their arguments' content, for a backward pass
    getattr(getattr(torch.ops.aten, name), overload)
    for name, overload in {
        "add": "Tensor",
        "cat": "default",
        "clone": "default",
        "mean": "dim",
        "neg": "default",
        "stack": "default",
        "sub": "Tensor",
        "sum": "dim_IntList",
        "_to_copy": "default",
    }.items()
)
_KEEPING_NOTHING = frozenset(map(id, _KEEP_NOTHING))  # an operator's hash is computed in Python
_get_default_dtype = torch.get_default_dtype
_is_grad_enabled = torch.is_grad_enabled
_id = id  # a program that is captured gets another function under this name, which costs more
_PLAIN = frozenset({
    int, type(None), str, torch.dtype, torch.device, torch.layout, torch.memory_format,
})  # fmt: skip


class Recorder(DispatchMode):
    """Writes one graph: each operator's arguments become nodes, its results new values.

    Its parts have one job each: ``context`` (what holds for the capture), ``entrance`` (tensors
    that enter), ``emission`` (nodes), ``aliases`` (who shares memory), ``knowledge`` (data that is
    known), ``sizes``, ``layouts``, ``outcomes`` (what operators return).
    """

    def __init__(
        self,
        *,
        opens: bool = False,
        above_autograd: bool = False,
        rules: Replacements | None = None,
        emission: Callable[[Context], Emission] = Emission,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.context = Context(opens=opens, above_autograd=above_autograd, rules=rules)
        self.emission = emission(self.context)
        self.entrance = Entrance(self)
        self.aliases = Aliases(self)
        self.knowledge = Knowledge(self)
        self.layouts = Layouts(self)
        self.cuts: set[Node] = set()  # views that are made under no_grad
        self.sizes = Sizes(self)
        self.outcomes = Outcomes(self)

    def value_of(self, tensor: torch.Tensor) -> Value:
        """The value of any tensor; an unknown real one becomes a constant of the program."""
        if type(tensor) is AbstractTensor:
            found: Value = tensor.value
            return found
        return self.entrance.value_of(tensor)

    def read(self, value: Value) -> Node:
        """The node of ``value``, brought up to date."""
        if value.seen != value.root.version:
            self.aliases.refresh(value)
        return value.node

    def here(self) -> SourceLine | None:
        """The user's line that is running."""
        return current_source_line(2)

    def assume(self, kind: str, text: str, where: SourceLine | None = None) -> None:
        """List something that was fixed while capturing, once for each line."""
        self.context.assume(kind, text, where)

    # Operators -------------------------------------------------------------------------------

    def __torch_dispatch__(
        self,
        op: Operator,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        handler = HANDLERS.get(op) or handler_of(op)
        for kind in types:
            if kind is not AbstractTensor:
                found = tensor_subclasses.run(self, op, types, args, kwargs or {})
                if found is not NotImplemented:
                    return found
                break
        env = self.sizes.env
        if env.refused:
            env.refused.clear()
        try:
            if handler is not PURE:
                return handler(self, op, args, kwargs or {})
            return self.record(op, args, kwargs)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            if env.symbols:
                from monograph.capture.failures import note_failure  # of sizes that vary

                note_failure(self, error, [*args, *(kwargs or {}).values()])
            raise

    def record(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """Append ``op`` as a node and return abstract results."""
        context = self.context
        if context.autocast or context.opens or context.rules is not None:
            opened = open_where_needed(self, op, args, kwargs or {})
            if opened is not NotImplemented:
                return opened
        key: list[Any] = [_id(op), _get_default_dtype()]
        sources: list[Value] = []
        nodes: list[Any] = []
        entered = self.entrance.values
        for arg in args:
            cls = type(arg)
            if cls is AbstractTensor:
                value = arg.value
            elif cls is Parameter or cls is torch.Tensor:
                value = entered.get(_id(arg)) or self.value_of(arg)
            elif cls in _PLAIN:
                key.append(arg)
                nodes.append(arg)
                continue
            else:
                nodes.append(self.argument(arg, key, sources))
                continue
            if value.seen != value.root.version:
                self.aliases.refresh(value)
            key.append(value.spec)
            nodes.append(value.node)
            sources.append(value)
        node_kwargs: dict[str, Any] = {}
        if kwargs:
            for name, arg in kwargs.items():
                key.append(name)
                node_kwargs[name] = self.argument(arg, key, sources)
        try:
            outcome = self.outcomes.find(op, args, kwargs or {}, tuple(key))
        except OpenInstead:
            return self.opened(op, args, kwargs or {})
        if self.sizes.env.symbols:
            self._require_kinds(key, kwargs or {}, outcome, sources)
        if context.above_autograd and _is_put_in_order(op, kwargs or {}):
            self.layouts.rely_on_strides(sources[0])  # the program asked for it to lie in order
        if (self.layouts.writes or self.layouts.laid_anew) and is_random(op):
            self.layouts.rely_on_order(sources)
        if self.layouts.of_sides:
            self.layouts.rely_on_sides(op, args, sources)
        return self._emit(op, tuple(nodes), node_kwargs, outcome, sources)

    call = record

    def opened(self, op: Operator, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """Record what a composite operator is made of.

        Its code is a kernel's, and asks unheard whether a tensor lies in order: it views what it
        would have copied else.
        """
        env = self.sizes.env
        before, self.context.in_composite = self.context.in_composite, True
        try:
            with self:
                return opened_composite(op, tuple(args), dict(kwargs))
        except RuntimeError:
            if not env.symbols or env.by_example or op._schema.is_mutable:
                raise
        finally:
            self.context.in_composite = before
        env.by_example = True  # it has taken a size for one that is not 1; in the example it is
        try:
            return self.opened(op, args, kwargs)
        finally:
            env.by_example = False

    def argument(self, arg: Any, key: list[Any], sources: list[Value]) -> Any:
        """The node form of one argument; what distinguishes it goes into ``key``."""
        cls = type(arg)
        if cls in _PLAIN:
            key.append(arg)
            return arg
        if cls is float or cls is bool or cls is complex:
            key += (cls, arg)
            return arg
        if cls is list or cls is tuple:
            key.append(len(arg))
            if _PLAIN.issuperset(map(type, arg)):  # sizes
                key += arg
                return list(arg)
            return [self.argument(item, key, sources) for item in arg]
        if cls in SIZES:  # first, as it answers Python each time when asked what else it is
            content = self.size_of(arg)
            key.append(content)
            return self.sizes.node_of(content)
        if isinstance(arg, torch.Tensor):
            value = self.value_of(arg)
            if value.seen != value.root.version:
                self.aliases.refresh(value)
            key.append(value.spec)
            sources.append(value)
            return value.node
        if isinstance(arg, (list, tuple)):  # torch.Size, immutable_list
            return self.argument(list(arg), key, sources)
        key.append(id(arg))
        if isinstance(arg, torch.Generator):
            self.context.require_own(arg)
        return self.emission.attribute(arg)

    def size_of(self, arg: object) -> Any:
        """The expression of a SymInt or SymFloat; a truth value is decided here."""
        content = expression_of(arg)
        if content.__class__ is Expr:
            return self.sizes.env.scope.normal(content)
        if isinstance(arg, torch.SymBool):
            return bool(arg)
        return content

    def _require_kinds(
        self, key: list[Any], kwargs: dict[str, Any], outcome: Outcome, sources: list[Value]
    ) -> None:
        """The dtype of a result follows from numbers, where no tensor is of floats."""
        numbers = [item for item in key if item.__class__ is FloatExpr]
        is_told = "dtype" in kwargs or any(_is_of_floats(source.spec) for source in sources)
        if numbers and not is_told and any(map(_is_of_floats, outcome.specs())):
            for number in numbers:
                self.sizes.require_kind(number)

    def check(self, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """What ``op`` would return, without recording it; raises what eager mode raises."""
        key: list[Any] = [_id(op), _get_default_dtype()]
        for arg in args:
            self.argument(arg, key, [])
        for name, arg in kwargs.items():
            key.append(name)
            self.argument(arg, key, [])
        return self.outcomes.find(op, args, kwargs, tuple(key))

    def to_specs(self, arg: Any) -> Any:
        """``arg`` with each tensor in it replaced by its spec."""
        if type(arg) in SIZES:
            return self.size_of(arg)
        if isinstance(arg, torch.Tensor):
            return self.value_of(arg).spec
        if isinstance(arg, (list, tuple)):
            return [self.to_specs(item) for item in arg]
        return arg

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
        detached = tracks > 0 and not _is_grad_enabled() and self.context.hides_gradients()
        result = outcome.single
        if result is not None:
            if result.is_constant:
                return result.constant
            node = self.emission.append(op, nodes, node_kwargs, result.spec)
            if self.sizes.unbound and result.spec is not None:
                self.sizes.bind_results(result.spec, node)
            if result.spec is not None and result.spec.scope is not None:
                self.sizes.note_long(result.spec, node)
            return self._result(result, node, sources, tracks, detached)
        node = self.emission.append(op, nodes, node_kwargs, None)
        found = self.unpack(outcome.results, node, node, sources, tracks, detached)
        if outcome.container is None:
            self.emission.gives(node, None)
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
                part = self.emission.append(operator.getitem, (node, index), {}, None)
                found.append(self.unpack(result.parts, step, part, sources, tracks, detached))
            elif result.spec is None:
                found.append(None)
            else:
                part = self.emission.append(operator.getitem, (node, index), {}, result.spec)
                if self.sizes.unbound:
                    self.sizes.bind_results(result.spec, part)
                if result.spec is not None and result.spec.scope is not None:
                    self.sizes.note_long(result.spec, part)
                tensor = self._result(result, part, sources, tracks, detached)
                if result.source >= 0:
                    tensor.value.step, tensor.value.step_index = step, index
                found.append(tensor)
        self.emission.gives(node, tuple(result.promised() for result in results))
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
            self.emission.shares(node, parent.node)
            if root.origin is not None:
                self.aliases.argument_views.append(value)
        if tracks and (spec.dtype.is_floating_point or spec.dtype.is_complex):
            value.tracks = tracks
            if not detached and value.root is value and _id(node.target) not in _KEEPING_NOTHING:
                for source in sources:
                    source.root.kept = source.root.version
            if detached and value.root is value:
                value.detached, value.seen = True, -1
            elif detached:  # a view that is made under no_grad: writes pass, gradients do not
                made = self.record(_DETACH, (make_abstract(spec, value),))
                made.value.is_cut = True
                self.cuts.add(made.value.node)
                return made
        return make_abstract(spec, value)

    def note_module_call(self, path: str, args: object, kwargs: object, result: object) -> None:
        """Remember a call of a module: its arguments and results as nodes."""
        inputs, in_structure = flatten((args, kwargs))
        outputs, out_structure = flatten(result)
        self.emission.module_calls.setdefault(path, []).append(
            ModuleCall(
                [self.argument(leaf, [], []) for leaf in inputs],
                [self.argument(leaf, [], []) for leaf in outputs],
                in_structure,
                out_structure,
            )
        )


hide_from_compiler(Recorder.__torch_dispatch__)


def _is_of_floats(spec: TensorSpec) -> bool:
    return spec.dtype.is_floating_point or spec.dtype.is_complex


def _is_put_in_order(op: object, kwargs: dict[str, Any]) -> bool:
    """Whether it is the copy that such an operator makes."""
    is_copy = op is torch.ops.aten.clone.default
    return is_copy and kwargs.get("memory_format") is torch.contiguous_format
