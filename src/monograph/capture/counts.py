"""Numbers in small tensors that sizes alone tell, such as ``torch.div(x.size(1), 4)`` rounded down.

Where Python asks for such a number, the operators that made it are gone through again, with sizes
in the place of elements: in integers of 64 bits, where what kernels compute is what sizes are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.fx import Node, map_arg
from torch.fx.node import Argument

from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import All, Compare, OneOf, Some, Test, equal, not_less
from monograph.torch_internals import real_operators, without_modes

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["count_in", "truth_in"]

aten = torch.ops.aten
_MOST_ELEMENTS = 64
_MOST_NODES = 256
_MOVING = frozenset({
    aten.select.int, aten.slice.Tensor, aten.narrow.default, aten.stack.default, aten.cat.default,
    aten.reshape.default, aten.view.default, aten.flatten.using_ints, aten.squeeze.default,
    aten.squeeze.dim, aten.unsqueeze.default, aten.expand.default, aten.flip.default,
    aten.permute.default, aten.transpose.int, aten.clone.default, aten.detach.default,
    aten.alias.default, aten.contiguous.default,
})  # fmt: skip
_CONVERTING = frozenset({aten.to.dtype, aten._to_copy.default})
_COMPARING = {
    getattr(getattr(aten, name), kind): name
    for name in ("gt", "ge", "lt", "le", "eq", "ne")
    for kind in ("Scalar", "Tensor")
}


class _Elements(NamedTuple):
    """What is in a tensor, in order, and its shape."""

    items: tuple[Int, ...]
    shape: tuple[int, ...]


def count_in(recorder: Recorder, node: Node) -> Int | None:
    """The one number in the tensor of ``node``, where sizes alone tell it."""
    found = _Counts(recorder).of(node)
    return found.items[0] if found is not None and len(found.items) == 1 else None


def truth_in(recorder: Recorder, node: Node) -> Test | None:
    """The one truth in it, likewise."""
    spec, counts = node.meta.get("val"), _Counts(recorder)
    if not isinstance(spec, TensorSpec) or spec.numel != 1:
        return None
    if spec.dtype is torch.int64:
        number = count_in(recorder, node)
        return None if number is None else equal(number, 0, is_equal=False)
    if node.target in (aten.full.default, aten.scalar_tensor.default):
        made = node.args[-1]
        truth = made.meta.get("val") if isinstance(made, Node) else None
        return truth if isinstance(truth, (Compare, OneOf, All, Some)) else None
    name = _COMPARING.get(node.target)
    sides = [counts.operand(arg) for arg in node.args] if name is not None else []
    if len(sides) != 2 or any(side is None or len(side.items) != 1 for side in sides):
        return None
    left, right = (side.items[0] for side in sides if side is not None)
    if name in ("eq", "ne"):
        return equal(left, right, is_equal=name == "eq")
    if name in ("lt", "le"):
        left, right = right, left
    return not_less(left, right + (name in ("gt", "lt")))


class _Counts:
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.env = recorder.sizes.env
        self.known: dict[Node, _Elements | None] = {}
        # Made in the program, of numbers that stand in it: that they are read is no assumption.
        self.literals = {each.node for each in recorder.entrance.origins if each.fresh}

    def of(self, node: Node) -> _Elements | None:
        """What is in the tensor of ``node``; None where sizes alone do not tell it."""
        if node not in self.known:
            self.known[node] = None
            if len(self.known) <= _MOST_NODES:
                self.known[node] = self._found(node)
        return self.known[node]

    def operand(self, item: object) -> _Elements | None:
        """An argument of an operator, which may be a size itself."""
        value = item.meta.get("val") if isinstance(item, Node) else item
        if type(value) is int or isinstance(value, Expr):
            return _Elements((value,), ())
        return self.of(item) if isinstance(item, Node) else None

    def _found(self, node: Node) -> _Elements | None:
        spec, target = node.meta.get("val"), node.target
        if not isinstance(spec, TensorSpec) or spec.dtype is not torch.int64:
            return None
        if not isinstance(spec.numel, int) or spec.numel > _MOST_ELEMENTS:
            return None
        shape = tuple(size for size in spec.shape if isinstance(size, int))
        constant = self.recorder.knowledge.of(node) if node in self.literals else None
        if constant is not None:
            return _Elements(tuple(constant.flatten().tolist()), shape)
        if target in (aten.full.default, aten.scalar_tensor.default):
            size = self.operand(node.args[-1])
            return None if size is None else _Elements(size.items * spec.numel, shape)
        if target in _MOVING:
            return self._moved(node)
        if target in _CONVERTING:
            return self.operand(node.args[0])
        if target in _POINTWISE:
            return self._pointwise(node, _POINTWISE[target])
        return self._reduced(node)

    def _moved(self, node: Node) -> _Elements | None:
        """Elements that are put elsewhere: the operator is asked where, with their numbers."""
        items: list[Int] = []
        is_told = True

        def numbered(each: Node) -> Argument:
            nonlocal is_told
            found = self.of(each)
            if found is None:
                is_told = False
                return each
            start = len(items)
            items.extend(found.items)
            return torch.arange(start, len(items)).reshape(found.shape)

        with without_modes(), real_operators():
            args, kwargs = map_arg(node.args, numbered), map_arg(node.kwargs, numbered)
            if not is_told:
                return None
            places: torch.Tensor = node.target(*args, **kwargs)  # type: ignore[operator]
            found = tuple(items[place] for place in places.flatten().tolist())
            return _Elements(found, tuple(places.shape))

    def _pointwise(self, node: Node, function: _Function) -> _Elements | None:
        if any(name not in ("rounding_mode", "min", "max") for name in node.kwargs):
            return None
        given = [self.operand(arg) for arg in (*node.args, *_bounds(node))]
        operands = [each for each in given if each is not None]
        if len(operands) != len(given):
            return None
        with without_modes(), real_operators():
            places = torch.broadcast_tensors(
                *(torch.arange(len(each.items)).reshape(each.shape) for each in operands)
            )
            rows = zip(*(each.flatten().tolist() for each in places), strict=True)
            shape = tuple(places[0].shape)
        mode = node.kwargs.get("rounding_mode")
        found: list[Int] = []
        for row in rows:
            values = [each.items[at] for each, at in zip(operands, row, strict=True)]
            value = function(self, values, mode)
            if value is None:
                return None
            found.append(value)
        return _Elements(tuple(found), shape)

    def _reduced(self, node: Node) -> _Elements | None:
        function = _REDUCING.get(node.target)
        if function is None or len(node.args) != 1 or node.kwargs:
            return None
        given = self.operand(node.args[0])
        if given is None or not given.items:
            return None
        found = functools.reduce(lambda one, other: function(self, one, other), given.items)
        return _Elements((found,), ())

    def largest(self, one: Int, other: Int) -> Int:
        """The larger one."""
        if isinstance(one, int) and isinstance(other, int):
            return max(one, other)
        return self.env.scope.maximum(one, other)

    def least(self, one: Int, other: Int) -> Int:
        """The smaller one."""
        if isinstance(one, int) and isinstance(other, int):
            return min(one, other)
        return self.env.scope.minimum(one, other)

    def quotient(self, one: Int, other: Int, mode: object) -> Int | None:
        """The quotient, where it is seen to be one: of a positive number."""
        if not self._is_at_least(other, 1) or mode not in ("floor", "trunc"):
            return None
        if mode == "trunc" and not self._is_at_least(one, 0):
            return None
        if isinstance(one, int) and isinstance(other, int):
            return one // other
        return self.env.scope.floordiv(one, other)

    def rest(self, one: Int, other: Int) -> Int | None:
        """What a division rounded down leaves."""
        quotient = self.quotient(one, other, "floor")
        return None if quotient is None else one - quotient * other

    def _is_at_least(self, number: Int, least: int) -> bool:
        if isinstance(number, int):
            return number >= least
        return self.env.is_known(not_less(number, least))


def _bounds(node: Node) -> Sequence[object]:
    return () if node.target is aten.div.Tensor_mode else tuple(node.kwargs.values())


_Function = Callable[[_Counts, list[Int], object], Int | None]


def _both(function: Callable[[_Counts, Int, Int], Int | None]) -> _Function:
    return lambda counts, values, mode: function(counts, *values) if len(values) == 2 else None


_POINTWISE: dict[object, _Function] = {
    aten.neg.default: lambda counts, values, mode: -values[0],
    aten.add.Tensor: _both(lambda counts, one, other: one + other),
    aten.sub.Tensor: _both(lambda counts, one, other: one - other),
    aten.mul.Tensor: _both(lambda counts, one, other: one * other),
    aten.maximum.default: _both(_Counts.largest),
    aten.minimum.default: _both(_Counts.least),
    aten.remainder.Tensor: _both(_Counts.rest),
    aten.remainder.Scalar: _both(_Counts.rest),
    aten.floor_divide.default: _both(
        lambda counts, one, other: counts.quotient(one, other, "floor")
    ),
    aten.div.Tensor_mode: lambda counts, values, mode: counts.quotient(*values, mode),  # type: ignore[call-arg]
}
_REDUCING: dict[object, Callable[[_Counts, Int, Int], Int]] = {
    aten.max.default: _Counts.largest,
    aten.min.default: _Counts.least,
    aten.sum.default: lambda counts, one, other: one + other,
    aten.prod.default: lambda counts, one, other: one * other,
}
