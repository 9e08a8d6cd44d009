"""One region of a program: the body of a branch or of a loop, written as a graph of its own.

A region is captured by running it like any other part of the program, with another graph to write
to. Values of the outside flow in as they are; when the region is closed, each node of the outside
that it reads becomes an operand. What the region does to the outside (writes, facts about sizes)
is noted and taken back, so that the next region starts from the same state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import Argument

from monograph.capture.abstract import AbstractTensor, become, make_abstract
from monograph.capture.aliases import Body
from monograph.capture.aliasing import Value, copied_as_it_lies
from monograph.capture.recorder import SHARES, Recorder
from monograph.capture.sizes import Nodes
from monograph.diagnostics import MutationError
from monograph.ir.dead_nodes import remove_dead_nodes
from monograph.ir.names import Names
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import Subgraph, refuse_leak, subgraphs_of
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import (
    All,
    Compare,
    CompareFloats,
    OneOf,
    Some,
    Test,
    real_with_sizes,
)
from monograph.shapes.quotients import are_any_made, in_sizes_of_inputs, test_of_inputs
from monograph.shapes.supposing import go_back, mark, suppose
from monograph.shapes.symnode import symbolic
from monograph.shapes.witness import values_where
from monograph.torch_internals import append_placeholder, claim_names, erase_nodes

__all__ = ["Region", "lift"]

aten = torch.ops.aten


class Region:
    """A graph in the making.

    ``inputs`` are placeholders that the region was given (what a loop carries); ``written`` holds,
    after the capture, the tensors of the outside that the region writes, with their new content.
    """

    def __init__(self, recorder: Recorder, name: str, *, joins_tensors: bool = False) -> None:
        self.recorder = recorder
        self.joins_tensors = joins_tensors  # which stand for other values afterwards
        self.name = name
        self.outer: Body | None = recorder.aliases.region
        self.graph = Graph()
        self.names = Names()
        self.attributes: dict[str, object] = {}
        self.inputs: list[Node] = []
        self.written: list[tuple[Value, Value]] = []
        self._values: dict[int, tuple[Value, dict[str, Any]]] = {}
        self._tensors: dict[int, tuple[AbstractTensor, Value]] = {}
        self._from_outside: list[AbstractTensor] = []  # of these
        self._sizes: Nodes | None = None  # where the region has left off

    @contextlib.contextmanager
    def capturing(self, path: Test = True) -> Iterator[None]:
        """The recorder writes here, where ``path`` holds; leaves the outside as it was."""
        env = self.recorder.sizes.env
        env.decider.turn_aside()
        facts = mark(env)
        with self.recorder.outcomes.apart(), self._installed(self.recorder.sizes.mark()):
            try:
                if path is not True:
                    suppose(env, path, values_where)
                yield
                self._note_writes()
            finally:
                go_back(env, facts)
                for value, state in self._values.values():
                    value.restore(state)
                for tensor, value in self._tensors.values():
                    become(tensor, value)

    @contextlib.contextmanager
    def reopened(self) -> Iterator[None]:
        """The recorder writes here again, to add what results are turned into."""
        assert self._sizes is not None
        with self._installed(self._sizes):
            yield

    @contextlib.contextmanager
    def as_left(self) -> Iterator[None]:
        """The recorder writes here again, and sees the outside as the region has left it."""
        saved, self._values = self._values, {}
        try:
            with self.reopened():
                for root, content in self.written:
                    self.save(root)
                    root.node = content.node
                    root.version += 1
                    root.seen = root.version
                yield
        finally:
            for value, state in self._values.values():
                value.restore(state)
            self._values = saved

    @contextlib.contextmanager
    def _installed(self, sizes: Nodes) -> Iterator[None]:
        recorder, emission, aliases = self.recorder, self.recorder.emission, self.recorder.aliases
        before = emission.graph, emission.names, emission.opaque, aliases.region
        outside = recorder.sizes.go_back(sizes)
        emission.graph, emission.names, emission.opaque = self.graph, self.names, self.attributes
        aliases.region = self
        try:
            yield
        finally:
            emission.graph, emission.names, emission.opaque, aliases.region = before
            self._sizes = recorder.sizes.go_back(outside)

    def abandon(self) -> None:
        """Give the region up."""
        erase_nodes(self.graph)

    # What the recorder tells --------------------------------------------------------------------

    def save(self, value: Value) -> None:
        """``value`` is about to change."""
        if id(value) not in self._values:
            self._values[id(value)] = (value, value.state())

    def save_tensor(self, tensor: AbstractTensor) -> None:
        """``tensor`` is about to stand for another value."""
        if id(tensor) in self._tensors:
            return
        saved = self._values.get(id(tensor.value))
        node = tensor.value.node if saved is None else saved[1]["node"]
        is_from_outside = node.graph is not self.graph
        if is_from_outside and not self.joins_tensors:
            raise MutationError(
                "a tensor gets other sizes, or another content, in place in each iteration",
                code="MG-M105",
                where=self.recorder.here(),
                hint="rebind the name instead: y = y.t().",
            )
        self._tensors[id(tensor)] = (tensor, tensor.value)
        if is_from_outside:
            self._from_outside.append(tensor)

    def others(self) -> list[AbstractTensor]:
        """The tensors of the outside that stand for other values now."""
        before = {key: value for key, (_, value) in self._tensors.items()}
        return [each for each in self._from_outside if each.value is not before[id(each)]]

    def is_outside(self, value: Value) -> bool:
        """Whether the memory of ``value`` is not the region's own."""
        node = value.root.node
        saved = self._values.get(id(value.root))
        if saved is not None:
            node = saved[1]["node"]
        return node.graph is not self.graph or node.op == "placeholder"

    def _note_writes(self) -> None:
        for value, state in list(self._values.values()):
            is_written = state["root"] is value and state["version"] != value.version
            if is_written and state["node"].graph is not self.graph:
                self.written.append((value, self.snapshot(value)))

    def snapshot(self, value: Value) -> Value:
        """A value of its own with the content that ``value`` has now.

        Its sizes are those of the region's inputs: what is known of others ends with the region.
        """
        node = self.recorder.read(value)
        found = Value(node, value.spec.normal(), self.recorder)
        found.tracks = value.tracks
        return found

    # Inputs -------------------------------------------------------------------------------------

    def tensor(self, spec: TensorSpec, name: str, tracks: int) -> AbstractTensor:
        """A new input of the region."""
        node = self._placeholder(name, spec)
        value = Value(node, spec, self.recorder)
        value.tracks = tracks
        if spec.scope is not None:
            self.recorder.sizes.bind_sizes(spec, node)
        return make_abstract(spec, value)

    def number(self, symbol: Expr, name: str) -> torch.SymInt:
        """A new input of the region that is a number."""
        node = self._placeholder(name, symbol)
        self.recorder.sizes.bind_number(symbol, node)
        return symbolic(self.recorder.sizes.env, symbol)

    def _placeholder(self, name: str, val: TensorSpec | Expr | FloatExpr) -> Node:
        node = append_placeholder(self.graph, self.names.argument(name))
        node.meta["val"] = val
        self.inputs.append(node)
        return node

    # Closing ------------------------------------------------------------------------------------

    def finish(self, outputs: Sequence[Argument], *, is_test: bool = False) -> None:
        """Write the region's results; each is memory of its own.

        ``is_test``: the one result is a truth, and returned as it is.
        """
        bases: set[Node] = set()
        results = []
        with self.reopened():
            for output in outputs:
                if isinstance(output, Node) and isinstance(output.meta["val"], TensorSpec):
                    base = output
                    while SHARES in base.meta and base.graph is self.graph:
                        base = base.meta[SHARES]
                    is_input = base.op == "placeholder" or base.graph is not self.graph
                    if (is_input or base in bases) and not is_test:
                        base = output = self._copied(output)
                    bases.add(base)
                results.append(output)
        claim_names(self.graph, self.names.used)
        self.names.used.add(self.graph.output(results[0] if is_test else tuple(results)).name)
        remove_dead_nodes(self.graph)

    def _copied(self, node: Node) -> Node:
        """Memory of its own, where the elements are as far apart as in ``node``."""
        spec = node.meta["val"]
        value = Value(node, spec, self.recorder)
        return self.recorder.read(copied_as_it_lies(make_abstract(spec, value)).value)

    def free_nodes(self) -> list[Node]:
        """The nodes of the outside that the region reads, in order."""
        self._copy_numbers_in()
        free: dict[Node, None] = {}
        allowed = {self.recorder.emission.program_graph}
        body = self.outer
        while body is not None:
            allowed.add(body.graph)
            body = body.outer
        for node in self.graph.nodes:
            for source in node.all_input_nodes:
                if source.graph is not self.graph:
                    if source.graph not in allowed:
                        refuse_leak(node)
                    free[source] = None
        return list(free)

    def _copy_numbers_in(self) -> None:
        """Floats and truths are no operands: what computes them is written here too."""
        copies: dict[Node, Node] = {}
        first = next((n for n in self.graph.nodes if n.op != "placeholder"), None)

        def copied(source: Node) -> Node:
            if source.graph is self.graph:
                return source
            if isinstance(source.meta.get("val"), (TensorSpec, Expr)) or source.op == "placeholder":
                return source
            if source not in copies:
                args = torch.fx.map_arg(source.args, copied)
                assert first is not None
                with self.graph.inserting_before(first):
                    made = self.graph.call_function(source.target, args)  # type: ignore[arg-type]
                made.meta.update(source.meta)
                copies[source] = made
            return copies[source]

        for node in list(self.graph.nodes):
            foreign = [n for n in node.all_input_nodes if n.graph is not self.graph]
            for source in foreign:
                made = copied(source)
                if made is not source:
                    node.replace_input_with(source, made)

    def subgraph(self, operands: Sequence[Node]) -> Subgraph:
        """The finished graph, with a placeholder for each of ``operands`` after its own inputs."""
        first = next((n for n in self.graph.nodes if n.op != "placeholder"), None)
        assert first is not None
        inside: dict[Node, Node] = {}
        for operand in operands:
            with self.graph.inserting_before(first):
                node = append_placeholder(self.graph, self.names.argument(operand.name))
            node.meta["val"] = operand.meta["val"]
            for user in list(operand.users):
                if user.graph is self.graph:
                    user.replace_input_with(operand, node)
            inside[operand] = node
        for node in self.graph.nodes:
            if node.meta.get(SHARES) in inside:
                node.meta[SHARES] = inside[node.meta[SHARES]]
        _note_sizes_of_inputs(self.recorder.sizes.env, self.graph)
        claim_names(self.graph, self.names.used)
        return Subgraph(self.graph, self.attributes)


def _note_sizes_of_inputs(env: ShapeEnv, graph: Graph) -> None:
    """Note what is noted in ``graph``, a side that is over, in sizes that are known around it."""
    if not are_any_made(env):
        return
    for node in graph.nodes:
        if "val" in node.meta:
            node.meta["val"] = _of_inputs(env, node.meta["val"])
        for subgraph in subgraphs_of(node):
            _note_sizes_of_inputs(env, subgraph.graph)


def _of_inputs(env: ShapeEnv, content: object) -> object:
    """What is noted of a node: a spec, a number, a test, or several."""
    if isinstance(content, TensorSpec):
        shape, strides = (
            tuple(_of_inputs(env, size) for size in sizes)
            for sizes in (content.shape, content.strides)
        )
        is_same = shape == content.shape and strides == content.strides
        return content if is_same else content.with_layout(shape, strides)
    if isinstance(content, (tuple, list)):
        return type(content)(_of_inputs(env, each) for each in content)
    if isinstance(content, (Compare, OneOf, CompareFloats, All, Some)):
        return test_of_inputs(env, content)
    if isinstance(content, (Expr, FloatExpr)):
        return real_with_sizes(content, lambda size: in_sizes_of_inputs(env, size))
    return content


def lift(regions: Sequence[Region], preferred: Sequence[Argument] = ()) -> list[Node]:
    """The operands of some regions: what any of them reads, ``preferred`` first."""
    free = dict.fromkeys(node for region in regions for node in region.free_nodes())
    first = dict.fromkeys(each for each in preferred if isinstance(each, Node) and each in free)
    return list(first | free)
