"""Questions that Python asks about the values of tensors."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.fx import Node

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.knowledge import marked_constant_function
from monograph.capture.operators.registry import handles_kind, rescues
from monograph.capture.python.builtin_functions import ask, asserted
from monograph.capture.restarts import asking_frame
from monograph.diagnostics import DataDependentError, ExportError
from monograph.inference.fakes import Outcome, Result
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.expr import Int
from monograph.shapes.questions import equal
from monograph.shapes.symnode import BoolNode, expression_of, symbolic
from monograph.torch_internals import Operator

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = [
    "assert_tensor",
    "number_in",
    "symbol_for",
    "tensor_of_truth",
    "truth_node",
]

aten = torch.ops.aten


_QUESTIONS = {
    "is_nonzero": ("MG-D101", "bool(tensor)"),
    "item": ("MG-D102", ".item()"),
    "_local_scalar_dense": ("MG-D102", ".item()"),
    "equal": ("MG-D101", "torch.equal"),
    "allclose": ("MG-D101", "torch.allclose"),
}


@handles_kind("answers")
def _answer(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """An operator that returns a Python value."""
    name = op._opname
    if name == "size":  # no operator: a kernel in C++ asks, which does not take sizes that vary
        raise ExportError("a kernel asks for the sizes of a tensor as plain numbers")
    if name not in _QUESTIONS:
        return recorder.record(op, args, kwargs)
    code, asked = _QUESTIONS[name]
    if code == "MG-D102" and isinstance(args[0], torch.Tensor):
        return number_in(recorder, args[0])
    if name == "is_nonzero":
        from monograph.capture.counts import truth_in  # of sizes that vary

        truth = truth_in(recorder, recorder.read(recorder.value_of(args[0])))
        if truth is not None and not isinstance(truth, bool):
            if (frame := asking_frame()) is not None:
                ask(recorder, frame, is_number=False)
            return bool(torch.SymBool(BoolNode(recorder.sizes.env, truth)))
        wanted = _asserted(recorder, args[0])
        if wanted is not None:
            return wanted
    elif (frame := asking_frame()) is not None:
        ask(recorder, frame, is_number=False)
    before = len(recorder.context.collected or ())
    known = [
        recorder.knowledge.require(arg, asked, code) if isinstance(arg, torch.Tensor) else arg
        for arg in args
    ]
    if recorder.context.collected is not None:
        del recorder.context.collected[before + 1 :]  # one question, of however many tensors
    return op(*known, **kwargs)


def _asserted(recorder: Recorder, tensor: torch.Tensor) -> bool | None:
    """The truth that an ``assert`` (or ``if bad: raise``) wants, as a run-time assertion."""
    value = recorder.value_of(tensor)
    if value.spec.numel != 1 or recorder.knowledge.value(value) is not None:
        return None
    frame = asking_frame()
    if frame is None:
        return None
    wanted, message = asserted(recorder, frame)
    if wanted is not None:
        text = message or "an assertion of the program does not hold"
        assert_tensor(recorder, value.abstract(), wanted, text)
    return wanted


def assert_tensor(recorder: Recorder, tensor: torch.Tensor, wanted: bool, message: str) -> None:
    """A run-time assertion that a tensor with one element is (or is not) true."""
    if not wanted:
        tensor = recorder.call(aten.logical_not.default, (tensor,))
    recorder.emission.append(
        aten._assert_async.msg, (truth_node(recorder, tensor), message), {}, None
    )


def truth_node(recorder: Recorder, tensor: torch.Tensor) -> Node:
    """The node of a boolean tensor without dimensions: the truth of a tensor with one element."""
    if tensor.dtype != torch.bool:
        tensor = recorder.call(aten.ne.Scalar, (tensor, 0))
    if tensor.dim():
        tensor = recorder.call(aten.reshape.default, (tensor, []))
    return recorder.read(recorder.value_of(tensor))


_INTEGER_RANGES = {
    torch.uint8: (0, 255), torch.int8: (-128, 127), torch.int16: (-(2**15), 2**15 - 1),
    torch.int32: (-(2**31), 2**31 - 1), torch.int64: (None, None), torch.bool: (0, 1),
}  # fmt: skip


def number_in(recorder: Recorder, tensor: torch.Tensor) -> object:
    """``tensor.item()``: the number where constants determine it, else a symbol for it."""
    value = recorder.value_of(tensor)
    if recorder.knowledge.value(value) is not None or marked_constant_function() is not None:
        known = recorder.knowledge.require(tensor, ".item()", "MG-D102")
        return aten.item.default(known)
    spec = value.spec
    if spec.numel.__class__ is int and spec.numel != 1:
        return aten.item.default(torch.empty(spec.shape))  # raises what eager mode raises
    sizes = recorder.sizes
    node = recorder.read(value)
    size = _size_in(node)
    if size is None:
        from monograph.capture.counts import count_in  # of sizes that vary

        size = count_in(recorder, node)
    if size is not None:
        return symbolic(sizes.env, size)
    found = sizes.numbers.get(node)
    if found is None:
        where = recorder.here()
        name = (where.value_name() if where else None) or f"{node.name}.item()"
        found = sizes.numbers[node] = symbol_for(recorder, node, spec.dtype, name)
    return found


def _size_in(node: Node) -> Int | None:
    """The size that a number in a tensor is: all rows of packed sequences have a first step."""
    if node.target is not aten.select.int or tuple(node.args[1:]) != (0, 0):
        return None
    part = node.args[0]
    if not isinstance(part, Node) or part.target is not operator.getitem or part.args[1] != 1:
        return None
    packed = part.args[0]
    if not isinstance(packed, Node) or packed.target is not aten._pack_padded_sequence.default:
        return None
    padded, _, batch_first = packed.args
    spec: TensorSpec = padded.meta["val"]  # type: ignore[union-attr]
    return spec.shape[0 if batch_first else 1]


def symbol_for(
    recorder: Recorder, node: Node, dtype: torch.dtype, name: str
) -> torch.SymInt | torch.SymFloat | torch.SymBool:
    """The number in a tensor with one element; ``name``: how messages call it."""
    sizes, env = recorder.sizes, recorder.sizes.env
    if dtype in _INTEGER_RANGES:
        symbol = sizes.fresh(name, *_INTEGER_RANGES[dtype])
        item = recorder.emission.append_named("item", aten.item.default, (node,), symbol)
        sizes.bind_number(symbol, item)
        if dtype is torch.bool:
            item.meta["val"] = equal(symbol, 1)
            return torch.SymBool(BoolNode(env, equal(symbol, 1)))
        return symbolic(env, symbol)
    if dtype.is_complex:
        raise DataDependentError(
            "a complex number is read from a tensor",
            code="MG-D102",
            where=recorder.here(),
            hint="read .real and .imag of the tensor.",
        )
    number = env.float_symbol(env.numbered("f"), None, name)
    item = recorder.emission.append_named("item", aten.item.default, (node,), number)
    sizes.bind_number(number, item)
    return symbolic(env, number)


def tensor_of_truth(
    recorder: Recorder, truth: torch.SymBool, dtype: torch.dtype = torch.bool
) -> AbstractTensor:
    """A tensor without dimensions that holds a truth about numbers that vary."""
    node = recorder.sizes.test_node(expression_of(truth))
    spec = TensorSpec.of((), (), dtype, torch.device("cpu"))
    made = recorder.emission.append(aten.scalar_tensor.default, (node,), {"dtype": dtype}, spec)
    return make_abstract(spec, Value(made, spec, recorder))


_SIZED_BY_INDEX = (aten.index.Tensor, aten.masked_select.default)


class _Known(NamedTuple):
    data: torch.Tensor


@rescues("known values")
def _outcome_from_known(
    recorder: Recorder,
    op: Operator,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    specs: tuple[Any, ...],
    spec_kwargs: dict[str, Any],
    error: ExportError,
) -> Outcome | None:
    """The outcome of an operator whose result's size depends on values that are known."""
    if error.code != "MG-D104":
        return None
    if op in _SIZED_BY_INDEX and isinstance(args[0], torch.Tensor):
        # The size follows from the indices alone: any memory will do for what is indexed.
        spec = recorder.value_of(args[0]).spec
        if spec.scope is not None:
            return None
        stand_in = torch.zeros((), dtype=spec.dtype, device=spec.device).expand(spec.shape)
        args = (_Known(stand_in), *args[1:])
    failed = False

    def known(item: object) -> object:
        nonlocal failed
        if isinstance(item, _Known):
            return item.data
        if isinstance(item, torch.Tensor):
            data = recorder.knowledge.value(recorder.value_of(item))
            failed = failed or data is None
            return data
        if isinstance(item, (list, tuple)):
            return type(item)(known(each) for each in item)
        return item

    real_args = [known(arg) for arg in args]
    real_kwargs = {name: known(value) for name, value in kwargs.items()}
    if failed:
        return None
    found = op(*real_args, **real_kwargs)
    if isinstance(found, torch.Tensor):
        return Outcome((Result(spec_of(found)),), None)
    return Outcome(tuple(Result(spec_of(item)) for item in found), type(found))
