"""How tensors lie where sizes that vary are 1: as in general, or in a way of their own.

A tensor of one row lies in order in more than one way, so that what copies in general may be a
view there, and strides other than those that hold for all other sizes.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.fx import Node

from monograph.diagnostics import ExportError
from monograph.inference.fakes import substitute
from monograph.inference.infer import infer
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.env import Quotient, ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr, float_value
from monograph.shapes.questions import holds
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import Operator

__all__ = ["UnitSizes"]

_MOST_SUBSETS = 3  # so many symbols are 1 in all combinations, more of them one by one
_LARGE = 3  # what nobody knows, and what the example has as 1


class UnitSizes:
    """The operators of one graph on numbers, where some symbols are 1."""

    def __init__(
        self, env: ShapeEnv, unpatched: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._env = env
        self._unpatched = unpatched
        self._found: dict[frozenset[str], dict[Node, Any]] = {}

    def differing(
        self, node: Node, spec: TensorSpec, answer: Callable[[TensorSpec], object]
    ) -> Iterator[frozenset[str]]:
        """The symbols that, where they are 1, make another ``answer`` than ``spec`` gives."""
        for ones in self._subsets(self.symbols(node)):
            values = self._values(ones)
            if values is None:
                continue
            actual = self._spec(node, ones, values)
            if isinstance(actual, TensorSpec) and actual.numel:
                promised = self._in_numbers(spec, values)
                assert isinstance(promised, TensorSpec)
                if answer(actual) != answer(promised):
                    yield ones

    def at_example(self, node: Node) -> TensorSpec | None:
        """How ``node`` lies for the example."""
        found = self._spec(node, frozenset(), dict(self._env.values))
        return found if isinstance(found, TensorSpec) else None

    def symbols(self, node: Node) -> list[str]:
        """The symbols that decide how ``node`` lies: those in the specs that it is made of."""
        names: dict[str, None] = {}
        for each in _cone(node):
            value = _noted(each)
            sizes = (*value.shape, *value.strides) if isinstance(value, TensorSpec) else ()
            for size in sizes:
                if isinstance(size, Expr):
                    names.update(dict.fromkeys(a.name for a in size.symbols()))
        return [n for n in names if n not in self._env.definitions]

    def _subsets(self, names: list[str]) -> Iterator[frozenset[str]]:
        if len(names) > _MOST_SUBSETS:
            yield from (frozenset((name,)) for name in names)
            yield frozenset(names)
            return
        for count in range(1, len(names) + 1):
            yield from map(frozenset, itertools.combinations(names, count))

    def _values(self, ones: frozenset[str]) -> dict[str, Any] | None:
        """Numbers for the symbols; None where the program excludes them."""
        env = self._env
        values: dict[str, Any] = {}
        for name in env.symbols:
            known = env.values.get(name)
            values[name] = 1 if name in ones else max(known or 0, 2) if known else _LARGE
        for name, found in env.definitions.items():
            if isinstance(found, Quotient):
                values[name] = (values[found.atom.name] - found.offset) // found.step
        for name in ones:
            symbol = env.symbols[name].expr
            now = env.scope.normal(symbol) if isinstance(symbol, Expr) else symbol
            if isinstance(now, int) and now != 1:
                return None
        return values if all(holds(guard.test, values) for guard in env.guards) else None

    def _spec(self, node: Node, ones: frozenset[str], values: dict[str, Any]) -> object:
        """What the operators give on numbers; None where that cannot be said."""
        found = self._found.setdefault(ones, {})
        for each in _cone(node, found):
            found[each] = self._result(each, found, values)
        return found[node]

    def _result(self, node: Node, found: dict[Node, Any], values: dict[str, Any]) -> object:
        noted = _noted(node)
        if node.op != "call_function" or not (
            isinstance(node.target, Operator) or node.target is operator.getitem
        ):
            return self._in_numbers(noted, values)
        if isinstance(noted, (Expr, FloatExpr)):
            return self._in_numbers(noted, values)

        args = torch.fx.map_arg(node.args, found.__getitem__)
        kwargs = torch.fx.map_arg(node.kwargs, found.__getitem__)
        if any(found[n] is None for n in node.all_input_nodes):
            return None
        if node.target is operator.getitem:
            whole = found[node.all_input_nodes[0]]
            return whole[node.args[1]] if isinstance(whole, tuple) else None  # type: ignore[index]
        try:
            outcome = infer(node.target, tuple(args), dict(kwargs), self._unpatched)  # type: ignore[arg-type]
        except (ExportError, TypeError):
            return None
        if outcome.container is None:
            return outcome.single.promised() if outcome.single is not None else None
        return tuple(result.promised() for result in outcome.results)

    def _in_numbers(self, value: object, values: dict[str, Any]) -> object:
        def in_numbers(spec: TensorSpec) -> TensorSpec:
            shape = tuple(map(number, spec.shape))
            return spec.with_layout(shape, tuple(map(number, spec.strides)))

        def number(size: object) -> object:
            if isinstance(size, Expr):
                size = size.scope.normal(size)
            return float_value(size, values) if isinstance(size, (Expr, FloatExpr)) else size

        return substitute(value, in_numbers, number)


def _noted(node: Node) -> object:
    value = node.meta.get("val")
    return spec_of(value) if isinstance(value, torch.Tensor) else expression_of(value)


def _cone(node: Node, known: dict[Node, Any] | None = None) -> list[Node]:
    """``node`` and all that it is made of and is not known, what is needed first."""
    found: dict[Node, None] = {}
    stack = [(node, iter(node.all_input_nodes))]
    begun = {node} if known is None or node not in known else set()
    while stack and begun:
        current, rest = stack[-1]
        following = next((n for n in rest if n not in begun and n not in (known or ())), None)
        if following is None:
            found[current] = None
            stack.pop()
        else:
            begun.add(following)
            stack.append((following, iter(following.all_input_nodes)))
    return list(found)
