"""A program is run again, along the graph that it gave the first time: no node is made.

Each operator that it calls must be the next node of that graph, on the same nodes, with a result
of the same form for the sizes that are supposed now. What one of the two has more must be without
meaning: an operator that nobody reads, or one that gives the elements of its argument in the shape
that this has. At the first difference that may matter the run is given up.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch.fx import Node

from monograph.capture.context import Context
from monograph.capture.emission import Emission
from monograph.capture.restarts import Restart
from monograph.ir.operators import RESHAPING, is_random
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import subgraphs_of
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import equal, not_less
from monograph.torch_internals import Operator, append_node, schema_of

if TYPE_CHECKING:
    from monograph.capture.captured import Captured
    from monograph.capture.inputs import Origin
    from monograph.shapes.env import ShapeEnv

__all__ = [
    "MOST_ELEMENTS", "Along", "ApartError", "Following", "but_for_causality", "can_be_followed",
    "gives_its_argument",
]  # fmt: skip

aten = torch.ops.aten
_ATTENTION = aten.scaled_dot_product_attention.default
_OF_ATTENTION = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
_CONTIGUOUS = aten.contiguous.default
_SIZE = aten.sym_size.int
_MOST_UNREAD = 48  # operators that the graph does not have
MOST_ELEMENTS = 1000  # of constants that the program makes itself, which are compared


class ApartError(Restart):
    """The program goes another way than the graph."""


def can_be_followed(captured: Captured) -> bool:
    """Whether a run along the graph of ``captured`` may show that it is the program elsewhere.

    It has no branches or loops, no numbers of tensors, and nothing that it leaves behind.
    """
    env = captured.recorder.sizes.env
    names = env.symbols.keys()
    is_plain = not (captured.numbers or captured.counted or captured.leaving or captured.opaque)
    if not is_plain or names != captured.declared.keys() or env.definitions:
        return False
    return not any(
        subgraphs_of(node) or (node.op == "call_function" and node.target in _OF_NUMBERS)
        for node in captured.graph.nodes
    )


_OF_NUMBERS = frozenset({aten.item.default, aten._assert_scalar.default})


class Along(Emission):
    """Writes nothing: gives the nodes of ``steps`` back, in their order.

    ``steps``: what was recorded before, in ``env``.
    """

    def __init__(self, context: Context, env: ShapeEnv, steps: Sequence[Node]) -> None:
        super().__init__(context)
        self._env = env
        self._steps = steps
        self._at = 0
        self._same: dict[Node, Node] = {}  # nodes that give what their arguments give
        self._alike: set[tuple[object, object]] = set()  # specs that say the same now
        self._unread = 0
        self.has_skipped = False

    def arguments(self, step: Node) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """What ``step`` was called with."""
        return step.args, step.kwargs

    def part(self, whole: Node, index: object) -> Node | None:
        """The node of one of several results, where there is one."""
        for user in whole.users:
            if user.target is operator.getitem and user.args[1] == index:
                return user
        return None

    # Nodes ---------------------------------------------------------------------------------------

    def append(
        self, target: object, args: tuple[Any, ...], kwargs: dict[str, Any], example: object
    ) -> Node:
        """The next node of the first graph."""
        if target is _SIZE:
            return self.stand_in(_SIZE, example)
        if target is operator.getitem:
            return self._part(args[0], args[1], example)
        while True:
            step = self._steps[self._at]
            if step.target is target and self._agrees(step, args, kwargs):
                if example is not None:
                    self.gives(step, example)
                self._at += 1
                return step
            if not self._is_passed_over(step):
                break
            self._same[step] = self.arguments(step)[0][0]
            self._at += 1
        if target in RESHAPING and self._is_of_shape(args[0], example):
            if target is _CONTIGUOUS:  # what follows may rely on it
                self.give_up()
            self.has_skipped = True
            given: Node = args[0]
            return given
        return self._not_read(target, example)

    def append_named(
        self, name: str, target: Callable[..., object], args: tuple[Any, ...], example: object
    ) -> Node:
        """A node that computes with sizes: it is told by its value."""
        if target in _OF_NUMBERS:
            self.give_up()
        return self.stand_in(target, example)

    def gives(self, node: Node, value: object) -> None:
        """What ``node`` gives must be what it gave."""
        if node.graph is self.graph:
            node.meta["val"] = value
        elif not self.is_alike(value, node.meta["val"]):
            self.give_up()

    def shares(self, node: Node, source: Node) -> None:
        """The first graph knows already; what was passed over is its argument, no view of it."""
        if node.graph is self.graph and node is not source:
            super().shares(node, source)

    def attribute(self, held: object) -> NoReturn:
        """Nothing is known of it."""
        self.give_up()

    def stand_in(self, target: Callable[..., object], example: object) -> Node:
        """A node that is no step: it is told by what it gives."""
        node = append_node(self.graph, self.names.fresh("stand_in"), target, (), {})
        node.meta.update({"val": example, "location": None, "scope": None})
        return node

    def _not_read(self, target: object, example: object) -> Node:
        """A node that nobody must read."""
        self._unread += 1
        if not isinstance(target, Operator) or self._unread > _MOST_UNREAD:
            self.give_up()
        is_pure = schema_of(target).returns and target.namespace in ("aten", "prims")
        if not is_pure or is_random(target):
            self.give_up()
        return self.stand_in(target, example)

    def _part(self, whole: Node, index: int, example: object) -> Node:
        """One of several results."""
        found = self.part(whole, index)
        if found is None:
            return self.stand_in(operator.getitem, example)
        if example is not None:
            self.gives(found, example)
        return found

    def give_up(self) -> NoReturn:
        """The program is another one, or may be.

        Raises:
            ApartError: always.
        """
        self.context.pending = ApartError()
        raise self.context.pending

    # Comparison ----------------------------------------------------------------------------------

    def _agrees(self, step: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether ``step`` was called with these arguments."""
        then, named = self.arguments(step)
        if self._are_same(args, then) and self._are_named(kwargs, named):
            return True
        if step.target is not _ATTENTION:
            return False
        one, other = but_for_causality(args, kwargs), but_for_causality(then, named)
        return self._are_named(one, other) and self._is_single(one)

    def _is_single(self, given: Mapping[str, Any]) -> bool:
        """Whether there is at most one query and one key, and so nothing to mask."""
        specs = [given[name].meta["val"] for name in ("query", "key")]
        return all(self._env.is_known(not_less(1, spec.shape[-2])) for spec in specs)

    def _are_named(self, now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
        if not now and not then:
            return True
        return now.keys() == then.keys() and all(self.is_same(now[k], then[k]) for k in now)

    def _are_same(self, now: Sequence[Any], then: Sequence[Any]) -> bool:
        if len(now) != len(then):
            return False
        return all(
            one is other or self.is_same(one, other) for one, other in zip(now, then, strict=True)
        )

    def is_same(self, now: object, then: object) -> bool:
        """Whether an argument is what it was."""
        if now is then:
            return True
        if isinstance(now, (list, tuple)):
            return isinstance(then, (list, tuple)) and self._are_same(now, then)
        if isinstance(now, Mapping):
            return isinstance(then, Mapping) and self._are_named(now, then)
        sizes = [_size(now), _size(then)]
        if sizes[0] is not None and sizes[1] is not None:
            return self.is_equal(sizes[0], sizes[1])
        if isinstance(now, Node) or isinstance(then, Node):
            return self.root(now) is self.root(then)
        return now.__class__ is then.__class__ and repr(now) == repr(then)

    def root(self, node: object) -> object:
        """The node whose result ``node`` gives."""
        while node in self._same:
            node = self._same[node]
        return node

    def is_alike(self, now: object, then: object) -> bool:
        """Whether two specs say the same for the sizes that are supposed, or two tuples of them."""
        if now is then or (now, then) in self._alike:
            return True
        if isinstance(now, tuple):
            return (
                isinstance(then, tuple)
                and len(now) == len(then)
                and all(map(self.is_alike, now, then))
            )
        if not isinstance(now, TensorSpec) or not isinstance(then, TensorSpec):
            return now is None and then is None
        if (now.dtype, now.device, now.bits) != (then.dtype, then.device, then.bits):
            return False
        if len(now.shape) != len(then.shape) or not all(map(self.is_equal, now.shape, then.shape)):
            return False
        self._alike.add((now, then))
        return True

    def is_equal(self, now: object, then: object) -> bool:
        """Whether two sizes are equal where those hold that are supposed."""
        if now is then:
            return True
        if not isinstance(now, (int, Expr)) or not isinstance(then, (int, Expr)):
            return repr(now) == repr(then)
        normal = self._env.scope.normal
        if normal(now) is normal(then):
            return True
        return self._env.is_known(equal(now, then))

    def _is_of_shape(self, source: object, example: object) -> bool:
        spec = source.meta["val"] if isinstance(source, Node) else None
        if not isinstance(spec, TensorSpec) or not isinstance(example, TensorSpec):
            return False
        if len(spec.shape) != len(example.shape) or spec.dtype is not example.dtype:
            return False
        return all(map(self.is_equal, spec.shape, example.shape))

    def _is_passed_over(self, step: Node) -> bool:
        """Whether a node of the first graph gives what its argument gives."""
        if step.target not in RESHAPING:
            return False
        args, _ = self.arguments(step)
        if not self._is_of_shape(args[0], step.meta["val"]):
            return False
        return gives_its_argument(
            step.target, args, args[0].meta["val"].shape, _size, self.is_equal, self._is_not_less
        )

    def _is_not_less(self, left: object, right: object) -> bool:
        is_size = isinstance(left, (int, Expr)) and isinstance(right, (int, Expr))
        return is_size and self._env.is_known(not_less(left, right))  # type: ignore[arg-type]

    def require_end(self) -> None:
        """All steps have been given, but for those that give what their arguments give."""
        while self._is_passed_over(step := self._steps[self._at]):
            self._same[step] = self.arguments(step)[0][0]
            self._at += 1
        if step is not self._steps[-1]:
            self.give_up()


class Following(Along):
    """Gives the nodes of the ``first`` capture back, in their order."""

    def __init__(self, context: Context, first: Captured) -> None:
        nodes = list(first.graph.nodes)
        steps = [node for node in nodes if _is_step(node)]
        steps.append(nodes[-1])  # the output: no operator
        super().__init__(context, first.recorder.sizes.env, steps)
        self._first = first
        self._entered = {str(node.target): node for node in nodes if node.op == "placeholder"}

    def argument(self, name: str) -> Node:
        """The placeholder of an argument."""
        return self._placeholder(self.names.argument(name))

    def placeholder(self, name: str) -> Node:
        """A placeholder of the first graph."""
        return self._placeholder(self.names.argument(name))

    def _placeholder(self, name: str) -> Node:
        found = self._entered.get(name)
        if found is None:
            found = self.graph.placeholder(name)
            found.meta["val"] = None
        return found

    def finish(self, results: tuple[Any, ...]) -> None:
        """The program must return what it returned."""
        self.require_end()
        if not self.is_same(results, self._steps[-1].args[0]):
            self.give_up()

    def is_same_program(self, found: Captured) -> bool:
        """Whether what ``found`` says beyond its graph is what the first capture says."""
        first = self._first
        if self.has_skipped and found.recorder.aliases.reads_steps:
            return False
        outputs = [[(o.node is None, repr(o.constant), o.alias) for o in c.outputs] for c in
                   (first, found)]  # fmt: skip
        targets = [[(o.kind, o.target) for o in c.mutations] for c in (first, found)]
        if outputs[0] != outputs[1] or targets[0] != targets[1] or found.leaving is not None:
            return False
        if found.output_structure != first.output_structure or found.opaque or found.numbers:
            return False
        before = {origin.node: origin for origin in first.origins}
        return all(
            origin.node not in before or _is_same_tensor(before[origin.node], origin)
            for origin in found.origins
        )


def gives_its_argument(
    target: object,
    args: Sequence[Any],
    shape: Sequence[object],
    size: Callable[[object], object],
    is_equal: Callable[[object, object], bool],
    is_not_less: Callable[[object, object], bool],
) -> bool:
    """Whether an operator that reshapes gives a tensor of this ``shape`` as it is.

    By what it was called with: the shape that was noted of its result may be one for the sizes
    of one side alone (of ``y[:1]``, the rows of ``y``, where there is at most one).
    """
    if target is aten.slice.Tensor:
        defaults: tuple[Any, ...] = (0, None, None, 1)
        dim, start, end, step = (*args[1:], *defaults[len(args) - 1 :])
        is_whole = end in (None, sys.maxsize) or is_not_less(size(end), shape[dim])
        return is_whole and step == 1 and (start is None or start == 0)
    if target in _OF_GIVEN_SIZES:
        return len(args[1]) == len(shape) and all(
            given == -1 or is_equal(size(given), now)
            for given, now in zip(args[1], shape, strict=True)
        )
    return True


_OF_GIVEN_SIZES = frozenset({
    aten.expand.default, aten.broadcast_to.default, aten.view.default, aten.reshape.default,
    aten._unsafe_view.default,
})  # fmt: skip


def _is_step(node: Node) -> bool:
    if node.op != "call_function" or node.target is operator.getitem:
        return False
    return not isinstance(node.meta.get("val"), (Expr, FloatExpr)) and node.target is not _SIZE


def but_for_causality(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of an attention, in one form, without ``is_causal``."""
    found = {"attn_mask": None, "dropout_p": 0.0, **kwargs}
    found.update(zip(_OF_ATTENTION, args, strict=False))
    found.pop("is_causal", None)
    return found


def _size(item: object) -> object:
    """The size that an argument is; None for others."""
    if item.__class__ is int:
        return item
    value = item.meta.get("val") if isinstance(item, Node) else None
    return value if value.__class__ is int or isinstance(value, (Expr, FloatExpr)) else None


def _is_same_tensor(first: Origin, second: Origin) -> bool:
    one, other = first.tensor, second.tensor
    if one is other:
        return True
    if not (first.fresh and second.fresh) or one.numel() > MOST_ELEMENTS:
        return False
    return one.dtype is other.dtype and one.shape == other.shape and one.tolist() == other.tolist()
