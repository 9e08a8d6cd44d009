"""Which inputs of a graph decide how a tensor in it lies in memory."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.fx import Node

from monograph.diagnostics import ExportError
from monograph.inference.fakes import Result
from monograph.inference.infer import infer
from monograph.inference.rules import VIEWS
from monograph.inference.rules.attention import attention_state
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int, shared_atoms
from monograph.shapes.floats import FloatExpr, Real
from monograph.shapes.questions import Test, equal
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import Operator

__all__ = [
    "CONVERSIONS",
    "COPY_OR_VIEW",
    "LayoutFlow",
    "copied_where_none",
    "depends_on_layout",
    "may_copy",
    "only_splits",
]

aten = torch.ops.aten

# Operators that give a view or a copy: which of the two depends on strides (that of ``to`` does
# where it is given a memory format).
COPY_OR_VIEW = frozenset(op for op, row in VIEWS.items() if row.may_copy == "layout")

CONVERSIONS = frozenset(op for op, row in VIEWS.items() if row.may_copy == "format")

# Which arguments decide the strides, which the start, and how the results lie.
_Tried = tuple[frozenset[int], frozenset[int], Any]
_known: dict[tuple[Any, ...], _Tried] = {}
_MOST_KNOWN = 100_000
_NOTHING: frozenset[Node] = frozenset()


class LayoutFlow:
    """Follows strides backwards through a graph, as it grows.

    An operator's result follows an argument if it lies otherwise for an argument that does: that
    is tried, with the rules of inference and a few layouts that differ in every way that kernels
    tell apart. ``root`` says which inputs an input itself depends on. A higher-order operator is
    among the sources of its results: nothing is known of them. ``exact``: strides of dimensions
    with a single element count as well, for all sizes.
    """

    def __init__(
        self,
        env: ShapeEnv,
        root: Callable[[Node], frozenset[Node]],
        unpatched: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        exact: bool = False,
    ) -> None:
        self._exact = exact
        self._env = env
        self._root = root
        self._unpatched = unpatched
        self._sources: dict[Node, frozenset[Node]] = {}
        self._mixed: set[Node] = set()  # made of several tensors that lie in their own ways
        self._doubtful: set[Node] = set()  # of which the example shows that it lies otherwise
        self._stands_for: dict[Node, list[Node]] = {}
        self._written: set[Node] = set()

    def note_write(self, node: Node, written: Node) -> None:
        """``node`` is the new content of ``written``, and lies like that."""
        self._stands_for.setdefault(node, []).append(written)
        if node in self._written or any(user in self._sources for user in node.users):
            self._sources.clear()
        else:  # nothing follows it so far: a loop that writes each time is not gone through again
            self._sources.pop(node, None)
        self._written.add(written)

    def sources(self, node: Node) -> frozenset[Node]:
        """The inputs whose strides decide those of ``node``."""
        known = self._sources
        found = known.get(node)
        if found is not None:
            return found
        begun: set[Node] = set()
        stack = [(node, _tensors_before(node))]
        while stack:
            current, before = stack[-1]
            if current in known:
                stack.pop()
                continue
            if current not in begun:
                begun.add(current)
                waiting = [
                    n for n in (*before, *self._stands_for.get(current, ()))
                    if n not in known and n not in begun
                ]  # fmt: skip
                if waiting:
                    stack += [(n, _tensors_before(n)) for n in waiting]
                    continue
            stack.pop()
            known[current] = self._found(current, before)
        return known[node]

    def starts(self, node: Node) -> tuple[frozenset[Node], frozenset[Node]]:
        """The inputs whose strides, and those whose offsets, decide where ``node`` starts."""
        strides, offsets = _NOTHING, _NOTHING
        current: Node | None = node
        seen: set[Node] = set()
        while current is not None and current not in seen:
            seen.add(current)
            while current in self._stands_for and self._stands_for[current][0] not in seen:
                current = self._stands_for[current][0]
                seen.add(current)
            if current.op == "placeholder":
                return strides, offsets | self._root(current)
            if current.target is operator.getitem:
                current = current.args[0]  # type: ignore[assignment]
                continue
            before = _tensors_before(current)
            following = [n for n in before if self.sources(n)]
            if isinstance(current.target, torch._ops.OpOverload) and before:
                moves = self._followed(current, following)[1] if following else []
                strides = strides.union(*(self.sources(n) for n in moves))
                may_share = bool(moves) or _may_share(current.target)
                current = before[0] if may_share else None
            else:
                current = None
        return strides, offsets

    def copies(self, node: Node) -> list[Node]:
        """What gives a copy or a view as its argument lies, and decides how ``node`` lies."""
        found, seen, stack = [], set(), [node]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            stack += self._stands_for.get(current, ())
            if current.target in COPY_OR_VIEW:
                found.append(current)
            elif current.op == "call_function" and (before := _tensors_before(current)):
                stack += self._decisive(current, before)
        return found

    def first_of(self, marked: Container[Node], node: Node) -> Node | None:
        """Which of ``marked`` nodes decides how ``node`` lies, if one does."""
        seen, stack = set(), [node]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            if current in marked:
                return current
            stack += self._stands_for.get(current, ())
            if current.op == "call_function" and (before := _tensors_before(current)):
                stack += self._decisive(current, before)
        return None

    def _decisive(self, node: Node, before: list[Node]) -> list[Node]:
        """The arguments that decide the strides of ``node``."""
        if isinstance(node.target, torch._ops.OpOverload):
            return before[:1] if _is_view(node.target) else self._followed(node, before)[0]
        return before if node.target is operator.getitem else []

    def _found(self, node: Node, before: list[Node]) -> frozenset[Node]:
        known = self._sources
        found = _NOTHING
        for written in self._stands_for.get(node, ()):
            found |= known.get(written, _NOTHING)
        if node.op == "placeholder":
            return found | self._root(node)
        if node.op != "call_function":
            return found
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            return found | {node}
        following = [n for n in before if known.get(n)]
        if not following:
            return found
        if isinstance(node.target, torch._ops.OpOverload) and not _is_view(node.target):
            if len(before) > 1:
                self._mixed.add(node)
            following = self._followed(node, following)[0]
        for marked in (self._mixed, self._doubtful):
            if not marked.isdisjoint(following):
                marked.add(node)
        for source in following:
            found |= known[source]
        return found

    def is_doubtful(self, node: Node) -> bool:
        """Whether the strides of ``node`` are not those that the example shows."""
        return bool(self.sources(node)) and node in self._doubtful

    def is_mixed(self, node: Node) -> bool:
        """Whether several tensors together decide how ``node`` lies: single elements count then."""
        return bool(self.sources(node)) and node in self._mixed

    def _followed(self, node: Node, following: list[Node]) -> tuple[list[Node], list[Node]]:
        """Those of the arguments that decide the strides, and that decide where the result starts.

        All of them where it cannot be tried.
        """
        varies = self._exact and any(_scope_of(n) is not None for n in node.all_input_nodes)
        found: tuple[set[Node], set[Node]] = set(), set()
        for alone in (False, True) if varies else (False,):
            try:
                strides, starts = self._followed_where(node, following, alone)
            except (_Unknown, TypeError):
                return following, following
            found[0].update(strides)
            found[1].update(starts)
        return [n for n in following if n in found[0]], [n for n in following if n in found[1]]

    def _followed_where(
        self, node: Node, following: list[Node], alone: bool
    ) -> tuple[set[Node], set[Node]]:
        """The same for sizes as in the example; ``alone``: for 1, whichever vary."""
        target = node.target
        assert isinstance(target, Operator)
        key: list[Any] = [target, torch.get_default_dtype(), self._exact]
        if target is aten.scaled_dot_product_attention.default:
            key.append(attention_state())
        places: list[Node] = []

        def numbered(item: Any) -> Any:
            """``item`` with a spec of plain numbers for each tensor."""
            value = item.meta.get("val") if isinstance(item, Node) else item
            if isinstance(item, (list, tuple)):
                key.append(len(item))
                return [numbered(each) for each in item]
            found = self._in_numbers(value, alone)
            if isinstance(found, TensorSpec):
                places.append(item)
                key.append(item in following)
                found = _Place(len(places) - 1, found)
                key.append(found.spec)
            else:
                key.append((type(found), found))
            return found

        args, kwargs = numbered(list(node.args)), {}
        for name, item in node.kwargs.items():
            key.append(name)
            kwargs[name] = numbered(item)
        found = _known.get(tuple(key))
        if found is None:
            varied = [i for i, n in enumerate(places) if n in following]
            found = self._tried(target, args, kwargs, varied)
            if target.namespace in ("aten", "prims"):
                if len(_known) > _MOST_KNOWN:
                    _known.clear()
                _known[tuple(key)] = found
        if not alone and found[2] and not self._is_promised(node, found[2]):
            self._doubtful.add(node)
        return {places[i] for i in found[0]}, {places[i] for i in found[1]}

    def _is_promised(self, node: Node, lies: tuple[object, ...]) -> bool:
        """Whether the graph says of ``node`` that it lies like this, for the example's sizes."""
        value = node.meta.get("val")
        spec = spec_of(value) if isinstance(value, torch.Tensor) else value
        if not isinstance(spec, TensorSpec) or spec.scope is None or len(lies) != 1:
            return True
        return tuple(self._number(stride, False) for stride in spec.strides) == lies[0]

    def _in_numbers(self, value: object, alone: bool) -> object:
        if isinstance(value, torch.Tensor):
            value = spec_of(value)
        if isinstance(value, TensorSpec):
            if value.scope is None:
                return value
            shape = tuple(self._number(size, alone) for size in value.shape)
            if not alone and any(
                n < 2 for n, size in zip(shape, value.shape, strict=True) if isinstance(size, Expr)
            ):
                raise _Unknown
            return value.with_layout(shape, tuple(self._number(s, alone) for s in value.strides))
        value = expression_of(value)
        return self._number(value, alone) if isinstance(value, (Expr, FloatExpr)) else value

    def _number(self, size: Real, alone: bool) -> float:
        if isinstance(size, (int, float)):
            return size
        if alone and isinstance(size, Expr):
            try:
                return size.evaluate(dict.fromkeys(self._env.symbols, 1))
            except (ArithmeticError, ValueError):
                raise _Unknown from None
        found = self._env.hint(size)
        if found is None:
            raise _Unknown
        return found

    def _tried(
        self, op: Operator, args: list[Any], kwargs: dict[str, Any], varied: list[int]
    ) -> _Tried:
        def lies(others: dict[int, TensorSpec]) -> tuple[Any, ...] | None:
            def given(item: object) -> object:
                if isinstance(item, list):
                    return [given(each) for each in item]
                return others.get(item.index, item.spec) if isinstance(item, _Place) else item

            try:
                named = {name: given(item) for name, item in kwargs.items()}
                outcome = infer(op, tuple(given(each) for each in args), named, self._unpatched)
            except ExportError:
                return None
            return tuple(zip(*(_lies(r) for r in outcome.results), strict=True))

        specs = {place.index: place.spec for place in _places((args, list(kwargs.values())))}
        base = lies({})
        if not base or any(specs[index].numel == 0 for index in varied):
            return frozenset(varied), frozenset(varied), base and base[0]
        found: tuple[set[int], set[int]] = (set(), set())

        def compare(others: dict[int, TensorSpec], blamed: list[int]) -> None:
            now = lies(others)
            for aspect in (0, 1):
                if now and now[aspect] != base[aspect]:
                    found[aspect].update(blamed)

        for index in varied:
            for other in _others(specs[index], self._exact):
                if len(found[0] & {index}) + len(found[1] & {index}) < 2:
                    compare({index: other}, [index])
        rest = [index for index in varied if index not in found[0]]
        if len(rest) > 1:  # not alone: perhaps together
            for others in zip(
                *(_others(specs[index], self._exact) for index in rest), strict=False
            ):
                compare(dict(zip(rest, others, strict=True)), rest)
        return frozenset(found[0]), frozenset(found[1]), base[0]


class _Unknown(Exception):  # noqa: N818
    """A size that has no number, or one that hides how its dimension lies."""


class _Place:
    def __init__(self, index: int, spec: TensorSpec) -> None:
        self.index = index
        self.spec = spec


def _places(item: object) -> Iterator[_Place]:
    if isinstance(item, _Place):
        yield item
    elif isinstance(item, (list, tuple)):
        for each in item:
            yield from _places(each)


def _lies(result: Result) -> tuple[Any, Any]:
    """Strides, and where it starts."""
    if result.parts is not None:
        parts = [_lies(part) for part in result.parts]
        return tuple(p[0] for p in parts), tuple(p[1] for p in parts)
    strides = None if result.spec is None else result.spec.strides
    return strides, (result.source, result.offset)


def _others(spec: TensorSpec, exact: bool) -> list[TensorSpec]:
    """The same sizes in other layouts: orders of dimensions, gaps, repeated elements."""
    rank = len(spec.shape)
    rows = list(range(rank))
    orders = [rows, rows[::-1]]
    if rank > 2:
        orders += [[0, *rows[2:], 1], [*rows[:-2], rank - 1, rank - 2]]
    found = [_dense(spec.shape, order) for order in orders]
    found.append([2 * stride for stride in found[0]])
    repeated = next((i for i, size in enumerate(spec.shape) if size > 1), None)
    if repeated is not None:
        found.append([0 if i == repeated else s for i, s in enumerate(found[0])])
    if exact:  # single elements at any distance
        found.append([7 if n == 1 else s for n, s in zip(spec.shape, found[0], strict=True)])
    layouts = dict.fromkeys(tuple(strides) for strides in found)
    return [spec.with_layout(spec.shape, strides) for strides in layouts]


def _dense(shape: tuple[Any, ...], order: list[int]) -> list[int]:
    """Strides without gaps, outermost dimension first in ``order``."""
    strides, step = [0] * len(shape), 1
    for dim in reversed(order):
        strides[dim] = step
        step *= max(shape[dim], 1)
    return strides


def _scope_of(node: Node) -> object:
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor):
        value = spec_of(value)
    return getattr(value, "scope", None)


def _tensors_before(node: Node) -> list[Node]:
    return [n for n in node.all_input_nodes if _is_tensor(n.meta.get("val"))]


def _is_tensor(value: object) -> bool:
    if isinstance(value, (TensorSpec, torch.Tensor)):
        return True
    return isinstance(value, (tuple, list)) and any(_is_tensor(item) for item in value)


def _is_view(op: Operator) -> bool:
    """Whether the strides are those of the first argument, in other words."""
    return _may_share(op) and op not in COPY_OR_VIEW


def _may_share(op: Operator) -> bool:
    """Whether a result may share the memory of the first argument."""
    return any(r.alias_info is not None for r in op._schema.returns)


def depends_on_layout(op: object, kwargs: Mapping[str, object]) -> bool:
    """Whether it depends on how its argument lies if an operator gives a view or a copy."""
    if op in CONVERSIONS:
        return kwargs.get("memory_format") not in (None, torch.preserve_format)
    return op in COPY_OR_VIEW


def may_copy(step: Node) -> bool:
    """Whether a view is one only because its argument lies as it does."""
    if not depends_on_layout(step.target, step.kwargs):
        return False
    if step.target in CONVERSIONS:
        return True
    if step.target in (aten.contiguous.default, aten.ravel.default):  # in order, whatever the sizes
        return True
    old, new = _shape_of(step.args[0]), _shape_of(step)
    return not only_splits(old, new)


def _shape_of(node: Any) -> Sequence[Any]:
    value = node.meta["val"]
    shape: Sequence[Any] = (spec_of(value) if isinstance(value, torch.Tensor) else value).shape
    return shape


def copied_where_none(
    spec: TensorSpec, shape: Sequence[Int], *, single_rows: bool = True
) -> list[list[Test]]:
    """Several lists of tests: ``spec`` must be copied to get this ``shape`` if one has none that

    holds. Each is of a place between two dimensions that do not follow one another in memory: a
    view has a place there, too. Without ``single_rows``, what only a symbol that is 1 makes true
    is left out. (As ``computeStride`` in ATen's TensorUtils.cpp; no size is 0.)
    """
    kept = [(n, stride) for n, stride in zip(spec.shape, spec.strides, strict=True) if n != 1]
    places = [math.prod(shape[j:]) for j in range(len(shape) + 1)]
    found = []
    for k in range(1, len(kept)):
        (before, outer), (after, inner) = kept[k - 1 : k + 1]
        rest = math.prod(size for size, _ in kept[k:])
        pairs = [(before, 1), (after, 1), (outer, after * inner), *((rest, n) for n in places)]
        found.append(
            [equal(*pair) for pair in pairs if single_rows or not _differ_by_symbols(*pair)]
        )
    return found


def _differ_by_symbols(left: Int, right: Int) -> bool:
    """Whether one is the other times symbols: they are equal only where these are 1."""
    for whole, part in ((left, right), (right, left)):
        ratio = whole.exact_quotient(part) if isinstance(whole, Expr) else None
        if isinstance(ratio, Expr):
            atoms = ratio.scope.atoms
            found = shared_atoms(ratio) if len(ratio.terms) == 1 else ()
            return bool(found) and all(atoms[index].kind == "symbol" for index in found)
    return False


def only_splits(old: Sequence[Int], new: Sequence[Int]) -> bool:
    """Whether each dimension becomes dimensions of its own: a view of any strides."""
    rest = [size for size in new if size != 1]
    for size in old:
        if size == 1:
            continue
        part: Int = 1
        while rest and part != size:
            part = part * rest.pop(0)
        if part != size:
            return False
    return not rest
