"""The table of rules, and what all of them look at: a graph in its place, and what nodes give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.fx import Graph, Node

from monograph.diagnostics import PythonFeatureError
from monograph.ir import meta
from monograph.ir.signature import (
    CallSpec,
    ExportGraphSignature,
    InputKind,
    ModuleCallEntry,
    OutputKind,
)
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import Subgraph
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some

__all__ = [
    "FORM", "MUTATIONS", "NUMBERS", "PLAIN", "RULES", "STATE", "TESTS", "UNKNOWN", "Found",
    "Place", "Program", "Rule", "content_of", "form", "is_number", "is_result", "is_same",
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


class Program(Protocol):
    """What the rules look at: the parts of an exported program."""

    @property
    def graph(self) -> Graph: ...  # noqa: D102
    @property
    def attributes(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def signature(self) -> ExportGraphSignature: ...  # noqa: D102
    @property
    def state(self) -> dict[str, tuple[torch.Tensor, str, bool]]: ...  # noqa: D102
    @property
    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def constants(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def call_spec(self) -> CallSpec: ...  # noqa: D102
    @property
    def module_calls(self) -> list[ModuleCallEntry]: ...  # noqa: D102
    @property
    def ranges(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def plan(self) -> Callable[[], Any]: ...  # noqa: D102


@dataclass(eq=False)
class Place:
    """A graph where it stands: ``path`` names the subgraphs that lead to it.

    ``outer`` is the place of the control-flow node ``caller``, whose operands it gets.
    """

    program: Program
    graph: Graph
    attributes: dict[str, Any]
    path: tuple[str, ...] = ()
    outer: Place | None = None
    caller: Node | None = None
    nodes: list[Node] = field(default_factory=list)
    order: dict[Node, int] = field(default_factory=dict)

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
    of_program: Callable[[Program, Place], Found] | None = None


FORM: dict[str, Rule] = {}
RULES: dict[str, Rule] = {}


def form(check: Callable[[Place], Found]) -> Callable[[Place], Found]:
    """A rule of each graph that the others take for granted."""
    name = check.__name__.strip("_").replace("_", " ")
    RULES[name] = FORM[name] = Rule(name, inspect.getdoc(check) or "", of_graph=check)
    return check


def of_graph(check: Callable[[Place], Found]) -> Callable[[Place], Found]:
    """A rule of each graph."""
    name = check.__name__.strip("_").replace("_", " ")
    RULES[name] = Rule(name, inspect.getdoc(check) or "", of_graph=check)
    return check


def of_program(check: Callable[[Program, Place], Found]) -> Callable[[Program, Place], Found]:
    """A rule of the program around its graph."""
    name = check.__name__.strip("_").replace("_", " ")
    RULES[name] = Rule(name, inspect.getdoc(check) or "", of_program=check)
    return check


# What nodes give -------------------------------------------------------------------------------


def is_result(kind: OutputKind) -> bool:
    """Whether an output is what the caller gets."""
    return kind in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT)


class _Unknown:
    def __repr__(self) -> str:
        return "a tensor of another kind"


UNKNOWN = _Unknown()


def content_of(node: Any) -> Any:
    """What is noted of a node, whether or not the graph was read since."""
    try:
        return meta.noted(node.meta.get(meta.VAL))
    except PythonFeatureError:
        return UNKNOWN


def value_of(item: Any) -> Any:
    """What an argument is: of a node what is noted of it."""
    return content_of(item) if isinstance(item, Node) else item


def is_number(value: Any) -> bool:
    """Whether a value is a number or a truth, known or varying."""
    return isinstance(value, (*NUMBERS, *PLAIN))


def is_same(one: Any, other: Any) -> bool:
    """Whether two constants are one; NaN is itself."""
    if one is other:
        return True
    try:
        return type(one) is type(other) and bool(one == other or (one != one and other != other))
    except Exception:  # of a class that does not compare
        return False


def normal(content: Any) -> Any:
    """The same under the equalities between sizes that are known by now."""
    if isinstance(content, TensorSpec):
        return content.normal()
    if isinstance(content, Expr):
        return content.scope.normal(content)
    if isinstance(content, (tuple, list)):
        return tuple(normal(item) for item in content)
    return content


def symbols_of(content: Any, *, floats: bool = True) -> Sequence[str]:
    """The names of the sizes in what is noted; ``floats``: those of floats, too."""
    if isinstance(content, TensorSpec):
        if content.scope is None:
            return ()
        content = (*content.shape, *content.strides)
    if isinstance(content, (tuple, list)):
        return [name for item in content for name in symbols_of(item, floats=floats)]
    if isinstance(content, Expr):
        found = normal(content)
        return [atom.name for atom in found.symbols()] if isinstance(found, Expr) else ()
    if isinstance(content, FloatExpr):
        if content.op == "symbol":
            return content.args if floats else ()
        return symbols_of(content.args, floats=floats)
    if isinstance(content, (Compare, OneOf)):
        return symbols_of(content.expr, floats=floats)
    if isinstance(content, CompareFloats):
        return symbols_of((content.left, content.right), floats=floats)
    return symbols_of(content.parts, floats=floats) if isinstance(content, (All, Some)) else ()
