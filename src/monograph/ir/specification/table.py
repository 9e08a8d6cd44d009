"""What a rule is, and what all of them look at: a graph in its place, and what nodes give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch.fx import Graph, Node

from monograph.diagnostics import PythonFeatureError
from monograph.ir import meta
from monograph.ir.program import Parts
from monograph.ir.signature import (
    InputKind,
    OutputKind,
)
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import Subgraph
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some

__all__ = [
    "MUTATIONS", "NUMBERS", "PLAIN", "STATE", "TESTS", "UNKNOWN", "Found",
    "Place", "Rule", "content_of", "is_number", "is_result", "is_same",
    "normal", "of_graph", "of_program", "symbols_of", "value_of",
]  # fmt: skip

Found = Iterator[tuple[Node | None, str]]
TESTS = (Compare, OneOf, CompareFloats, All, Some)
NUMBERS = (Expr, FloatExpr, *TESTS)
PLAIN = (bool, int, float)
MUTATIONS = {
    OutputKind.BUFFER_MUTATION: InputKind.BUFFER,
    OutputKind.PARAMETER_MUTATION: InputKind.PARAMETER,
    OutputKind.USER_INPUT_MUTATION: InputKind.USER_INPUT,
}
STATE = {InputKind.PARAMETER: "parameter", InputKind.BUFFER: "buffer",
          InputKind.CONSTANT_TENSOR: "constant"}  # fmt: skip


@dataclass(eq=False)
class Place:
    """A graph where it stands: ``path`` names the subgraphs that lead to it.

    ``outer`` is the place of the control-flow node ``caller``, whose operands it gets.
    """

    program: Parts
    graph: Graph
    attributes: dict[str, Any]
    path: tuple[str, ...] = ()
    outer: Place | None = None
    caller: Node | None = None
    nodes: list[Node] = field(default_factory=list)
    order: dict[Node, int] = field(default_factory=dict)
    named: dict[TensorSpec, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = list(self.graph.nodes)
        self.order = {node: i for i, node in enumerate(self.nodes)}

    @property
    def placeholders(self) -> list[Node]:
        """The inputs of the graph."""
        return [node for node in self.nodes if node.op == "placeholder"]

    @property
    def calls(self) -> list[Node]:
        """The operators of the graph."""
        return [node for node in self.nodes if node.op == "call_function"]

    @property
    def results(self) -> tuple[Any, ...]:
        """What the graph gives."""
        given = self.nodes[-1].args[0]
        return tuple(given) if isinstance(given, (tuple, list)) else (given,)

    def symbols(self, node: Node) -> frozenset[str]:
        """The names of the sizes in what a node gives."""
        content = content_of(node)
        if not isinstance(content, TensorSpec):
            return symbols_of(content)
        if content not in self.named:
            self.named[content] = symbols_of(content)
        return self.named[content]

    def inside(self, node: Node) -> list[Place]:
        """The graphs that a control-flow node gets, each in its place."""
        found = []
        for argument in node.args:
            if isinstance(argument, Node) and argument.op == "get_attr":
                name = str(argument.target)
                held = self.attributes.get(name)
                if isinstance(held, Subgraph):
                    path = (*self.path, name)
                    found.append(Place(self.program, held.graph, held.attributes, path, self, node))
        return found


@dataclass(frozen=True)
class Rule:
    """One rule: of each graph, or of the program around it."""

    name: str
    text: str
    of_graph: Callable[[Place], Found] | None = None
    of_program: Callable[[Parts, Place], Found] | None = None


def of_graph(check: Callable[[Place], Found]) -> Rule:
    """A rule of each graph, by the name of the function that is its text and its test."""
    return Rule(_name(check), inspect.getdoc(check) or "", of_graph=check)


def of_program(check: Callable[[Parts, Place], Found]) -> Rule:
    """A rule of the program around its graph."""
    return Rule(_name(check), inspect.getdoc(check) or "", of_program=check)


def _name(check: Callable[..., Found]) -> str:
    return check.__name__.replace("_", " ")


# What nodes give -------------------------------------------------------------------------------


def is_result(kind: OutputKind) -> bool:
    """Whether an output is what the caller gets."""
    return kind in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)


class _Unknown:
    def __repr__(self) -> str:
        return "a tensor of another kind"


UNKNOWN = _Unknown()


def content_of(node: Node) -> Any:
    """What is noted of a node, whether or not the graph was read since."""
    try:
        return meta.noted(node.meta.get(meta.VAL))
    except PythonFeatureError:
        return UNKNOWN


def value_of(item: object) -> object:
    """What an argument is: of a node what is noted of it."""
    return content_of(item) if isinstance(item, Node) else item


def is_number(value: object) -> bool:
    """Whether a value is a number or a truth, known or varying."""
    return isinstance(value, (*NUMBERS, *PLAIN))


def is_same(one: object, other: object) -> bool:
    """Whether two constants are one; NaN is itself."""
    if one is other:
        return True
    try:
        return type(one) is type(other) and bool(one == other or (one != one and other != other))
    except Exception:  # of a class that does not compare
        return False


def normal(content: object) -> object:
    """The same under the equalities between sizes that are known by now."""
    if isinstance(content, TensorSpec):
        return content.normal()
    if isinstance(content, Expr):
        return content.scope.normal(content)
    if isinstance(content, (tuple, list)):
        return tuple(normal(item) for item in content)
    return content


def symbols_of(content: object) -> frozenset[str]:
    """The names of the sizes, and of other numbers that vary, in what is noted."""
    content = normal(content)
    if isinstance(content, TensorSpec):
        return symbols_of((*content.shape, *content.strides)) if content.scope else frozenset()
    if isinstance(content, Expr):
        return frozenset(atom.name for atom in content.symbols())
    if isinstance(content, FloatExpr) and content.op == "symbol":
        return frozenset((content.name,))
    parts: Sequence[object] = ()
    if isinstance(content, (tuple, list)):
        parts = content
    elif isinstance(content, FloatExpr):
        parts = content.args
    elif isinstance(content, (Compare, OneOf)):
        parts = (content.expr,)
    elif isinstance(content, CompareFloats):
        parts = (content.left, content.right)
    elif isinstance(content, (All, Some)):
        parts = content.parts
    return frozenset().union(*map(symbols_of, parts))
