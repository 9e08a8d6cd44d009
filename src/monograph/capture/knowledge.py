"""Tensors whose values are known while capturing: computed from constants alone, on demand.

Nothing is evaluated ahead of time. Where Python asks for a value (``if t:``, ``t.item()``), the
part of the graph that made it is run, provided that it starts from constants only. Where nothing
else is left but to refuse, buffers that no state dict holds and that the program does not write
count as constants in another capture: tables and paddings that the constructor has computed.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.fx import Node, map_arg

from monograph.capture.python.frames import frames_of_user
from monograph.capture.restarts import NeedsTables, refused, restart
from monograph.diagnostics import DataDependentError, OperatorError, SourceLine
from monograph.ir.operators import draws
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import SUBGRAPHS
from monograph.torch_internals import node_is_marked_constant, real_operators, without_modes

if TYPE_CHECKING:
    from monograph.capture.aliasing import Value
    from monograph.capture.inputs import Origin
    from monograph.capture.recorder import Recorder

__all__ = ["Knowledge", "marked_constant_function"]

_MOST_NODES = 2000
_LIMIT = 1 << 24  # elements of one intermediate result

Converted = TypeVar("Converted")


class Knowledge:
    """What is known of the data of a program's tensors, found out when somebody asks."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[Node, Any] = {}
        self._settled: dict[Node, Any] = {}  # what holds if tables are constants
        self._examples: dict[Node, Any] = {}  # what holds for the example inputs

    def forget(self) -> None:
        """An argument is written: what was computed before may not hold any more."""
        self._known.clear()
        self._settled.clear()

    def value(self, value: Value, *, use_examples: bool = False) -> torch.Tensor | None:
        """The data of ``value`` if it follows from constants (or, if asked, example inputs).

        ``use_examples`` is for ``assume_constant_result``, and for going on after a refusal: the
        answer is then only right for the example inputs.
        """
        cache = self._examples if use_examples else self._known
        found = self._found(self._recorder.read(value), cache)
        return found if isinstance(found, torch.Tensor) else None

    def of(self, node: Node) -> torch.Tensor | None:
        """The data of the tensor that ``node`` gives, likewise."""
        found = self._found(node, self._known)
        return found if isinstance(found, torch.Tensor) else None

    def is_known(self, value: Value) -> bool:
        """Whether constants alone determine the data of ``value``."""
        with without_modes(), torch.no_grad():
            return self.value(value) is not None

    def read(
        self, tensor: torch.Tensor, asked: str, convert: Callable[[torch.Tensor], Converted]
    ) -> Converted:
        """``convert`` of a tensor whose data is known while capturing.

        Raises:
            DataDependentError: MG-D103, where it is not known.
        """
        with without_modes(), torch.no_grad():
            return convert(self.require(tensor, asked, "MG-D103"))

    def require(self, tensor: torch.Tensor, asked: str, code: str) -> torch.Tensor:
        """The data of ``tensor``, where constants alone determine it.

        Raises:
            DataDependentError: with the user's line and the expression that asks.
        """
        recorder = self._recorder
        context = recorder.context
        value = recorder.value_of(tensor)
        known = self.value(value)
        where = recorder.here()
        if known is not None:
            for constant in recorder.entrance.origins:
                if constant.kind == "constant" and not constant.fresh and constant.read_at is None:
                    constant.read_at = where
            if context.knows_tables:
                self._rely_on_tables(recorder.read(value), where)
            return known
        self.ask_tables([recorder.read(value)])
        marked = marked_constant_function()
        if marked is not None:
            known = self.value(value, use_examples=True)
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
        count = value.spec.numel
        if asked == "bool(tensor)" and isinstance(count, int) and count > 1:
            raise OperatorError(
                (f"`{expression}` asks for the" if expression else "the")
                + f" truth of {value.spec!r}, which is ambiguous: it has {count} elements",
                where=where,
                hint=".any() or .all() make one truth of it; `x is None` asks whether it is there.",
            )
        what = f"{asked} of {value.spec!r}"
        if expression:
            what = f"`{expression}` needs the data of {value.spec!r} ({asked})"
        if origin is not None and origin.kind in ("parameter", "buffer"):
            what += f", which is the {origin.kind} {origin.target}"
        what += ", which is only known when the program runs"
        shows = context.strict is None or not context.strict.audits
        if shows and origin is None:
            what += self._example_in_words(recorder.read(value))
        from monograph.capture.provenance import lines_to  # what only a refusal needs
        from monograph.diagnostics.hints import instead_of

        error = DataDependentError(
            what,
            code=code,
            where=where,
            hint=instead_of(expression, code),
        )
        error.origins = lines_to([recorder.read(value)], where)
        if context.collected is not None:
            known = self.value(value, use_examples=True)
            if known is not None:
                context.collected.append(error)
                return known
        raise refused(recorder, error)

    def ask_tables(self, nodes: list[Node]) -> None:
        """Capture again, if that tables are constants determines one of ``nodes``."""
        context = self._recorder.context
        has_tables = any(map(_is_table, self._recorder.entrance.origins))
        if context.knows_tables or not context.is_running or not has_tables:
            return
        with without_modes(), torch.no_grad():
            if any(self._found(node, self._settled) is not None for node in nodes):
                restart(self._recorder, NeedsTables())

    def _rely_on_tables(self, node: Node, where: SourceLine | None) -> None:
        """The program holds for the values of the tables that ``node`` is made of."""
        nodes = [node]
        for each in nodes:  # grows
            nodes += [source for source in each.all_input_nodes if source not in nodes]
        for origin in self._recorder.entrance.origins:
            if origin.node in nodes and _is_table(origin):
                origin.read_at = origin.read_at or where
                self._recorder.assume(
                    "constant-buffer",
                    f"the values of {origin.target}, a buffer that no state dict holds, are those "
                    "that it had while capturing",
                    where,
                )

    def example(self, node: Node) -> object:
        """The tensor or number that ``node`` is for the example inputs; None if it is random."""
        return self._found(node, self._examples)

    def _example_in_words(self, node: Node) -> str:
        """``; with your example inputs it is True``, where one number is cheap to compute."""
        found = self.number(node)
        return "" if found is None else f"; with your example inputs it is {found}"

    def number(self, node: Node) -> float | None:
        """The number that ``node`` is for the example inputs, where it is cheap to compute."""
        found = self._cheap(node)
        if isinstance(found, torch.Tensor) and found.numel() == 1 and found.device.type != "meta":
            return found.item()
        return found if isinstance(found, (int, float)) else None

    def size(self, node: Node, dim: int) -> int | None:
        """A size of the tensor that ``node`` gives for the example inputs, likewise."""
        found = self._cheap(node)
        return int(found.shape[dim]) if isinstance(found, torch.Tensor) else None

    def _cheap(self, node: Node) -> object:
        """What ``node`` is for the example inputs; None where it would take long."""
        cost, seen, stack = 0, {node}, [node]
        while stack:
            current = stack.pop()
            spec = current.meta.get("val")
            numel = spec.numel if isinstance(spec, TensorSpec) else 0
            cost += numel if isinstance(numel, int) else 0
            if cost > _LIMIT or len(seen) > _MOST_NODES:
                return None
            new = [source for source in current.all_input_nodes if source not in seen]
            seen.update(new)
            stack += new
        try:
            return self.example(node)
        except Exception:  # what eager mode would say, it says when it is asked
            return None

    def _found(self, node: Node, cache: dict[Node, Any]) -> object:
        if node not in cache:
            with real_operators():
                self._fill(node, cache)
        return cache[node]

    def _fill(self, node: Node, cache: dict[Node, Any]) -> None:
        """Evaluate ``node`` and all that it needs."""
        origins, context = self._recorder.entrance.origins, self._recorder.context
        constants = {o.node: o.tensor for o in origins if o.kind == "constant" and not o.mutated}
        if cache is self._settled or (cache is self._known and context.knows_tables):
            constants |= {o.node: o.tensor for o in origins if _is_table(o)}
        if cache is self._examples:
            constants |= {o.node: o.tensor for o in origins}
        stack = [(node, False)]
        visited: set[Node] = set()
        while stack:  # depth first, without Python's recursion limit
            current, is_ready = stack.pop()
            if is_ready:
                cache[current] = _evaluate(current, cache, constants)
            elif current not in visited and current not in cache:
                visited.add(current)
                stack.append((current, True))
                stack.extend((source, False) for source in current.all_input_nodes)


def _is_table(origin: Origin) -> bool:
    """Whether it is a buffer that the constructor has computed, and nobody loads or writes."""
    return origin.kind == "buffer" and not origin.persistent and not origin.mutated


def marked_constant_function() -> str | None:
    """The running function that ``assume_constant_result`` decorates, if there is one."""
    for frame in frames_of_user():
        name = frame.f_code.co_name
        owner = frame.f_locals.get("self", frame.f_locals.get("cls"))
        # Not ``getattr``, which would run a property.
        candidate = inspect.getattr_static(owner, name, None) if owner is not None else None
        candidate = candidate or frame.f_globals.get(name)
        if candidate is None and frame.f_back is not None:
            candidate = frame.f_back.f_locals.get(name)
        if candidate is not None and node_is_marked_constant(candidate):
            return name
    return None


def _evaluate(node: Node, cache: dict[Node, Any], constants: dict[Node, torch.Tensor]) -> object:
    if node.op == "placeholder":
        tensor = constants.get(node)
        return None if tensor is None else tensor.detach()
    if node.op != "call_function" or draws(node) or SUBGRAPHS in node.meta:
        return None
    if any(cache.get(source) is None for source in node.all_input_nodes):
        return None
    spec = node.meta["val"]
    if isinstance(spec, TensorSpec) and isinstance(spec.numel, int) and spec.numel > _LIMIT:
        return None
    target: Any = node.target
    if target is operator.getitem:
        return cache[node.args[0]][node.args[1]]  # type: ignore[index]
    if str(target).startswith("aten.empty") or str(target).startswith("aten.new_empty"):
        return None  # memory as it comes is no value
    args = map_arg(node.args, cache.__getitem__)
    kwargs = map_arg(node.kwargs, cache.__getitem__)
    return target(*args, **kwargs)
