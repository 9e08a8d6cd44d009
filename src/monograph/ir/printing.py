"""The text of programs and graphs."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

import torch
from torch.fx import Graph, Node

from monograph.diagnostics import SourceLine
from monograph.ir.program import Parts
from monograph.ir.spec import spec_of
from monograph.ir.subgraphs import Subgraph, subgraphs_of
from monograph.shapes.symnode import in_normal_form
from monograph.torch_internals import HigherOrderOperator, Operator

__all__ = [
    "format_call",
    "format_graph",
    "format_node",
    "format_program",
    "format_target",
    "format_type",
    "named_subgraphs",
    "origin_of",
]

_INDENT = "    "


def format_program(program: Parts) -> str:
    """An exported program: its code, signature, range constraints and assumptions."""
    lines = ["ExportedProgram:"]
    lines += [
        _INDENT + line if line else ""
        for line in format_graph(program.readable_graph()).split("\n")
    ]
    lines.append(f"Graph signature:\n{program.signature}")
    lines.append(f"Range constraints: {program.ranges}")
    if program.assumptions:
        lines.append("Assumptions:")
        steered = [a for a in program.assumptions if a.kind == "steered"]
        lines += [f"{_INDENT}{a}" for a in program.assumptions if a.kind != "steered"]
        if steered:
            lines.append(f"{_INDENT}{len(steered)} Python values steered the program: assumptions")
    return "\n".join(lines) + "\n"


def format_graph(graph: Graph, class_name: str = "GraphModule") -> str:
    """A graph as the Python code that it is, with shapes and the user's lines."""
    body: list[str] = []
    arguments: list[str] = []
    last_use = _last_uses(graph)
    before = ""
    for node in graph.nodes:
        if node.op == "placeholder":
            arguments.append(node.name + _annotation(node))
            continue
        comment = "" if node.op == "output" else _comment(node)
        if comment and comment != before:
            if body:
                body.append("")
            body.append(comment)
            before = comment
        body.append(_statement(node) + _release(last_use.get(node, ())))
    signature = ", ".join(["self", *arguments])
    lines = [
        f"class {class_name}(torch.nn.Module):",
        f"{_INDENT}def forward({signature}):",
        *(_INDENT * 2 + line if line else "" for line in body),
        "",
    ]
    for name, subgraph in named_subgraphs(graph):
        inner = format_graph(subgraph.graph, name).split("\n")
        lines += [_INDENT + line if line else "" for line in inner]
    return "\n".join(lines)


def named_subgraphs(graph: Graph) -> list[tuple[str, Subgraph]]:
    """The subgraphs of a graph, each with the name of the attribute that holds it."""
    found = {}
    for node in graph.nodes:
        names = [a.target for a in node.args if isinstance(a, Node) and a.op == "get_attr"]
        for name, subgraph in zip(names, subgraphs_of(node), strict=False):
            found[str(name)] = subgraph
    return list(found.items())


_FRAME = re.compile(r'File "([^"\n]*)", line (\d+), in (\S+)\n\s*(.*)')


def origin_of(node: Node) -> tuple[str, int, str, str] | None:
    """File, line, function and text that a node comes from; of a program from a file, what that
    says: the innermost line that is not torch's own."""
    where: SourceLine | None = node.meta.get("location")
    if where is not None:
        return where.file, where.line, where.function, where.text
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    if not frames:
        return None
    own = [frame for frame in frames if "site-packages/torch/" not in frame[0]]
    file, line, function, code = (_printable(part) for part in (own or frames)[-1])
    return file, int(line), function, code.strip()


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())  # a file may say anything


def _comment(node: Node) -> str:
    where: SourceLine | None = node.meta.get("location")
    if where is not None:
        return where.comment()
    origin = origin_of(node)
    if origin is None:
        return ""
    file, line, function, code = origin
    return f"# File: {file}:{line} in {function}, code: {code}"


def _last_uses(graph: Graph) -> dict[Node, list[str]]:
    seen: set[Node] = set()
    found: dict[Node, list[str]] = {}
    for node in reversed(graph.nodes):
        for source in node.all_input_nodes:
            if source not in seen:
                seen.add(source)
                if node.op != "output":
                    found.setdefault(node, []).append(source.name)
    return found


def _release(names: list[str] | tuple[str, ...]) -> str:
    return ";  " + " = ".join([*names, "None"]) if names else ""


def format_type(node: Node) -> str:
    """``f32[batch, 3]``: what a node's value looks like; empty for several values."""
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor):
        return repr(spec_of(value))
    if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        return f"Sym({in_normal_form(value)})"
    return ""


def _annotation(node: Node) -> str:
    text = format_type(node)
    return f': "{text}"' if text else ""


def format_node(node: Node) -> str:
    """A node as a statement; one that is no valid node as ``torch.fx`` shows it."""
    if node.op == "placeholder":
        return node.name + _annotation(node)
    try:
        return _statement(node)
    except (TypeError, ValueError, IndexError):
        return f"{node.name} = {node.target}({', '.join(map(format_value, node.args))})"


def _statement(node: Node) -> str:
    if node.op == "output":
        return f"return {format_value(node.args[0])}"
    annotation = "" if node.op == "get_attr" else _annotation(node)
    return f"{node.name}{annotation} = {format_call(node)}"


def format_call(node: Node) -> str:
    """What a node computes, without its name and its type; empty for a placeholder."""
    if node.op == "placeholder":
        return ""
    if node.op == "output":
        return format_value(node.args[0])
    if node.op == "get_attr":
        return f"self.{node.target}"
    if node.target is operator.getitem:
        source, index = node.args
        return f"{source}[{index}]"
    arguments = [format_value(arg) for arg in node.args]
    arguments += [f"{name} = {format_value(value)}" for name, value in node.kwargs.items()]
    return f"{format_target(node.target)}({', '.join(arguments)})"


def format_target(target: Callable[..., object] | str) -> str:
    """``torch.ops.aten.add.Tensor``."""
    if isinstance(target, Operator):
        return f"torch.ops.{target}"
    if isinstance(target, HigherOrderOperator):
        return f"torch.ops.higher_order.{target.name()}"
    return getattr(target, "__name__", str(target))


def format_value(value: object) -> str:
    """An argument as Python source."""
    if isinstance(value, Node):
        return value.name
    if isinstance(value, Operator):
        return format_target(value)
    if isinstance(value, tuple):
        inner = ", ".join(format_value(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {format_value(v)}" for k, v in value.items()) + "}"
    return repr(value)
