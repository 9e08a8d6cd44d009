"""Tensors and numbers that enter a graph: state, constants, arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node

from monograph.capture.abstract import AbstractTensor, make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.inputs import Origin
from monograph.diagnostics import ControlFlowError, PythonFeatureError
from monograph.ir.names import Targets
from monograph.ir.spec import TensorSpec, kind_without_spec, spec_of
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.symnode import Node as SymbolNode
from monograph.shapes.symnode import symbolic
from monograph.torch_internals import bits_of, has_own_behaviour, is_of_transform

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["Entrance"]

_PLAIN_TENSORS = frozenset({torch.Tensor, torch.nn.Parameter})
_id = id  # a program that is captured gets another function under this name, which costs more


class Entrance:
    """Makes placeholders.

    ``values`` maps the identity of each real tensor that has entered the graph to its value;
    ``origins`` are those tensors in order of entry. ``targets`` are the names that state and
    constants have. ``one_tensor``: where the program asks if two arguments are one, those that are
    are one for it, and in every call.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.values: dict[int, Value] = {}
        self.origins: list[Origin] = []
        self._states: set[Node] = set()
        self._count = 0  # of the origins of which the placeholders are among ``_states``, if at all
        self._counts = Counter[str]()  # of origins that have entered, by their kind
        self.argument_values: dict[Node, Value] = {}
        self.one_tensor: dict[int, tuple[Node, torch.Tensor]] | None = None  # by the example's id
        self.targets = Targets()
        self.find_constant_path: Callable[[torch.Tensor], str | None] | None = None

    def enter(self, kind: str, name: str, target: str, tensor: torch.Tensor) -> Value:
        """Lift a real tensor: parameter, buffer or constant."""
        is_odd = tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested
        if is_odd or type(tensor) not in _PLAIN_TENSORS:
            _require_plain(tensor, target, self._recorder)
        node = self._recorder.emission.placeholder(name)
        value = Value(node, spec_of(tensor), self._recorder)
        value.offset = int(tensor.storage_offset())
        value.tracks = 2 if tensor.requires_grad else 0
        value.origin = Origin(kind, target, tensor, node, value)
        self.origins.append(value.origin)
        self._counts[value.origin.kind] += 1
        self.values[_id(tensor)] = value
        node.meta["val"] = value.spec
        self._recorder.aliases.meet(value)
        return value

    @property
    def states(self) -> set[Node]:
        """The placeholders of what is no argument."""
        new, self._count = self.origins[self._count :], len(self.origins)
        self._states.update(origin.node for origin in new if origin.kind != "input")
        return self._states

    def enter_argument(self, name: str, path: str, example: object, declared: Any = None) -> object:
        """A placeholder for one leaf of the arguments; returns what the program gets.

        ``declared``: the sizes of a tensor that varies, or the symbol of a number that does.
        """
        recorder = self._recorder
        node, sizes = recorder.emission.argument(name), recorder.sizes
        if not isinstance(example, torch.Tensor):
            node.meta["val"] = example
            if isinstance(declared, (Expr, FloatExpr)):
                node.meta["val"] = declared
                sizes.bind_number(declared, node)
                return symbolic(sizes.env, declared)
            return example
        _require_plain(example, path, recorder)
        spec = _spec_of_example(example, path)
        if declared is not None:
            spec = _resized(spec, declared)
        value = Value(node, spec, recorder)
        if value.spec.dtype.is_floating_point or value.spec.dtype.is_complex:
            value.tracks = 2 if example.requires_grad else 1
        value.origin = Origin("input", path, example, node, value)
        self.origins.append(value.origin)
        self._counts[value.origin.kind] += 1
        self.argument_values[node] = value
        if spec.scope is not None:
            sizes.bind_sizes(spec, node)
        tensor = make_abstract(value.spec, value)
        if recorder.context.above_autograd and example.requires_grad:
            tensor.requires_grad_()
        node.meta["val"] = value.spec
        if self.one_tensor is not None:
            first, one = self.one_tensor.setdefault(_id(example), (node, tensor))
            if first is not node:
                recorder.aliases.twins.append((first.name, node.name))
            return one
        return tensor

    def value_of(self, tensor: torch.Tensor) -> Value:
        """The value of any tensor; an unknown real one becomes a constant of the program."""
        if type(tensor) is AbstractTensor:
            found: Value = tensor.value
            return found
        value = self.values.get(_id(tensor))
        return self._enter_unknown(tensor) if value is None else value

    def _enter_unknown(self, tensor: torch.Tensor) -> Value:
        """A tensor that no module owns: closed over, in a list, made from an array ..."""
        if is_of_transform(tensor):  # it is computed from what the caller gives
            raise ControlFlowError(
                "a branch or a loop is captured inside a transform of torch.func, whose tensors "
                "it would take for constants",
                code="MG-C115",
                where=self._recorder.here(),
                hint="take it out of the function that is differentiated or mapped; or use "
                "torch.where.",
            )
        path = self.find_constant_path(tensor) if self.find_constant_path else None
        if isinstance(tensor, torch.nn.Parameter):  # it can be trained all the same
            path = path or f"lifted_parameter_{self._counts['parameter']}"
            path = self.targets.free(path)
            return self.enter("parameter", "p_" + path, path, tensor)
        path = path or f"lifted_tensor_{self._counts['constant']}"
        path = self.targets.free(path)
        value = self.enter("constant", "c_" + path, path, tensor)
        if tensor.requires_grad:
            self._recorder.assume(
                "gradient",
                f"{path} is a constant of the program: no gradient reaches what it was made from",
                self._recorder.here(),
            )
        value.tracks = 0
        return value


def _spec_of_example(example: torch.Tensor, path: str) -> TensorSpec:
    """The spec of an argument; sizes that are symbols of torch's are the numbers behind them."""
    shape, strides = tuple(example.shape), example.stride()
    if not any(map(_is_symbol_of_torch, (*shape, *strides))):
        return spec_of(example)
    sizes = list(map(_number, (*shape, *strides)))
    if None in sizes:
        raise PythonFeatureError(
            f"{path} is a fake tensor of the shape {shape}, and no number is known for a size",
            hint="pass a tensor whose sizes are numbers, and say in dynamic_shapes which vary.",
        )
    rank = len(shape)
    return TensorSpec.of(
        tuple(sizes[:rank]), tuple(sizes[rank:]), example.dtype, example.device, bits_of(example)
    )


def _is_symbol_of_torch(size: object) -> bool:
    return isinstance(size, torch.SymInt) and not isinstance(size.node, SymbolNode)


def _number(size: object) -> object:
    """The number that a symbol of torch's was; None, where it has never been one."""
    return size.node.hint if isinstance(size, torch.SymInt) else size


def _require_plain(tensor: torch.Tensor, name: str, recorder: Recorder) -> None:
    """Raise MG-P104 for a tensor that is not dense, or whose class does what torch's do not."""
    kind = type(tensor)
    if (what := kind_without_spec(tensor)) and not has_own_behaviour(kind):
        raise PythonFeatureError(
            f"{name} is a {what} tensor",
            code="MG-P104",
            where=recorder.here(),
            hint="convert it with "
            + {"nested": "torch.nested.to_padded_tensor", "quantized": ".dequantize()"}.get(
                what, ".to_dense()"
            )
            + " before the export.",
        )
    if kind in _PLAIN_TENSORS or not has_own_behaviour(kind):
        return
    if torch.nn.parameter.is_lazy(tensor):
        raise PythonFeatureError(
            f"{name} has no size yet: it is a {kind.__name__}",
            code="MG-P104",
            where=recorder.here(),
            hint="call the model once before the export: a lazy module makes its parameters then.",
        )
    raise PythonFeatureError(
        f"{name} is a {kind.__name__}, a tensor with methods or operators of its own",
        code="MG-P104",
        where=recorder.here(),
        hint="pass tensor.as_subclass(torch.Tensor), where the class only adds methods; else the "
        "tensors that it consists of.",
    )


def _resized(spec: TensorSpec, sizes: tuple[Any, ...]) -> TensorSpec:
    """``spec`` with other sizes, laid out in the same order.

    Where the example has gaps, or dimensions that lie over each other, those strides stay numbers.
    """
    order = sorted(range(len(sizes)), key=lambda i: (spec.strides[i], -i), reverse=True)
    strides: list[Any] = list(spec.strides)
    expected_before, expected = 1, 1
    for i in reversed(order):
        if spec.strides[i] == expected_before or spec.shape[i] == 1:
            strides[i] = expected
        else:  # a gap: counted from the example's own stride
            if spec.strides[i] % max(expected_before, 1) == 0 and expected_before:
                expected = expected * (spec.strides[i] // expected_before)
            else:
                expected = spec.strides[i]
            strides[i], expected_before = expected, spec.strides[i]
        expected_before = expected_before * max(spec.shape[i], 1)
        expected = sizes[i] * expected
    return spec.with_layout(sizes, tuple(strides))
