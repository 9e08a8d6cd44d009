"""The signature against the graph and the state."""

from __future__ import annotations

from typing import Any

from torch.fx import Node

from monograph.ir.program import Parts
from monograph.ir.signature import (
    Argument,
    ConstantArgument,
    InputKind,
    SymBoolArgument,
    SymFloatArgument,
    SymIntArgument,
    TensorArgument,
)
from monograph.ir.spec import TensorSpec
from monograph.ir.specification.table import (
    MUTATIONS,
    STATE,
    TESTS,
    Found,
    Place,
    content_of,
    is_same,
    normal,
    of_program,
    value_of,
)
from monograph.ir.structure import in_code
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr

__all__ = ["inputs", "outputs", "state"]


@of_program
def inputs(program: Parts, place: Place) -> Found:
    """The signature names the placeholders, in order: tensors of the state first, then arguments.

    Parameters, buffers and constants are tensors with a target, and buffers say whether they are
    saved. An argument is called what it is: a tensor, a number that varies, or a constant, which
    has the value that is noted.
    """
    specs, nodes = program.signature.input_specs, place.placeholders
    if len(specs) != len(nodes):
        yield (
            None,
            f"there are {len(nodes)} placeholders, and {len(specs)} inputs in the signature",
        )
        return
    is_behind = False
    for spec, node in zip(specs, nodes, strict=True):
        content = content_of(node)
        if spec.arg.name != node.name and not (
            isinstance(spec.arg, ConstantArgument) and not spec.arg.name
        ):
            yield node, f"the signature calls it {spec.arg.name!r}"
        if spec.kind in STATE:
            if is_behind:
                yield node, f"{spec.target} comes after an argument"
            if not isinstance(spec.arg, TensorArgument) or not isinstance(content, TensorSpec):
                yield node, f"{spec.target} is no tensor"
            if not isinstance(spec.target, str):
                yield node, f"a {STATE[spec.kind]} has no target"
            if (spec.kind is InputKind.BUFFER) != isinstance(spec.persistent, bool):
                yield node, f"of a {STATE[spec.kind]}, persistent is {spec.persistent}"
            continue
        is_behind = True
        if spec.kind is not InputKind.USER_INPUT:
            yield node, f"inputs of the kind {spec.kind.name} are no part of a program"
        if spec.target is not None:
            yield node, f"an argument has the target {spec.target}"
        yield from _named_as_it_is(node, spec.arg, content)


def _named_as_it_is(node: Node, argument: Argument, content: object) -> Found:
    kinds: dict[type, tuple[type, ...]] = {
        TensorArgument: (TensorSpec,), SymIntArgument: (Expr, int), SymBoolArgument: (*TESTS, bool),
        SymFloatArgument: (FloatExpr, float),
    }  # fmt: skip
    if isinstance(argument, ConstantArgument):
        if not is_same(argument.value, content):
            yield node, f"the signature says {argument.value!r}, and {content!r} is noted"
    elif not isinstance(content, kinds[type(argument)]):
        yield node, f"the signature says {type(argument).__name__}, and {content} is noted"


@of_program
def state(program: Parts, place: Place) -> Found:
    """What the signature names as state is there, and is what its placeholder says.

    Parameters and buffers that are saved are in ``state_dict``, the others in ``constants``.
    """
    for spec, node in zip(program.signature.input_specs, place.placeholders, strict=False):
        if spec.kind not in STATE or spec.target is None:
            continue
        held = program.state.get(spec.target)
        if held is None:
            yield node, f"there is no tensor {spec.target}"
            continue
        tensor, kind, is_saved = held
        if kind != STATE[spec.kind]:
            yield node, f"{spec.target} is held as a {kind}"
        saved = spec.kind is InputKind.PARAMETER or bool(spec.persistent)
        if is_saved is not saved and spec.kind is not InputKind.CONSTANT_TENSOR:
            yield node, f"whether {spec.target} is saved is said in two ways"
        known = program.state_dict if saved else program.constants
        if known.get(spec.target) is not tensor:
            where = "state_dict" if saved else "constants"
            yield node, f"{spec.target} in {where} is another tensor"
        promised = content_of(node)
        if isinstance(promised, TensorSpec) and (
            tuple(tensor.shape) != promised.shape or tensor.dtype != promised.dtype
        ):
            yield node, f"{spec.target} is {tensor.dtype}{list(tensor.shape)}"


@of_program
def outputs(program: Parts, place: Place) -> Found:
    """The signature names what the output gives, in order: what is written first, then results.

    What is written has a target of its own: a buffer, a parameter or an argument that is there,
    with the shape and dtype of the new content.
    """
    specs, results = program.signature.output_specs, place.results
    if len(specs) != len(results):
        yield None, f"there are {len(results)} outputs, and the signature has {len(specs)}"
        return
    inputs = {
        (s.kind, s.target or s.arg.name): node
        for s, node in zip(program.signature.input_specs, place.placeholders, strict=False)
    }
    written: set[Any] = set()
    is_behind = False
    for spec, result in zip(specs, results, strict=True):
        node = result if isinstance(result, Node) else place.nodes[-1]
        if isinstance(spec.arg, ConstantArgument):
            if isinstance(result, Node) or not is_same(in_code(spec.arg.value), result):
                yield node, f"the signature says {spec.arg.value!r}, and the output gives {result}"
        elif not isinstance(result, Node) or result.name != spec.arg.name:
            yield node, f"the signature says {spec.arg.name}, and the output gives {result}"
        else:
            yield from _named_as_it_is(node, spec.arg, content_of(result))
        if spec.kind not in MUTATIONS:
            is_behind = True
            continue
        if is_behind:
            yield node, f"the new content of {spec.target} comes after results"
        target = inputs.get((MUTATIONS[spec.kind], spec.target or ""))
        if target is None:
            yield node, f"{spec.target} is written, and is no input of that kind"
            continue
        if target in written:
            yield node, f"{spec.target} is written twice"
        written.add(target)
        old, new = normal(content_of(target)), normal(value_of(result))
        if not (
            isinstance(old, TensorSpec)
            and isinstance(new, TensorSpec)
            and (old.shape, old.dtype) == (new.shape, new.dtype)
        ):
            yield node, f"{spec.target} is {old}, and its new content {new}"
