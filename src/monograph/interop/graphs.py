"""Graphs from the schema of ``.pt2`` files: operators by their names, arguments by their kinds."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch.fx import Graph, Node
from torch.fx.node import Argument

from monograph.diagnostics import FileError
from monograph.interop.expressions import Reader
from monograph.interop.private import DTYPES, LAYOUTS, MEMORY_FORMATS
from monograph.interop.provenance import pairs_of_json
from monograph.interop.schema import Device, GraphData, NodeData, Record, TensorMeta, Union
from monograph.ir.meta import CUSTOM, FROM_NODE
from monograph.ir.spec import TensorSpec
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph
from monograph.torch_internals import (
    HigherOrderOperator,
    Operator,
    append_attribute,
    append_node,
    append_placeholder,
    claim_names,
    schema_of,
)

__all__ = ["GraphReader", "checked", "device_of", "literal_of", "only"]

_T = TypeVar("_T")
_MOST_DEPTH = 100
_TAKE_LISTS = (
    torch.ops.higher_order.map_impl,
    torch.ops.higher_order.scan,
    torch.ops.higher_order.associative_scan,
)
_SPELL: dict[object, type] = {torch.sym_not: bool, torch.sym_int: int, torch.sym_float: float}
_OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?")
_SIZE_OPERATORS: dict[str, Callable[..., object]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in (
        "add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "neg", "pos", "abs", "eq", "ne",
        "lt", "le", "gt", "ge", "and_", "or_", "lshift", "rshift", "getitem")},
    **{f"math.{name}": getattr(math, name) for name in ("trunc", "floor", "ceil")},
    "builtins.round": round, "torch.sym_sqrt": torch.sym_sqrt, "torch._sym_sqrt": torch.sym_sqrt,
    **{f"torch.{name}": getattr(torch, name) for name in (
        "sym_not", "sym_int", "sym_float", "sym_ite", "sym_max", "sym_min")},
    **{f"torch.fx.experimental.symbolic_shapes.{name}": getattr(torch, name) for name in (
        "sym_not", "sym_int", "sym_float", "sym_ite", "sym_max", "sym_min")},
}  # fmt: skip


class Words(Protocol):
    """What graphs are read with: the sizes and the objects of their program."""

    reader: Reader
    objects: dict[str, str]

    def spec(self, meta: TensorMeta) -> TensorSpec:
        """What is said of a tensor."""


class GraphReader:
    """Reads one graph, and those inside it."""

    def __init__(self, program: Words, data: GraphData, depth: int) -> None:
        self.program = program
        self.data = data
        self.depth = depth
        self.graph = Graph()
        self.nodes: dict[str, Node | float] = {}  # or numbers, of nodes that only spell one
        self.attributes: dict[str, Any] = {}

    def read(self, inputs: list[str] | None) -> tuple[Graph, dict[str, Any]]:
        """The graph, and what its ``get_attr`` nodes name; ``inputs``: names of placeholders."""
        if self.depth > _MOST_DEPTH:
            raise FileError("the program is nested too deeply")
        objects: list[str] = []
        for i, given in enumerate(self.data["inputs"]):
            kind, value = only(given)
            name = value.get("name", value.get("as_name")) if isinstance(value, dict) else None
            if name is None:
                name = (inputs[i] if inputs else "") or f"arg{i}"
            if kind == "as_custom_obj":
                objects.append(name)
                continue
            node = append_placeholder(self.graph, self._free(name))
            self.nodes[name] = node
            is_constant = not isinstance(value, dict)
            node.meta["val"] = (
                (None if kind == "as_none" else value) if is_constant else (self._value_of(name))
            )
        for name in objects:
            self.nodes[name] = append_attribute(self.graph, self.program.objects[name])
        for item in self.data["nodes"]:
            self._node(item)
        results = [self._argument(*only(item)) for item in self.data["outputs"]]
        is_single = self.data.get("is_single_tensor_return", False)
        claim_names(self.graph, {node.name for node in self.graph.nodes})
        self.graph.output(results[0] if is_single else tuple(results))
        return self.graph, self.attributes

    def _free(self, name: object) -> str:
        if not isinstance(name, str) or not name.isidentifier():
            raise FileError(f"a node is called {str(name)[:60]!r}")
        if name in self.nodes:
            raise FileError(f"two nodes are called {name}")
        return name

    def _value_of(self, name: str) -> object:
        """The spec of a tensor, or the expression of a number."""
        data, program = self.data, self.program
        if name in data["tensor_values"]:
            return program.spec(data["tensor_values"][name])
        numbers = data["sym_int_values"], data.get("sym_float_values"), data.get("sym_bool_values")
        for values in numbers:
            written = (values or {}).get(name)
            if written is not None:
                kind, value = only(written)
                return program.reader.read(value["expr_str"]) if kind == "as_expr" else value
        raise FileError(f"nothing is said of {name}")

    def _node(self, data: NodeData) -> None:
        target = _target(data["target"])
        if target in _SPELL:
            spelled = [self._argument(*only(given["arg"])) for given in data["inputs"]]
            literal = literal_of(target, spelled)
            if literal is not None:
                self.nodes[self._free(data["name"])] = literal
                return
        args: list[Argument] = []
        kwargs: dict[str, Argument] = {}
        graphs: list[Subgraph] = []
        by_position: set[str] | None = None
        if isinstance(target, Operator):
            by_position = {a.name for a in schema_of(target).arguments if not a.kwarg_only}
        for given in data["inputs"]:
            kind, value = only(given["arg"])
            found = (
                self._graph_argument(value, graphs)
                if kind == "as_graph"
                else (self._argument(kind, value))
            )
            how, name = given.get("kind"), given["name"]
            is_named = how == 2 or (
                how is None and bool(name) and by_position is not None and name not in by_position
            )
            if is_named:
                kwargs[name] = found
            elif kwargs:
                raise FileError(f"an argument of {data['target']} stands at the wrong place")
            else:
                args.append(found)
        if isinstance(target, HigherOrderOperator) and target not in _TAKE_LISTS:
            args = [tuple(item) if isinstance(item, list) else item for item in args]
        self._append(data, target, tuple(args), kwargs, graphs)

    def _append(
        self,
        data: NodeData,
        target: Callable[..., object],
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        graphs: list[Subgraph],
    ) -> None:
        outputs = [only(item) for item in data["outputs"]]
        flat: list[tuple[str, Any]] = []
        for kind, value in outputs:
            if kind in ("as_tensors", "as_sym_ints"):
                flat += [("as_tensor", item) for item in value]
            else:
                flat.append((kind, value))
        names = [
            None
            if kind == "as_none" or not isinstance(v, dict)
            else v.get("name", v.get("as_name"))
            for kind, v in flat
        ]
        is_tuple = (
            len(flat) != 1
            or data.get("is_hop_single_tensor_return") is False
            or (outputs[0][0] in ("as_tensors", "as_sym_ints"))
        )
        name = data.get("name") or (names[0] if names and not is_tuple else None)
        name = name or f"{getattr(target, '__name__', 'node')}_{len(self.nodes)}"
        node = append_node(self.graph, self._free(name), target, args, kwargs)
        self.nodes[name] = node
        node.meta.update(_described(node, data.get("metadata") or {}))
        if graphs:
            node.meta[SUBGRAPHS] = graphs
        node.meta["val"] = None
        if flat and not is_tuple:
            if names[0] is not None:
                node.meta["val"] = self._value_of(names[0])
                self.nodes[names[0]] = node
        elif flat:
            node.meta["val"] = tuple(None if n is None else self._value_of(n) for n in names)
            for i, part in enumerate(names):
                if part is not None and part not in self.nodes:
                    item = append_node(
                        self.graph, self._free(part), operator.getitem, (node, i), {}
                    )
                    item.meta.update({**node.meta, "val": node.meta["val"][i]})
                    item.meta.pop(SUBGRAPHS, None)
                    self.nodes[part] = item

    def _graph_argument(self, value: Record, graphs: list[Subgraph]) -> Node:
        graph, attributes = GraphReader(self.program, value["graph"], self.depth + 1).read(None)
        found = Subgraph(graph, attributes)
        name = value["name"]
        if name in self.attributes:
            raise FileError(f"two graphs are called {name}")
        self.attributes[self._free(name)] = found
        graphs.append(found)
        node = append_attribute(self.graph, name)
        self.nodes[name] = node
        return node

    def _argument(self, kind: str, value: Any) -> Argument:
        if kind in ("as_tensor", "as_custom_obj", "as_sym_int", "as_sym_float", "as_sym_bool"):
            name = value.get("name", value.get("as_name"))
            return self.nodes[name] if name is not None else only(value)[1]
        if kind in ("as_tensors", "as_sym_ints", "as_sym_floats", "as_sym_bools"):
            return [self._argument("as_tensor", item) for item in value]
        if kind in ("as_optional_tensors", "as_nested_tensors"):
            inner = "as_optional_tensor" if kind == "as_optional_tensors" else "as_tensors"
            return [self._argument(inner, item) for item in value]
        if kind == "as_optional_tensor":
            return None if "as_none" in value else self._argument("as_tensor", value["as_tensor"])
        if kind == "as_none":
            return None
        if kind in _PLAIN:
            return _PLAIN[kind](value)
        if kind in ("as_ints", "as_floats", "as_bools", "as_strings"):
            return [self._argument(kind[:-1], item) for item in value]
        if kind in ("as_int_lists", "as_float_lists"):
            return [self._argument(kind[: -len("_lists")] + "s", item) for item in value]
        if kind == "as_operator":
            return checked(_target(value), Operator)
        raise FileError(f"arguments of the kind {kind} are not known", code="MG-F102")


# What an argument of such a kind is, as it is.
_PLAIN: dict[str, Callable[[Any], Argument]] = {
    "as_int": lambda value: checked(value, int),
    "as_bool": lambda value: checked(value, bool),
    "as_string": lambda value: checked(value, str),
    "as_float": lambda value: float(
        value if isinstance(value, (float, str)) else checked(value, int)
    ),
    "as_complex": lambda value: complex(float(value["real"]), float(value["imag"])),
    "as_scalar_type": DTYPES.__getitem__,
    "as_layout": LAYOUTS.__getitem__,
    "as_memory_format": MEMORY_FORMATS.__getitem__,
    "as_device": lambda value: device_of(value),
}

# Words -------------------------------------------------------------------------------------------


def literal_of(target: object, args: Sequence[object]) -> bool | int | float | None:
    """The number that a call only spells: the way to write one beside nodes in a list."""
    if target not in _SPELL or len(args) != 1 or type(args[0]) is not _SPELL[target]:
        return None
    value = args[0]
    if target is torch.sym_not:
        return not value
    return value if isinstance(value, (int, float)) else None


def only(union: Union) -> tuple[str, Any]:
    """The one field of a union that is set."""
    ((kind, value),) = union.items()
    return kind, value


def checked(value: object, kind: type[_T]) -> _T:
    """``value``, which must be of this type."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FileError(f"the program is damaged: {str(value)[:60]!r} is out of place")
    return value


def device_of(data: Device) -> torch.device:
    """The device that the schema describes."""
    index = data.get("index")
    return torch.device(data["type"]) if index is None else torch.device(data["type"], index)


def _target(name: object) -> Callable[..., object]:
    """An operator by its name; nothing else can be named."""
    if not isinstance(name, str):
        raise FileError("an operator has no name")
    if name in _SIZE_OPERATORS:
        return _SIZE_OPERATORS[name]
    found = _OPERATOR.fullmatch(name)
    if found is not None:
        namespace, packet, overload = found.groups()
        try:
            if namespace == "higher_order":
                operator_found = getattr(torch.ops.higher_order, packet)
                if isinstance(operator_found, HigherOrderOperator):
                    return operator_found
            elif overload is not None:
                operator_found = getattr(getattr(getattr(torch.ops, namespace), packet), overload)
                if isinstance(operator_found, Operator):
                    return operator_found
        except (AttributeError, RuntimeError, TypeError):
            pass
    raise FileError(
        f"the operator {name[:120]} is not known here",
        code="MG-F102",
        hint="import the package that defines it before the file is loaded.",
    )


def _described(node: Node, metadata: Record) -> dict[str, Any]:
    """The user's line, the modules around it, and what the operator comes from."""
    found: dict[str, Any] = {}
    if isinstance(metadata.get("stack_trace"), str):
        found["stack_trace"] = metadata["stack_trace"]
    stack = metadata.get("nn_module_stack")
    if isinstance(stack, str):
        parts = [item.split(",") for item in stack.split(";") if item]
        found["nn_module_stack"] = {p[0]: (p[1], p[2]) for p in parts if len(p) == 3}
    custom = metadata.get(CUSTOM)
    if isinstance(custom, str):
        found[CUSTOM] = checked(json.loads(custom), dict)
    replaced = metadata.get(FROM_NODE)
    origin = pairs_of_json(str(node.target), replaced) if isinstance(replaced, str) else []
    if origin:
        found[FROM_NODE] = origin
    return found
