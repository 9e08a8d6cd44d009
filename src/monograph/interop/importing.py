"""``from_torch``: a ``torch.export.ExportedProgram`` node by node in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
import torch
import torch.export.graph_signature as ts
from torch.export import ExportedProgram as TorchProgram
from torch.export import ModuleCallEntry as TorchEntry
from torch.fx import Graph, GraphModule, Node

from monograph.diagnostics import FileError, InteropError
from monograph.interop.functional import functional
from monograph.interop.graphs import literal_of
from monograph.interop.private import pytree
from monograph.interop.provenance import pairs_of
from monograph.interop.reading import ProgramReader, guarded
from monograph.interop.reflected import Given, Reflected, constants_in_spec, reflected_structure
from monograph.interop.torch_export import GRADIENTS_CUT
from monograph.ir import signature as ours
from monograph.ir.meta import CUSTOM, FROM_NODE
from monograph.ir.program import Parts
from monograph.ir.spec import TensorSpec
from monograph.ir.structure import LEAF, Structure, registered
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph
from monograph.torch_internals import append_attribute, bits_of, claim_names, copied_node

__all__ = ["from_torch"]

_KEPT = ("stack_trace", "nn_module_stack", CUSTOM)
_TARGETED = ("PARAMETER", "BUFFER", "CONSTANT_TENSOR")
_NUMBERS: dict[str, Callable[[str], ours.Argument]] = {
    "SymIntArgument": ours.SymIntArgument,
    "SymFloatArgument": ours.SymFloatArgument,
    "SymBoolArgument": ours.SymBoolArgument,
    "TensorArgument": ours.TensorArgument,
}


def from_torch(program: object) -> Parts:
    """A ``torch.export.ExportedProgram`` as Monograph's, over the same tensors.

    Raises:
        InteropError: MG-F104, for what is not known here (custom objects, say).
    """
    if not isinstance(program, TorchProgram):
        raise InteropError(
            f"a {type(program).__name__} is no torch.export.ExportedProgram",
            hint="a model is exported: monograph.export(model, args).",
        )
    try:
        return functional(guarded(lambda: _Importer(program).program()))
    except FileError as error:
        raise InteropError(error.what) from error


class _Importer:
    def __init__(self, program: TorchProgram) -> None:
        self.source = program
        ranges = {
            str(symbol): {"min_val": _bound(bounds.lower), "max_val": _bound(bounds.upper)}
            for symbol, bounds in program.range_constraints.items()
        }
        nothing: dict[str, Any] = {"tensor_values": {}, "sym_int_values": {}}
        data = {
            "schema_version": {"major": 8},
            "graph_module": {"graph": nothing},
            "range_constraints": ranges,
            "verifiers": [program.dialect],
            "guards_code": getattr(program, "_guards_code", []),
        }
        self.reader = ProgramReader(data, {})
        self.reader.hints = self._hints()
        cut = program.graph_module.meta.get(GRADIENTS_CUT, [])
        self.reader.notes = {**self.reader.notes, "assumptions": cut}
        self.numbers: dict[sympy.Basic, object] = {}
        self.objects: dict[str, str] = {}  # names of placeholders, and of the objects

    def _hints(self) -> dict[str, Any]:
        """The numbers that symbols were for the example inputs."""
        for node in self.source.graph.nodes:
            value = node.meta.get("val")
            sizes = value.shape if isinstance(value, torch.Tensor) else (value,)
            for size in sizes:
                if isinstance(size, torch.SymInt):
                    known = size.node.shape_env.backed_var_to_val
                    return {str(symbol): int(value) for symbol, value in known.items()}
        return {}

    def program(self) -> Parts:
        source = self.source
        specs = source.graph_signature.input_specs
        self.objects = {
            spec.arg.name: spec.target for spec in specs if spec.kind.name == "CUSTOM_OBJ"
        }
        graph, attributes = self._graph(source.graph_module)
        attributes |= {name: source.constants[name] for name in self.objects.values()}
        signature = ours.ExportGraphSignature(
            [self._input(spec) for spec in specs if spec.arg.name not in self.objects],
            [self._output(spec) for spec in source.graph_signature.output_specs],
        )
        entries = [self._entry(entry) for entry in source.module_call_graph]
        root = next(entry.signature for entry in source.module_call_graph if not entry.fqn)
        if root is not None:
            self.reader.given = constants_in_spec(root.in_spec)
            self.reader.kept = constants_in_spec(root.out_spec)
        constants = {n: t for n, t in source.constants.items() if isinstance(t, torch.Tensor)}
        return self.reader.assembled(
            graph,
            attributes,
            signature,
            entries,
            source.state_dict,
            constants,
            Given.restored(source.example_inputs),
        )

    # Graphs ------------------------------------------------------------------------------------

    def _graph(self, module: GraphModule) -> tuple[Graph, dict[str, Any]]:
        made = Graph()
        claim_names(made, {node.name for node in module.graph.nodes})
        nodes: dict[Node, Node | float] = {}
        held: dict[str, Any] = {}
        objects: dict[Node, str] = {}
        for node in module.graph.nodes:
            if node.op == "placeholder" and node.name in self.objects:
                objects[node] = self.objects[node.name]
                continue
            if node.op != "placeholder" and objects:
                for given, name in objects.items():
                    nodes[given] = append_attribute(made, name)
                objects = {}
            literal = literal_of(node.target, node.args)
            if literal is not None:
                nodes[node] = literal
                continue
            copy = nodes[node] = copied_node(made, node, nodes.__getitem__)
            if node.op == "get_attr":
                held[str(node.target)] = self._held(module, str(node.target))
                continue
            graphs = [held[str(n.target)] for n in copy.all_input_nodes if n.target in held]
            copy.meta = {key: node.meta[key] for key in _KEPT if key in node.meta}
            origin = pairs_of(node, node.meta.get(FROM_NODE) or [])
            if origin and node.op == "call_function":
                copy.meta[FROM_NODE] = origin
            if graphs and node.op == "call_function":
                copy.meta[SUBGRAPHS] = graphs
            if node.op != "output":
                copy.meta["val"] = self._value(node.meta.get("val"))
        return made, held

    def _held(self, module: GraphModule, name: str) -> Subgraph:
        item = module.get_submodule(name) if hasattr(module, name) else None
        if not isinstance(item, GraphModule):
            raise FileError(f"{name} is a {type(item).__name__}, which is not known here")
        return Subgraph(*self._graph(item))

    def _value(self, value: object) -> object:
        if isinstance(value, torch.Tensor):
            shape, strides = (
                tuple(map(self._value, value.shape)),
                tuple(map(self._value, value.stride())),
            )
            return TensorSpec.of(shape, strides, value.dtype, value.device, bits_of(value))
        if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
            expression = value.node.expr
            if expression not in self.numbers:
                self.numbers[expression] = self.reader.reader.read(sympy.srepr(expression))
            return self.numbers[expression]
        if isinstance(value, (tuple, list)):
            return tuple(self._value(item) for item in value)
        return value

    # Signatures --------------------------------------------------------------------------------

    def _argument(self, argument: ts.ArgumentSpec) -> ours.Argument:
        kind = type(argument).__name__
        if isinstance(argument, ts.ConstantArgument):
            return ours.ConstantArgument(argument.name, argument.value)
        if kind not in _NUMBERS:
            raise FileError(f"arguments of the kind {kind} are not known here")
        return _NUMBERS[kind](argument.name)

    def _input(self, spec: ts.InputSpec) -> ours.InputSpec:
        kind = ours.InputKind[spec.kind.name]
        if spec.kind.name not in (*_TARGETED, "USER_INPUT"):
            raise FileError(f"inputs of the kind {spec.kind.name} are not known here")
        return ours.InputSpec(kind, self._argument(spec.arg), spec.target, spec.persistent)

    def _output(self, spec: ts.OutputSpec) -> ours.OutputSpec:
        kind = ours.OutputKind[spec.kind.name]
        return ours.OutputSpec(kind, self._argument(spec.arg), spec.target)

    def _entry(self, entry: TorchEntry) -> ours.ModuleCallEntry:
        call = entry.signature
        if call is None:
            return ours.ModuleCallEntry(entry.fqn)
        return ours.ModuleCallEntry(
            entry.fqn,
            ours.ModuleCallSignature(
                [self._argument(a) for a in call.inputs],
                [self._argument(a) for a in call.outputs],
                _structure(call.in_spec),
                _structure(call.out_spec),
                call.forward_arg_names,
            ),
        )


def _bound(bound: sympy.Basic) -> int | None:
    """A bound of a range; None for infinity."""
    return int(bound) if getattr(bound, "is_Integer", isinstance(bound, int)) else None


def _structure(spec: pytree.TreeSpec) -> Structure:
    if spec.is_leaf():
        return LEAF
    children = tuple(map(_structure, spec.children()))
    try:
        if spec.type in (Reflected, Given):
            return reflected_structure(spec.context, children)
        return registered(spec.type, spec.context, children)
    except Exception as error:
        text = f"the structure of arguments or results is not known here: {error}"
        raise FileError(text) from error
