"""What a program demands of sizes beyond ranges: assertions at the start of a torch graph."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import sympy
import torch
from torch.fx import Graph, Node

from monograph.capture.sizes import OPERATORS
from monograph.diagnostics import InternalError
from monograph.interop.symbols import TorchSymbols
from monograph.ir.program import Parts
from monograph.shapes.expr import Atom, Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, OneOf, Some, Test, text_of
from monograph.shapes.text import Tree, tree_of
from monograph.torch_internals import name_of

__all__ = ["STEPS", "assert_guards"]

# Functions of sizes that torch.export has no word for, in steps that it knows.
STEPS: dict[Any, tuple[Any, ...]] = {
    math.isqrt: (torch.sym_float, torch.sym_sqrt, math.trunc),
}
_SIGNS = {"ge": operator.ge, "eq": operator.eq, "ne": operator.ne}


def assert_guards(program: Parts, graph: Graph, symbols: TorchSymbols) -> None:
    """Write an assertion for each guard that the ranges of sizes do not say."""
    checks = program.plan.sizes
    if checks is None or not checks.guards:
        return
    first = next(n for n in graph.nodes if n.op != "placeholder")
    with graph.inserting_before(first):
        writer = _Assertions(graph, symbols)
        for guard in checks.guards:
            writer.write(guard.test, guard.message)


class _Assertions:
    def __init__(self, graph: Graph, symbols: TorchSymbols) -> None:
        self.graph = graph
        self.symbols = symbols
        self.nodes: dict[sympy.Basic, Node | tuple[Node, int]] = {}
        for node in graph.nodes:
            if node.op != "placeholder":
                break
            value = node.meta["val"]
            if isinstance(value, torch.Tensor):
                for i, size in enumerate(value.shape):
                    if isinstance(size, torch.SymInt):
                        self.nodes.setdefault(size.node.expr, (node, i))
            elif isinstance(value, torch.SymInt):
                self.nodes.setdefault(value.node.expr, node)

    def write(self, test: Test, message: str | None) -> None:
        """One assertion."""
        text = message or f"Expected inputs to satisfy {text_of(test)}"
        node = self.graph.call_function(
            torch.ops.aten._assert_scalar.default, (self.test(test), text)
        )
        self._finish(node, None)

    def test(self, test: Test) -> Node:
        """The node of a test."""
        if isinstance(test, Compare):
            left, right = test.sides()
            return self._call(_SIGNS[test.kind], (self.number(left), self.number(right)), test)
        if isinstance(test, OneOf):
            sign, join = (
                (operator.eq, operator.or_) if test.is_one else (operator.ne, operator.and_)
            )
            number = self.number(test.expr)
            parts = [self._call(sign, (number, value), test) for value in test.values]
        elif not isinstance(test, (All, Some)):
            raise InternalError(f"a guard is a {type(test).__name__}")
        else:
            join = operator.and_ if isinstance(test, All) else operator.or_
            parts = [self.test(part) for part in test.parts]
        total = parts[0]
        for part in parts[1:]:
            total = self._call(join, (total, part), test)
        return total

    def number(self, item: Int) -> Node | int:
        """The node of an expression."""
        return self._tree(tree_of(item)) if isinstance(item, Expr) else item

    def _tree(self, tree: Tree) -> Node | int:
        if isinstance(tree, int):
            return tree
        if isinstance(tree, Atom):
            return self.number(tree.args[0]) if tree.kind == "long" else self._symbol(tree)
        args = tuple(self._tree(arg) for arg in tree.args)
        target = OPERATORS[tree.name]
        for step in STEPS.get(target, (target,)):
            args = (self._call(step, args, None),)
        return args[0]

    def _symbol(self, atom: Atom) -> Node:
        symbol = self.symbols.expression(atom_expression(self.symbols, atom))
        found = self.nodes[symbol]
        if isinstance(found, Node):
            return found
        node = self.graph.call_function(torch.ops.aten.sym_size.int, found)
        self._finish(node, found[0].meta["val"].shape[found[1]])
        self.nodes[symbol] = node
        return node

    def _call(
        self, target: Callable[..., object], args: tuple[Node | int, ...], test: Test | None
    ) -> Node:
        node = self.graph.call_function(target, args)
        values = [a.meta["val"] if isinstance(a, Node) else a for a in args]
        self._finish(node, target(*values) if test is None else self.symbols.number(test))
        return node

    def _finish(self, node: Node, value: object) -> None:
        node.meta["val"] = value
        node.meta["nn_module_stack"] = {"L__self__": ("", "torch.nn.Module")}
        name = name_of(node.target)
        node.meta["torch_fn"] = (f"{name}_guard", f"OpOverload.{name}")


def atom_expression(symbols: TorchSymbols, atom: Atom) -> Expr | FloatExpr:
    """The expression that is this atom alone."""
    return symbols.env.symbols[atom.name].expr
