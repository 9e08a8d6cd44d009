"""What an export returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

from monograph.capture.abstract import TensorSpec, spec_of
from monograph.capture.aliasing import Value
from monograph.capture.assumptions import Assumption
from monograph.capture.recorder import Recorder
from monograph.capture.scopes import ModuleCall
from monograph.capture.session import Captured
from monograph.capture.structure import Structure
from monograph.capture.subgraphs import built, subgraphs_of
from monograph.constraints.input_sizes import size_checks
from monograph.control.eager import runnable
from monograph.diagnostics import ExportError
from monograph.module import CallPlan, Check, ProgramModule, Write
from monograph.printing import format_program
from monograph.shapes.constraints import Range, ranges_of, sentence
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some
from monograph.shapes.symnode import BoolNode, expression_of, symbolic
from monograph.signature import (
    Argument,
    CallSpec,
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    ModuleCallEntry,
    ModuleCallSignature,
    OutputKind,
    OutputSpec,
    SymBoolArgument,
    SymFloatArgument,
    SymIntArgument,
    TensorArgument,
)

__all__ = ["ExportedProgram"]

_INPUT_KINDS = {
    "parameter": InputKind.PARAMETER,
    "buffer": InputKind.BUFFER,
    "constant": InputKind.CONSTANT_TENSOR,
}
_MUTATION_KINDS = {
    "parameter": OutputKind.PARAMETER_MUTATION,
    "buffer": OutputKind.BUFFER_MUTATION,
    "input": OutputKind.USER_INPUT_MUTATION,
}


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

    def __init__(
        self,
        captured: Captured,
        example_inputs: tuple[tuple[Any, ...], dict[str, Any]],
        preserved: tuple[str, ...] = (),
    ) -> None:
        self._captured = captured
        self._metadata_is_full = False
        self._graph_module: GraphModule | None = None
        self.example_inputs = example_inputs
        env = captured.recorder.sizes.env
        self.range_constraints: dict[str, Range] = ranges_of(env)
        self.assumptions: list[Assumption] = [*captured.assumptions, *_about_sizes(captured)]
        self.graph_signature = _signature_of(captured)
        self.state_dict, self.constants = _state_of(captured)
        structure = captured.arguments
        in_spec = Structure(
            tuple, None, (("[0]", "args"), ("[1]", "kwargs")), (structure.args, structure.kwargs)
        )
        self.call_spec = CallSpec(in_spec, captured.output_structure)
        self.module_call_graph = _module_calls_of(captured, self.call_spec, preserved)

    @property
    def graph(self) -> Graph:
        """The graph; nodes carry ``val``, ``stack_trace`` and ``nn_module_stack``."""
        graph = self._captured.graph
        if not self._metadata_is_full:
            _fill_metadata(graph, self._captured.recorder)
            self._metadata_is_full = True
        return graph

    @property
    def graph_module(self) -> GraphModule:
        """The graph as a module that is called with all placeholders' values."""
        if self._graph_module is None:
            self._graph_module = built(self._captured.opaque, self.graph)
        return self._graph_module

    def module(self) -> nn.Module:
        """A module that is called like the original one, with its parameters' storage."""
        captured = self._captured
        signature = self.graph_signature
        names = {n.name: i for i, n in enumerate(captured.argument_nodes)}
        results = len(captured.mutations)
        plan = CallPlan(
            args=captured.arguments.args,
            kwargs=captured.arguments.kwargs,
            result=captured.output_structure,
            root=captured.root,
            state=[s.target or "" for s in signature.input_specs if s.target is not None],
            checks=[_check_of(captured, i) for i in range(len(captured.argument_nodes))],
            writes=[
                Write(
                    names[o.node.name] if o.kind == "input" else o.target,
                    i,
                    not o.is_seen_by_autograd,
                )
                for i, o in enumerate(captured.mutations)
            ],
            outputs=[
                (o.constant, None) if o.node is None else (None, results + i)
                for i, o in enumerate(captured.outputs)
            ],
            aliases=_aliases_of(captured, names),
            twins=[(names[a], names[b]) for a, b in captured.twins],
            statistics=frozenset(o.target for o in captured.mutations if _is_statistic(o.node)),
            sizes=size_checks(
                captured.recorder.sizes.env, captured.declared, captured.arguments.leaves
            ),
        )
        return ProgramModule(runnable(self.graph_module), plan, _all_state(captured))

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters with their dotted names, each once."""
        for origin in self._captured.origins:
            if origin.kind == "parameter" and isinstance(origin.tensor, nn.Parameter):
                yield origin.target, origin.tensor

    def buffers(self) -> Iterator[torch.Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers():
            yield buffer

    def named_buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Buffers with their dotted names, each once."""
        for origin in self._captured.origins:
            if origin.kind == "buffer":
                yield origin.target, origin.tensor

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


def _signature_of(captured: Captured) -> ExportGraphSignature:
    origins = {o.node.name: o for o in captured.origins}
    inputs = []
    for node in captured.graph.nodes:
        if node.op != "placeholder":
            break
        origin = origins.get(node.name)
        argument: Argument = TensorArgument(node.name)
        if origin is None:
            argument = _number(node) or ConstantArgument(node.name, node.meta["val"])
        if origin is None or origin.kind == "input":
            inputs.append(InputSpec(InputKind.USER_INPUT, argument, None))
        else:
            persistent = origin.persistent if origin.kind == "buffer" else None
            kind = _INPUT_KINDS[origin.kind]
            inputs.append(InputSpec(kind, argument, origin.target, persistent))
    returned = captured.graph.output_node().args[0]
    assert isinstance(returned, tuple)
    outputs = []
    for origin, node in zip(captured.mutations, returned, strict=False):
        target = origin.node.name if origin.kind == "input" else origin.target
        name = node.name
        outputs.append(OutputSpec(_MUTATION_KINDS[origin.kind], TensorArgument(name), target))
    for output in captured.outputs:
        result: Argument = (
            ConstantArgument("", output.constant)
            if output.node is None
            else _number(output.node) or TensorArgument(output.node.name)
        )
        outputs.append(OutputSpec(OutputKind.USER_OUTPUT, result, None))
    return ExportGraphSignature(inputs, outputs)


def _number(node: Node) -> Argument | None:
    """How a node that is a number and varies is called in the signature."""
    value = expression_of(node.meta.get("val"))
    if isinstance(value, Expr):
        return SymIntArgument(node.name)
    if isinstance(value, FloatExpr):
        return SymFloatArgument(node.name)
    is_test = isinstance(value, (Compare, CompareFloats, All, Some, OneOf))
    return SymBoolArgument(node.name) if is_test else None


def _state_of(captured: Captured) -> tuple[dict[str, Any], dict[str, Any]]:
    state = captured.state
    named = [*state.parameters, *state.buffers]
    saved = {name: tensor for name, tensor in named if name not in state.transient}
    for origin in captured.origins:  # parameters that no module owns
        if origin.kind == "parameter":
            saved.setdefault(origin.target, origin.tensor)
    constants = {
        o.target: o.tensor
        for o in captured.origins
        if o.kind == "constant" or (o.kind == "buffer" and not o.persistent)
    }
    return saved, constants


def _all_state(captured: Captured) -> dict[str, tuple[torch.Tensor, str, bool]]:
    """Dotted name to (tensor, kind, persistent), tied tensors under each of their names."""
    found = {
        o.target: (o.tensor, o.kind, o.persistent) for o in captured.origins if o.kind != "input"
    }
    kinds = {id(t): (t, kind, keep) for t, kind, keep in found.values()}
    for name, tensor in [*captured.state.parameters, *captured.state.buffers]:
        if id(tensor) in kinds:
            found.setdefault(name, kinds[id(tensor)])
    return found


def _about_sizes(captured: Captured) -> list[Assumption]:
    """What was narrowed, tied or fixed, each with the line that did it."""
    env = captured.recorder.sizes.env
    kinds = {"branch": "narrowed", "fixed": "fixed", "precondition": "precondition"}
    found = [Assumption(kinds[g.kind], sentence(g, env), g.where) for g in env.guards]
    return list(dict.fromkeys(found))


def _check_of(captured: Captured, index: int) -> Check:
    leaf = captured.arguments.leaves[index]
    mutated = {o.node.name for o in captured.mutations}
    promised = captured.argument_nodes[index].meta["val"]
    varies: frozenset[int] | None = None
    promised = spec_of(promised) if isinstance(promised, torch.Tensor) else expression_of(promised)
    if isinstance(promised, TensorSpec):
        varies = frozenset(i for i, n in enumerate(promised.shape) if isinstance(n, Expr))
    elif isinstance(promised, (Expr, FloatExpr)):
        varies = frozenset((0,))
    return Check(
        varies=varies or None,
        path=leaf.path,
        example=leaf.example,
        strides=tuple(leaf.example.stride()) if leaf.path in captured.layout_matters else None,
        is_written=captured.argument_nodes[index].name in mutated,
    )


def _is_statistic(node: Node) -> bool:
    batch_norm = torch.ops.aten._native_batch_norm_legit_functional.default
    return bool(node.users) and all(user.target is batch_norm for user in node.users)


def _aliases_of(captured: Captured, names: dict[str, int]) -> list[int | str | None]:
    """For each result that is a written input or buffer: which one."""
    written = {o.node.name: o for o in captured.mutations}
    found: list[int | str | None] = []
    for output in captured.outputs:
        origin = written.get(output.alias or "")
        if origin is None:
            found.append(None)
        else:
            found.append(names[origin.node.name] if origin.kind == "input" else origin.target)
    return found


def _module_calls_of(
    captured: Captured, call_spec: CallSpec, preserved: tuple[str, ...]
) -> list[ModuleCallEntry]:
    placeholders = [
        TensorArgument(node.name)
        if isinstance(leaf.example, torch.Tensor)
        else ConstantArgument(node.name, leaf.example)
        for node, leaf in zip(captured.argument_nodes, captured.arguments.leaves, strict=True)
    ]
    results: list[Argument] = [
        ConstantArgument("", o.constant) if o.node is None else TensorArgument(o.node.name)
        for o in captured.outputs
    ]
    names = list(captured.root.signature.parameters) if captured.root.signature else None
    root = ModuleCallSignature(
        list(placeholders), results, call_spec.in_spec, call_spec.out_spec, names
    )
    entries = [ModuleCallEntry("", root)]
    for path, _ in captured.state.modules:
        if path:
            call = captured.module_calls.get(path) if path in preserved else None
            entries.append(ModuleCallEntry(path, None if call is None else _recorded(call)))
    return entries


def _recorded(call: ModuleCall) -> ModuleCallSignature:
    def argument(leaf: Any) -> Argument:
        return TensorArgument(leaf.name) if isinstance(leaf, Node) else ConstantArgument("", leaf)

    return ModuleCallSignature(
        [argument(leaf) for leaf in call.inputs],
        [argument(leaf) for leaf in call.outputs],
        call.in_structure,
        call.out_structure,
    )


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
