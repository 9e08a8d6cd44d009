"""What an export returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

from monograph.capture.abstract import TensorSpec
from monograph.capture.aliasing import Value
from monograph.capture.assumptions import Assumption
from monograph.capture.recorder import Recorder
from monograph.capture.subgraphs import built, subgraphs_of
from monograph.control.eager import runnable
from monograph.diagnostics import ExportError
from monograph.module import CallPlan, ProgramModule
from monograph.printing import format_program
from monograph.shapes.constraints import Range
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some
from monograph.shapes.symnode import BoolNode, symbolic
from monograph.signature import (
    CallSpec,
    ExportGraphSignature,
    InputKind,
    ModuleCallEntry,
)

__all__ = ["ExportedProgram", "Parts"]


@dataclass
class Parts:
    """What a program consists of, wherever it comes from.

    ``attributes``: what the graph's ``get_attr`` nodes name. ``recorder`` owns the sizes that
    vary. ``state``: tensor, kind and persistence by dotted name, tied ones under each name.
    ``plan`` gives what lies between a call and the graph.
    """

    graph: Graph
    attributes: dict[str, Any]
    recorder: Recorder
    signature: ExportGraphSignature
    state: dict[str, tuple[torch.Tensor, str, bool]]
    state_dict: dict[str, Any]
    constants: dict[str, Any]
    call_spec: CallSpec
    module_calls: list[ModuleCallEntry]
    ranges: dict[str, Range]
    assumptions: list[Assumption]
    plan: Callable[[], CallPlan]
    example_inputs: Any  # (args, kwargs), or None


class ExportedProgram:
    """One functional graph, the state that it reads and writes, and how to call it.

    Attributes:
        graph: a ``torch.fx.Graph`` of functional ATen operators.
        graph_signature: what each placeholder and each output is.
        state_dict: parameters and persistent buffers by their names, tied ones under each name.
        constants: the other tensors: lifted constants and buffers that are not saved.
        example_inputs: ``(args, kwargs)`` as given to ``export``.
        range_constraints: the range of each size that varies, by its name.
        module_call_graph: the modules; with signatures where these were asked for.
        assumptions: what was fixed for good while capturing, with the lines that caused it.
        call_spec: the structures of the arguments and of the result.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._metadata_is_full = False
        self._graph_module: GraphModule | None = None
        self.example_inputs = parts.example_inputs
        self.range_constraints = parts.ranges
        self.assumptions = parts.assumptions
        self.graph_signature = parts.signature
        self.state_dict, self.constants = parts.state_dict, parts.constants
        self.call_spec = parts.call_spec
        self.module_call_graph = parts.module_calls

    @property
    def graph(self) -> Graph:
        """The graph; nodes carry ``val``, ``stack_trace`` and ``nn_module_stack``."""
        graph = self._parts.graph
        if not self._metadata_is_full:
            _fill_metadata(graph, self._parts.recorder)
            self._metadata_is_full = True
        return graph

    @property
    def graph_module(self) -> GraphModule:
        """The graph as a module that is called with all placeholders' values."""
        if self._graph_module is None:
            self._graph_module = built(self._parts.attributes, self.graph)
        return self._graph_module

    def module(self) -> nn.Module:
        """A module that is called like the original one, with its parameters' storage."""
        plan = replace(self._parts.plan(), statistics=self._statistics())
        return ProgramModule(runnable(self.graph_module), plan, self._parts.state)

    def _statistics(self) -> frozenset[int | str]:
        """The written buffers that only batch norm reads."""
        batch_norm = torch.ops.aten._native_batch_norm_legit_functional.default
        specs = self.graph_signature.input_specs
        placeholders = zip(specs, self._parts.graph.nodes, strict=False)
        found = {
            spec.target or ""
            for spec, node in placeholders
            if spec.kind is InputKind.BUFFER
            and node.users
            and all(user.target is batch_norm for user in node.users)
        }
        return frozenset(found)

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters with their dotted names, each once."""
        for spec in self.graph_signature.input_specs:
            if spec.kind is InputKind.PARAMETER:
                tensor = self._parts.state[spec.target or ""][0]
                if isinstance(tensor, nn.Parameter):
                    yield spec.target or "", tensor

    def buffers(self) -> Iterator[torch.Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers():
            yield buffer

    def named_buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Buffers with their dotted names, each once."""
        for spec in self.graph_signature.input_specs:
            if spec.kind is InputKind.BUFFER:
                yield spec.target or "", self._parts.state[spec.target or ""][0]

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: call ``module()`` instead."""
        raise ExportError(
            "an ExportedProgram is not called directly",
            code="MG-P105",
            hint="call its module: ep.module()(*args, **kwargs).",
        )

    def __str__(self) -> str:
        return format_program(self)

    __repr__ = __str__


def _tensors_of(promised: Any, node: Node, recorder: Recorder) -> Any:
    """Abstract tensors for the specs that a node was recorded with."""
    if isinstance(promised, TensorSpec):
        return Value(node, promised.normal(), recorder).abstract()
    if isinstance(promised, tuple) and node.op == "call_function":
        return tuple(_tensors_of(item, node, recorder) for item in promised)
    if isinstance(promised, (Expr, FloatExpr)):
        return symbolic(recorder.sizes.env, promised)
    if isinstance(promised, (Compare, CompareFloats, All, Some, OneOf)):
        return torch.SymBool(BoolNode(recorder.sizes.env, promised))
    return promised


def _fill_metadata(graph: Graph, recorder: Recorder) -> None:
    """Write what other readers of graphs look for, from what was noted while capturing."""
    traces: dict[Any, str] = {}
    stacks: dict[Any, Any] = {}
    for node in graph.nodes:
        for subgraph in subgraphs_of(node):
            _fill_metadata(subgraph.graph, recorder)
        if node.op != "output":
            node.meta["val"] = _tensors_of(node.meta.get("val"), node, recorder)
        where, scope = node.meta.get("location"), node.meta.get("scope")
        if where is not None:
            if where not in traces:
                traces[where] = where.stack_trace()
            node.meta["stack_trace"] = traces[where]
        if scope is not None:
            if scope not in stacks:
                stacks[scope] = scope.stack()
            node.meta["nn_module_stack"] = stacks[scope]
