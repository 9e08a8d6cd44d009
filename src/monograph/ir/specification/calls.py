"""What lies between a call and the graph, and the modules."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from monograph.ir.program import Parts
from monograph.ir.signature import ConstantArgument, InputKind, OutputKind, TensorArgument
from monograph.ir.spec import TensorSpec
from monograph.ir.specification.table import (
    MUTATIONS,
    NUMBERS,
    STATE,
    Found,
    Place,
    content_of,
    is_result,
    is_same,
    of_program,
)
from monograph.shapes.expr import Expr

aten = torch.ops.aten

__all__ = ["aliases", "call_plan", "modules", "structures"]


@of_program
def structures(program: Parts, place: Place) -> Found:
    """The structures of arguments and results have as many leaves as there are of these.

    The call plan has the same ones.
    """
    plan, spec = program.plan, program.call_spec
    arguments = [s for s in program.signature.input_specs if s.kind is InputKind.USER_INPUT]
    if spec.in_spec.num_leaves != len(arguments):
        count = spec.in_spec.num_leaves
        yield None, f"calls have {count} arguments, and the graph {len(arguments)}"
    results = [s for s in program.signature.output_specs if is_result(s.kind)]
    if spec.out_spec.num_leaves != len(results):
        count = spec.out_spec.num_leaves
        yield None, f"calls have {count} results, and the graph {len(results)}"
    if tuple(spec.in_spec.children) != (plan.args, plan.kwargs) or spec.out_spec != plan.result:
        yield None, "the call plan has other structures of arguments or results"


@of_program
def call_plan(program: Parts, place: Place) -> Found:
    """The call plan says what the signature says: state, writes and results by their places.

    Indices are in range, constants are those that are noted, and checks ask for what the
    placeholders are.
    """
    plan, signature = program.plan, program.signature
    if list(plan.state) != [s.target for s in signature.input_specs if s.kind in STATE]:
        yield None, "the call plan passes other tensors of the state"
    specs = [s for s in signature.input_specs if s.kind is InputKind.USER_INPUT]
    arguments = place.placeholders[len(place.placeholders) - len(specs) :]
    at = {node.name: i for i, node in enumerate(arguments)}
    writes = [
        (at.get(s.target or "", -1) if s.kind is OutputKind.USER_INPUT_MUTATION else s.target, i)
        for i, s in enumerate(signature.output_specs)
        if s.kind in MUTATIONS
    ]
    if [(write.target, write.index) for write in plan.writes] != writes:
        yield None, "the call plan writes other tensors than the signature"
    results = [(i, s) for i, s in enumerate(signature.output_specs) if is_result(s.kind)]
    if len(plan.outputs) != len(results):
        yield None, f"the call plan returns {len(plan.outputs)} results of {len(results)}"
    for (constant, index), (i, spec) in zip(plan.outputs, results, strict=False):
        if isinstance(spec.arg, ConstantArgument):
            if index is not None or not is_same(constant, spec.arg.value):
                yield None, f"result {i} is {spec.arg.value!r}, and the call plan returns another"
        elif index != i:
            yield None, f"the call plan returns output {index} for output {i}"
    if len(plan.checks) != len(arguments):
        yield None, f"{len(plan.checks)} of {len(arguments)} arguments are checked"
        return
    written = {s.target for s in signature.output_specs if s.kind is OutputKind.USER_INPUT_MUTATION}
    for check, node in zip(plan.checks, arguments, strict=True):
        if check.is_written is not (node.name in written):
            yield node, "whether it is written is said in two ways"
        yield from _checked_as_it_is(check, node)


def _checked_as_it_is(check: Any, node: Node) -> Found:
    content, example = content_of(node), check.example
    if isinstance(content, TensorSpec):
        varying = {i for i, size in enumerate(content.shape) if isinstance(size, Expr)}
        if not hasattr(example, "shape"):
            yield node, f"the call plan asks for {example!r}"
        elif (example.dtype, example.device) != (content.dtype, content.device):
            yield node, f"the call plan asks for {example.dtype} on {example.device}"
        elif len(example.shape) != len(content.shape) or any(
            have != want
            for have, want in zip(example.shape, content.shape, strict=True)
            if isinstance(want, int)
        ):
            yield node, f"the call plan asks for the shape {tuple(example.shape)}"
        elif not varying <= set(check.varies or ()):
            yield node, "the call plan fixes a size that varies"
        rank = len(content.shape)  # an offset may stand behind the strides; none: row-major
        if check.strides is not None and len(check.strides) not in (0, rank, rank + 1):
            yield node, f"the call plan asks for the strides {check.strides}"
    elif not isinstance(content, NUMBERS) and not is_same(example, content):
        yield node, f"the call plan asks for {example!r}"


@of_program
def aliases(program: Parts, place: Place) -> Found:
    """A result that is an argument or a buffer is one that the program writes.

    What the graph gives for it is the new content. Arguments that must be one tensor are two
    arguments, and tensors.
    """
    plan, signature = program.plan, program.signature
    if len(plan.aliases) != len(plan.outputs):
        yield None, f"{len(plan.aliases)} aliases are noted for {len(plan.outputs)} results"
        return
    results = place.results
    contents = {
        write.target: results[write.index]
        for write in plan.writes
        if type(write.index) is int and 0 <= write.index < len(results)
    }
    for alias, (_, index) in zip(plan.aliases, plan.outputs, strict=True):
        if alias is None:
            continue
        if isinstance(alias, bool) or alias not in contents:
            yield None, f"a result is {alias!r}, which the program does not write"
        elif not isinstance(index, int) or not 0 <= index < len(results):
            yield None, f"a result is {alias!r}, and a constant too"
        elif not _is_copy(contents[alias], results[index]):
            at = results[index]
            yield (
                at if isinstance(at, Node) else None,
                f"a result is {alias!r}, and not what is written to it",
            )
    specs = [s for s in signature.input_specs if s.kind is InputKind.USER_INPUT]
    for pair in plan.twins:
        if not all(type(i) is int and 0 <= i < len(specs) for i in pair) or pair[0] == pair[1]:
            yield None, f"the arguments {pair} cannot be one tensor"
        elif not all(isinstance(specs[i].arg, TensorArgument) for i in pair):
            yield None, f"the arguments {pair} are to be one tensor, and are none"


def _is_copy(content: Any, result: Any) -> bool:
    """Whether two nodes give the same numbers: one is the other, or a copy of it."""
    is_clone = isinstance(content, Node) and content.target is aten.clone.default
    return content is result or (is_clone and content.args[0] is result)


@of_program
def modules(program: Parts, place: Place) -> Found:
    """The list of modules starts with the program itself, and has each call once.

    The signature of a call names nodes of the graph, or constants, as many as its structures have
    leaves; that of the program itself may name none.
    """
    entries = program.module_calls
    seen: set[str] = set()
    names = {node.name for node in place.nodes}
    if not entries or entries[0].fqn or entries[0].signature is None:
        yield None, "the list of modules does not start with the program itself"
    for entry in entries:
        called = entry.fqn or "the program"
        if entry.fqn in seen:
            yield None, f"{called} is twice in the list of modules"
        seen.add(entry.fqn)
        call = entry.signature
        if call is None:
            continue
        for given, structure in ((call.inputs, call.in_spec), (call.outputs, call.out_spec)):
            if len(given) != structure.num_leaves and (given or entry.fqn):
                yield None, f"the signature of {called} has {len(given)} values in all"
            lost = [a.name for a in given if not isinstance(a, ConstantArgument)]
            lost = [name for name in lost if name not in names]
            if lost:
                yield None, f"the signature of {called} names {lost[0]}, which is no node"
