"""From what a capture leaves behind to the parts of a program."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from monograph.capture.session import Captured
from monograph.constraints.input_sizes import size_checks
from monograph.ir.assumptions import about_sizes
from monograph.ir.call_plan import CallPlan, Looks, call_plan
from monograph.ir.layouts import LayoutFact
from monograph.ir.module_scope import ModuleCall
from monograph.ir.program import Parts
from monograph.ir.signature import (
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
from monograph.ir.structure import Structure
from monograph.shapes.constraints import ranges_of
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import bits_of

__all__ = ["assembled"]

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


def assembled(
    captured: Captured,
    example_inputs: tuple[tuple[Any, ...], dict[str, Any]],
    preserved: tuple[str, ...] = (),
) -> Parts:
    """The program of a capture; ``preserved``: the modules whose call signatures are kept."""
    given = captured.arguments
    in_spec = Structure(
        tuple, None, (("[0]", "args"), ("[1]", "kwargs")), (given.args, given.kwargs)
    )
    call_spec = CallSpec(in_spec, captured.output_structure)
    state_dict, constants = _state_of(captured)
    env = captured.recorder.sizes.env
    signature = _signature_of(captured)
    made = Parts(
        graph=captured.graph,
        attributes=captured.opaque,
        env=env,
        signature=signature,
        state=_all_state(captured),
        state_dict=state_dict,
        constants=constants,
        call_spec=call_spec,
        module_calls=_module_calls_of(captured, call_spec, preserved),
        ranges=ranges_of(env),
        assumptions=[*captured.assumptions, *about_sizes(env.guards, env)],
        plan=_plan_of(captured, signature, call_spec),
        example_inputs=example_inputs,
    )
    env.let_go()
    return made


def _plan_of(captured: Captured, signature: ExportGraphSignature, structures: CallSpec) -> CallPlan:
    leaves = captured.arguments.leaves
    return call_plan(
        captured.graph,
        signature,
        structures,
        [_looks(leaf.example) for leaf in leaves],
        [leaf.path for leaf in leaves],
        [leaf.dotted for leaf in leaves],
        called_as=captured.root.signature,
        training=captured.root.training,
        hidden={i for i, o in enumerate(captured.mutations) if not o.is_seen_by_autograd},
        aliases=_aliases_of(captured),
        twins=_twins_of(captured),
        sizes=size_checks(captured.recorder.sizes.env, captured.declared, leaves),
        layouts=_layouts_of(captured),
    )


def _signature_of(captured: Captured) -> ExportGraphSignature:
    origins = {o.node.name: o for o in captured.origins}
    inputs = []
    for node in captured.graph.nodes:
        if node.op != "placeholder":
            break
        name = node.name
        origin = origins.get(name)
        argument: Argument = TensorArgument(name)
        if origin is None:
            argument = _number(node) or ConstantArgument(name, node.meta["val"])
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
    for origin in captured.origins:  # parameters that no module owns, and numbers that count
        is_saved = origin.kind == "buffer" and origin.persistent
        if (origin.kind == "parameter" or is_saved) and origin.target not in saved:
            saved[origin.target] = origin.tensor
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
    named = [*captured.state.parameters, *captured.state.buffers]
    others = [(name, tensor) for name, tensor in named if name not in found]
    kinds = {id(each[0]): each for each in found.values()} if others else {}
    found |= {name: kinds[id(tensor)] for name, tensor in others if id(tensor) in kinds}
    return found


def _layouts_of(captured: Captured) -> list[tuple[int, LayoutFact]]:
    index = {leaf.path: i for i, leaf in enumerate(captured.arguments.leaves)}
    return [(index[fact.path], fact) for fact in captured.layouts]


def _looks(example: Any) -> Any:
    if isinstance(example, torch.Tensor):
        return Looks(example.shape, example.dtype, example.device, bits_of(example))
    return example


def _index_of(captured: Captured) -> dict[str, int]:
    return {node.name: i for i, node in enumerate(captured.argument_nodes)}


def _twins_of(captured: Captured) -> list[tuple[int, int]]:
    index = _index_of(captured)
    return [(index[first], index[second]) for first, second in captured.twins]


def _aliases_of(captured: Captured) -> list[int | str | None]:
    """For each result that is a written input or buffer: which one."""
    index = _index_of(captured)
    written = {o.node.name: o for o in captured.mutations}
    found: list[int | str | None] = []
    for output in captured.outputs:
        origin = written.get(output.alias or "")
        if origin is None:
            found.append(None)
        else:
            found.append(index[origin.node.name] if origin.kind == "input" else origin.target)
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
    names = _names_of_arguments(captured)
    root = ModuleCallSignature(
        list(placeholders), results, call_spec.in_spec, call_spec.out_spec, names
    )
    entries = [ModuleCallEntry("", root)]
    for path, _ in captured.state.modules:
        if path:
            calls = captured.module_calls.get(path, []) if path in preserved else []
            entries += [
                ModuleCallEntry(f"{path}@{i}" if i else path, _recorded(call))
                for i, call in enumerate(calls)
            ] or [ModuleCallEntry(path)]
    return entries


def _names_of_arguments(captured: Captured) -> list[str] | None:
    """The names of the arguments that were passed, those of ``*args`` with their numbers."""
    signature = captured.root.signature
    if signature is None:
        return None
    kwargs = [name for _, name in captured.arguments.kwargs.keys]
    found: list[str] = []
    left = len(captured.arguments.args.keys)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            found += [f"{name}_{i}" for i in range(left)]
            left = 0
        elif left and name not in kwargs:
            found.append(name)
            left -= 1
    return [*found, *kwargs]


def _recorded(call: ModuleCall) -> ModuleCallSignature:
    def argument(leaf: Any) -> Argument:
        return TensorArgument(leaf.name) if isinstance(leaf, Node) else ConstantArgument("", leaf)

    return ModuleCallSignature(
        [argument(leaf) for leaf in call.inputs],
        [argument(leaf) for leaf in call.outputs],
        call.in_structure,
        call.out_structure,
    )
