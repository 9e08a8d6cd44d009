"""What a program has read of layouts: in files, and in guards of ``torch.export``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.fx import Node

from monograph.diagnostics import FileError
from monograph.interop.graphs import checked
from monograph.interop.ways import ways_to_leaves
from monograph.ir.layouts import KINDS, LayoutFact
from monograph.ir.program import Parts
from monograph.ir.spec import TensorSpec, spec_of
from monograph.shapes.expr import Expr
from monograph.shapes.text import format_expr

__all__ = ["fact_of_code", "layouts_as_code", "read_layouts", "written_layouts"]

_FORMATS = {
    str(form).removeprefix("torch."): form
    for form in (torch.contiguous_format, torch.channels_last, torch.channels_last_3d)
}
_OF_STRIDES = ("stride", "strides", "all strides")


def written_layouts(facts: Sequence[tuple[int, LayoutFact]]) -> list[list[Any]]:
    """The facts as JSON: leaf, kind, detail, answer, line. Strides are those of the graph."""
    return [
        [
            leaf,
            fact.kind,
            _plain(fact.detail),
            None if fact.kind in _OF_STRIDES else fact.answer,
            fact.asked or (str(fact.where) if fact.where else ""),
        ]
        for leaf, fact in facts
    ]


def _plain(detail: Any) -> Any:
    if isinstance(detail, (list, tuple)):
        return [_plain(item) for item in detail]
    is_format = isinstance(detail, torch.memory_format)
    return str(detail).removeprefix("torch.") if is_format else detail


def read_layouts(
    written: Any, paths: Sequence[str], leaves: Sequence[Node]
) -> list[tuple[int, LayoutFact]]:
    """The facts that ``written_layouts`` has written.

    Raises:
        FileError: MG-F101, where they are damaged.
    """
    found = []
    for leaf, kind, detail, answer, asked in checked(written, list):
        if kind not in KINDS or checked(leaf, int) not in range(len(leaves)):
            raise FileError("what the program has read of layouts is damaged")
        spec = leaves[leaf].meta["val"]
        if not isinstance(spec, TensorSpec):
            raise FileError("the program has read the layout of what is no tensor")
        rank = len(spec.shape)
        if kind == "stride" and checked(detail, int) not in range(rank):
            raise FileError("the program has read a stride that is not there")
        if kind in _OF_STRIDES:
            answer = spec.strides[detail] if kind == "stride" else spec.strides
        elif kind == "contiguous":
            detail, answer = _FORMATS[detail], checked(answer, bool)
        elif kind == "dim order":
            detail = [_FORMATS[d] for d in detail] if isinstance(detail, list) else detail is True
            answer = None if answer is None else tuple(checked(dim, int) for dim in answer)
        else:
            answer = checked(answer, int if kind == "offset" else bool)
        where = checked(asked, str)
        found.append((leaf, LayoutFact(paths[leaf], kind, detail, answer, None, where)))
    return found


# As guards of torch's ------------------------------------------------------------------------

_QUESTION = re.compile(
    r"\.(?:(is_contiguous|stride|storage_offset|is_conj|is_neg|dim_order)\(|"
    r"(requires_grad|is_leaf)$)"
)
_KINDS = {"requires_grad": "requires grad", "is_leaf": "leaf",
          "is_contiguous": "contiguous", "storage_offset": "offset", "is_conj": "conjugate",
          "is_neg": "negative", "dim_order": "dim order"}  # fmt: skip


def layouts_as_code(program: Parts) -> list[str]:
    """What the program has read of layouts, as torch writes such demands.

    Of strides, those of all dimensions with several elements, where the tensor has any.
    """
    plan = program.plan
    if not plan.layouts:
        return []
    root = next(e.signature for e in program.module_calls if not e.fqn and e.signature)
    ways = [found[-1] for found in ways_to_leaves(root)]
    leaves = [n for n in program.graph.nodes if n.op == "placeholder"][-len(ways) :]
    values = [node.meta["val"] for node in leaves]
    specs = [spec_of(v) if isinstance(v, torch.Tensor) else v for v in values]
    sizes: dict[str, str] = {}
    for way, spec in zip(ways, specs, strict=True):
        if isinstance(spec, TensorSpec):
            for i, size in enumerate(spec.shape):
                sizes.setdefault(format_expr(size), f"{way}.size()[{i}]")
    lines: dict[str, None] = {}
    for leaf, fact in plan.layouts:
        way, spec = ways[leaf], specs[leaf]
        if fact.kind not in _OF_STRIDES:
            lines[f"{way}.{fact.question()} == {fact.answer}"] = None
            continue
        strides = fact.answer if isinstance(fact.answer, tuple) else {fact.detail: fact.answer}
        for dim, stride in strides.items() if isinstance(strides, dict) else enumerate(strides):
            if fact.kind != "strides" or spec.shape[dim] != 1:
                line = f"{way}.stride()[{dim}] == {_in_sizes(stride, sizes)}"
                lines[_excuse(way, dim, spec) + line if fact.kind == "strides" else line] = None
    return list(lines)


def _excuse(way: str, dim: int, spec: TensorSpec) -> str:
    """Where a stride leads nowhere: the dimension has one element, or the tensor none."""
    sizes = [f"{way}.size()[{i}] == 0" for i, n in enumerate(spec.shape) if isinstance(n, Expr)]
    if isinstance(spec.shape[dim], Expr):
        sizes.append(f"{way}.size()[{dim}] == 1")
    return "".join(f"{size} or " for size in sizes)


def _in_sizes(number: Any, sizes: Mapping[str, str]) -> str:
    """A number as torch writes it: a size by the way to it."""
    if not isinstance(number, Expr):
        return str(number)
    text = format_expr(number.scope.normal(number))
    return re.sub(r"[A-Za-z_]\w*", lambda found: sizes.get(found[0], found[0]), text)


def fact_of_code(line: str, leaves: Mapping[str, Any]) -> LayoutFact | None:
    """The fact that ``line`` demands, with the way to its argument as path; None for another."""
    excused, _, demand = line.rpartition(" or ")
    question, sign, answer = demand.partition(" == ")
    found = _QUESTION.search(question)
    if not sign or found is None or question[: found.start()] not in leaves:
        return None
    way, rest = question[: found.start()], question[found.end() :]
    spec = leaves[way]
    if not isinstance(spec, TensorSpec):
        return None
    if found[2]:
        is_plain = answer in ("True", "False")
        return LayoutFact(way, _KINDS[found[2]], None, answer == "True") if is_plain else None
    if found[1] == "stride":
        place = re.fullmatch(r"\)\[(\d+)\]", rest)
        if place is None or int(place[1]) >= len(spec.shape):
            return None
        dim = int(place[1])
        if excused:
            return LayoutFact(way, "strides", None, spec.strides)
        return LayoutFact(way, "stride", dim, spec.strides[dim])
    return _plain_fact(way, found[1], rest, answer)


def _plain_fact(way: str, name: str, rest: str, answer: str) -> LayoutFact | None:
    detail: Any = None
    if name == "is_contiguous":
        form = re.fullmatch(r"(?:memory_format=torch\.(\w+))?\)", rest)
        if form is None or (form[1] or "contiguous_format") not in _FORMATS:
            return None
        detail = _FORMATS[form[1] or "contiguous_format"]
    elif rest != ")":
        return None
    else:
        detail = False if name == "dim_order" else None
    value: Any
    if answer in ("True", "False"):
        value = answer == "True"
    elif name == "storage_offset" and answer.isdigit():
        value = int(answer)
    elif name == "dim_order" and re.fullmatch(r"\((\d+,? ?)*\)", answer):
        value = tuple(int(dim) for dim in re.findall(r"\d+", answer))
    else:
        return None
    return LayoutFact(way, _KINDS[name], detail, value)
