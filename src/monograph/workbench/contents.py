"""What the page shows of a program and of its problems, as plain data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch.fx import Graph, Node

from monograph.capture.inputs import Arguments
from monograph.diagnostics import SourceLine
from monograph.diagnostics.rendering import as_html, changes
from monograph.ir.assumptions import Assumption
from monograph.ir.meta import noted
from monograph.ir.printing import (
    format_call,
    format_type,
    named_subgraphs,
    origin_of,
)
from monograph.ir.program import Parts
from monograph.ir.report import Problem
from monograph.ir.spec import TensorSpec
from monograph.ir.statistics import Times, statistics_of
from monograph.pictures.graphs import drawing_of
from monograph.shapes.constraints import Range
from monograph.source.rewrite import Patch
from monograph.torch_internals import name_of

__all__ = ["Data", "arguments_data", "patch_data", "problem_data", "program_data"]

Data = dict[str, object]

_ABOUT_SIZES = {"narrowed", "fixed", "precondition"}


def program_data(
    program: Parts,
    times: Times | None,
    *,
    opened: Collection[str] = (),
    whole: bool = False,
) -> Data:
    """An exported program: nodes, signature, sizes, assumptions, times, pictures.

    ``opened``, ``whole``: as in ``pictures.drawing_of``.
    """
    nodes: list[Data] = []
    graph = program.readable_graph()
    state = {spec.arg.name for spec in program.signature.input_specs if spec.target is not None}
    types: dict[str, str] = {}
    _add_nodes(graph, "", nodes, state, types)
    counts = statistics_of(program, None)
    return {
        "counts": str(counts).split("\n")[0],
        "parameters": str(counts).split("\n")[1],
        "operators": dict(counts.operators),
        "nodes": nodes,
        "signature": _signature(program, types),
        "shapes": _shapes(program),
        "ranges": [
            _range_data(name, bounds, program.assumptions)
            for name, bounds in program.ranges.items()
        ],
        "assumptions": [_assumption_data(each) for each in program.assumptions],
        "times": None if times is None else _times_data(times),
        "pictures": _pictures(graph, "", sorted(state), opened, whole),
        "dialect": program.dialect,
    }


def _add_nodes(
    graph: Graph, inside: str, nodes: list[Data], state: Collection[str], types: dict[str, str]
) -> None:
    """The nodes of a graph, then those of the graphs inside it; numbered in this order.

    ``types`` gets what each of the first ones looks like.
    """
    number: dict[Node, int] = {}
    for node in graph.nodes:
        number[node] = len(nodes) + len(number)
    for node in graph.nodes:
        origin = origin_of(node)
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        module, kind = stack[-1] if stack else ("", "")
        types[node.name] = format_type(node)
        nodes.append(
            {
                "name": node.name,
                "kind": "state" if node.name in state and not inside else node.op,
                "operator": _operator(node),
                "type": types[node.name],
                "call": format_call(node),
                "file": origin[0] if origin else None,
                "line": origin[1] if origin else None,
                "code": origin[3] if origin else "",
                "module": module,
                "class": str(kind).rpartition(".")[2],
                "inside": inside,
                "inputs": [number[each] for each in node.all_input_nodes],
                "users": [number[each] for each in node.users],
            }
        )
    for name, subgraph in named_subgraphs(graph):
        _add_nodes(subgraph.graph, f"{inside}.{name}".lstrip("."), nodes, (), {})


def _operator(node: Node) -> str:
    if node.op != "call_function":
        return ""
    return name_of(node.target)


def _signature(program: Parts, types: Mapping[str, str]) -> Data:
    return {
        "inputs": [
            {
                "kind": spec.kind.name.lower().replace("_", " "),
                "name": spec.arg.name,
                "target": spec.target,
                "type": types.get(spec.arg.name, "") or str(getattr(spec.arg, "value", "")),
            }
            for spec in program.signature.input_specs
        ],
        "outputs": [
            {
                "kind": spec.kind.name.lower().replace("_", " "),
                "name": spec.arg.name or repr(getattr(spec.arg, "value", None)),
                "target": spec.target,
                "type": types.get(spec.arg.name, ""),
            }
            for spec in program.signature.output_specs
        ],
    }


def _shapes(program: Parts) -> Data:
    """The sizes of the arguments, by placeholder: numbers, or expressions."""
    names = set(program.signature.user_inputs)
    return {
        node.name: _sizes(noted(node.meta.get("val")))
        for node in program.readable_graph().nodes
        if node.op == "placeholder" and node.name in names
    }


def _sizes(value: object) -> list[str]:
    if isinstance(value, TensorSpec):
        return [str(size) for size in value.shape]
    return [] if value is None else [str(value)]


def _range_data(name: str, bounds: Range, assumptions: Sequence[Assumption]) -> Data:
    """A size that varies, and what the program takes for granted of it."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return {
        "name": name,
        "lower": bounds.lower,
        "upper": bounds.upper,
        "reasons": [
            _assumption_data(each)
            for each in assumptions
            if each.kind in _ABOUT_SIZES and word.search(each.text)
        ],
    }


def _assumption_data(assumption: Assumption) -> Data:
    return {"kind": assumption.kind, "text": assumption.text, **_place(assumption.where)}


def _place(where: SourceLine | None) -> Data:
    if where is None:
        return {"file": None, "line": None, "place": ""}
    return {"file": where.file, "line": where.line, "place": where.place}


def _times_data(times: Times) -> Data:
    return {
        "total": times.total,
        "captures": times.captures,
        "phases": list(times.phases.items()),
        "modules": [[name, *found] for name, found in times.modules.items()],
        "operators": [[name, *found] for name, found in times.operators.items()],
    }


def _pictures(
    graph: Graph, name: str, state: Sequence[str], opened: Collection[str], whole: bool
) -> list[Data]:
    """How the graph is drawn, then the graphs of its branches and loops."""
    drawing = drawing_of(graph, state, opened=opened, whole=whole)
    found: list[Data] = [
        {
            "name": name,
            "width": drawing.layout.width,
            "height": drawing.layout.height,
            "boxes": [
                {
                    "at": [*centre, *size],
                    "kind": box.kind,
                    "lines": box.lines,
                    "title": box.title,
                    "nodes": [node.name for node in box.nodes] or box.lines[:1],
                }
                for box, centre, size in zip(
                    drawing.boxes, drawing.layout.centres, drawing.sizes, strict=True
                )
            ],
            "edges": [[round(number) for point in way for number in point]
                      for way in drawing.layout.ways],
        }
    ]  # fmt: skip
    for inner, subgraph in named_subgraphs(graph):
        found += _pictures(subgraph.graph, f"{name}.{inner}".lstrip("."), (), opened, whole)
    return found


# Arguments ---------------------------------------------------------------------------------------


def arguments_data(
    arguments: Arguments,
    declared: Sequence[Mapping[int | None, object] | None],
    asked: Mapping[str, Mapping[int, bool]],
) -> list[Data]:
    """The arguments of the call: their sizes, what the file declares of them, and the page."""
    found: list[Data] = []
    for leaf, entry in zip(arguments.leaves, declared, strict=True):
        mine, example = asked.get(leaf.dotted, {}), leaf.example
        entry = entry or {}
        sizes = list(example.shape) if isinstance(example, torch.Tensor) else []
        is_number = type(example) in (int, float)
        places = list(enumerate(sizes)) or ([(-1, example)] if is_number else [])
        found.append(
            {
                "name": leaf.dotted,
                "source": leaf.source,
                "placeholder": leaf.name,
                "type": str(example.dtype).removeprefix("torch.")
                if isinstance(example, torch.Tensor)
                else type(example).__name__,
                "value": "" if sizes or isinstance(example, torch.Tensor) else repr(example)[:80],
                "dims": [
                    {
                        "dim": dim,
                        "size": size,
                        "declared": _declared(entry.get(None if dim == -1 else dim)),
                        "asked": mine.get(dim),
                    }
                    for dim, size in places
                ],
            }
        )
    return found


def _declared(item: object) -> str:
    return "" if item is None else repr(item)


# Problems ----------------------------------------------------------------------------------------


def problem_data(problem: Problem) -> Data:
    """One problem: its message, its line, and what removes it."""
    where, error = problem.where, problem.error
    title = error.what.split("\n")[0]
    return {
        "code": problem.code,
        "title": title,
        "message": as_html(problem.lines()),
        "count": problem.count,
        "fix": problem.fix,
        "hint": error.hint,
        "case": error.case,
        "column": None if where is None else where.start,
        "end_column": None if where is None else where.end,
        **_place(where),
    }


def patch_data(patch: Patch) -> Data:
    """A change of a file."""
    file = str(Path(patch.file).resolve())
    shown = Patch(Path(file).name, patch.before, patch.after)
    return {
        "file": file,
        "before": patch.before,
        "after": patch.after,
        "diff": as_html(changes(shown.diff())),
    }
