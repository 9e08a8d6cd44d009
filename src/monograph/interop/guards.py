"""What a program demands of sizes beyond ranges: assertions at the start of a torch graph."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace

import torch
from torch.fx import Graph, Node

from monograph.capture.sizes import OPERATORS, Operand, float_operator
from monograph.diagnostics import InternalError
from monograph.interop.symbols import TorchSymbols
from monograph.interop.words import NUMBER, TRUTH, in_words, is_spelled_out
from monograph.ir.program import Parts
from monograph.ir.size_checks import Bound, Place, SizeChecks
from monograph.shapes.dims import DerivedDim, Dim
from monograph.shapes.expr import Atom, Expr
from monograph.shapes.floats import FloatExpr, Real
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some, Test, text_of
from monograph.shapes.text import Tree, format_expr, tree_of
from monograph.torch_internals import name_of

__all__ = ["assert_guards"]

aten = torch.ops.aten
_ASSERTING = (aten._assert_scalar.default, aten._assert_async.msg)
_COMMUTING = (operator.add, operator.mul, operator.eq, operator.and_, operator.or_)
_SIGNS = {"ge": operator.ge, "eq": operator.eq, "ne": operator.ne}
# Torch's module takes sizes up to this one where the range begins at them: it asks for no less.
_UNCHECKED = 2


def assert_guards(program: Parts, graph: Graph, symbols: TorchSymbols) -> None:
    """Write an assertion for each demand on sizes that torch's module does not check itself.

    It checks ranges of symbols, and that arguments with one symbol have one size.
    """
    checks = program.plan.sizes
    if checks is None:
        return
    first = next(n for n in graph.nodes if n.op != "placeholder")
    placeholders = [n for n in graph.nodes if n.op == "placeholder"]
    specs = program.signature.input_specs
    leaves = placeholders[len(placeholders) - sum(s.target is None for s in specs) :]
    before = set(graph.nodes)
    with graph.inserting_before(first):
        writer = _Assertions(graph, symbols, checks, leaves)
        for bound in checks.bounds:
            writer.demand(bound)
        for name, (source, *_) in checks.definitions.items():
            if source in writer.places and name in checks.ranges:
                writer.limit(name, *checks.ranges[name], writer.places[source], is_plain=False)
        for guard in checks.guards:
            writer.write(guard.test, guard.message, is_own=guard.kind == "precondition")
    _forget_repeated(graph, before)


def _forget_repeated(graph: Graph, before: set[Node]) -> None:
    """Take away what was written now and stands in ``before``: it has come from a torch graph."""
    said = [node for node in before if node.target in _ASSERTING]
    if not said:
        return
    numbers: dict[object, int] = {}  # of forms, which are the same where two nodes give the same
    forms: dict[object, object] = {}
    for node in graph.nodes:
        form: object = node.name
        if node.op == "call_function" and not node.kwargs:
            args = [forms.get(arg, repr(arg)) for arg in node.args]
            ordered = sorted(args, key=str) if node.target in _COMMUTING else args
            form = (str(node.target), *ordered)
        forms[node] = numbers.setdefault(form, len(numbers))
    asserted = {forms[node.args[0]] for node in said if isinstance(node.args[0], Node)}
    for node in reversed(graph.nodes):
        is_ours = node not in before and node.op == "call_function" and not node.users
        if is_ours and (node.target not in _ASSERTING or forms[node.args[0]] in asserted):
            graph.erase_node(node)


class _Assertions:
    """Writes tests of symbols, each computed of the arguments as at the door of our own module."""

    def __init__(
        self, graph: Graph, symbols: TorchSymbols, checks: SizeChecks, leaves: list[Node]
    ) -> None:
        self.graph = graph
        self.symbols = symbols
        self.leaves = leaves
        self.places = {bound.name: bound.places[0] for bound in checks.bounds}
        self.definitions = checks.definitions
        self.nodes: dict[str, Node] = {}  # of symbols

    def demand(self, bound: Bound) -> None:
        """What is demanded of a size for its own sake."""
        first, *others = bound.places
        form = DerivedDim(Dim(bound.name), first.slope, first.offset)
        if first.slope != 1:
            nearest = self._placed(self._symbol(bound.name), first)
            self._demand(operator.eq, self._size(first), nearest, first, f"of the form {form}")
        for place in others:
            if not _is_plain(first) or not _is_plain(place):
                wanted = self._placed(self._symbol(bound.name), place)
                form = DerivedDim(Dim(bound.name), place.slope, place.offset)
                self._demand(operator.eq, self._size(place), wanted, place, f"equal to {form}")
        if isinstance(bound.now, Expr) and not _is_symbol(bound.now):
            text = f"of the form {format_expr(bound.now)}"
            symbol, now = self._symbol(bound.name), self.number(bound.now)
            self._demand(operator.eq, symbol, now, first, text)
        if bound.values is not None:
            parts = [self._call(operator.eq, (self._symbol(bound.name), v), None)
                     for v in bound.values]  # fmt: skip
            self._assert(self._joined(operator.or_, parts), first, f"one of {bound.values}")
        if bound.now is None:
            self.limit(bound.name, bound.lower, bound.upper, first, is_plain=_is_plain(first))

    def limit(
        self, name: str, low: int | None, high: int | None, place: Place, is_plain: bool
    ) -> None:
        """A range; that of a size itself torch checks, but for the least sizes."""
        if low is not None and (0 < low <= _UNCHECKED if is_plain else low > 0):
            self._demand(operator.ge, self._symbol(name), low, place, f"at least {low}")
        if high is not None and not is_plain:
            self._demand(operator.le, self._symbol(name), high, place, f"at most {high}")

    def _demand(
        self, sign: Callable[..., object], left: Node, right: Operand, place: Place, text: str
    ) -> None:
        self._assert(self._call(sign, (left, right), None), place, text)

    def _assert(self, truth: Node, place: Place, text: str) -> None:
        where = place.path if place.dim is None else f"{place.path}.shape[{place.dim}]"
        args = (truth, f"Expected input at {where} to be {text}")
        self._finish(self.graph.call_function(aten._assert_scalar.default, args), None)

    def _placed(self, symbol: Node, place: Place) -> Node:
        """The size at a place, from its symbol."""
        if place.slope != 1:
            symbol = self._call(operator.mul, (symbol, place.slope), None)
        return self._call(operator.add, (symbol, place.offset), None) if place.offset else symbol

    def write(self, test: Test, message: str | None, *, is_own: bool) -> None:
        """One assertion; ``is_own``: of the program, or an operator, in its own words."""
        text = f"Expected inputs to satisfy {text_of(test)}"
        if message:
            text = message if is_own else f"{text}: {message}"
        if isinstance(test, CompareFloats):
            self._assert_of_tensors(test, text)
            return
        node = self.graph.call_function(aten._assert_scalar.default, (self.test(test), text))
        self._finish(node, None)

    def _assert_of_tensors(self, test: CompareFloats, text: str) -> None:
        """Torch, which reads a file, evaluates what ``_assert_scalar`` asserts: not of floats."""
        sides: list[Node] = []
        for side in (test.left, test.right):
            number = self.graph.call_function(
                aten.scalar_tensor.default, (self.number(side),), {"dtype": torch.float64}
            )
            self._finish(number, self.symbols.tensor(NUMBER))
            sides.append(number)
        sign = getattr(aten, test.op.removeprefix("not ")).Tensor
        truth = self.graph.call_function(sign, tuple(sides))
        self._finish(truth, self.symbols.tensor(TRUTH))
        if test.op.startswith("not "):
            truth = self.graph.call_function(aten.logical_not.default, (truth,))
            self._finish(truth, self.symbols.tensor(TRUTH))
        node = self.graph.call_function(aten._assert_async.msg, (truth, text))
        self._finish(node, None)

    def test(self, test: Test) -> Node:
        """The node of a test."""
        if isinstance(test, Compare):
            left, right = test.sides()
            return self._call(_SIGNS[test.kind], (self.number(left), self.number(right)), test)
        if isinstance(test, CompareFloats):
            return self._comparison(test)
        if isinstance(test, OneOf):
            sign, join = (
                (operator.eq, operator.or_) if test.is_one else (operator.ne, operator.and_)
            )
            number = self.number(test.expr)
            parts = [self._call(sign, (number, value), None) for value in test.values]
        elif not isinstance(test, (All, Some)):
            raise InternalError(f"a guard is a {type(test).__name__}")
        else:
            join = operator.and_ if isinstance(test, All) else operator.or_
            parts = [self.test(part) for part in test.parts]
        return self._joined(join, parts)

    def _joined(self, join: Callable[..., object], parts: list[Node]) -> Node:
        total = parts[0]
        for part in parts[1:]:
            total = self._call(join, (total, part), None)
        return total

    def number(self, item: Real) -> Operand:
        """The node of an expression."""
        if isinstance(item, FloatExpr):
            return self._float(item)
        return self._tree(tree_of(item)) if isinstance(item, Expr) else item

    def _tree(self, tree: Tree) -> Operand:
        if isinstance(tree, int):
            return tree
        if isinstance(tree, Atom):
            return self.number(tree.args[0]) if tree.kind == "long" else self._symbol(tree.name)
        return self._call(OPERATORS[tree.name], tuple(self._tree(arg) for arg in tree.args), None)

    def _float(self, item: FloatExpr) -> Node:
        if item.op == "symbol":
            return self._symbol(item.name)
        args = tuple(self.number(arg) for arg in item.args)
        return self._call(float_operator(item.op), args, item)

    def _symbol(self, name: str) -> Node:
        if name not in self.nodes:
            definition = self.definitions.get(name)
            if definition is not None:
                source, step, offset = definition
                found = self._solved(self._symbol(source), step, offset)
            else:
                place = self.places[name]
                found = self._solved(self._size(place), place.slope, place.offset)
            self.nodes[name] = found
        return self.nodes[name]

    def _size(self, place: Place) -> Node:
        leaf = self.leaves[place.leaf]
        if place.dim is None:
            return leaf
        node = self.graph.call_function(aten.sym_size.int, (leaf, place.dim))
        self._finish(node, leaf.meta["val"].shape[place.dim])
        return node

    def _solved(self, size: Node, slope: int, offset: int) -> Node:
        """``n`` where ``size`` is ``slope * n + offset``."""
        if offset:
            size = self._call(operator.sub, (size, offset), None)
        return size if slope == 1 else self._call(operator.floordiv, (size, slope), None)

    def _comparison(self, test: CompareFloats) -> Node:
        sign = test.op.removeprefix("not ")
        args = (self.number(test.left), self.number(test.right))
        found = self._call(getattr(operator, sign), args, replace(test, op=sign))
        return found if sign == test.op else self._call(torch.sym_not, (found,), test)

    def _call(
        self,
        target: Callable[..., object],
        args: tuple[Operand, ...],
        result: Test | FloatExpr | None,
    ) -> Node:
        """A node; ``result``: what it gives, where its function does not tell."""
        value = None if result is None else self.symbols.number(result)
        if is_spelled_out(target, args):
            made = in_words(self.graph, self.symbols, target, args, value)
        else:
            made = [self.graph.call_function(target, args)]
            if result is None:
                value = target(*(a.meta["val"] if isinstance(a, Node) else a for a in args))
            made[0].meta["val"] = value
        for node in made:
            self._finish(node, node.meta["val"])
        return made[-1]

    def _finish(self, node: Node, value: object) -> None:
        node.meta["val"] = value
        node.meta["nn_module_stack"] = {"L__self__": ("", "torch.nn.Module")}
        name = name_of(node.target)
        node.meta["torch_fn"] = (f"{name}_guard", f"OpOverload.{name}")


def _is_symbol(item: Expr) -> bool:
    tree = tree_of(item)
    return isinstance(tree, Atom) and tree.kind == "symbol"


def _is_plain(place: Place) -> bool:
    return (place.slope, place.offset) == (1, 0)
