"""Two branches become one ``cond`` node."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from monograph.capture.aliasing import Value
from monograph.capture.operators.data_dependence import assert_tensor, truth_node
from monograph.capture.python.exception_handlers import may_be_caught
from monograph.capture.python.frames import frames_of_user, is_raised_by_program
from monograph.capture.recorder import Recorder
from monograph.control.region import Region, lift
from monograph.control.results import UNDEFINED, Found, Joined, Mismatch, describe, join, note
from monograph.diagnostics import ControlFlowError, MonographError, PythonFeatureError
from monograph.ir.structure import LEAF, Structure, flatten
from monograph.ir.subgraphs import SUBGRAPHS, Subgraph
from monograph.shapes.questions import Test, negated

__all__ = [
    "RETURNED",
    "Group",
    "branch",
    "emit",
    "group",
    "overwrite",
    "predicate_node",
    "unflatten",
]

RETURNED = "_monograph_value"  # a variable that is only looked at where it is defined
HAS_RETURNED = "_monograph_return"
aten = torch.ops.aten
higher_order = torch.ops.higher_order


@dataclass
class Group:
    """One of several results of a region: a nested value, taken apart."""

    name: str
    structure: Structure
    found: list[Found]
    is_dead: bool = False  # nobody looks at it after this side


def group(region: Region, name: str, value: Any) -> Group:
    """Remember a nested value; what cannot be taken apart is one leaf."""
    try:
        leaves, structure = ([value], LEAF) if value is UNDEFINED else flatten(value)
    except PythonFeatureError:
        leaves, structure = [value], LEAF
    return Group(name, structure, [note(region, leaf) for leaf in leaves])


def branch(
    recorder: Recorder,
    predicate: torch.Tensor | Test,
    bodies: Sequence[Callable[[], Mapping[Any, tuple[str, Any]]]],
    preferred: Sequence[Any] = (),
    before: Callable[[Any], tuple[str, Any]] | None = None,
    inspect: Callable[[Sequence[Mapping[Any, Group]]], None] = lambda results: None,
) -> dict[Any, Any]:
    """Capture both ``bodies`` and join what they return: by key, a name and a value.

    ``preferred`` are nodes that become the first operands. ``before`` gives the name and value of a
    key that only the other body returns; ``inspect`` sees what both return, and may raise. What
    cannot be joined gives its ``Mismatch``. A body that raises an error of the program's own
    becomes an assertion.
    """
    is_tensor = isinstance(predicate, torch.Tensor)
    node = predicate_node(recorder, predicate)
    paths: list[Test] = [True, True] if is_tensor else [predicate, negated(predicate)]  # type: ignore[list-item, arg-type]
    recorder.has_regions = True
    symbols = len(recorder.sizes.env.symbols)
    regions: list[Region] = []
    results: list[dict[Any, Group]] = []
    for name, body, path in zip(("true", "false"), bodies, paths, strict=True):
        region = Region(recorder, name)
        regions.append(region)
        try:
            with region.capturing(path):
                results.append({k: group(region, *pair) for k, pair in body().items()})
        except BaseException as error:
            for given_up in regions:
                given_up.abandon()
            if isinstance(error, NameError):
                error = _of_unset_variable(recorder, error)
            elif isinstance(error, MonographError) or not is_raised_by_program(error):
                raise
            _assert(recorder, predicate, name == "false", error)
            return {key: value for key, (_, value) in bodies[name == "true"]().items()}
    try:
        inspect(results)
    except BaseException:
        for region in regions:
            region.abandon()
        raise
    local = frozenset(list(recorder.sizes.env.symbols)[symbols:])
    keys = list(dict.fromkeys(key for found in results for key in found))
    for region, found in zip(regions, results, strict=True):
        for key in keys:
            if key not in found:
                assert before is not None
                with region.as_left():
                    found[key] = group(region, *before(key))
                found[key].is_dead = _has_returned(found)
    joined = [_join_groups(recorder, [found[key] for found in results], local) for key in keys]
    return dict(zip(keys, _emit_cond(recorder, node, regions, joined, preferred), strict=True))


def _of_unset_variable(recorder: Recorder, error: NameError) -> UnboundLocalError:
    """What eager mode raises where this side has left a variable without a value.

    Raises:
        NameError: this one, where it is about something else.
    """
    found = re.search(r"'(\w+)'", str(error))
    name = found[1] if found else ""
    forbidden = getattr(recorder.strict, "forbidden", {})
    if "not associated with a value" not in str(error) or name in forbidden:
        raise error
    return UnboundLocalError(
        f"cannot access local variable {name!r} where it is not associated with a value"
    )


def _has_returned(found: Mapping[Any, Group]) -> bool:
    """Whether a side ends the function: what it leaves undefined will not be missed."""
    return any(
        g.name.startswith(HAS_RETURNED) and g.found and g.found[0].content is True
        for g in found.values()
    )


def predicate_node(recorder: Recorder, predicate: Any) -> Any:
    """The node of a truth: a boolean tensor without dimensions, or a comparison of sizes."""
    if isinstance(predicate, torch.Tensor):
        return truth_node(recorder, predicate)
    return recorder.sizes.test_node(predicate)


def _assert(
    recorder: Recorder, predicate: torch.Tensor | Test, wanted: bool, error: BaseException
) -> None:
    """The program raises ``error`` unless ``predicate`` is ``wanted``."""
    if may_be_caught(frames_of_user()):
        raise ControlFlowError(
            f"a branch raises {type(error).__name__}, which the program may catch",
            code="MG-C115",
            where=recorder.here(),
            hint="decide by the condition itself, not by an exception.",
        )
    message = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(predicate, torch.Tensor):
        assert_tensor(recorder, predicate, wanted, message)
    else:
        recorder.sizes.env.require(predicate if wanted else negated(predicate), message)


Results = list[tuple[Structure, list[Joined], list[list[Found]]] | Mismatch]


def _join_groups(
    recorder: Recorder, pair: Sequence[Group], local: frozenset[str]
) -> tuple[Structure, list[Joined], list[list[Found]]] | Mismatch:
    empty = [g.structure is LEAF and g.found[0].content is UNDEFINED for g in pair]
    if any(empty) and not all(empty):
        is_read = not all(g.is_dead for g, none in zip(pair, empty, strict=True) if none)
        if is_read and not pair[0].name.startswith(RETURNED):
            return Mismatch(
                "MG-C112",
                f"{pair[0].name} is defined on one side of a branch only",
                [("", *(_outline(g) for g in pair))],
                f"define {pair[0].name} before the branch.",
            )
        model = pair[empty.index(False)]
        pair = [
            Group(g.name, model.structure, g.found * len(model.found)) if is_empty else g
            for g, is_empty in zip(pair, empty, strict=True)
        ]
    structures = [g.structure for g in pair]
    if any(s != structures[0] for s in structures):
        values = [g.found[0] if g.structure is LEAF else None for g in pair]
        texts = [_outline(g) for g in pair]
        code = "MG-C103" if any(v is not None and v.content is None for v in values) else "MG-C102"
        hint = "let every branch give the same structure of tensors."
        what = "the branches give different structures"
        if code == "MG-C103":
            what = "one branch gives None, the other does not"
            hint = (
                "let every branch give a tensor; a mask that masks nothing, say, instead of None."
            )
        return Mismatch(code, what, [("", *texts)], hint)
    try:
        columns = [list(column) for column in zip(*(g.found for g in pair), strict=True)]
        return structures[0], [join(recorder, column, local) for column in columns], columns
    except Mismatch as mismatch:
        return mismatch


def _outline(found: Group) -> str:
    if found.structure is LEAF:
        return describe(found.found[0])
    kind = getattr(found.structure.kind, "__name__", "value")
    return f"{kind} of {len(found.found)}"


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """A value of ``structure``."""
    return leaves[0] if structure is LEAF else structure.unflatten(list(leaves))


def _emit_cond(
    recorder: Recorder,
    predicate: Any,
    regions: Sequence[Region],
    joined: Results,
    preferred: Sequence[Any],
) -> list[Any]:
    outputs: list[list[Any]] = [[] for _ in regions]
    specs: list[Any] = []
    wraps: list[Callable[[Node], Any]] = []
    plan: list[
        Any
    ] = []  # for each pair: its structure and, for each leaf, a constant or a position
    for item in joined:
        if isinstance(item, Mismatch):
            plan.append(item)
            continue
        structure, leaves, columns = item
        places: list[tuple[bool, Any]] = []
        for one, column in zip(leaves, columns, strict=True):
            if one.node_in is None:
                places.append((False, one.constant))
                continue
            assert one.wrap is not None
            for region, found, nodes in zip(regions, column, outputs, strict=True):
                with region.reopened():
                    nodes.append(one.node_in(region, found))
            places.append((True, len(specs)))
            specs.append(one.spec)
            wraps.append(one.wrap)
        plan.append((structure, places))
    roots = list({id(root): root for region in regions for root, _ in region.written}.values())
    for root in roots:
        untouched = recorder.read(root)
        for region, nodes in zip(regions, outputs, strict=True):
            content = next((new for old, new in region.written if old is root), None)
            nodes.append(untouched if content is None else content.node)
        specs.append(root.spec)
    for region, nodes in zip(regions, outputs, strict=True):
        region.finish(nodes)
    results: list[Any] = []
    if specs or any(len(region.graph.nodes) > 1 for region in regions):
        operands = lift(regions, preferred)
        subgraphs = [region.subgraph(operands) for region in regions]
        results = emit(
            recorder, higher_order.cond, "cond", ("true_graph", "false_graph"), subgraphs,
            lambda graphs: (predicate, *graphs, tuple(operands)), specs,
        )  # fmt: skip
    for root, node in zip(roots, results[len(wraps) :], strict=True):
        contents = [new for region in regions for old, new in region.written if old is root]
        overwrite(recorder, root, node, max(content.tracks for content in contents))
    made = [wrap(node) for wrap, node in zip(wraps, results, strict=False)]
    _note_shared(recorder, joined, plan, made)
    return [
        item if isinstance(item, Mismatch)
        else unflatten(item[0], [made[at] if is_new else at for is_new, at in item[1]])
        for item in plan
    ]  # fmt: skip


def _note_shared(
    recorder: Recorder, joined: Results, plan: Sequence[Any], made: Sequence[Any]
) -> None:
    """Two results that are one tensor's memory on some side."""
    owners: dict[tuple[int, int], list[Any]] = {}
    for item, planned in zip(joined, plan, strict=True):
        if isinstance(item, Mismatch):
            continue
        for column, (is_new, at) in zip(item[2], planned[1], strict=True):
            if is_new and isinstance(made[at], torch.Tensor):
                for side, one in enumerate(column):
                    if one.original is not None:
                        owners.setdefault((side, id(one.original.root)), []).append(made[at].value)
    for sharing in owners.values():
        for first, second in itertools.combinations(sharing, 2):
            recorder.copies_of_branches.append((first, second))


def emit(
    recorder: Recorder,
    target: Any,
    name: str,
    prefixes: Sequence[str],
    subgraphs: list[Subgraph],
    arguments: Callable[[list[Node]], tuple[Any, ...]],
    specs: Sequence[Any],
) -> list[Node]:
    """The control-flow node, and a node for each of its results."""
    graphs = []
    for prefix, subgraph in zip(prefixes, subgraphs, strict=True):
        count = 0
        while f"{prefix}_{count}" in recorder.names.used:
            count += 1
        attribute = recorder.names.fresh(f"{prefix}_{count}")
        recorder.opaque[attribute] = subgraph
        graphs.append(recorder.graph.get_attr(attribute))
        recorder.names.used.add(graphs[-1].name)
    node = recorder.append_named(name, target, arguments(graphs), tuple(specs))
    node.meta[SUBGRAPHS] = subgraphs
    return [recorder.append(operator.getitem, (node, i), {}, spec) for i, spec in enumerate(specs)]


def overwrite(recorder: Recorder, root: Value, node: Node, tracks: int) -> None:
    """``node`` is the content of ``root`` from now on: what a region has written."""
    recorder.touch(root)
    root.node = node
    root.tracks = max(root.tracks, tracks)
    root.detached = False
    root.version += 1
    root.seen = root.version
