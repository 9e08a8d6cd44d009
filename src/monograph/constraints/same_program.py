"""Whether two captures of one program are the same program, for given sizes."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence

import torch
from torch.fx import Graph, Node
from torch.fx.node import Argument

from monograph.capture.following import MOST_ELEMENTS, but_for_causality, gives_its_argument
from monograph.capture.session import Captured
from monograph.constraints.tables import Tables, are_alike
from monograph.diagnostics import PythonFeatureError
from monograph.ir.operators import RESHAPING, SQUEEZING, draws
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import subgraphs_of
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int, Scope
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import equal, not_less

__all__ = ["is_same_program", "refuse_difference"]

aten = torch.ops.aten
_PLAIN = frozenset({
    bool, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format,
})  # fmt: skip
Read = tuple[object, ...]  # what is read of a graph: equal for equal programs


def is_same_program(
    left: Captured,
    right: Captured,
    sizes: Mapping[str, float] | None = None,
    *,
    found: Mapping[Node, Node] | None = None,
    apart: Collection[str] = (),
    tables: tuple[Tables, Tables] | None = None,
) -> bool:
    """Whether the left one computes what the right one does for the sizes of the right one.

    Operator by operator; with ``sizes``, for these. Then a tensor that ``squeeze`` gives, and what
    is made of it, may be noted with dimensions that the operator leaves out at such sizes: the
    operators are the same, and so is what they give when they run.

    ``found``: placeholders of the right one that stand for nodes of the left one. ``apart``:
    state whose new content is not compared. ``tables``: of both, for ``sizes``,
    where what is made of sizes and constants is compared by its values.
    """
    scope = Scope()
    env = right.recorder.sizes.env
    one, other = _Reader(left, scope, sizes, env), _Reader(right, scope, sizes)
    one.solved = other.solved = {
        name: symbol.expr
        for name, symbol in env.symbols.items()
        if name in right.declared and isinstance(symbol.expr, Expr)
    }
    one.apart = other.apart = apart
    if tables is not None:
        one.tables, other.tables = tables
    try:
        before = one.read()
        for node, source in (found or {}).items():
            other.found[node] = one.keys.get(source, -1)
        return before == other.read()
    except (ValueError, ZeroDivisionError):  # an expression that has no value for these sizes
        return False


def refuse_difference(first: Captured, second: Captured) -> None:
    """Two captures of one program must be the same (``MONOGRAPH_REPEAT=1`` asks for it).

    Raises:
        PythonFeatureError: MG-P109, with the line of the first operator that differs.
    """
    if is_same_program(first, second):
        return
    scope = Scope()
    readers = [_Reader(captured, scope, None) for captured in (first, second)]
    for reader in readers:
        reader.read()
    pairs = zip(first.graph.nodes, second.graph.nodes, strict=False)
    differing = next(
        (a for a, b in pairs if readers[0].keys.get(a) != readers[1].keys.get(b)), None
    )
    raise PythonFeatureError(
        "the program was captured twice, and is another one the second time",
        code="MG-P109",
        where=None if differing is None else differing.meta.get("location"),
        hint="look for chance: a set's order, random numbers, state kept from run to run.",
    )


class _Reader:
    """Turns a graph into nested tuples that are equal for equal programs.

    ``elsewhere``: whose sizes it is read for, where these are others than its own.
    """

    def __init__(
        self,
        captured: Captured,
        scope: Scope,
        sizes: Mapping[str, float] | None,
        elsewhere: ShapeEnv | None = None,
    ) -> None:
        self.captured = captured
        self.elsewhere = elsewhere
        self.sizes_there: dict[int, Int] = {}  # atoms of the capture's scope, in that of the other
        self.scope = scope
        self.sizes = sizes or {}
        self.solved: dict[str, Expr] = {}  # what follows for declared sizes where it is read for
        self.apart: Collection[str] = ()
        self.tables: Tables | None = None
        self.found: dict[Node, int] = {}
        origins = captured.recorder.entrance.origins
        self.sources = {
            source
            for source in captured.recorder.sizes.bindings.values()
            if isinstance(source, Node) and source.op == "call_function"
        }
        self.fresh = {o.node: o.tensor for o in origins if o.fresh}
        self.parameters = {o.node for o in origins if o.kind == "parameter"}
        self.ids: dict[object, int] = scope.interned.setdefault("ids", {})
        self.keys: dict[Node, int] = {}
        self.squeezed: set[Node] = set()  # whose dimensions of size 1 are of no matter
        self.draws = 0
        self.reshaping: dict[int, bool] = {}  # by identity: an operator's hash takes long
        self.taken_over: dict[int, Int] = {}  # atoms of the capture's scope
        self.taken_over_there: dict[int, Int] = {}  # atoms of the scope that it is read for
        self.sizes_read: dict[Expr, Int] = {}  # most come again
        self.specs_read: dict[TensorSpec, tuple[int, Read]] = {}

    def read(self) -> Read:
        """The whole capture."""
        captured = self.captured
        returned, effects = self._read_graph(captured.graph)
        results = [n for n in captured.graph.output_node().all_input_nodes if n in self.squeezed]
        if not {o.node for o in captured.mutations}.isdisjoint(results):
            raise ValueError("the state has another number of dimensions")
        bindings = captured.recorder.sizes.bindings
        unbacked = [
            (name, self.keys.get(source[0] if isinstance(source, tuple) else source))
            for name, source in sorted(bindings.items())
            if name not in captured.declared and name not in self.sizes
        ]
        structure, places = captured.output_structure.by_key()  # their order is of no matter
        count = len(captured.mutations)
        kept = [i for i, o in enumerate(captured.mutations) if o.target not in self.apart]
        returned = (
            *(returned[i] for i in kept),
            *(returned[count + place] for place in places),
        )
        found = [captured.outputs[place] for place in places]
        outputs = [(o.node is None, repr(o.constant), o.alias) for o in found]
        targets = [(o.kind, o.target) for i, o in enumerate(captured.mutations) if i in kept]
        return returned, effects, unbacked, outputs, targets, structure

    def _read_graph(self, graph: Graph, inside: int = 0) -> tuple[Read, Read]:
        """What a graph returns and its effects; ``inside`` tells subgraphs' inputs apart."""
        effects: list[int] = []
        returned: Read = ()
        position = 0
        for node in graph.nodes:
            if node.op == "output":
                returned = self._argument(node.args[0])
            elif inside and node.op == "placeholder":
                value = node.meta.get("val")
                is_size = isinstance(value, Expr)
                position += not is_size  # which sizes a subgraph is given is of no matter
                key: Read = ("operand", inside, position)
                if is_size:
                    key = ("size", self._size(value))
                self.keys[node] = self._id(key)
            else:
                if not inside and self.sizes and self._is_squeezed(node):
                    self.squeezed.add(node)
                found = self._key(node)
                self.keys[node] = found if isinstance(found, int) else self._id(found)
                if node.op == "call_function" and not node.users:
                    effects.append(self.keys[node])
                elif inside and self._is_source(node):  # other numbers are made of its symbol
                    effects.append(self._id(("number", str(node.meta["val"]), self.keys[node])))
        return returned, tuple(effects)

    def _is_squeezed(self, node: Node) -> bool:
        """Whether its dimensions of size 1 are there for some of the sizes, and not for others."""
        sources = node.all_input_nodes
        if node.target in SQUEEZING:
            shape = sources[0].meta["val"].shape
            dims = node.args[1] if len(node.args) > 1 else range(len(shape))
            dims = (
                (dims if isinstance(dims, Sequence) else [dims]) if shape else []
            )  # -1 of a number
            asked = (shape[d] for d in dims)
            return any(isinstance(n, Expr) and self._size(n) == 1 for n in asked)
        return not self.squeezed.isdisjoint(sources)

    def _id(self, key: Read) -> int:
        return self.ids.setdefault(key, len(self.ids))

    def _key(self, node: Node) -> Read | int:
        if node in self.found:
            return self.found[node]
        is_parameter = node in self.parameters  # others of the same values are other ones
        table = None if self.tables is None or is_parameter else self.tables.value(node)
        if isinstance(table, torch.Tensor):
            return "table", self._number_of(table), self._result(node.meta["val"])
        if node in self.fresh and self.fresh[node].numel() <= MOST_ELEMENTS:
            return "constant", repr(self.fresh[node].tolist()), self._result(node.meta["val"])
        if node.op in ("placeholder", "get_attr"):
            return node.op, str(node.target)
        value = node.meta.get("val")
        target = node.target
        if isinstance(value, Expr) and not self._is_source(node):
            return "size", self._size(value)
        if self._returns_its_argument(node, value):
            return self.keys[node.args[0]]  # type: ignore[index]
        draw = None
        if draws(node):
            self.draws += 1
            draw = self.draws
        positional: Sequence[Argument] = node.args
        given: Mapping[str, Argument] = node.kwargs
        if target is aten.scaled_dot_product_attention.default and self._is_single(node):
            # One query and one key: there is nothing to mask.
            positional, given = (), but_for_causality(node.args, node.kwargs)
        args = tuple(map(self._argument, positional))
        bodies = subgraphs_of(node)
        if bodies:
            args = (*args[:-1], tuple(a for a in args[-1] if not _is_size(a)))
        kwargs = tuple(sorted((k, self._argument(v)) for k, v in given.items())) if given else ()
        read = tuple(self._read_graph(body.graph, i) for i, body in enumerate(bodies, 1))
        name = target if isinstance(target, str) else (id(target), read)
        result = self._result(value, is_squeezed=node in self.squeezed)
        return "call", name, args, kwargs, draw, result

    def _number_of(self, table: torch.Tensor) -> int:
        """One that tables which are alike have in common."""
        known: list[torch.Tensor] = self.scope.interned.setdefault("tables", [])
        for number, each in enumerate(known):
            if are_alike(each, table):
                return number
        known.append(table)
        return len(known) - 1

    def _returns_its_argument(self, node: Node, value: object) -> bool:
        target = node.target
        may_be = self.reshaping.get(id(target))
        if may_be is None:
            may_be = target in RESHAPING
            self.reshaping[id(target)] = may_be
        if not may_be or not node.args or not isinstance(node.args[0], Node):
            return False
        if node in self.squeezed:
            return False
        before = node.args[0].meta.get("val")
        if not isinstance(value, TensorSpec) or not isinstance(before, TensorSpec):
            return False
        if self._spec(before)[1] != self._spec(value)[1]:
            return False
        env = self.elsewhere
        if env is None:
            return True
        try:
            shape = list(map(self._size_there, before.shape))
            return gives_its_argument(
                target,
                node.args,
                shape,
                self._size_there,
                lambda one, other: _are_equal(env, one, other),
                lambda one, other: _is_not_less(env, one, other),
            )
        except KeyError:  # a size that the other one does not have
            return False

    def _size_there(self, item: object) -> object:
        """A size, as an expression of the sizes that it is read for."""
        value = item.meta.get("val") if isinstance(item, Node) else item
        if not isinstance(value, Expr) or self.elsewhere is None:
            return value
        symbols, sizes = self.elsewhere.symbols, self.sizes

        def symbol(name: str) -> Int:
            found = int(sizes[name]) if name in sizes else symbols[name].expr
            if isinstance(found, FloatExpr):
                raise KeyError(name)
            return found

        return self.elsewhere.scope.taken_over(value, symbol, self.sizes_there)

    def _is_single(self, node: Node) -> bool:
        specs = [a.meta["val"] for a in node.args[:2] if isinstance(a, Node)]
        return all(self._size(spec.shape[-2]) in (0, 1) for spec in specs)

    def _result(self, value: object, *, is_squeezed: bool = False) -> Read | None:
        if isinstance(value, TensorSpec) and is_squeezed:
            shape = tuple(size for size in self._spec(value)[1] if size != 1)
            return "squeezed", shape, value.dtype, value.device
        if isinstance(value, TensorSpec):
            return self._spec(value)[:1]
        if isinstance(value, tuple):
            return tuple(self._result(item, is_squeezed=is_squeezed) for item in value)
        return None

    def _spec(self, spec: TensorSpec) -> tuple[int, Read]:
        """A number that is the same for equal specs, and the shape."""
        found = self.specs_read.get(spec)
        if found is None:
            shape = tuple(map(self._size, spec.shape))
            number = self._id(("spec", shape, spec.dtype, spec.device))
            found = self.specs_read[spec] = number, shape
        return found

    def _argument(self, item: Argument) -> Read:
        if item.__class__ in _PLAIN:
            return item.__class__, item
        if isinstance(item, Node):
            value = item.meta.get("val")
            if isinstance(value, Expr) and not self._is_source(item):
                return "size", self._size(value)
            if isinstance(value, FloatExpr) and self.sizes:
                known = self._float(value)
                return ("node", self.keys[item]) if known is None else ("float", repr(known))
            return "node", self.keys[item]
        if isinstance(item, (tuple, list)):
            return tuple(self._argument(each) for each in item)
        if isinstance(item, Mapping):
            return tuple((k, self._argument(v)) for k, v in item.items())
        if type(item) is int:
            return "size", item
        return type(item).__name__, repr(item)

    def _is_source(self, node: Node) -> bool:
        """Whether a number that no size tells comes from it: of a tensor, a branch, a loop."""
        value = node.meta.get("val")
        is_source = node in self.sources or node.target is aten.item.default or _is_of_body(node)
        if not is_source or not isinstance(value, Expr):
            return False
        return not any(atom.name in self.sizes for atom in value.symbols())

    def _float(self, item: FloatExpr) -> float | None:
        try:
            return item.evaluate(self.sizes)
        except (KeyError, ArithmeticError, ValueError):
            return None

    def _size(self, item: Int) -> Int:
        if not isinstance(item, Expr):
            return item
        found = self.sizes_read.get(item)
        if found is None:
            now = item.scope.normal(item)
            if isinstance(now, Expr):
                now = self.scope.taken_over(now, self._symbol, self.taken_over)
            found = self.sizes_read[item] = now
        return found

    def _symbol(self, name: str) -> Int:
        if name in self.sizes:
            return int(self.sizes[name])
        if name in self.solved:
            size = self.solved[name]
            now = size.scope.normal(size)
            if now is not size and name not in _names(now):
                return self.scope.taken_over(now, self._symbol, self.taken_over_there)
        return self._bare(name)

    def _bare(self, name: str) -> Int:
        table: dict[str, Expr] = self.scope.interned.setdefault("symbols", {})
        if name not in table:
            table[name] = self.scope.symbol(name, None, None)
        return table[name]


def _is_of_body(node: Node) -> bool:
    """Whether it is one of the results of a branch or a loop."""
    source = node.args[0] if node.target is operator.getitem else None
    return isinstance(source, Node) and bool(subgraphs_of(source))


def _names(item: Int) -> set[str]:
    return {atom.name for atom in item.symbols()} if isinstance(item, Expr) else set()


def _are_equal(env: ShapeEnv, one: object, other: object) -> bool:
    if not isinstance(one, (int, Expr)) or not isinstance(other, (int, Expr)):
        return False
    return one is other or env.is_known(equal(one, other))


def _is_not_less(env: ShapeEnv, one: object, other: object) -> bool:
    if not isinstance(one, (int, Expr)) or not isinstance(other, (int, Expr)):
        return False
    return env.is_known(not_less(one, other))


def _is_size(item: object) -> bool:
    return isinstance(item, tuple) and item[0] == "size"
