"""Tables: tensors that are made of sizes and constants alone, by their values for given sizes.

A program that keeps a table from call to call reads it in one capture, and makes it in another.
Both are one program where what is made is what is read, number by number: for these sizes no
difference can be seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.fx import Node, map_arg
from torch.fx.node import Argument

from monograph.capture.session import Captured
from monograph.ir.operators import draws
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import subgraphs_of
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.torch_internals import real_operators, without_modes

__all__ = ["Tables", "are_alike"]

_MOST_ELEMENTS = 1 << 22  # of one tensor; in all, some times as many
_MOST_IN_ALL = 1 << 25
_MOST_FREQUENCIES = 1 << 12  # of a parameter that is frozen
# How far numbers may lie apart that one kernel computes for tensors of two lengths, in roundings.
_ROUNDINGS = 8


class Tables:
    """The values of a capture's nodes for ``sizes``; None where an argument, a weight or chance

    is in them. ``given``: what is found in place of some placeholders.
    """

    def __init__(
        self,
        captured: Captured,
        sizes: Mapping[str, float],
        given: Mapping[Node, torch.Tensor] | None = None,
    ) -> None:
        self.sizes = sizes
        self._left = _MOST_IN_ALL
        self._found: dict[Node, Argument] = dict(given or {})
        for origin in captured.recorder.entrance.origins:
            is_kept = origin.kind in ("buffer", "constant") and not origin.mutated
            if origin.kind == "parameter":  # frequencies of waves, no weights
                is_kept = not origin.mutated and origin.tensor.numel() <= _MOST_FREQUENCIES
            if is_kept and not origin.tensor.requires_grad and origin.node not in self._found:
                self._found[origin.node] = origin.tensor

    def value(self, node: Node) -> Argument:
        """Of one node; what comes before it is asked for as well."""
        stack = [node]
        while stack:  # without Python's recursion limit
            current = stack[-1]
            missing = [each for each in current.all_input_nodes if each not in self._found]
            if current in self._found:
                stack.pop()
            elif missing and not isinstance(current.meta.get("val"), Expr | FloatExpr):
                stack += missing
            else:
                stack.pop()
                self._found[current] = self._evaluated(current)
        return self._found[node]

    def _evaluated(self, node: Node) -> Argument:
        spec = node.meta.get("val")
        if isinstance(spec, Expr | FloatExpr):
            return self._number(spec)
        if node.op != "call_function" or draws(node) or subgraphs_of(node):
            return None
        if any(self._found[source] is None for source in node.all_input_nodes):
            return None
        if isinstance(spec, TensorSpec) and not self._is_small(spec):
            return None
        try:
            with without_modes(), torch.no_grad(), real_operators():
                args = map_arg(node.args, self._found.__getitem__)
                kwargs = map_arg(node.kwargs, self._found.__getitem__)
                assert callable(node.target)
                assert isinstance(args, tuple)
                assert isinstance(kwargs, dict)
                found = node.target(*args, **kwargs)
                is_unset = str(node.target).startswith(("aten.empty", "aten.new_empty"))
                return _marked(found) if is_unset else found
        except Exception:  # at these sizes it is none
            return None

    def _number(self, expression: Expr | FloatExpr) -> float | None:
        now = expression
        if isinstance(now, Expr):
            normal = now.scope.normal(now)
            if not isinstance(normal, Expr):
                return normal
            now = normal
        try:
            return now.evaluate(self.sizes)
        except (KeyError, ArithmeticError, ValueError):
            return None

    def _is_small(self, spec: TensorSpec) -> bool:
        count = spec.numel
        number = self._number(count) if isinstance(count, Expr) else count
        if number is None or number > _MOST_ELEMENTS:
            return False
        self._left -= int(number)
        return self._left >= 0


def _marked(memory: object) -> torch.Tensor | None:
    """Memory as it comes, with what no comparison calls alike, should any of it stay."""
    if not isinstance(memory, torch.Tensor):
        return None
    if memory.is_floating_point() or memory.is_complex():
        return memory.fill_(float("nan"))
    return None if memory.dtype is torch.bool else memory.fill_(113)


def are_alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tables are the same, but for the roundings of kernels."""
    if one.dtype != other.dtype or one.shape != other.shape or one.device != other.device:
        return False
    if one.layout != torch.strided or other.layout != torch.strided:
        return False
    with without_modes(), torch.no_grad():
        one, other = one.detach(), other.detach()
        if not one.is_floating_point() and not one.is_complex():
            return torch.equal(one, other)
        precision = _ROUNDINGS * torch.finfo(one.dtype).eps
        return torch.allclose(one, other, rtol=precision, atol=precision)
