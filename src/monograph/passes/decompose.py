"""Operators replaced by others: a local rewrite on what was recorded, not a second capture.

The replacement of (operator, specs, constants) is captured once by the recorder itself, kept as a
template, and written out for every equal call. Nodes that no rule touches are copied as they are.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import Argument, Target

from monograph.capture.abstract import make_abstract
from monograph.capture.aliasing import Value
from monograph.capture.current import running
from monograph.capture.python.patches import patched
from monograph.capture.python.process_state import exporting_flags
from monograph.capture.recorder import SHARES, Recorder
from monograph.collection import rarer_collection
from monograph.diagnostics import (
    DataDependentError,
    DecompositionError,
    ExportError,
    OperatorError,
    OperatorIndexError,
)
from monograph.inference.layout_flow import LayoutFlow
from monograph.ir.dead_nodes import remove_dead_nodes
from monograph.ir.meta import noted, of_user
from monograph.ir.names import Names
from monograph.ir.operators import draws
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph, subgraphs_of
from monograph.passes.bodies import is_same_body
from monograph.passes.composites import view_of_any_layout
from monograph.passes.table import Decompositions
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import (
    All,
    Compare,
    Some,
    Test,
    both,
    equal,
    negated,
    not_less,
    text_of,
)
from monograph.shapes.sides import Undone, found_on_all_sides
from monograph.shapes.supposing import forget, go_back, mark, suppose
from monograph.shapes.symnode import expression_of, symbolic
from monograph.torch_internals import (
    COMPOSITE,
    Operator,
    append_node,
    append_placeholder,
    below_autograd,
    bits_untouched,
    claim_names,
    copied_node,
    has_kernel,
    plain_name,
    schema_of,
    without_modes,
)

__all__ = ["Decomposed", "decompose"]

aten = torch.ops.aten
Rule = Callable[..., object]
Rules = Mapping[Target, Rule]
# What an operator's results have become: nodes, numbers, and tuples of these.
Results = Node | float | complex | None | tuple["Results", ...]
_SYMBOLIC = (Expr, FloatExpr)
Sizes = tuple[Any, ...]
# Operators that address the memory of an argument.
_ADDRESSES = frozenset(
    {aten.as_strided.default, aten.as_strided_copy.default, aten.as_strided_scatter.default}
)
_VIEWS = frozenset({aten.view.default, aten._unsafe_view.default})


@dataclass
class Decomposed:
    """A graph in another dialect; ``renamed``: its nodes by the names of those they stand for.

    ``kept``: the operators that are whole although the table has a rule, each with the reason.
    ``remade``: the old nodes that something else stands for, or a graph inside the graph does.
    """

    graph: Graph
    attributes: dict[str, Any]
    renamed: dict[str, str] = field(default_factory=dict)
    kept: dict[Target, str] = field(default_factory=dict)
    remade: set[Node] = field(default_factory=set)


def _dims_of(rank: int, dim: int | list[int] | None = None, *_: object) -> list[int]:
    """The dimensions that a reduction goes over."""
    if dim is None or dim == []:
        return list(range(rank))
    return [dim] if isinstance(dim, int) else list(dim)


def _indexed(rank: int, indices: Sequence[object], *_: object) -> list[int]:
    """The dimensions that are indexed with numbers."""
    nodes = [(i, index) for i, index in enumerate(indices) if isinstance(index, Node)]
    if any(index.meta["val"].dtype in (torch.bool, torch.uint8) for _, index in nodes):
        return []
    return [i for i, _ in nodes]


def _is_of_truths(node: Node) -> bool:
    """Whether it is a product of matrices that torch may compute for numbers alone."""
    value = node.meta.get("val")
    is_product = node.target in (aten.bmm.default, aten.mm.default)
    return is_product and isinstance(value, TensorSpec) and value.dtype is torch.bool


# Operators that refuse dimensions without elements: which ones.
_REFUSE_EMPTY: dict[Any, Callable[..., list[int]]] = {
    **dict.fromkeys(
        (
            aten.amax.default, aten.amin.default, aten.argmax.default, aten.argmin.default,
            aten.max.dim, aten.min.dim,
        ),
        _dims_of,
    ),
    **dict.fromkeys((aten.index_put.default, aten.index.Tensor), _indexed),
}  # fmt: skip


@dataclass
class _Template:
    """The replacement of one call.

    ``inputs``: a placeholder for each tensor and each number that varies. ``symbols``: one for
    each symbol that no input gives alone. ``results``: the nodes (or numbers) of the results as
    the operator gives them. ``gives_symbols``: some results have numbers that only the values
    tell, of this call alone. ``follows``: the inputs of which it was asked whether they lie as an
    input of the program does, each with the answer.
    """

    inputs: list[Node]
    symbols: dict[str, Node]
    body: list[Node]
    results: Results
    gives_symbols: bool = False
    whole: frozenset[Target] = frozenset()
    follows: dict[int, bool] = field(default_factory=dict)

    def is_for(self, follows: Callable[[int], bool]) -> bool:
        """Whether it was made for inputs that lie like these."""
        return all(follows(index) is answer for index, answer in self.follows.items())


def decompose(
    graph: Graph, attributes: dict[str, Any], env: ShapeEnv, rules: Decompositions
) -> Decomposed:
    """A copy of ``graph`` without the operators that ``rules`` has replacements for.

    Requires: a functional graph, whose sizes belong to ``env``. Ensures: no operator that
    ``rules`` touches is left, in control-flow bodies neither, but those that a rule of torch's
    cannot replace for all sizes (a rule of the user's must); inputs and outputs are in the same
    order and of the same shapes and dtypes; nodes keep line and module, and know in
    ``meta["from_node"]`` what they come from.

    Raises:
        DecompositionError: MG-O102, for a rule that fails or gives something else.
    """
    with rarer_collection():
        return _Rewriter(env, rules, {}, {}).rewrite(graph, attributes)


class _Rewriter:
    """Rewrites one graph; the templates are shared with the graphs inside it."""

    def __init__(
        self,
        env: ShapeEnv,
        rules: Decompositions,
        templates: dict[tuple[object, ...], list[_Template]],
        kept: dict[Target, str],
        is_body: bool = False,
    ) -> None:
        self.is_body = (
            is_body  # of a branch or a loop: who takes its results counts on their layout
        )
        self.env = env
        self.rules = rules
        self.templates = templates
        self.kept = kept
        self.flow = LayoutFlow(env, lambda node: frozenset((node,)), without_modes)
        self.touched: dict[Target, bool] = {}
        self.whole: set[Target] = set()  # operators that a rule has left as they are
        self.made = Graph()
        self.names = Names()
        self.results: dict[Node, Results] = {}  # what old nodes have become
        self.may_narrow = False  # whether an operator may ask more of sizes, of another layout
        self.changed: set[Node] = set()  # old nodes whose layout is another one now
        self.remade: set[Node] = set()  # old nodes that are not simply copied
        self.sizes: dict[object, Node] = {}  # nodes for expressions, and of (node, dimension)
        self.floats: dict[FloatExpr, FloatExpr] = {}  # read again, and what they were
        self.asked: dict[str, Node] = {}  # inputs that the graph has got for symbols
        self.bodies: dict[Subgraph, _Rewriter] = {}  # who has made it
        self.path: Test = True  # the condition of sizes under which it runs

    def rewrite(self, graph: Graph, attributes: dict[str, Any]) -> Decomposed:
        """The new graph, with what it holds."""
        self.names.used = {node.name for node in graph.nodes}
        held = dict(attributes)
        for node in graph.nodes:
            for side, subgraph in enumerate(subgraphs_of(node)):
                inside = _Rewriter(self.env, self.rules, self.templates, self.kept, is_body=True)
                inside.path = both(self.path, _path_to(node, side))
                found = inside.rewrite(subgraph.graph, subgraph.attributes)
                for name, item in attributes.items():
                    if item is subgraph:
                        made = held[name] = Subgraph(found.graph, found.attributes)
                        self.bodies[made] = inside
        for node in graph.nodes:
            self._visit(node, held)
        remove_dead_nodes(self.made)
        self._require_dialect()
        claim_names(self.made, self.names.used)
        renamed = {old.name: new.name for old, new in self.results.items() if isinstance(new, Node)}
        return Decomposed(self.made, held, renamed, self.kept, self.remade)

    def _visit(self, node: Node, held: dict[str, Any]) -> None:
        if subgraphs_of(node):
            self.remade.add(node)
        if subgraphs_of(node) or (node.op == "output" and self.is_body):
            self._lay_as_before(node)
        if _goes_by_memory(node) and not self._lay_as_before(node):
            raise DecompositionError(
                f"{node.format_node()} depends on how its arguments lie in memory, which rules "
                "for what they are made of change",
                where=node.meta.get("location"),
                hint="lay the argument in order before: x.contiguous().",
            )
        if node.target is operator.getitem and isinstance(node.args[0], Node):
            whole = self.results[node.args[0]]
            if isinstance(whole, tuple):
                self.results[node] = whole[node.args[1]]  # type: ignore[index]
                self._note_layout(node)
                return
        op = node.target
        if node.op == "call_function" and self._is_touched(op):
            self._replace(node, self.rules[op], held)
        elif isinstance(op, Operator) and any(s in self.changed for s in node.all_input_nodes):
            before = mark(self.env)
            try:
                self._replace(node, op, held)
            except DecompositionError:
                forget(self.env, before)
                if self._lay_as_before(node):
                    self._copy(node, held)
                else:
                    self.may_narrow = True
                    self._replace(node, op, held)
                    self.may_narrow = False
        else:
            self._copy(node, held)

    def _lay_as_before(self, node: Node) -> bool:
        """Copy the tensors that ``node`` takes and that a replacement lays otherwise.

        A ``view`` is possible of one layout and not of another, and what goes into a body, or
        comes out of one, lies as the other side of it takes it to lie. Random numbers are drawn
        in the order of the result, which is that of such a tensor. Returns whether all do.
        """
        moved = [source for source in node.all_input_nodes if source in self.changed]
        orders = [_order_of(noted(source.meta.get("val"))) for source in moved]
        drawn = _order_of(noted(node.meta.get("val"))) if draws(node) else None
        for i, source in enumerate(moved):
            if orders[i] is None and drawn is not None and _rank_of(source) == len(drawn):
                orders[i] = drawn
        for source, order in zip(moved, orders, strict=True):
            if order is not None:
                self._lay(source, order)
        return None not in orders

    def _lay(self, source: Node, order: tuple[int, ...]) -> None:
        """A copy of what stands for ``source``, whose dimensions lie in this order in memory."""
        promised, taken = noted(source.meta.get("val")), self.results[source]
        assert isinstance(promised, TensorSpec)
        assert isinstance(taken, Node)

        def added(op: Operator, args: tuple[Any, ...], shape: Sizes, strides: Sizes) -> Node:
            name = self.names.fresh(op.name().split("::")[-1])
            kwargs = {} if args[1:] else {"memory_format": torch.contiguous_format}
            node = append_node(self.made, name, op, args, kwargs)
            spec = TensorSpec.of(shape, strides, promised.dtype, promised.device, promised.bits)
            node.meta = {k: v for k, v in source.meta.items() if k != SHARES} | {"val": spec}
            return node

        clone, permute = aten.clone.default, aten.permute.default
        shape = tuple(promised.shape[i] for i in order)
        is_turned = order != tuple(range(len(order)))
        if is_turned:
            old = taken.meta["val"].strides
            taken = added(permute, (taken, [*order]), shape, tuple(old[i] for i in order))
        taken = added(clone, (taken,), shape, contiguous_strides(shape))
        self.remade.add(source)
        if is_turned:
            back = [order.index(i) for i in range(len(order))]
            taken = added(permute, (taken, back), promised.shape, promised.strides)
        self.results[source] = taken
        self.changed.discard(source)

    def _require_dialect(self) -> None:
        """No operator is left that a rule replaces, and none writes what it is given."""
        for node in self.made.nodes:
            op = node.target
            if not isinstance(op, Operator) or op in self.whole:
                continue
            if self._is_touched(op):
                raise DecompositionError(
                    f"{op} is left, which the table replaces: its rule leads back to it",
                    where=node.meta.get("location"),
                    hint=f"keep the operator whole: del table[torch.ops.{op}].",
                )
            if schema_of(op).is_mutable:
                raise DecompositionError(f"{op} is left, which writes what it is given")

    def _is_touched(self, op: Target) -> bool:
        found = self.touched.get(op)
        if found is None:
            found = self.touched[op] = op in self.rules
        return found

    def _copy(self, node: Node, held: dict[str, Any]) -> None:
        value = noted(node.meta.get("val"))
        if isinstance(value, _SYMBOLIC) and node.op == "call_function":
            known = self.sizes.get(value)
            if known is not None and node.target is not aten.item.default:
                self.results[node] = known
                return
        given = self._given_symbols(node, held)
        copy = copied_node(self.made, node, self._node_of)
        if given:
            *others, operands = copy.args
            copy.args = (*others, (*operands, *given))  # type: ignore[misc]
        copy.meta = {**node.meta, "val": value}
        if SHARES in copy.meta:
            shared = self.results.get(copy.meta.pop(SHARES))
            if isinstance(shared, Node):
                copy.meta[SHARES] = shared
        if SUBGRAPHS in copy.meta:
            graphs = [n.target for n in copy.all_input_nodes if n.op == "get_attr"]
            copy.meta[SUBGRAPHS] = [held[str(name)] for name in graphs]
        self.results[node] = copy
        if isinstance(value, _SYMBOLIC):
            self.sizes.setdefault(value, copy)

    def _node_of(self, node: Node) -> Node | float | complex | None:
        found = self.results[node]
        if isinstance(found, tuple):
            raise DecompositionError(f"{node.format_node()} is used as a whole")
        return found

    # Replacing -------------------------------------------------------------------------------

    def _replace(self, node: Node, rule: Rule, held: dict[str, Any]) -> None:
        key: list[object] = [node.target, len(node.args), tuple(node.kwargs)]
        inputs: list[Node] = []
        args = [self._described(item, key, inputs) for item in node.args]
        kwargs = {name: self._described(item, key, inputs) for name, item in node.kwargs.items()}
        template = self._template(node, rule, tuple(key), inputs, args, kwargs)
        if template is None:
            self.whole.add(node.target)
            self._copy(node, held)
            return
        self.remade.add(node)
        if template.gives_symbols:
            self._unify(_value_of(template.results), noted(node.meta.get("val")))
        self.whole |= template.whole
        made: dict[Node, Results] = dict(zip(template.inputs, inputs, strict=True))
        for name, placeholder in template.symbols.items():
            made[placeholder] = self._symbol(name, node)
        origin = [*node.meta.get("from_node", []), (node.name, str(node.target))]
        for step in template.body:
            made[step] = self._write(step, made, node, origin)
        self.results[node] = _mapped(template.results, made)
        self._note_layout(node)

    def _symbol(self, name: str, old: Node) -> Node:
        """A node for a symbol, from the first tensor that has it as a size, in whatever form."""
        symbol, normal = self.env.symbols[name].expr, self.env.scope.normal
        wanted = normal(symbol) if isinstance(symbol, Expr) else symbol
        known = self.sizes.get(symbol) or self.sizes.get(wanted)
        if known is not None:
            return known
        for node in self.made.nodes:
            value = node.meta.get("val")
            for i, size in enumerate(value.shape if isinstance(value, TensorSpec) else ()):
                if isinstance(size, Expr) and normal(size) is wanted:
                    found = append_node(
                        self.made, self.names.fresh("sym_size"), aten.sym_size.int, (node, i), {}
                    )
                    found.meta = {**found.meta, "val": size, "location": old.meta.get("location")}
                    self.sizes[symbol] = self.sizes[size] = found
                    return found
        if self.is_body and isinstance(symbol, Expr):
            found = self.sizes[symbol] = self._input_for(name)
            return found
        raise DecompositionError(
            f"the decomposition of {old.target} needs the size {name}, which no tensor here has",
            where=old.meta.get("location"),
            hint=f"keep the operator whole: del table[torch.ops.{old.target}].",
        )

    def _input_for(self, name: str) -> Node:
        """An input for a symbol: what calls this graph has to give it."""
        if name not in self.asked:
            made = append_placeholder(self.made, self.names.fresh(name))
            made.meta["val"] = self.env.symbols[name].expr
            self.asked[name] = made
            first = next(
                node for node in self.made.nodes if node.op != "placeholder" or node is made
            )
            if first is not made:
                first.prepend(made)
        return self.asked[name]

    def _given_symbols(self, call: Node, held: dict[str, Any]) -> list[Node]:
        """What a branch or a loop has to be given besides: the symbols that a body asks for."""
        if SUBGRAPHS not in call.meta:
            return []
        graphs = [str(node.target) for node in call.all_input_nodes if node.op == "get_attr"]
        bodies = [self.bodies[held[name]] for name in graphs if held[name] in self.bodies]
        names = list(dict.fromkeys(name for body in bodies for name in body.asked))
        for body in bodies if names else ():
            inputs = [body._input_for(name) for name in names]
            first = next(node for node in body.made.nodes if node.op != "placeholder")
            for node in inputs:
                first.prepend(node)  # in the same order in each
        return [self._symbol(name, call) for name in names]

    def _unify(self, new: object, old: object) -> None:
        """Numbers that only the values tell are the ones that the operator gave before."""
        if isinstance(new, TensorSpec) and isinstance(old, TensorSpec):
            new, old = new.shape, old.shape
        if isinstance(new, tuple) and isinstance(old, tuple):
            for one, other in zip(new, old, strict=False):
                self._unify(one, other)
        elif isinstance(new, Compare) and isinstance(old, Compare):
            self._unify(new.expr, old.expr)
        elif isinstance(new, Expr) and isinstance(old, (Expr, int)) and new is not old:
            self.env.assume(equal(new, old))
        elif isinstance(new, FloatExpr) and isinstance(old, FloatExpr) and new.op == "symbol":
            self.floats[new] = old

    def _normal(self, value: object) -> object:
        if isinstance(value, TensorSpec):
            return value.normal()
        if isinstance(value, Expr):
            return self.env.scope.normal(value)
        if isinstance(value, FloatExpr):
            return self.floats.get(value, value)
        if isinstance(value, tuple):
            return tuple(self._normal(item) for item in value)
        return value

    def _write(
        self, step: Node, made: dict[Node, Results], old: Node, origin: list[tuple[str, str]]
    ) -> Node:
        value, target = self._normal(step.meta.get("val")), step.target
        if isinstance(value, _SYMBOLIC):
            known = self.sizes.get(value)
            if known is not None:
                return known
        args = torch.fx.map_arg(step.args, made.__getitem__)
        kwargs = torch.fx.map_arg(step.kwargs, made.__getitem__)
        if target is aten.item.default and self._is_touched(target):
            target = aten._local_scalar_dense.default
        name = step.name.rstrip("_0123456789")
        if isinstance(target, Operator):
            name = plain_name(target)
        node = append_node(self.made, self.names.fresh(name), target, args, kwargs)
        node.meta["val"] = value
        for key in ("location", "scope", "stack_trace", "nn_module_stack"):
            if key in old.meta:
                node.meta[key] = old.meta[key]
        node.meta.update(of_user(old.meta))
        node.meta["from_node"] = origin
        if SHARES in step.meta:
            shared = made.get(step.meta[SHARES])
            if isinstance(shared, Node):
                node.meta[SHARES] = shared
        if isinstance(value, _SYMBOLIC):
            self.sizes.setdefault(value, node)
        return node

    def _described(self, item: Argument, key: list[object], inputs: list[Node]) -> object:
        """An argument with an ``_Input`` for each node; what distinguishes it goes into ``key``."""
        if isinstance(item, Node):
            found = self.results[item]
            if not isinstance(found, Node):
                key.append(found)
                return found
            value = found.meta["val"]
            inputs.append(found)
            key.append(value)
            return _Input(len(inputs) - 1, value)
        if isinstance(item, (tuple, list)):
            key.append((type(item).__name__, len(item)))
            return [self._described(each, key, inputs) for each in item]
        if isinstance(item, dict):
            key.append(tuple(item))
            return {name: self._described(each, key, inputs) for name, each in item.items()}
        key.append((type(item), item))
        return item

    def _template(
        self,
        node: Node,
        rule: Rule,
        key: tuple[object, ...],
        inputs: list[Node],
        args: list[object],
        kwargs: dict[str, object],
    ) -> _Template | None:
        def follows(index: int) -> bool:
            return bool(self.flow.sources(inputs[index]))

        try:
            known = self.templates.get(key, ())
        except TypeError:  # an argument that cannot be hashed
            known, key = (), ()
        found = next((template for template in known if template.is_for(follows)), None)
        if found is None:
            before = mark(self.env)

            def attempt() -> _Template:
                count = len(inputs)
                return _captured(self.env, self.rules, node, rule, count, args, kwargs, follows)

            try:
                found = self._on_all_sides(attempt)
                if rule is node.target and not self.may_narrow:
                    self._require_as_wide(node, before.guards)
                reason = self._unfit(node, rule, found, before.guards)
                if reason is not None:
                    forget(self.env, before)
                    self.kept[node.target] = reason
                    return None
            except RecursionError:
                raise DecompositionError(
                    f"the decomposition of {node.target} leads back to it, again and again",
                    where=node.meta.get("location"),
                    hint="let the rule return NotImplemented for what it leaves as it is.",
                ) from None
            except ExportError as error:
                is_whole = rule is node.target or has_kernel(node.target, COMPOSITE)
                if isinstance(error, DataDependentError) and not is_whole:
                    forget(self.env, before)
                    return None  # the rule asks for what only the values tell: it stays
                if self._is_torchs(node, rule):
                    forget(self.env, before)
                    self.kept[node.target] = error.what
                    return None
                raise DecompositionError(
                    f"the decomposition of {node.target} fails: {error.what}",
                    where=node.meta.get("location"),
                    hint=f"keep the operator whole: del table[torch.ops.{node.target}].",
                ) from error
            except Exception as error:  # a rule that does not know what the operator takes
                if not self._is_torchs(node, rule):
                    raise
                forget(self.env, before)
                said = str(error).splitlines() or [""]
                self.kept[node.target] = f"{type(error).__name__}: {said[0]}"
                return None
            if key and not found.gives_symbols:
                self.templates.setdefault(key, []).append(found)
        return found

    def _on_all_sides(self, attempt: Callable[[], _Template]) -> _Template:
        """The template for all sizes: what its rule asks of them mostly does not matter."""

        def holds(general: _Template, special: _Template) -> bool:
            return general.whole == special.whole and is_same_body(self.env, general, special)

        refusals = (OperatorError, OperatorIndexError)
        try:
            return found_on_all_sides(self.env, attempt, holds, _sizes_in, refusals)
        except Undone:
            return attempt()

    def _is_torchs(self, node: Node, rule: Rule) -> bool:
        """Whether nobody but torch, and we, says how an operator is replaced."""
        return rule is not node.target and not self.rules.is_given(node.target)

    def _unfit(self, node: Node, rule: Rule, template: _Template, guards: int) -> str | None:
        """Why a replacement by a rule of torch's does not do for all that the operator does."""
        if not self._is_torchs(node, rule):
            return None
        narrowing = [guard for guard in self.env.guards[guards:] if guard.is_narrowing]
        if narrowing:
            return f"its decomposition holds for {text_of(narrowing[0].test)} alone"
        wants = next(filter(self._may_want_elements, template.body), None)
        if wants is not None and node.target not in _REFUSE_EMPTY:
            return f"its decomposition has {wants.target}, which may be of no elements"
        if any(map(_is_of_truths, template.body)):
            return "torch has no kernel for products of matrices of truths"
        promised = noted(node.meta.get("val"))
        if template.gives_symbols or self._fits(_value_of(template.results), promised):
            return None
        return "its decomposition is not known to give the same sizes"

    def _may_want_elements(self, node: Node) -> bool:
        """Whether it refuses a dimension without elements, and one that varies may have none."""
        of_dims = _REFUSE_EMPTY.get(node.target)
        if of_dims is None:
            return False
        source = node.args[0]
        spec = source.meta["val"] if isinstance(source, Node) else None
        if not isinstance(spec, TensorSpec):
            return False
        sizes = [spec.shape[i] for i in of_dims(len(spec.shape), *node.args[1:])]
        return any(not self.env.is_known(not_less(size, 1)) for size in sizes)

    def _require_as_wide(self, node: Node, guards: int) -> None:
        """An operator asks no more of sizes for a tensor that lies otherwise now.

        Raises:
            DecompositionError: with what it asks: it wants the tensor as it lay before.
        """
        if len(self.env.guards) > guards:
            asked = text_of(self.env.guards[guards].test)
            raise DecompositionError(f"{node.target} holds for {asked} alone")

    def _fits(self, new: object, old: object) -> bool:
        if isinstance(new, tuple) and isinstance(old, tuple):
            return all(map(self._fits, new, old))
        if not isinstance(new, TensorSpec) or not isinstance(old, TensorSpec):
            return True
        new, old = new.normal(), old.normal()
        return len(new.shape) == len(old.shape) and all(
            self.env.is_known(equal(a, b)) for a, b in zip(new.shape, old.shape, strict=True)
        )

    def _fits_on_path(self, new: TensorSpec, old: TensorSpec) -> bool:
        """The same by what the condition of the branch says of sizes."""
        if self.path is True:
            return False
        before = mark(self.env)
        suppose(self.env, self.path, lambda env, path: {})
        try:
            return self._fits(new, old)
        finally:
            go_back(self.env, before)

    def _note_layout(self, node: Node) -> None:
        """Compare what stands for ``node`` now with what was promised."""
        old, new = noted(node.meta.get("val")), self.results[node]
        if not isinstance(new, Node) or not isinstance(old, TensorSpec):
            return
        want, have = old.normal(), new.meta["val"].normal()
        if want is have:
            return
        fits = self._fits(have, want) or self._fits_on_path(have, want)
        if want.dtype != have.dtype or want.device != have.device or not fits:
            raise DecompositionError(
                f"{node.format_node()} gives {want}, and its decomposition {have}",
                where=node.meta.get("location"),
                hint="correct the rule, or keep the operator whole.",
            )
        self.changed.add(node)


@dataclass(frozen=True)
class _Input:
    """The place of a tensor, or of a number that varies, in the arguments of a call."""

    index: int
    value: object


def _path_to(node: Node, side: int) -> Test:
    """What holds of sizes in one of the bodies of ``node``: the first is for a truth."""
    asked = node.args[0] if node.target is torch.ops.higher_order.cond else None
    test = noted(asked.meta.get("val")) if isinstance(asked, Node) else None
    if not isinstance(test, (Compare, All, Some)):
        return True
    return negated(test) if side else test


def _rank_of(node: Node) -> int | None:
    value = noted(node.meta.get("val"))
    return len(value.shape) if isinstance(value, TensorSpec) else None


def _goes_by_memory(node: Node) -> bool:
    """Whether its result depends on how its arguments lie, and not on their elements alone."""
    return node.target in _ADDRESSES or draws(node)


def _order_of(spec: object) -> tuple[int, ...] | None:
    """The order that the dimensions of a dense tensor lie in; None where there is none."""
    if not isinstance(spec, TensorSpec):
        return None
    shape, strides = spec.shape, spec.strides
    order: list[int] = []
    rest = sorted(range(len(shape)), key=lambda i: (shape[i] == 1, i))
    step: Int = 1
    while rest:  # the innermost first, and a single element before others at the same distance
        found = next((i for i in reversed(rest) if strides[i] == step), None)
        if found is None:
            return None
        rest.remove(found)
        order.insert(0, found)
        step = step * (shape[found] if shape[found] != 0 else 1)
    return tuple(order)


def _sizes_in(template: _Template) -> set[str]:
    """The symbols in what a template has recorded."""
    found = set()
    for node in template.body:
        value = node.meta.get("val")
        sizes = (*value.shape, *value.strides) if isinstance(value, TensorSpec) else (value,)
        found |= {a.name for n in sizes if isinstance(n, Expr) for a in n.symbols()}
    return found


def _is_plain(node: Node) -> bool:
    return node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload)


def _value_of(results: Results) -> object:
    if isinstance(results, tuple):
        return tuple(_value_of(item) for item in results)
    return results.meta["val"] if isinstance(results, Node) else results


def _mapped(results: Results, made: dict[Node, Results]) -> Results:
    if isinstance(results, tuple):
        return tuple(_mapped(item, made) for item in results)
    return made[results] if isinstance(results, Node) else results


# Templates -----------------------------------------------------------------------------------


def _captured(
    env: ShapeEnv,
    rules: Rules,
    node: Node,
    rule: Rule,
    count: int,
    args: list[object],
    kwargs: dict[str, object],
    follows: Callable[[int], bool],
) -> _Template:
    """Run a rule on abstract tensors, and keep the graph."""
    noted, count_before = _Noted(rules), len(env.symbols)
    recorder, op = Recorder(rules=noted), node.target
    symbols: dict[str, Node] = {}
    asked: dict[int, bool] = {}

    def outer(name: str) -> Node:
        symbols[name] = recorder.emission.placeholder(f"size_{name}")
        symbols[name].meta["val"] = env.symbols[name].expr
        return symbols[name]

    recorder.sizes.outer = outer
    with _borrowed(env, recorder):
        recorder.sizes.here = lambda: node.meta.get("location")  # the line of what is replaced
        inputs: list[Node] = []
        given: dict[int, object] = {}

        def follows_program(placeholder: Node) -> bool:
            index = inputs.index(placeholder)
            if index not in asked:
                asked[index] = follows(index)
            return asked[index]

        recorder.layouts.follows = follows_program

        def enter(item: object) -> object:
            if isinstance(item, _Input):
                if item.index not in given:
                    given[item.index] = _entered(recorder, item, inputs)
                return given[item.index]
            if isinstance(item, list):
                return [enter(each) for each in item]
            if isinstance(item, dict):
                return {name: enter(each) for name, each in item.items()}
            return item

        args = [enter(item) for item in args]
        kwargs = {name: enter(item) for name, item in kwargs.items()}
        assert len(inputs) == count
        with (
            exporting_flags(),
            patched(recorder, {}, notices=False),
            below_autograd(),
            bits_untouched(),
            recorder,
            running(recorder),
        ):
            recorder.context.is_running = False  # lines are those of the node that is replaced
            result: object = NotImplemented if rule is op else rule(*args, **kwargs)
            if result is NotImplemented:  # not for these arguments: the operator stays
                recorder.context.rules = None
                noted.whole.add(op)
                with without_modes():  # as where the dispatcher calls the recorder
                    result = recorder.record(op, tuple(args), kwargs)
            results = _nodes_of(recorder, result)
        if any(origin.kind != "input" for origin in recorder.entrance.origins):
            raise ExportError("it makes a constant tensor (write torch.full instead)")
    body = [n for n in recorder.emission.graph.nodes if n.op != "placeholder"]
    gives_symbols = len(env.symbols) > count_before
    whole = frozenset(noted.whole)
    return _Template(inputs, symbols, body, results, gives_symbols, whole, asked)


class _Noted:
    """Rules, and the operators that they have left whole.

    A view that a rule makes is one for every layout of the inputs of the program.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.whole: set[Target] = set()

    def __contains__(self, op: object) -> bool:
        return op in _VIEWS or op in self.rules

    def __getitem__(self, op: Target) -> Rule:
        if op in _VIEWS and op not in self.rules:
            return view_of_any_layout
        rule = self.rules[op]

        def run(*args: object, **kwargs: object) -> object:
            result = rule(*args, **kwargs)
            if result is NotImplemented:
                self.whole.add(op)
            return result

        return run


def _entered(recorder: Recorder, item: _Input, inputs: list[Node]) -> object:
    if isinstance(item.value, TensorSpec):
        node = recorder.emission.placeholder(f"in_{item.index}")
        value = Value(node, item.value, recorder)
        node.meta["val"] = item.value
        recorder.sizes.bind_sizes(item.value, node)
        for i, size in enumerate(item.value.shape):
            if isinstance(size, Expr):
                recorder.sizes.whole.setdefault(size, (node, i))
        inputs.append(node)
        return make_abstract(item.value, value)
    node = recorder.emission.placeholder(f"in_{item.index}")
    node.meta["val"] = item.value
    inputs.append(node)
    if isinstance(item.value, _SYMBOLIC):
        recorder.sizes.stands_for(item.value, node)
        return symbolic(recorder.sizes.env, item.value)
    raise ExportError(f"it is called with a {type(item.value).__name__} that varies")


def _nodes_of(recorder: Recorder, result: object) -> Results:
    if isinstance(result, (tuple, list)):
        return tuple(_nodes_of(recorder, item) for item in result)
    if isinstance(result, torch.Tensor):
        return recorder.read(recorder.value_of(result))
    if isinstance(result, (torch.SymInt, torch.SymFloat)):
        return recorder.sizes.node_of(expression_of(result))
    if isinstance(result, torch.SymBool):
        return recorder.sizes.test_node(expression_of(result))
    if result is None or isinstance(result, (int, float, complex)):
        return result
    raise ExportError(f"it returns a {type(result).__name__}")


@contextlib.contextmanager
def _borrowed(env: ShapeEnv, recorder: Recorder) -> Iterator[None]:
    """The sizes of ``recorder`` are those of ``env``, whose questions come to it."""
    before = env.listener
    try:
        recorder.sizes.use(env)
        yield
    finally:
        env.listener = before
        recorder.context.let_go()
