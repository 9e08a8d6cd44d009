"""An exported program as a ``torch.export.ExportedProgram``: the same graph, in torch's words."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sympy
import torch
import torch.export.graph_signature as ts
from torch import nn
from torch.export.exported_program import ExportedProgram as TorchProgram
from torch.export.exported_program import ModuleCallEntry as TorchEntry
from torch.export.exported_program import ModuleCallSignature as TorchCallSignature
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.symbolic_shapes import CallMethodKey
from torch.fx.node import Argument
from torch.fx.passes.shape_prop import TensorMetadata

from monograph.diagnostics import InteropError
from monograph.interop.guards import assert_guards
from monograph.interop.layouts import layouts_as_code
from monograph.interop.norms import InPlace, in_place
from monograph.interop.private import add_guards, class_of, lazy_modules, pytree, verifier_of
from monograph.interop.provenance import Functions, sources
from monograph.interop.reflected import Given, Taking, is_known, kept_in_spec, tree_spec
from monograph.interop.symbols import TorchSymbols
from monograph.interop.words import in_words, is_spelled_out
from monograph.ir import signature as ours
from monograph.ir.call_plan import arguments_of
from monograph.ir.meta import of_user
from monograph.ir.metadata import described
from monograph.ir.names import Names
from monograph.ir.program import TRAINING, Parts
from monograph.ir.spec import TensorSpec, spec_of
from monograph.ir.structure import flatten
from monograph.ir.subgraphs import Subgraph
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    HigherOrderOperator,
    append_placeholder,
    claim_names,
    copied_node,
)

__all__ = ["converted"]


_KINDS = TorchProgram, Taking


def converted(
    program: Parts,
    *,
    is_for_files: bool = False,
    kinds: tuple[type[TorchProgram], type[TorchProgram]] = _KINDS,
) -> tuple[TorchProgram, TorchSymbols]:
    """The program as torch's, and what its symbols stand for: see ``decomposing.to_torch``.

    ``kinds``: the class of what is made, and of what takes arguments that torch does not know.
    """
    symbols = TorchSymbols(program.env)
    writer = _Writer(program, symbols, is_for_files)
    is_taken = is_known(tree_spec(arguments_of(program.plan)))
    kind = kinds[0] if is_taken else kinds[1]
    example = None
    if program.example_inputs is not None and not is_for_files:
        example = Given.of(program.example_inputs)
    held = writer.held(program.attributes)
    graph = writer.graph(program.graph, is_root=True)
    assert_guards(program, graph, symbols)
    with lazy_modules():
        made = kind(
            root=held,
            graph=graph,
            graph_signature=_signature(writer.signature(), writer.objects),
            state_dict=_state_dict(program),
            range_constraints=symbols.ranges,
            module_call_graph=[
                _entry(program, entry.renamed(writer.renamed), is_for_files)
                for entry in program.module_calls
            ],
            example_inputs=example,
            constants={**program.constants, **writer.objects},
            verifiers=[verifier_of(program.dialect)],
        )
    add_guards(made, layouts_as_code(program))
    cut = [[each.kind, str(each)] for each in program.assumptions if each.kind == "gradient"]
    if cut:
        made.graph_module.meta[GRADIENTS_CUT] = cut
    return made, symbols


# In the metadata of a graph module of torch's: where gradients are cut off, which no graph tells.
GRADIENTS_CUT = "monograph_gradients_cut"


class _Writer:
    """Copies graphs with everything in torch's terms."""

    def __init__(self, program: Parts, symbols: TorchSymbols, is_for_files: bool) -> None:
        self.symbols = symbols
        self.tensors: dict[TensorSpec, torch.Tensor] = {}
        self.looks: dict[int, TensorMetadata] = {}  # by the identity of a value
        self.texts: dict[Any, Any] = {}
        self.bound: set[Any] = set()
        self.functions = Functions()
        self.placeholders = program.signature.input_specs
        self.requiring = _requiring_gradients(program)
        self.norms = InPlace()
        if program.dialect == TRAINING:
            self.norms = in_place(program.graph, program.signature)
        self.renamed = _written_under_builtin_names(program)
        self.given = program.signature
        self.kept_inputs, self.kept = _kept_constants(program, is_for_files)
        # Objects of classes that C++ registered: inputs there, attributes of the graph here.
        self.objects = {
            name: item
            for name, item in program.attributes.items()
            if isinstance(item, torch.ScriptObject)
        }

    def held(self, attributes: dict[str, Any]) -> dict[str, GraphModule]:
        """The graphs inside a graph, as modules."""
        held: dict[str, GraphModule] = {}
        for name, item in attributes.items():
            if isinstance(item, Subgraph):
                inside = self.graph(item.graph, is_root=False)
                held[name] = GraphModule(self.held(item.attributes), inside)
            elif name not in self.objects or item is not self.objects[name]:
                raise InteropError(
                    f"the program holds a {type(item).__name__}, which a graph of torch.export "
                    "cannot",
                    hint="pass it as an argument, or compute with tensors alone.",
                )
        return held

    def graph(self, graph: Graph, is_root: bool) -> Graph:
        """A copy of a graph."""
        made = Graph()
        claim_names(made, {node.name for node in graph.nodes})
        nodes: dict[Node, Node] = {}
        objects: dict[str, Node] = {}
        index = 0
        for node in graph.nodes:
            if is_root and self.objects and not objects and (
                node.op != "placeholder" or self.placeholders[index].target is None
            ):  # fmt: skip
                objects = {name: self._object(made, name) for name in self.objects}
            if node.op == "get_attr" and node.target in objects:
                nodes[node] = objects[node.target]
                continue
            if node in self.norms.counters:
                counted = self.norms.counted(made, node, nodes)
                counted.meta = self._meta(node, None)
                continue
            if node in self.norms.new:
                continue
            if node in self.norms.buffers:
                result = self.norms.results[node]
                nodes[result] = self._norm(made, node, nodes)
                self.renamed[result.name] = nodes[result].name
                continue
            if node in nodes:
                continue
            if node.op == "output":
                self._output(made, node, nodes, self.kept if is_root else set())
                continue
            if is_spelled_out(node.target, node.args):
                nodes[node] = self._replaced(made, node, nodes)
                continue
            if is_root and node.op == "placeholder" and node.name in self.renamed:
                copy = append_placeholder(made, self.renamed[node.name])
            else:
                copy = copied_node(made, node, nodes.__getitem__)
            nodes[node] = copy
            copy.meta = self._meta(node, index if is_root else None)
            if isinstance(node.target, HigherOrderOperator):
                copy.args = tuple(_of_one_kind(made, copy, argument) for argument in copy.args)
            index += 1
        return made

    def signature(self) -> ours.ExportGraphSignature:
        """That of the graph that was written."""
        outputs = [
            replace(output, arg=ours.ConstantArgument("", None))
            if i in self.kept
            else replace(output, target=self._name_of(output))
            for i, output in enumerate(self.given.output_specs)
        ]
        inputs = [
            replace(spec, arg=ours.ConstantArgument(spec.arg.name, None))
            if i in self.kept_inputs
            else spec.renamed(self.renamed)
            for i, spec in enumerate(self.given.input_specs)
        ]
        given = replace(self.given, input_specs=inputs, output_specs=outputs)
        return self.norms.signature(given, self.renamed)

    def _name_of(self, output: ours.OutputSpec) -> str | None:
        """What an output is written to: an argument under the name that it has there."""
        if output.kind is ours.OutputKind.USER_INPUT_MUTATION and output.target is not None:
            return self.renamed.get(output.target, output.target)
        return output.target

    def _norm(self, made: Graph, node: Node, nodes: dict[Node, Node]) -> Node:
        """A batch norm that writes its statistics."""
        copy = self.norms.written(made, node, nodes)
        copy.meta = self._meta(self.norms.results[node], None)
        copy.meta["torch_fn"] = (f"batch_norm_{len(self.renamed) + 1}", "OpOverload.batch_norm")
        return copy

    def _output(
        self, made: Graph, node: Node, nodes: dict[Node, Node], constants: set[int]
    ) -> None:
        if not self.norms.new and not constants:
            copied_node(made, node, nodes.__getitem__)
            return
        items: Any = node.args[0]
        items = [None if i in constants else item for i, item in enumerate(items)]
        kept = tuple(item for item in items if item not in self.norms.new)
        made.output(torch.fx.map_arg(kept, nodes.__getitem__))

    def _object(self, made: Graph, name: str) -> Node:
        """The placeholder that stands for an object."""
        node = made.placeholder(f"obj_{name}")
        node.meta["val"] = ts.CustomObjArgument(node.name, class_of(self.objects[name]))
        return node

    def _replaced(self, made: Graph, node: Node, nodes: dict[Node, Node]) -> Node:
        """A function of a size that torch has no word for, in words that it has."""
        given = [nodes[each] if isinstance(each, Node) else each for each in node.args]
        result = self.symbols.number(expression_of(node.meta["val"]))
        steps = in_words(made, self.symbols, node.target, given, result)
        for step in steps:
            step.meta = {**self._meta(node, None), "val": step.meta["val"]}
        steps[-1].name = node.name  # which the signature may name
        return steps[-1]

    def _meta(self, node: Node, index: int | None) -> dict[str, Any]:
        meta = of_user(node.meta) | described(node, self.texts)
        if node.op == "get_attr":  # where the first is that uses it
            user = next(iter(node.users), None)
            found = {} if user is None else described(user, self.texts)
            meta["nn_module_stack"] = found.get("nn_module_stack", _AT_THE_ROOT)
            return meta
        value = meta["val"] = self._value(node, index)
        if isinstance(value, torch.Tensor):
            meta["tensor_meta"] = self._looks(value)
        if node.op == "call_function":
            meta.setdefault("nn_module_stack", _AT_THE_ROOT)
            meta["torch_fn"] = self.functions.of(node)
            if "from_node" in meta:
                meta["from_node"] = sources(meta["from_node"])
            if self.symbols.unbacked - self.bound:
                bindings = dict(self._bindings(value, ()))
                if bindings:
                    meta["unbacked_bindings"] = bindings
                    self.bound.update(bindings)
        return meta

    def _looks(self, value: torch.Tensor) -> TensorMetadata:
        """What older readers look at instead of the value."""
        found = self.looks.get(id(value))
        if found is None:
            shape, strides = value.shape, value.stride()
            is_static = all(isinstance(n, int) for n in (*shape, *strides))
            is_plain = is_static and value.is_contiguous()
            form = torch.contiguous_format if is_plain else None
            gradient = value.requires_grad
            found = TensorMetadata(shape, value.dtype, gradient, strides, form, False, {})
            self.looks[id(value)] = found
        return found

    def _value(self, node: Node, index: int | None) -> object:
        value = node.meta.get("val")
        if node.op == "placeholder" and index in self.kept_inputs:
            return None
        spec = spec_of(value) if isinstance(value, torch.Tensor) else value
        if node.op != "placeholder" or not isinstance(spec, TensorSpec):
            return self._result(value)
        made = self.symbols.tensor(spec)
        if index is not None and index in self.requiring:
            made.requires_grad_(True)
        return made

    def _result(self, value: object) -> object:
        """A value, or the spec that stands for it, in torch's terms."""
        if isinstance(value, torch.Tensor):
            value = spec_of(value)
        if isinstance(value, TensorSpec):
            found = self.tensors.get(value)
            if found is None:
                found = self.tensors[value] = self.symbols.tensor(value)
            return found
        if isinstance(value, (tuple, list)):
            return type(value)(self._result(item) for item in value)
        return self.symbols.number(expression_of(value))

    def _bindings(
        self, value: object, path: tuple[object, ...]
    ) -> Iterator[tuple[sympy.Symbol, tuple[object, ...]]]:
        """Symbols that a result gives, with the way to them."""
        if isinstance(value, (tuple, list)):
            for i, item in enumerate(value):
                yield from self._bindings(item, (*path, pytree.SequenceKey(i)))
        elif isinstance(value, torch.Tensor):
            for method in ("size", "stride"):
                for i, size in enumerate(getattr(value, method)()):
                    here = (*path, CallMethodKey(method), pytree.SequenceKey(i))
                    yield from self._bindings(size, here)
        elif isinstance(value, (torch.SymInt, torch.SymFloat)):
            symbol = value.node.expr
            if symbol in self.symbols.unbacked and symbol not in self.bound:
                yield symbol, path


def _written_under_builtin_names(program: Parts) -> dict[str, str]:
    """Other names for arguments that are written and are called as builtins are, as ``input``.

    Each copy of a graph names such nodes anew, and torch looks for what is written by its name.
    """
    names = Names()
    names.used = {node.name for node in program.graph.nodes}
    return {
        spec.target: names.fresh(spec.target)
        for spec in program.signature.output_specs
        if spec.kind is ours.OutputKind.USER_INPUT_MUTATION
        and spec.target is not None
        and hasattr(builtins, spec.target)
    }


def _requiring_gradients(program: Parts) -> set[int]:
    """The placeholders whose tensors require a gradient: of the state, and in the example."""
    specs = program.signature.input_specs
    leaves = [] if program.example_inputs is None else flatten(program.example_inputs)[0]
    given = iter(leaves)
    tensors = (
        next(given, None) if spec.target is None else program.state[spec.target][0]
        for spec in specs
    )
    return {i for i, t in enumerate(tensors) if isinstance(t, torch.Tensor) and t.requires_grad}


def _of_one_kind(made: Graph, call: Node, operands: Argument) -> Argument:
    """Operands of which some are nodes, all as nodes: a file has no list of nodes and numbers."""
    if not isinstance(operands, (tuple, list)) or not any(isinstance(o, Node) for o in operands):
        return operands
    return type(operands)(
        _literal(made, call, operand) if isinstance(operand, (bool, int, float)) else operand
        for operand in operands
    )


def _literal(made: Graph, call: Node, value: bool | int | float) -> Node:
    """A number as a node before ``call``; ``graphs.literal_of`` reads it back."""
    with made.inserting_before(call):
        if isinstance(value, bool):
            node = made.call_function(torch.sym_not, (not value,))
        else:
            convert = torch.sym_int if isinstance(value, int) else torch.sym_float
            node = made.call_function(convert, (value,))
    node.meta = {**call.meta, "val": value}
    node.meta.pop("unbacked_bindings", None)
    return node


_AT_THE_ROOT = {"L__self__": ("", "torch.nn.Module")}


# Signatures ----------------------------------------------------------------------------------


def _argument(argument: ours.Argument) -> ts.ArgumentSpec:
    if isinstance(argument, ours.ConstantArgument):
        return ts.ConstantArgument(argument.name, argument.value)
    kind = getattr(ts, type(argument).__name__)
    return kind(argument.name)


def _signature(
    signature: ours.ExportGraphSignature, objects: dict[str, Any]
) -> ts.ExportGraphSignature:
    inputs = [
        ts.InputSpec(ts.InputKind[s.kind.name], _argument(s.arg), s.target, s.persistent)
        for s in signature.input_specs
    ]
    first = next((i for i, s in enumerate(signature.input_specs) if s.target is None), len(inputs))
    inputs[first:first] = [
        ts.InputSpec(
            ts.InputKind.CUSTOM_OBJ,
            ts.CustomObjArgument(f"obj_{name}", class_of(item)),
            name,
        )
        for name, item in objects.items()
    ]
    return ts.ExportGraphSignature(
        inputs,
        [
            ts.OutputSpec(ts.OutputKind[s.kind.name], _argument(s.arg), s.target)
            for s in signature.output_specs
        ],
    )


def _leaves(program: Parts) -> tuple[list[ours.Argument], list[ours.Argument]]:
    """The leaves of the program's arguments, and of its results."""
    signature = program.signature
    given = [s.arg for s in signature.input_specs if s.kind is ours.InputKind.USER_INPUT]
    results = [s.arg for s in signature.output_specs if s.kind is ours.OutputKind.USER_OUTPUT]
    return given, results


def _kept_constants(program: Parts, is_for_files: bool) -> tuple[set[int], set[int]]:
    """Which inputs and outputs of the graph are constants that the specs hold."""
    signature, structures = program.signature, program.call_spec
    inputs = [i for i, s in enumerate(signature.input_specs) if s.kind is ours.InputKind.USER_INPUT]
    outputs = [
        i for i, s in enumerate(signature.output_specs) if s.kind is ours.OutputKind.USER_OUTPUT
    ]
    given, results = _leaves(program)
    taken = kept_in_spec(structures.in_spec, given, is_given=True, is_for_files=is_for_files)
    returned = kept_in_spec(structures.out_spec, results, is_for_files=is_for_files)
    return {inputs[i] for i in taken}, {outputs[i] for i in returned}


def _entry(program: Parts, entry: ours.ModuleCallEntry, is_for_files: bool) -> TorchEntry:
    call = entry.signature
    if call is None:
        return TorchEntry(entry.fqn)
    given, results = (call.inputs, call.outputs) if entry.fqn else _leaves(program)
    return TorchEntry(
        entry.fqn,
        TorchCallSignature(
            # Of the whole program torch names none: its passes do not rename them.
            [_argument(a) for a in given] if entry.fqn else [],
            [_argument(a) for a in results] if entry.fqn else [],
            tree_spec(call.in_spec, given, is_given=True, is_for_files=is_for_files),
            tree_spec(call.out_spec, results, is_for_files=is_for_files),
            call.forward_arg_names,
        ),
    )


def _state_dict(program: Parts) -> dict[str, Any]:
    """The state under its names; parameters are ``nn.Parameter``."""
    names = {s.target for s in program.signature.input_specs
             if s.kind is ours.InputKind.PARAMETER}  # fmt: skip
    return {
        name: nn.Parameter(tensor, tensor.requires_grad)
        if name in names and not isinstance(tensor, nn.Parameter)
        else tensor
        for name, tensor in program.state_dict.items()
    }
